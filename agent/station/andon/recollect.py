"""Make the open calls again from their facts, where the memory was lost with a damaged journal.

Pure.  Doubt falls towards the call: what no fact has ended is open.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from agent.events import TYPE_PREFIX, Kind
from agent.station.andon import calls

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.station.decision import Document

ENDS = (Kind.ANDON_RESOLVED, Kind.ANDON_CANCELLED)
CHANGING = (
    "state", "presses", "level", "escalated_to", "stop", "stopped",
    "acknowledged", "acknowledged_by", "arrived", "arrived_by",
)  # fmt: skip
LASTING = ("call", "name", "type", "mode", "severity", "stop_after_s", "stop_at")
"""What facts tell of a call: what later ones may change, and what stays."""


def recollected(bodies: Iterable[str | bytes]) -> dict[str, Document]:
    """Return the documents of the calls that these finished events, oldest first, leave open; none if there are none.

    What makes no sense is passed over: it was damaged.
    """
    opened: dict[str, Document] = {}
    count = 0
    for body in bodies:
        try:
            count = max(count, _follow(opened, orjson.loads(body)))
        except (ValueError, KeyError, TypeError, AttributeError):
            continue
    if not count:
        return {}
    found: dict[str, Document] = {calls.PREFIX + call["name"]: call for call in opened.values()}
    names = [call["name"] for call in opened.values()]
    return {**found, calls.COUNTER: {"count": count, "open": names, "undelivered": names}}


def _follow(opened: dict[str, Document], event: dict[str, Any]) -> int:
    """Let one fact change what is open; return which call of the station it is about, 0 for none."""
    kind, data = event["type"].removeprefix(TYPE_PREFIX), event["data"]
    identity = data["call"]
    number = int(identity.rpartition("-")[2])
    if kind == Kind.ANDON_RAISED:
        opened[identity] = _raised(data, event)
    elif kind in ENDS:
        opened.pop(identity, None)
    elif identity in opened:
        opened[identity] |= {key: data[key] for key in CHANGING if key in data}
    return number


def _raised(data: dict[str, Any], event: dict[str, Any]) -> Document:
    raised = datetime.fromisoformat(event["time"]) - datetime.fromtimestamp(0, UTC)
    return {
        **{key: data[key] for key in (*LASTING, *CHANGING) if key in data},
        "time": event["time"],
        "mark": {
            "monotonic_ns": int(event["monotonicns"]),
            "boot": event["bootid"],
            "time_ns": int(raised.total_seconds() * 1000) * 1_000_000,
            "synced": event["clock"] == "synced",
        },
        "active": False,
    }
