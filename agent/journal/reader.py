"""Read a journal: the next events of a lane, the lanes' state, the station's memory.

A reading connection sees what is committed, in short transactions, and never writes or check-points.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Self

import orjson

from agent.events import Lane, size_bytes
from agent.journal.schema import Translating, open_reader

if TYPE_CHECKING:
    from pathlib import Path

SEPARATOR_BYTES = 1
"""A batch of n events has n - 1 commas and 2 brackets: one byte an event, and one."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Consecutive events of one lane: first and last number, and the finished bodies."""

    first: int
    last: int
    bodies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LaneState:
    """How far a lane is: numbers given, acknowledged by the broker, confirmed; bytes kept."""

    last: int
    sent: int
    confirmed: int
    size_bytes: int

    @property
    def depth(self) -> int:
        """Events not yet confirmed."""
        return self.last - self.confirmed


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

    def next(self, lane: Lane, after: int, max_events: int, max_bytes: int) -> Chunk | None:
        """Return the events of `lane` behind number `after`: at least one, at most `max_events`.

        More than one only if their batch, with brackets and commas, stays within `max_bytes` of UTF-8.  None if there
        is nothing behind it.
        """
        first = last = 0
        size = SEPARATOR_BYTES
        bodies: list[str] = []
        query = f"SELECT seq, body FROM event_{lane} WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608  a lane's name is ours
        with self._translating, closing(self._connection.execute(query, (after, max_events))) as rows:
            for sequence, body in rows:
                size += size_bytes(body) + SEPARATOR_BYTES
                if bodies and size > max_bytes:
                    break
                first = first or sequence
                last = sequence
                bodies.append(body)
        return Chunk(first, last, tuple(bodies)) if bodies else None

    def lanes(self) -> dict[Lane, LaneState]:
        """How far each lane is."""
        rows = self._all("SELECT name, last_seq, sent_seq, confirmed_seq, bytes FROM lane")
        return {Lane(name): LaneState(last, sent, confirmed, size) for name, last, sent, confirmed, size in rows}

    def oldest(self, lane: Lane, after: int) -> Seen | None:
        """When the first event of `lane` behind number `after` was seen; None if there is none."""
        chunk = self.next(lane, after, 1, 0)
        if chunk is None:
            return None
        body = orjson.loads(chunk.bodies[0])
        since_1970 = datetime.fromisoformat(body["time"]) - datetime.fromtimestamp(0, UTC)
        return Seen(since_1970 // timedelta(microseconds=1) * 1000, int(body["monotonicns"]), body["bootid"])

    def documents(self) -> dict[str, dict[str, Any]]:
        """The station's memory."""
        return {key: orjson.loads(body) for key, body in self._all("SELECT key, body FROM state")}

    def meta(self, key: str) -> str | None:
        """A word about the file itself, such as its `epoch`."""
        rows = self._all("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else None

    def _all(self, query: str, parameters: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        """Read whole, so that no transaction stays open."""
        with self._translating:
            return self._connection.execute(query, parameters).fetchall()
