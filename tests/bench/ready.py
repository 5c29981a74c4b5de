"""Finished events, about 500 bytes each, made without the station: to append, or to wait in a journal."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from itertools import cycle, islice
from typing import TYPE_CHECKING
from zlib import crc32

from agent.events import Envelope, Event, Kind, Lane
from agent.journal.journal import Journal
from agent.runtime.clock import Clock
from tests.bench.station import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.events import Finished

TIME = "2026-11-21T10:00:00.123Z"
UNIT = "SN0000000001"
BODY = "body"
EPOCH = "0123456789abcdef"

WORDS = {kind: kind.value for kind in Kind}
"""Looked up once, as the envelope does it."""

NUMBER = 987654321012
"""Stands for the sequence in the template of a body."""

FILL = """
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)
    INSERT INTO event_work SELECT n, ?, ?, ?, body, checksum(body) FROM (SELECT n, replace(?, ?, n) AS body FROM number)
"""


@contextmanager
def opened(path: Path) -> Iterator[Journal]:
    """An open journal that takes ready events and encodes nothing."""

    def row(event: Event, _epoch: str, sequence: int, _previous: str) -> Finished:
        """The same texts come again under other numbers: nobody may look whether they are sound."""
        body = event.data[BODY]
        encoded = body.encode()
        return (sequence, WORDS[event.kind], TIME, event.subject, body, crc32(encoded)), encoded

    journal = Journal(path, row, Clock().now)
    journal.open()
    try:
        yield journal
    finally:
        journal.close()


def events(count: int) -> list[Event]:
    """Events of two lanes, as work and its measurements come; all their data is the finished body."""
    now = Clock().now()
    kinds = cycle((Kind.PART_ACCEPTED, Kind.MEASUREMENT_TAKEN))
    numbered = enumerate(kinds)
    return [Event(kind, UNIT, {BODY: _body(kind, EPOCH, place)}, now) for place, kind in islice(numbered, count)]


def prefill(path: Path, count: int) -> None:
    """Make a journal whose work lane has `count` events that nobody has seen, numbered as the journal does it.

    Written by SQL alone, and brought to the disk at the end, so that nothing of it is written while others measure.
    10,000,000 events take about half a minute.
    """
    with opened(path) as journal:
        epoch = journal.epoch
    body = _body(Kind.PART_ACCEPTED, epoch, NUMBER)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("checksum", 1, lambda body: crc32(body.encode()), deterministic=True)
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("BEGIN")
        connection.execute(FILL, (count, Kind.PART_ACCEPTED.value, TIME, UNIT, body, str(NUMBER)))
        size = connection.execute("SELECT sum(length(body)) FROM event_work").fetchone()[0]
        connection.execute("UPDATE lane SET last_seq = ?, bytes = ? WHERE name = 'work'", (count, size))
        connection.execute("COMMIT")
        connection.execute("PRAGMA journal_mode = WAL")
    _sync(path)


def forget_sent(path: Path) -> None:
    """Let the work lane begin again: nothing sent, nothing confirmed.  The agent must not run."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE lane SET sent_seq = 0, confirmed_seq = 0 WHERE name = ?", (Lane.WORK.value,))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR)
    os.fsync(descriptor)
    os.close(descriptor)


def _body(kind: Kind, epoch: str, sequence: int) -> str:
    part = {"device": "scanner-1", "part": "4711-A", "lot": "L2026W47", "rules": "0123456789ab"}
    return Envelope(SOURCE).row(Event(kind, UNIT, part, Clock().now()), epoch, sequence)[4]
