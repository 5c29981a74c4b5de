"""Read what stations say: one message into the events in it, and garbage into words about it.

Pure, and total: whatever bytes arrive, nothing is raised.  Strict where an event says which it is, tolerant elsewhere:
a call whose time cannot be read is still a call.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from agent.events import TYPE_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

HEARD_LANES = ("andon", "alarm")

ENDS = ("andon.resolved", "andon.cancelled", "andon.closed", "alarm.cleared")
"""After these nobody needs to come any more."""

AFTERS = ("andon.restarted", "andon.closed")
"""These come behind the end of a call; a reason that is given later is its end only where no other was heard."""

NEWEST_SEQUENCE = 2**63 - 1
"""Largest number that SQLite keeps."""

LONGEST_NAME = 256
"""Characters of an epoch or type; longer ones are garbage."""

_LEVELS = 5
_PARTS_OF_THREAD = ("alarm", "device", "condition", "input")


@dataclass(frozen=True, slots=True)
class News:
    """One event of a station.  `path`: its five levels; `type` has no `lineside.`; `time` is None if it tells none."""

    path: str
    epoch: str
    lane: str
    sequence: int
    type: str
    subject: str = ""
    time: datetime | None = None
    synced: bool = True
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def thread(self) -> str:
        """What its begin and its end have in common: the call, or the alarm with its device; empty for neither."""
        if self.lane == "andon":
            return plain(self.data.get("call")) or plain(self.subject)
        parts = [plain(self.data.get(key)) for key in _PARTS_OF_THREAD]
        return "/".join(parts) if parts[0] else ""

    @property
    def is_end(self) -> bool:
        """Whether a call or an alarm is over with it."""
        return self.type in ENDS or (self.type == "alarm.flood" and self.data.get("active") is False)

    @property
    def is_quiet(self) -> bool:
        """Whether nobody is to be told by it alone: an alarm that is put aside, and the end of a flood."""
        shelved = self.type == "alarm.raised" and self.data.get("quiet") is True
        return shelved or (self.type == "alarm.flood" and self.is_end)

    @property
    def is_after(self) -> bool:
        """Whether a call may have ended before it."""
        return self.type in AFTERS

    @property
    def level(self) -> int:
        """Level of escalation; 0 before the first."""
        level = self.data.get("level", 0)
        return level if isinstance(level, int) and not isinstance(level, bool) else 0

    def late_s(self, now: datetime) -> float:
        """Seconds between the event and `now`; 0 where the station's clock is not to be trusted."""
        if self.time is None or not self.synced:
            return 0.0
        return max(0.0, (now - self.time).total_seconds())


def read(topic: str, payload: bytes) -> tuple[list[News], list[str]]:
    """Return the events of one message, in order, and why the rest of it makes no sense."""
    levels = topic.split("/")
    path, (what, lane) = "/".join(levels[2:-2]), levels[-2:] if len(levels) > 1 else ("", "")
    if what != "event" or lane not in HEARD_LANES or len(levels) != _LEVELS + 4:
        return [], [f"topic {plain(topic)!r} is no lane of events"]
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        return [], [f"{path}: not JSON: {error}"]
    events, garbage = [], []
    for one in document if isinstance(document, list) else [document]:
        try:
            events.append(_event(path, lane, one))
        except ValueError as error:
            garbage.append(f"{path}: {error}")
    return events, garbage


def plain(value: object) -> str:
    """Return a value of the wire as one line of printable text, 300 characters at most; empty if it has none."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(filter(None, map(plain, value[:10])))[:300]
    if not isinstance(value, (str, int, float)):
        return ""
    printable = "".join(character if character.isprintable() else " " for character in str(value)[:1000])
    return " ".join(printable.split())[:300]


def moment(value: object) -> datetime | None:
    """Return a time of the wire in UTC; None if it is none."""
    if not isinstance(value, str):
        return None
    try:
        told = datetime.fromisoformat(value)
        return (told if told.tzinfo else told.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _event(path: str, lane: str, document: object) -> News:
    if not isinstance(document, dict):
        raise ValueError("an event is no JSON object")  # noqa: TRY004  garbage of any kind is told the same way
    kind, epoch = document.get("type"), document.get("epoch")
    if not isinstance(kind, str) or not kind.startswith(TYPE_PREFIX) or len(kind) > LONGEST_NAME:
        raise ValueError(f"no event of ours: type {plain(kind)!r}")
    if not isinstance(epoch, str) or not 0 < len(epoch) <= LONGEST_NAME:
        raise ValueError(f"epoch {plain(epoch)!r} of {plain(kind)} names no journal")
    if document.get("lane") != lane:
        raise ValueError(f"{plain(kind)} of lane {plain(document.get('lane'))!r} came on lane {lane}")
    data = document.get("data")
    subject = document.get("subject")
    return News(
        path=path,
        epoch=epoch,
        lane=lane,
        sequence=_sequence(document.get("sequence")),
        type=kind.removeprefix(TYPE_PREFIX),
        subject=subject if isinstance(subject, str) else "",
        time=moment(document.get("time")),
        synced=document.get("clock", "synced") == "synced",
        data=data if isinstance(data, dict) else {},
    )


def _sequence(value: object) -> int:
    text = str(value) if isinstance(value, (str, int)) else ""
    if not (text.isascii() and text.isdecimal() and len(text) < 20 and 0 < int(text) <= NEWEST_SEQUENCE):  # noqa: PLR2004  digits of 2**63
        raise ValueError(f"sequence {plain(value)!r} is no number from 1")
    return int(text)
