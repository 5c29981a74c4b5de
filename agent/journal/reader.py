"""Read a journal: the next events of a lane, the lanes' state, the station's memory.

A reading connection sees what is committed, in short transactions, and never writes or check-points.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import orjson

from agent.events import Lane, batch, size_bytes
from agent.journal.errors import JournalCorruptError
from agent.journal.lanes import LaneState, load
from agent.journal.schema import Translating, open_reader
from agent.journal.scrub import must_be_sound

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

SEPARATOR_BYTES = 1
"""A batch of n events has n - 1 commas and 2 brackets: one byte an event, and one more."""


TYPICAL_BYTES = 600.0
"""Size of an event that is assumed until some were read."""

SPARE = 1.05
"""So much larger than the ones before, on average, the next events are assumed to be."""


@dataclass(frozen=True, slots=True)
class Message:
    """Events of one lane, ready to be sent: first and last number, one finished event or a batch, and how many."""

    first: int
    last: int
    payload: bytes
    events: int


@dataclass(frozen=True, slots=True)
class Chunk:
    """Events of one lane in order: first and last number, and the finished bodies."""

    first: int
    last: int
    bodies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One event that the broker refused."""

    id: int
    lane: Lane
    sequence: int
    type: str
    time: str
    body: str
    code: int
    reason: str
    retry: bool


@dataclass(frozen=True, slots=True)
class Seen:
    """When an event was seen, on all its clocks."""

    time_ns: int
    monotonic_ns: int
    boot: str


NOTHING_CHECKED: Mapping[Lane, int] = MappingProxyType({})


