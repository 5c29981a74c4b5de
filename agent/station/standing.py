"""Keep the calls that stand now as a document for boards that join late; the alarms' one is `alarms/listing.py`.

The uplink publishes documents under `state/` as they are, retained; the newest wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind, Lane
from agent.station.andon import calls, stand

if TYPE_CHECKING:
    from agent.station.decision import Document, Draft

CALLS = "state/andon"

FAMILIES = ("agent.", "andon.")
CHANGING = frozenset([kind for kind in Kind if kind.startswith(FAMILIES)])
"""Events that may change what stands; all others, which are most, are passed by quickly."""


def tell(draft: Draft) -> None:
    """Renew the document if this decision changed what stands."""
    kinds = CHANGING.intersection([event.kind for event in draft.events])
    if not kinds and not draft.is_changed(calls.COUNTER):
        return
    started = Kind.AGENT_STARTED in kinds
    if started or draft.is_changed(calls.COUNTER) or any(kind.lane is Lane.ANDON for kind in kinds):
        _tell_calls(draft)


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
