"""The open calls as documents of the memory: found by name or identity, and told to others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.station import timers
from agent.station.andon.declared import CallMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.decision import Document, Draft

PREFIX = "call/"
"""Documents of open calls are kept under this and the call's name."""

UNCLOSED = "unclosed/"
"""Documents of calls that are resolved and wait for their reason: this and the call's identity."""

COUNTER = "calls"
"""Key of the document that counts the calls of this station, and names those that are open."""

ENDED = "ended"
"""Key of the document with the last calls that ended, for orders that come twice or late."""

ENDED_KEPT = 50

NO_STOP, PENDING, STOPPED = "no", "pending", "stopped"
"""What a call does to the line: nothing, it will stop it, it has stopped it."""

RANK = {"raised": 0, "acknowledged": 1, "arrived": 2, "resolved": 3, "closed": 4, "cancelled": 4}
"""States in their order."""

_TOLD = ("call", "name", "type", "mode", "state", "presses")
_STEPS = (
    "unit", "severity", "acknowledged", "acknowledged_by", "arrived", "arrived_by", "escalated_to", "stop_after_s",
    "stop_at", "stopped",
)  # fmt: skip


def open_calls(draft: Draft) -> list[Document]:
    """The document of each open call, oldest first."""
    counter = draft.get(COUNTER)
    if counter is None or "open" not in counter:
        return [call for _, call in draft.under(PREFIX)]
    names = counter["open"]
    return [call for name in names if (call := draft.get(PREFIX + name)) is not None] if names else []


def named(draft: Draft, name: str) -> Document | None:
    """The open call of that name."""
    return draft.get(PREFIX + name)


def identified(draft: Draft, identity: object) -> Document | None:
    """The open call with that identity."""
    return next((call for call in open_calls(draft) if call["call"] == identity), None)


def unclosed(draft: Draft) -> list[Document]:
    """Calls that are resolved and wait for their reason, oldest first."""
    waiting = (draft.get(COUNTER) or {}).get("unclosed", ())
    return [call for identity in waiting if (call := draft.get(UNCLOSED + identity)) is not None]


def ended(draft: Draft, identity: object) -> Document | None:
    """What became of a call that is no longer open, if it ended not long ago."""
    before = (draft.get(ENDED) or {}).get("calls", ())
    return next((call for call in before if call["call"] == identity), None)


def put(draft: Draft, call: Document) -> None:
    """Keep an open call as it is now."""
    draft.put(PREFIX + call["name"], call)


def opened(draft: Draft, call: Document, count: int) -> None:
    """Keep a call that is new, the `count`th of this station; nobody else knows of it yet."""
    put(draft, call)
    counter = draft.get(COUNTER) or {}
    names = [name for name in _open_names(draft) if name != call["name"]]
    waits = [name for name in counter.get("undelivered", ()) if name != call["name"]]
    draft.put(
        COUNTER, {**counter, "count": count, "open": [*names, call["name"]], "undelivered": [*waits, call["name"]]}
    )


def over(draft: Draft, call: Document, *, waits: bool) -> None:
    """Keep what has become of a call that is no longer open; `waits` if its reason is still to come."""
    name, identity = call["name"], call["call"]
    draft.forget(PREFIX + name)
    counter = draft.get(COUNTER) or {}
    left: Document = {
        **counter,
        "open": [one for one in _open_names(draft) if one != name],
        "undelivered": [one for one in counter.get("undelivered", ()) if one != name],
    }
    if waits:
        draft.put(UNCLOSED + identity, call)
        left["unclosed"] = [*counter.get("unclosed", ()), identity]
    draft.put(COUNTER, left)
    _keep_ended(draft, call)


def closed(draft: Draft, call: Document) -> None:
    """A call that was resolved has its reason now."""
    draft.forget(UNCLOSED + call["call"])
    counter = draft.get(COUNTER) or {}
    draft.put(COUNTER, {**counter, "unclosed": [one for one in counter.get("unclosed", ()) if one != call["call"]]})
    _keep_ended(draft, call)


def undelivered(memory: Mapping[str, Document]) -> list[str]:
    """Names of open calls whose raising has not arrived yet, as far as known."""
    return list((memory.get(COUNTER) or {}).get("undelivered", ()))


def is_delivered(draft: Draft, call: Document) -> bool:
    """Whether the central (or the broker, by the station's choice) has the call."""
    return call["name"] not in (draft.get(COUNTER) or {}).get("undelivered", ())


def delivered(draft: Draft) -> None:
    """All that was recorded of calls has arrived."""
    counter = draft.get(COUNTER)
    if counter and counter.get("undelivered"):
        draft.put(COUNTER, {**counter, "undelivered": []})


def take_stock(draft: Draft) -> None:
    """Name the open calls anew, by their documents: those of an older version are named nowhere."""
    counter: Document = draft.get(COUNTER) or {"count": 0}
    names = [key.removeprefix(PREFIX) for key, _ in draft.under(PREFIX)]
    if counter.get("open") is None or set(counter["open"]) != set(names):
        draft.put(COUNTER, {**counter, "open": names})


def open_stop(draft: Draft) -> str | None:
    """Why nothing may pass: the call that has stopped the line, in words; None if none has."""
    for call in open_calls(draft):
        if stop_of(call) == STOPPED:
            return f"stopped by {call['name']} ({call['type']})"
    return None


def is_stopped(memory: Mapping[str, Document]) -> bool:
    """Whether a call has stopped the line, by the whole memory; for the first look."""
    return any(stop_of(call) == STOPPED for key, call in memory.items() if key.startswith(PREFIX))


def stop_of(call: Document) -> str:
    """What a call does to the line."""
    return str(call.get("stop") or (STOPPED if call["mode"] == CallMode.STOP else NO_STOP))


def raised_mark(call: Document) -> Document:
    """When a call was raised, as a mark of `timers`; older versions kept less of it."""
    mark: Document = call.get("mark") or {
        "monotonic_ns": call["raised_monotonic_ns"],
        "boot": call["raised_boot"],
        "time_ns": 0,
        "synced": False,
    }
    return mark


def since_raised_s(draft: Draft, call: Document) -> float | None:
    """Seconds since a call was raised; None across boots, where no clock can tell for sure."""
    mark = raised_mark(call)
    return draft.moment.seconds_since(mark["monotonic_ns"], mark["boot"])


def told(call: Document) -> Document:
    """What a fact about a call tells of it."""
    more = {key: call[key] for key in _STEPS if call.get(key)}
    shown = {key: call[key] for key in _TOLD}
    return {**shown, "level": call.get("level", 0), "stop": stop_of(call), "raised": call["time"], **more}


def waited_s(draft: Draft, call: Document) -> float | None:
    """Seconds since a call was raised, across boots by the wall clock where it may be trusted."""
    return timers.elapsed_s(draft.moment, raised_mark(call))


def _open_names(draft: Draft) -> list[str]:
    return [call["name"] for call in open_calls(draft)]


def _keep_ended(draft: Draft, call: Document) -> None:
    before = [one for one in (draft.get(ENDED) or {}).get("calls", ()) if one["call"] != call["call"]]
    end = {key: call[key] for key in ("resolved", "resolved_by", "reason", "countermeasure") if call.get(key)}
    draft.put(ENDED, {"calls": [*before, {**told(call), **end}][-ENDED_KEPT:]})
