"""Read a journal: the next events of a lane, the lanes' state, the station's memory.

A reading connection sees what is committed, in short transactions, and never writes or check-points.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self
from zlib import crc32

import orjson

from agent.events import Lane, size_bytes
from agent.journal.errors import JournalCorruptError
from agent.journal.lanes import LaneState, load
from agent.journal.schema import Translating, open_reader

if TYPE_CHECKING:
    from pathlib import Path

SEPARATOR_BYTES = 1
"""A batch of n events has n - 1 commas and 2 brackets: one byte an event, and one more."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive events of one lane: first and last number, the finished bodies, and their bytes as a batch."""

    first: int
    last: int
    bodies: tuple[str, ...]
    size_bytes: int


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


class JournalReader:
    """One reading connection, for one thread at a time.  Closed by `close` or by leaving `with`.

    Making one and every method raise JournalError where the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
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
                if crc is not None and not (crc == crc32(body.encode()) and f'"sequence":"{sequence}"' in body):
                    raise JournalCorruptError(f"{self._path} is damaged: the checksum of event {sequence} is wrong")
                size = longer
                numbers.append(sequence)
                bodies.append(body)
        return (Chunk(numbers[0], numbers[-1], tuple(bodies), size) if bodies else None), numbers

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
