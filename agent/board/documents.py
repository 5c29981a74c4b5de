"""Read the retained documents of a station: who is online, which calls and which alarms there are.

Pure.  Keys that are missing or unknown are no mistake; values that make no sense are told as such, and never hide the
call or alarm they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from agent.board.reading import GarbageError, Reading, clean, entries, read

WORST_PRIORITY = 1
LEAST_PRIORITY = 9
NO_STOP, PENDING, STOPPED = "no", "pending", "stopped"
RUNNING, RELEASED = "running", "released"
PRIORITIES = {
    "emergency": 1, "critical": 1, "urgent": 1, "high": 2, "medium": 3, "low": 4,
    "journal": 5, "diagnostic": 5, "info": 5,
}  # fmt: skip
"""Words for priorities; a number is its own rank, 1 the most urgent."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A station's own word: `online`, `offline`, or whatever else it says."""

    status: str
    version: str = ""
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """An open call.  Times are seconds since 1970 on the station's clock, None if it does not say.

    `stop` is no, pending or stopped: pending, it stops `stop_after_s` after it was raised, or at the signal `stop_at`.
    `escalated_to` is who heard of it last because nobody had answered.
    """

    call: str
    name: str
    type: str
    mode: str
    state: str
    level: int
    raised_s: float | None
    by: str
    delivered: bool
    stop: str = NO_STOP
    stop_after_s: float | None = None
    stop_at: str = ""
    escalated_to: str = ""
    severity: str = ""

    @property
    def stops(self) -> bool:
        """Whether the line stands because of it."""
        return self.stop == STOPPED

    @property
    def will_stop(self) -> bool:
        """Whether the line goes on only to its fixed position, or for a time."""
        return self.stop == PENDING

    @property
    def unanswered(self) -> bool:
        """Whether nobody has said that he comes."""
        return self.state in {"raised", ""}


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm of a device.  `rank` orders priorities, 1 first."""

    alarm: str
    name: str
    device: str
    priority: str
    rank: int
    state: str
    raised_s: float | None
    detail: str

    @property
    def quiet(self) -> bool:
        """Whether somebody or some rule has put it aside."""
        return self.state in {"shelved", "suppressed", "out-of-service"}

    @property
    def unanswered(self) -> bool:
        """Whether nobody has acknowledged it."""
        return self.state in {"unacknowledged", "returned", "latched", ""}


@dataclass(frozen=True, slots=True)
class Line:
    """Whether the line runs at a station: `running`, `stopped`, or `released` and not yet started; "": not told."""

    state: str = ""
    since_s: float | None = None

    @property
    def stands(self) -> bool:
        """Whether it does not run."""
        return self.state not in {"", RUNNING}


@dataclass(frozen=True, slots=True)
class Listing:
    """The calls or alarms of a station, when it wrote them, and what in them makes no sense.

    `unclosed` counts calls that are resolved and wait for their reason.
    """

    entries: tuple[Call | Alarm, ...]
    time_s: float | None
    mistakes: tuple[str, ...] = ()
    line: Line = Line()
    unclosed: int = 0


def agent(payload: bytes) -> tuple[Agent, tuple[str, ...]]:
    """Read `state/agent`, and what in it makes no sense.  Raises GarbageError."""
    document = read(payload)
    reading = Reading()
    status = reading.text(document, "status")
    if not status:
        raise GarbageError("no status")
    return Agent(status, reading.text(document, "version"), reading.text(document, "epoch")), tuple(reading.mistakes)


def calls(payload: bytes) -> Listing:
    """Read `state/andon`.  Raises GarbageError."""
    document = read(payload)
    reading = Reading()
    found: dict[str, Call | Alarm] = {}
    for entry in entries(document, "calls", reading):
        name, identifier = reading.text(entry, "name"), reading.text(entry, "call")
        if not identifier:
            reading.mistakes.append("a call has no identifier")
        key = identifier or name or f"({len(found) + 1})"
        found[key] = _call(entry, key, name, reading)
    line = _line(document, reading)
    waiting = document.get("unclosed")
    time_s = reading.moment_s(document, "time")
    unclosed = len(waiting) if isinstance(waiting, list) else 0
    return Listing(tuple(found.values()), time_s, tuple(reading.mistakes), line, unclosed)


def alarms(payload: bytes) -> Listing:
    """Read `state/alarms`.  Raises GarbageError."""
    document = read(payload)
    reading = Reading()
    found: list[Call | Alarm] = []
    for entry in entries(document, "alarms", reading):
        priority = entry.get("priority")
        found.append(
            Alarm(
                reading.text(entry, "alarm"),
                reading.text(entry, "name"),
                reading.text(entry, "device"),
                "" if priority is None else clean(str(priority)),
                _rank(priority),
                reading.text(entry, "state"),
                reading.moment_s(entry, "raised"),
                reading.text(entry, "detail"),
            )
        )
    return Listing(tuple(found), reading.moment_s(document, "time"), tuple(reading.mistakes))


def _call(entry: dict[str, Any], key: str, name: str, reading: Reading) -> Call:
    mode = reading.text(entry, "mode")
    return Call(
        key,
        name,
        reading.text(entry, "type"),
        mode,
        reading.text(entry, "state"),
        reading.number(entry, "level"),
        reading.moment_s(entry, "raised"),
        reading.text(entry, "by"),
        entry.get("delivered") is not False,
        reading.word(entry, "stop", (NO_STOP, PENDING, STOPPED), STOPPED if mode == "stop" else NO_STOP),
        reading.seconds(entry, "stop_after_s"),
        reading.text(entry, "stop_at"),
        reading.text(entry, "escalated_to"),
        reading.text(entry, "severity"),
    )


def _line(document: dict[str, Any], reading: Reading) -> Line:
    told = document.get("line")
    if told is None:
        return Line()
    if not isinstance(told, dict):
        reading.mistakes.append("line is no object")
        return Line()
    state = reading.word(told, "state", (RUNNING, RELEASED, STOPPED), "")
    return Line(state, reading.moment_s(told, "since"))


def _rank(priority: Any) -> int:
    if isinstance(priority, str):
        return PRIORITIES.get(priority.lower(), LEAST_PRIORITY)
    if isinstance(priority, int) and not isinstance(priority, bool):
        return min(max(priority, WORST_PRIORITY), LEAST_PRIORITY)
    return LEAST_PRIORITY