class JournalReader:
    """One reading connection, for one thread at a time.  Closed by `close` or by leaving `with`.

    `checked` tells up to which number events were found sound by somebody else; all others are checked as they are
    read.  Making one and every method raise JournalError where the file cannot be read.
    """

    def __init__(self, path: Path, checked: Mapping[Lane, int] = NOTHING_CHECKED) -> None:
        self._path = path
        self._checked = checked
        self._mean_bytes: dict[Lane, float] = {}
        self._translating = Translating(path)
        with self._translating:
            self._connection = open_reader(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go."""
        self._connection.close()

    def states(self, prefix: str) -> list[tuple[str, str]]:
        """Return the documents of the memory whose key begins with `prefix`, as they are written, by key."""
        with self._translating:
            query = "SELECT key, body FROM state WHERE key >= ? AND key < ? ORDER BY key"
            return [
                (str(key), str(body)) for key, body in self._connection.execute(query, (prefix, prefix + "\U0010ffff"))
            ]

    def next(self, lane: Lane, after: int, max_events: int, max_bytes: int, epoch: str = "") -> Chunk | None:
        """Return the events of `lane` behind number `after`: at least one, at most `max_events` and `max_bytes`.

        None if there is nothing behind it.  With `epoch`, of the events saved from that older journal.
        """
        if epoch:
            query = "SELECT seq, body, NULL FROM salvage WHERE epoch = ? AND lane = ? AND seq > ? ORDER BY seq LIMIT ?"
            return self._chunk(query, (epoch, lane.value, after, max_events), max_bytes)[0]
        query = f"SELECT seq, body, crc FROM event_{lane} WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608  a lane's name is ours
        chunk, numbers = self._chunk(query, (after, max_events), max_bytes)
        if chunk is None or chunk.last - after != len(numbers):
            self._must_be_whole(lane, after, numbers)
        return chunk

    def message(self, lane: Lane, after: int, max_events: int, max_bytes: int, epoch: str = "") -> Message | None:
        """The same events as `next`, or fewer, as one message."""
        if not epoch and (found := self.joined(lane, after, max_events, max_bytes, 1)):
            return found[0]
        chunk = self.next(lane, after, max_events, max_bytes, epoch)
        if chunk is None:
            return None
        whole = batch(chunk.bodies) if len(chunk.bodies) > 1 else chunk.bodies[0]
        return Message(chunk.first, chunk.last, whole.encode(), len(chunk.bodies))

    def joined(self, lane: Lane, after: int, max_events: int, max_bytes: int, number: int) -> list[Message]:
        """Up to `number` messages, one behind the other, of checked events that SQLite joins in one step.

        They end, or there are none, where `message` has to look closer: where events were not checked, numbers are
        missing, or the events are larger than those before.
        """
        known = self._checked.get(lane, 0) - after
        count = min(max_events, int(max_bytes / self._mean_bytes.get(lane, TYPICAL_BYTES)), known)
        if count <= 1:
            return []
        found: list[Message] = []
        (payloads,) = self._all(_joined(lane, min(number, known // count)), (after, count))
        for payload in payloads:
            if payload is None:
                break
            self._mean_bytes[lane] = SPARE * len(payload) / count
            if len(payload) > max_bytes:
                break
            found.append(Message(after + 1, after + count, payload, count))
            after += count
        return found

    def may_join(self, lane: Lane, after: int) -> bool:
        """Whether what is behind number `after` was checked."""
        return self._checked.get(lane, 0) > after + 1

    def salvaged(self) -> list[tuple[str, Lane, int]]:
        """Old epochs and lanes with events saved from damage, and the last number of each; none while saving."""
        if self.meta("salvage") is not None:
            return []
        rows = self._all("SELECT epoch, lane, max(seq) FROM salvage GROUP BY epoch, lane")
        return [(epoch, Lane(lane), last) for epoch, lane, last in rows]

    def quarantined(self, *, due: bool = False) -> list[Quarantined]:
        """What the broker refused; with `due`, only what is to be sent again."""
        rows = self._all(
            "SELECT id, lane, seq, type, time, body, code, reason, retry FROM quarantine WHERE retry >= ? ORDER BY id",
            (int(due),),
        )
        return [
            Quarantined(number, Lane(lane), seq, kind, time, body, code, reason, bool(retry))
            for number, lane, seq, kind, time, body, code, reason, retry in rows
        ]

    def lanes(self) -> dict[Lane, LaneState]:
        """How far each lane is."""
        with self._translating:
            return load(self._connection)

    def oldest(self, lane: Lane, after: int) -> Seen | None:
        """When the first event of `lane` behind number `after` was seen; None if there is none."""
        chunk = self.next(lane, after, 1, 0)
        if chunk is None:
            return None
        with self._translating:
            body = orjson.loads(chunk.bodies[0])
            since_1970 = datetime.fromisoformat(body["time"]) - datetime.fromtimestamp(0, UTC)
            return Seen(since_1970 // timedelta(microseconds=1) * 1000, int(body["monotonicns"]), body["bootid"])

    def documents(self) -> dict[str, dict[str, Any]]:
        """The station's memory."""
        rows = self._all("SELECT key, body FROM state")
        with self._translating:
            return {key: orjson.loads(body) for key, body in rows}

    def meta(self, key: str) -> str | None:
        """A word about the file itself, such as its `epoch`."""
        rows = self._all("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def _chunk(self, query: str, parameters: tuple[object, ...], max_bytes: int) -> tuple[Chunk | None, list[int]]:
        """Read a chunk, and the number of each event in it."""
        numbers: list[int] = []
        size = SEPARATOR_BYTES
        bodies: list[str] = []
        with self._translating, closing(self._connection.execute(query, parameters)) as rows:
            for sequence, body, crc in rows:
                longer = size + size_bytes(body) + SEPARATOR_BYTES
                if bodies and longer > max_bytes:
                    break
                must_be_sound(self._path, sequence, body, crc)
                size = longer
                numbers.append(sequence)
                bodies.append(body)
        return (Chunk(numbers[0], numbers[-1], tuple(bodies)) if bodies else None), numbers

    def _must_be_whole(self, lane: Lane, after: int, numbers: list[int]) -> None:
        """Check that what is missing behind `after` was given up.

        The book is read after the events were: it can only tell more.
        """
        newest = (
            f"SELECT first_seq, last_seq, thinned_seq, (SELECT max(seq) FROM event_{lane}) FROM lane WHERE name = ?"  # noqa: S608  a lane's name is ours
        )
        ((first, last, thinned, there),) = self._all(newest, (lane.value,))
        given_up = max(first - 1, thinned if lane is Lane.MEASUREMENT else 0)
        behind = [number for number in numbers if number > given_up]
        whole = len(behind) == behind[-1] - max(after, given_up) if behind else first > last or there == last
        if not whole:
            raise JournalCorruptError(f"{self._path} is damaged: lane {lane} lacks events behind number {after}")

    def _all(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Read whole, so that no transaction stays open."""
        with self._translating:
            return self._connection.execute(query, parameters).fetchall()


@cache
def _joined(lane: Lane, number: int) -> str:
    """A query for so many messages behind number ?1 of ?2 events each, side by side in one row; NULL if not whole.

    The table is kept by its numbers, and no index may stand in between: so its rows are joined in their order.
    """
    whole = "CASE count(*) WHEN ?2 THEN CAST('[' || group_concat(body) || ']' AS BLOB) END"
    pieces = (
        f"(SELECT {whole} FROM event_{lane} NOT INDEXED "  # noqa: S608  a lane's name is ours
        f"WHERE seq > ?1 + {place} * ?2 AND seq <= ?1 + {place + 1} * ?2)"
        for place in range(number)
    )
    return "SELECT " + ", ".join(pieces)
