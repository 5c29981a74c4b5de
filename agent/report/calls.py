"""Join the facts of the andon lane to calls: one call, its steps, and how long each took.

Knows the events of the wire.  Knows no disk, no clock and no statistics.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from agent.events import NS_PER_S, TYPE_PREFIX

if TYPE_CHECKING:
    from agent.events import Moment

FAMILY = TYPE_PREFIX + "andon."

WAITING = inf
"""In place of seconds: the step was not taken.  None: it was, and no clock can tell how long it took."""

STOP_MODE = "stop"
STOPPED = "stopped"
ENDS = ("resolved", "cancelled", "closed")


class Stamp(NamedTuple):
    """When a fact was seen: wall time as written, monotonic time in ns of which boot, whether to trust the wall."""

    time: str
    monotonic_ns: int
    boot: str
    synced: bool

    def seconds_until(self, later: Stamp) -> float | None:
        """Seconds from here to `later`; None across boots, where no clock can tell for sure."""
        if self.boot != later.boot or later.monotonic_ns < self.monotonic_ns:
            return None
        return (later.monotonic_ns - self.monotonic_ns) / NS_PER_S

    def age_s(self, now: Moment) -> float | None:
        """Seconds from here to now: monotonic within this boot, else by the wall where it was to be trusted."""
        if self.boot == now.boot and now.monotonic_ns >= self.monotonic_ns:
            return (now.monotonic_ns - self.monotonic_ns) / NS_PER_S
        begun_s = wall_s(self.time)
        age_s = now.time_ns / NS_PER_S - begun_s if self.synced and begun_s is not None else -1.0
        return age_s if age_s >= 0 else None


class Stop(NamedTuple):
    """The line stands: since when, for how many seconds (WAITING: it still stands, None: nobody can tell).

    `restarted` if a fact told its end.
    """

    since: Stamp
    length_s: float | None
    restarted: bool = False

    @property
    def since_s(self) -> float | None:
        """When it began, seconds since 1970."""
        return wall_s(self.since.time)


@dataclass(slots=True)
class Call:
    """One call as its facts tell it.

    `begun` is None where the fact of its raising is not in the journal; `level` is the highest that heard of it;
    `unclosed`: it is resolved, and nobody has given the reason it waits for.
    """

    call: str
    name: str = ""
    type: str = ""
    mode: str = ""
    raised: str = ""
    begun: Stamp | None = None
    acknowledged_s: float | None = WAITING
    arrived_s: float | None = WAITING
    ended_s: float | None = WAITING
    ended_by: str = ""
    level: int = 0
    unclosed: bool = False
    levelled: bool = False
    stops: tuple[Stop, ...] = ()
    saved: bool = False

    @property
    def raised_s(self) -> float | None:
        """When it was raised, seconds since 1970; None if no fact says it."""
        return wall_s(self.begun.time if self.begun else self.raised)

    @property
    def standing(self) -> tuple[Stop, ...]:
        """When the line stood for it.

        A stop ends with the call where no restart was told.  Stations that tell no levels tell no stops either: there a
        stop call lets nothing pass from its first press to its end.
        """
        if self.stops:
            return self.stops
        if self.mode != STOP_MODE or self.levelled or self.begun is None:
            return ()
        return (Stop(self.begun, self.ended_s),)


class Book:
    """The calls of one journal, fact by fact, oldest first."""

    def __init__(self) -> None:
        self.calls: dict[str, Call] = {}
        self.facts = 0
        self.unreadable = 0

    def take(self, body: str | bytes, *, saved: bool = False) -> None:
        """Add one finished event; `saved` if it was saved from an older journal.  What makes no sense is counted."""
        self.facts += 1
        try:
            event = orjson.loads(body)
            kind = event["type"]
            if not kind.startswith(FAMILY):
                return
            data = event["data"]
            identifier = data["call"]
            call = self.calls.get(identifier) or _begun(identifier, data)
            step(call, kind[len(FAMILY) :], data, event)
        except (ValueError, KeyError, TypeError, AttributeError):
            self.unreadable += 1
            return
        call.saved = saved
        self.calls[identifier] = call


def step(call: Call, what: str, data: dict[str, Any], event: dict[str, Any]) -> None:
    """Let the call take one step; the first of each kind counts, and what is unknown changes nothing.

    The event's clocks are read only where they are needed.  Raises ValueError, KeyError or TypeError; then nothing
    has changed.
    """
    if what == "raised":
        call.begun = call.begun or _stamp(event)
        if data.get("stop") == STOPPED:
            _hold(call, STOPPED, data, event)
    elif what == "acknowledged":
        if call.acknowledged_s == WAITING:
            call.acknowledged_s = _took(data.get("answered_s"), call.begun, event)
    elif what == "arrived":
        _arrive(call, data, event)
    elif what == "escalated":
        call.level = max(call.level, _number(data.get("level")))
    elif what in ENDS:
        _end(call, what, data, event)
    elif what in {STOPPED, "restarted"}:
        _hold(call, what, data, event)


def _arrive(call: Call, data: dict[str, Any], event: dict[str, Any]) -> None:
    """Somebody is there; a fact that tells `answered_s` is the acknowledgement too."""
    arrived_s = _took(data.get("arrived_s"), call.begun, event)
    if call.acknowledged_s == WAITING and "answered_s" in data:
        call.acknowledged_s = _took(data["answered_s"], call.begun, event)
    if call.arrived_s == WAITING:
        call.arrived_s = arrived_s


def _end(call: Call, what: str, data: dict[str, Any], event: dict[str, Any]) -> None:
    if call.ended_by:
        call.unclosed &= what != "closed"
        return
    ended_s = _took(data.get("duration_s"), call.begun, event)
    if _stands(call):
        last = call.stops[-1].since
        call.stops = (*call.stops[:-1], Stop(last, last.seconds_until(_stamp(event))))
    call.ended_by, call.ended_s = what, ended_s
    call.unclosed = call.levelled and what == data.get("state") == "resolved"


def _hold(call: Call, what: str, data: dict[str, Any], event: dict[str, Any]) -> None:
    if what == STOPPED:
        if not _stands(call):
            call.stops = (*call.stops, Stop(_stamp(event), WAITING))
    elif call.stops and not call.stops[-1].restarted:
        last = call.stops[-1].since  # also behind the end of the call: what a fact tells goes before it
        call.stops = (*call.stops[:-1], Stop(last, _took(data.get("stopped_s"), last, event), restarted=True))


def wall_s(text: str) -> float | None:
    """Seconds since 1970 of an RFC 3339 time; None if it is none.  Without a zone it is UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None


def _begun(identifier: Any, data: dict[str, Any]) -> Call:
    if not isinstance(identifier, str) or not identifier:
        raise TypeError(identifier)
    name, kind, mode, raised = (_word(data.get(key)) for key in ("name", "type", "mode", "raised"))
    return Call(identifier, name, kind, mode, raised, levelled="level" in data)


def _word(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _took(told: Any, since: Stamp | None, event: dict[str, Any]) -> float | None:
    """Seconds a step took: as the fact tells it, else by the clock of one boot."""
    if isinstance(told, (int, float)) and not isinstance(told, bool) and 0 <= told < inf:
        return float(told)
    return since.seconds_until(_stamp(event)) if since else None


def _stamp(event: dict[str, Any]) -> Stamp:
    """When the event was seen.  Raises ValueError, KeyError or TypeError."""
    time, boot = event["time"], event["bootid"]
    if not isinstance(time, str) or not isinstance(boot, str):
        raise TypeError(time)
    return Stamp(time, int(event["monotonicns"]), boot, event.get("clock") == "synced")


def _stands(call: Call) -> bool:
    return bool(call.stops) and call.stops[-1].length_s == WAITING
