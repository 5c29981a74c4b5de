"""Read the retained documents of a station: who is online, which calls and which alarms there are.

Pure.  Keys that are missing or unknown are no mistake; values that make no sense are told as such, and never hide the
call or alarm they belong to.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_TEXT = 200
"""Characters of any text that are shown."""

WORST_PRIORITY = 1
LEAST_PRIORITY = 9
PRIORITIES = {
    "emergency": 1, "critical": 1, "urgent": 1, "high": 2, "medium": 3, "low": 4,
    "journal": 5, "diagnostic": 5, "info": 5,
}  # fmt: skip
"""Words for priorities; a number is its own rank, 1 the most urgent."""


class GarbageError(Exception):
    """The message makes no sense as a whole: tell it, count it, keep what was known before."""


@dataclass(frozen=True, slots=True)
class Agent:
    """A station's own word: `online`, `offline`, or whatever else it says."""

    status: str
    version: str = ""
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """An open call.  Times are seconds since 1970 on the station's clock, None if it does not say."""

    call: str
    name: str
    type: str
    mode: str
    state: str
    level: int
    raised_s: float | None
    by: str
    delivered: bool

    @property
    def stops(self) -> bool:
        """Whether the line is or will be stopped by it."""
        return self.mode == "stop"

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
        return self.state in {"shelved", "suppressed"}

    @property
    def unanswered(self) -> bool:
        """Whether nobody has acknowledged it."""
        return self.state in {"unacknowledged", "returned", "latched", ""}


@dataclass(frozen=True, slots=True)
class Listing:
    """The calls or alarms of a station, when it wrote them, and what in them makes no sense."""

    entries: tuple[Call | Alarm, ...]
    time_s: float | None
    mistakes: tuple[str, ...] = ()


@dataclass(slots=True)
class _Reading:
    """Takes values out of a document, and notes what makes no sense."""

    mistakes: list[str] = field(default_factory=list)

    def text(self, entry: dict[str, Any], key: str) -> str:
        value = entry.get(key)
        if isinstance(value, str):
            return clean(value)
        if value is None:
            return ""
        self.mistakes.append(f"{key} is no text")
        return clean(str(value))

    def number(self, entry: dict[str, Any], key: str) -> int:
        value = entry.get(key)
        if value is None:
            return 0
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
            return value
        self.mistakes.append(f"{key} is no number from 0")
        return 0

    def moment_s(self, entry: dict[str, Any], key: str) -> float | None:
        value = entry.get(key)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError):
            self.mistakes.append(f"{key} is no time")
            return None


def agent(payload: bytes) -> tuple[Agent, tuple[str, ...]]:
    """Read `state/agent`, and what in it makes no sense.  Raises GarbageError."""
    document = _document(payload)
    reading = _Reading()
    status = reading.text(document, "status")
    if not status:
        raise GarbageError("no status")
    return Agent(status, reading.text(document, "version"), reading.text(document, "epoch")), tuple(reading.mistakes)


def calls(payload: bytes) -> Listing:
    """Read `state/andon`.  Raises GarbageError."""
    document = _document(payload)
    reading = _Reading()
    found: dict[str, Call | Alarm] = {}
    for entry in _entries(document, "calls", reading):
        name, identifier = reading.text(entry, "name"), reading.text(entry, "call")
        if not identifier:
            reading.mistakes.append("a call has no identifier")
        key = identifier or name or f"({len(found) + 1})"
        found[key] = Call(
            key,
            name,
            reading.text(entry, "type"),
            reading.text(entry, "mode"),
            reading.text(entry, "state"),
            reading.number(entry, "level"),
            reading.moment_s(entry, "raised"),
            reading.text(entry, "by"),
            entry.get("delivered") is not False,
        )
    return Listing(tuple(found.values()), reading.moment_s(document, "time"), tuple(reading.mistakes))


def alarms(payload: bytes) -> Listing:
    """Read `state/alarms`.  Raises GarbageError."""
    document = _document(payload)
    reading = _Reading()
    found: list[Call | Alarm] = []
    for entry in _entries(document, "alarms", reading):
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


def clean(text: str) -> str:
    """Leave only what can be printed on one line: a station's words must not move the terminal's cursor."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:LONGEST_TEXT])


def _document(payload: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(payload)
    except ValueError:
        raise GarbageError("not JSON") from None
    if not isinstance(document, dict):
        raise GarbageError("no JSON object")
    return document


def _entries(document: dict[str, Any], key: str, reading: _Reading) -> Iterator[dict[str, Any]]:
    listed = document.get(key)
    if not isinstance(listed, list):
        raise GarbageError(f"no list {key!r}")
    for entry in listed:
        if isinstance(entry, dict):
            yield entry
        else:
            reading.mistakes.append(f"one of {key} is no object")


def _rank(priority: Any) -> int:
    if isinstance(priority, str):
        return PRIORITIES.get(priority.lower(), LEAST_PRIORITY)
    if isinstance(priority, int) and not isinstance(priority, bool):
        return min(max(priority, WORST_PRIORITY), LEAST_PRIORITY)
    return LEAST_PRIORITY
