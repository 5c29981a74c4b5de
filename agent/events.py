"""The facts: what an event is, which lane it travels in, and its CloudEvents envelope.

Pure.  Knows no clock, no disk, no network.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple
from zlib import crc32

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TYPE_PREFIX = "lineside."
SCHEMA_PREFIX = "urn:lineside:schema:"
NS_PER_S = 1_000_000_000


class Lane(StrEnum):
    """The five ways out, most urgent first.  Each has its own sequence, table and byte budget."""

    ANDON = "andon"
    ALARM = "alarm"
    WORK = "work"
    MEASUREMENT = "measurement"
    HEALTH = "health"


LANES = tuple(Lane)


class Kind(StrEnum):
    """What happened: the type of an event, without its `lineside.` prefix."""

    ANDON_RAISED = "andon.raised"
    ANDON_PRESSED = "andon.pressed"
    ANDON_ACKNOWLEDGED = "andon.acknowledged"
    ANDON_ARRIVED = "andon.arrived"
    ANDON_ESCALATED = "andon.escalated"
    ANDON_STOPPED = "andon.stopped"
    ANDON_RESOLVED = "andon.resolved"
    ANDON_RESTARTED = "andon.restarted"
    ANDON_CLOSED = "andon.closed"
    ANDON_CANCELLED = "andon.cancelled"

    ALARM_RAISED = "alarm.raised"
    ALARM_CLEARED = "alarm.cleared"
    ALARM_ACKNOWLEDGED = "alarm.acknowledged"
    ALARM_SHELVED = "alarm.shelved"
    ALARM_UNSHELVED = "alarm.unshelved"
    ALARM_OUT_OF_SERVICE = "alarm.out-of-service"
    ALARM_IN_SERVICE = "alarm.in-service"
    ALARM_SUPPRESSED = "alarm.suppressed"
    ALARM_UNSUPPRESSED = "alarm.unsuppressed"
    ALARM_RESET = "alarm.reset"
    ALARM_CHATTERING = "alarm.chattering"
    ALARM_STALE = "alarm.stale"
    ALARM_FLOOD = "alarm.flood"

    OPERATOR_SIGNED_ON = "operator.signed-on"
    OPERATOR_SIGNED_OFF = "operator.signed-off"
    OPERATOR_REJECTED = "operator.rejected"
    OPERATION_STARTED = "operation.started"
    OPERATION_REJECTED = "operation.rejected"
    OPERATION_COMPLETED = "operation.completed"
    OPERATION_ABORTED = "operation.aborted"
    PART_ACCEPTED = "part.accepted"
    PART_REJECTED = "part.rejected"
    SCAN_REJECTED = "scan.rejected"
    SCAN_REPEATED = "scan.repeated"
    SCAN_UNRECOGNISED = "scan.unrecognised"
    SCAN_HELD = "scan.held"
    COMMAND_REJECTED = "command.rejected"
    DEFECT_RECORDED = "defect.recorded"
    DEFECT_DISPOSED = "defect.disposed"
    STEP_DONE = "step.done"
    STEP_REJECTED = "step.rejected"
    OVERRIDE_ASKED = "override.asked"
    OVERRIDE_GIVEN = "override.given"
    OVERRIDE_LAPSED = "override.lapsed"
    SHIFT_CHANGED = "shift.changed"
    LINE_HEARD = "line.heard"
    LINE_CONFLICT = "line.conflict"
    SIGNAL_FAILED = "signal.failed"
    MACHINE_CHANGED = "machine.changed"
    REFERENCE_APPLIED = "reference.applied"
    REFERENCE_REFUSED = "reference.refused"

    MEASUREMENT_TAKEN = "measurement.taken"
    MEASUREMENT_REJECTED = "measurement.rejected"
    MEASUREMENT_SERIES = "measurement.series"
    MEASUREMENT_SUMMARY = "measurement.summary"

    JOURNAL_DAMAGED = "journal.damaged"
    JOURNAL_RECOVERED = "journal.recovered"
    JOURNAL_GAP = "journal.gap"

    AGENT_STARTED = "agent.started"
    AGENT_STOPPED = "agent.stopped"
    DEVICE_OPENED = "device.opened"
    DEVICE_LOST = "device.lost"
    DEVICE_NOISE = "device.noise"
    DEVICE_CONDITION = "device.condition"
    CLOCK_STEPPED = "clock.stepped"

    @property
    def lane(self) -> Lane:
        """The lane this kind of event travels in."""
        return _LANE_OF_FAMILY[self.partition(".")[0]]


_LANE_OF_FAMILY = {
    "andon": Lane.ANDON,
    "alarm": Lane.ALARM,
    "journal": Lane.ALARM,
    "operator": Lane.WORK,
    "operation": Lane.WORK,
    "part": Lane.WORK,
    "scan": Lane.WORK,
    "command": Lane.WORK,
    "defect": Lane.WORK,
    "step": Lane.WORK,
    "override": Lane.WORK,
    "shift": Lane.WORK,
    "line": Lane.WORK,
    "signal": Lane.WORK,
    "machine": Lane.WORK,
    "reference": Lane.WORK,
    "measurement": Lane.MEASUREMENT,
    "agent": Lane.HEALTH,
    "device": Lane.HEALTH,
    "clock": Lane.HEALTH,
}

LANE_OF = {kind: kind.lane for kind in Kind}
"""Lane of each kind, looked up once for the hot path."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When something was seen: wall time and monotonic time, both in ns, and whether to trust the wall.

    Monotonic times compare only within one boot of the machine, which `boot` names.

    Two devices may be seen in one order and decided in the other.  `turn_ns` then tells of what was decided later
    where it belongs among the monotonic times; 0 where its own tells it.
    """

    time_ns: int
    monotonic_ns: int
    synced: bool
    boot: str
    turn_ns: int = 0

    @property
    def order_ns(self) -> int:
        """Tells of two things of one boot which was decided first."""
        return self.turn_ns or self.monotonic_ns

    @property
    def iso(self) -> str:
        """Wall time as RFC 3339 in UTC, to the millisecond."""
        return _millisecond(self.time_ns // 1_000_000)

    def seconds_since(self, earlier_monotonic_ns: int, earlier_boot: str) -> float | None:
        """Seconds from an earlier moment to this one; None across boots, where no clock can tell for sure."""
        return (self.monotonic_ns - earlier_monotonic_ns) / NS_PER_S if earlier_boot == self.boot else None


@lru_cache(maxsize=8)
def _millisecond(milliseconds: int) -> str:
    """The text of one moment; the documents and events of a decision share it."""
    return f"{_second(milliseconds // 1000)}.{milliseconds % 1000:03d}Z"


@lru_cache(maxsize=8)
def _second(seconds: int) -> str:
    """The text of one second; many events share it."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"


