"""Keep the calls that stand now as a document for boards that join late; the alarms' one is `alarms/listing.py`.

The uplink publishes documents under `state/` as they are, retained; the newest wins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind, Lane
from agent.station import andon

if TYPE_CHECKING:
    from agent.station.decision import Document, Draft

CALLS = "state/andon"

FAMILIES = ("agent.", "andon.")
"""Events that may change what stands; all others, which are most, are passed by quickly."""


def tell(draft: Draft) -> None:
    """Renew the document if this decision changed what stands."""
    kinds = {event.kind for event in draft.events if event.kind.startswith(FAMILIES)}
    if not kinds:
        return
    started = Kind.AGENT_STARTED in kinds
    if started or any(kind.lane is Lane.ANDON for kind in kinds):
        calls = [_call(call) for _, call in andon.open_calls(draft)]
        draft.put(CALLS, {"time": draft.moment.iso, "calls": calls})


def _call(call: Document) -> Document:
    told = {key: call[key] for key in ("call", "name", "type", "mode", "state", "presses")}
    more = {key: call[key] for key in ("acknowledged", "by") if call.get(key)}
    return {**told, "level": 0, "raised": call["time"], **more}
