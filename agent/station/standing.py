"""Keep what stands now, calls and alarms, as documents for boards that join late.

The uplink publishes documents under `state/` as they are, retained; the newest wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind, Lane
from agent.station.andon import calls, stand

if TYPE_CHECKING:
    from agent.events import Event
    from agent.station.decision import Document, Draft

CALLS = "state/andon"
ALARMS = "state/alarms"

FAMILIES = ("agent.", "alarm.", "andon.")
CHANGING = frozenset([kind for kind in Kind if kind.startswith(FAMILIES)])
"""Events that may change what stands; all others, which are most, are passed by quickly."""

NEVER_CLEARED = {"journal-damaged"}
"""Alarms that tell of something that happened, not of something that lasts."""


def tell(draft: Draft) -> None:
    """Renew the documents if this decision changed what stands."""
    kinds = CHANGING.intersection([event.kind for event in draft.events])
    if not kinds and not draft.is_changed(calls.COUNTER):
        return
    started = Kind.AGENT_STARTED in kinds
    if started or draft.is_changed(calls.COUNTER) or any(kind.lane is Lane.ANDON for kind in kinds):
        _tell_calls(draft)
    if started or not kinds.isdisjoint({Kind.ALARM_RAISED, Kind.ALARM_CLEARED}):
        alarms: list[Document] = list((draft.get(ALARMS) or {}).get("alarms", ()))
        for event in draft.events:
            alarms = _after(alarms, event)
        draft.put(ALARMS, {"time": draft.moment.iso, "alarms": alarms})


def _tell_calls(draft: Draft) -> None:
    told: Document = {
        "time": draft.moment.iso,
        "calls": [_call(draft, call) for call in calls.open_calls(draft)],
        "line": stand.told(draft),
    }
    if waiting := calls.unclosed(draft):
        told["unclosed"] = [calls.told(call) for call in waiting]
    draft.put(CALLS, told)


def _call(draft: Draft, call: Document) -> Document:
    by = call.get("arrived_by") or call.get("acknowledged_by") or call.get("by")
    return {**calls.told(call), "delivered": calls.is_delivered(draft, call), **({"by": by} if by else {})}


def _after(alarms: list[Document], event: Event) -> list[Document]:
    """The alarms that stand once `event` has happened."""
    if event.kind not in {Kind.ALARM_RAISED, Kind.ALARM_CLEARED} or event.data["alarm"] in NEVER_CLEARED:
        return alarms
    about = {key: event.data[key] for key in ("alarm", "condition", "input") if key in event.data}
    mark = {**about, "device": event.subject}
    others = [one for one in alarms if not mark.items() <= one.items()]
    if event.kind is Kind.ALARM_CLEARED:
        return others
    detail = event.data.get("detail") or event.data.get("reason", "")
    return [*others, {**mark, "state": "unacknowledged", "raised": event.moment.iso, "detail": detail}]
