"""Keep in mind when and why the line stands, and record that it runs again.

The line stands from the first call that stops it until all such calls are over and it has started again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import timers
from agent.station.andon import calls
from agent.station.machines import PREFIX as MACHINE

if TYPE_CHECKING:
    from agent.station.decision import Document, Draft

KEY = "stand"
"""Key of the document that tells why the line stands; absent while it runs."""


def stopped(draft: Draft, call: Document) -> None:
    """A call has stopped the line."""
    stand = draft.get(KEY) or {"since": draft.moment.iso, "calls": []}
    entry = {"call": call["call"], "name": call["name"], "type": call["type"], **timers.mark(draft.moment)}
    draft.put(KEY, {**stand, "calls": [*stand["calls"], entry]})


def take_stock(draft: Draft) -> None:
    """Let the line stand for each call that has stopped it: older versions kept no stand."""
    known = {entry["call"] for entry in (draft.get(KEY) or {"calls": []})["calls"]}
    for call in calls.open_calls(draft):
        if calls.stop_of(call) == calls.STOPPED and call["call"] not in known:
            stopped(draft, call)


def released(draft: Draft, running: str, data: Document) -> None:
    """A call that had stopped the line is over: it may start again, unless another one holds it.

    `running` is the machine signal that tells when it does; without one it starts with the release.
    """
    if draft.get(KEY) is None or calls.open_stop(draft):
        return
    signal = draft.get(MACHINE + running) if running else None
    if not running or (signal is not None and signal["active"]):
        _restarted(draft, data)


def runs(draft: Draft, data: Document) -> None:
    """The machine tells that the line runs."""
    if draft.get(KEY) is not None and not calls.open_stop(draft):
        _restarted(draft, data)


def told(draft: Draft) -> Document:
    """What boards are told of the line."""
    stand = draft.get(KEY)
    if stand is None:
        return {"state": "running"}
    state = "stopped" if calls.open_stop(draft) else "released"
    return {"state": state, "since": stand["since"], "calls": [entry["call"] for entry in stand["calls"]]}


def _restarted(draft: Draft, data: Document) -> None:
    """Record, for each call that held the line, that it runs again and how long it stood."""
    for entry in (draft.get(KEY) or {"calls": []})["calls"]:
        stood_s = draft.moment.seconds_since(entry["monotonic_ns"], entry["boot"])
        about = {key: entry[key] for key in ("call", "name", "type")}
        draft.record(Kind.ANDON_RESTARTED, entry["call"], {**data, **about, "stopped_s": stood_s})
    draft.forget(KEY)