class Event(NamedTuple):
    """One fact before it has its number.  `subject` is the unit, call or device it is about; may be empty."""

    kind: Kind
    subject: str
    data: Mapping[str, Any]
    moment: Moment


Row = tuple[int, str, str, str, str, int | None]
"""A finished event as the journal keeps it: sequence, kind, time, subject, body (CloudEvents JSON), CRC-32 of it."""

Finished = tuple[Row, bytes]
"""A finished event and the bytes of its body in UTF-8, which are hashed and counted where it is kept."""

HASH_DIGITS = 32
"""Hexadecimal digits of a hash: 128 bits.

Who wants to pass another event off as this one has to find a second text for a given hash, which 128 bits put out of
reach; the other half of SHA-256 would cost 32 more bytes in each event, on the disk and on the wire.
"""


def digest(body: bytes) -> str:
    """The hash of a finished event, which the next event of its lane carries: of its very bytes, in UTF-8."""
    return sha256(body).hexdigest()[:HASH_DIGITS]


def raw_text(raw: bytes) -> str:
    """Write device bytes as code points 0 to 255, readable where ASCII; `.encode("latin-1")` gives them back."""
    return raw.decode("latin-1")


class Envelope:
    """Turns events of one station into finished CloudEvents 1.0 JSON texts.

    `source` is `/enterprise/site/area/line/station`.
    """

    def __init__(self, source: str) -> None:
        self._source = source

    def row(self, event: Event, epoch: str, sequence: int, previous: str = "") -> Row:
        """Return `event` as number `sequence` of its lane in journal `epoch`, encoded once and for all.

        `previous` is the hash of the event before it in the lane; empty where there is none that is known.
        """
        return self.finish(event, epoch, sequence, previous)[0]

    def finish(self, event: Event, epoch: str, sequence: int, previous: str) -> Finished:
        """Return the row, as `row` does, and the very bytes that were encoded."""
        word, opening, middle = _frame(event.kind, self._source, epoch)
        moment, subject = event.moment, event.subject
        time = moment.iso
        about = _about(subject) if subject else ""
        chain = f'"prevhash":"{previous}",' if previous else ""
        turn = f'"turnns":"{moment.turn_ns}",' if moment.turn_ns else ""
        body = (
            f'{opening}{sequence}",{about}"time":"{time}{middle}{sequence}",{chain}'
            f'{_clock(moment.synced, moment.boot)}{moment.monotonic_ns}",{turn}"data":{_text(event.data)}}}'
        )
        encoded = body.encode()
        return (sequence, word, time, subject, body, crc32(encoded)), encoded


@lru_cache(maxsize=256)
def _frame(kind: Kind, source: str, epoch: str) -> tuple[str, str, str]:
    """The word of a kind, and what is alike in all its texts: from the beginning to the number, from time to number."""
    lane, name = LANE_OF[kind].value, kind.value
    first = {"specversion": "1.0", "type": TYPE_PREFIX + name, "source": source, "id": f"{epoch}.{lane}."}
    then = {
        "dataschema": f"{SCHEMA_PREFIX}{name}:1",
        "datacontenttype": "application/json",
        "epoch": epoch,
        "lane": lane,
        "sequence": "",
    }
    return name, _text(first).removesuffix('"}'), '",' + _text(then).removeprefix("{").removesuffix('"}')


@lru_cache(maxsize=256)
def _about(subject: str) -> str:
    """What an event tells of what it is about; several in a row are about the same."""
    return f'"subject":{_text(subject)},'


@lru_cache(maxsize=8)
def _clock(synced: bool, boot: str) -> str:  # noqa: FBT001  a flag of the clock, as it stands in a moment
    """What events of one boot tell of the clock, up to its monotonic time."""
    told = {"clock": "synced" if synced else "unsynced", "bootid": boot, "monotonicns": ""}
    return _text(told).removeprefix("{").removesuffix('"}')


def _text(value: object) -> str:
    return orjson.dumps(value).decode()


def size_bytes(body: str) -> int:
    """Bytes of a finished event on the disk and on the wire: UTF-8, where raw bytes above 127 take two."""
    return len(body) if body.isascii() else len(body.encode())


def batch(bodies: Iterable[str]) -> str:
    """Join finished events into one CloudEvents batch, untouched."""
    return "[" + ",".join(bodies) + "]"
