"""The story of one unit among many events: opening the journal, recognising the name, index, bodies, calls.

The floor is one bare SELECT of the same bodies by an indexed column of a plain table, on an open connection.  Also how
fast the index is written behind the events, and what it takes of the disk.
"""

from __future__ import annotations

import random
import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING
from zlib import crc32

from agent.events import Envelope, Event, Kind
from agent.journal.links import BLOCK_EVENTS, What
from agent.journal.trace import Tracer
from agent.runtime.clock import Clock
from tests.bench import ready
from tests.bench.rows import Row, at_most, latency
from tests.bench.station import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.plan import Plan

SAMPLES = 500
GOAL = at_most(50)
EVENTS_A_UNIT = 10
LOOK_EVERY = 20
UNITS_A_LOT = 200
NUMBER, UNIT, LOT = 987654321012, "SN987654321", "L87654321"

NUMBERS = "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < ?)"
BODIES = f"""
    SELECT n, printf('SN%09d', n / {EVENTS_A_UNIT}) AS unit,
    replace(replace(replace(?, '{NUMBER}', n), '{UNIT}', printf('SN%09d', n / {EVENTS_A_UNIT})),
            '{LOT}', printf('L%08d', n / {EVENTS_A_UNIT * UNITS_A_LOT})) AS body FROM number
"""


def measure(plan: Plan) -> Iterator[Row]:
    path, plain = plan.folder / "journal.db", plan.folder / "plain.db"
    _fill(path, plan.large)
    _fill_plain(plain, plan.large)
    before = path.stat().st_size
    took_s = _index(path)
    yield Row("index of what events name, behind the events", plan.large / took_s, "events/s")
    share = 100 * (path.stat().st_size - before) / before
    yield Row("the index, of the size of the events", share, "%")
    traced_s, bare_s = [], []
    drawn = random.Random(7)
    with closing(sqlite3.connect(plain)) as connection:
        for _ in range(plan.times(SAMPLES)):
            unit = f"SN{drawn.randrange(1, plan.large // EVENTS_A_UNIT):09d}"
            bare_s.append(_bare_s(connection, unit))
            traced_s.append(_trace_s(path, unit))
    yield from latency(f"trace of a unit, {plan.large:,} events", traced_s, bare_s, GOAL)


def _trace_s(path: Path, unit: str) -> float:
    began = time.perf_counter()
    with Tracer(path) as tracer:
        (what,) = tracer.recognise(unit)
        story = tracer.story(what, unit)
    took_s = time.perf_counter() - began
    assert (what, len(story.events)) == (What.UNIT, EVENTS_A_UNIT)
    return took_s


def _bare_s(connection: sqlite3.Connection, unit: str) -> float:
    began = time.perf_counter()
    rows = connection.execute("SELECT body FROM event WHERE unit = ? ORDER BY seq", (unit,)).fetchall()
    took_s = time.perf_counter() - began
    assert len(rows) == EVENTS_A_UNIT
    return took_s


def _fill(path: Path, count: int) -> None:
    """Make a journal with so many work events that nobody has indexed."""
    with ready.opened(path) as journal:
        epoch = journal.epoch
    insert = f"{NUMBERS} INSERT INTO event_work SELECT n, ?, ?, unit, body, checksum(body) FROM ({BODIES})"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("checksum", 1, lambda body: crc32(body.encode()), deterministic=True)
        _in_one_go(connection, insert, (count, Kind.PART_ACCEPTED.value, ready.TIME, _body(epoch)))
        size = connection.execute("SELECT sum(length(body)) FROM event_work").fetchone()[0]
        connection.execute("UPDATE lane SET last_seq = ?, bytes = ? WHERE name = 'work'", (count, size))
        connection.execute("PRAGMA journal_mode = WAL")


def _fill_plain(path: Path, count: int) -> None:
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE event (seq INTEGER PRIMARY KEY, unit TEXT, body TEXT)")
        _in_one_go(connection, f"{NUMBERS} INSERT INTO event {BODIES}", (count, _body("0" * 16)))
        connection.execute("CREATE INDEX by_unit ON event(unit)")


def _in_one_go(connection: sqlite3.Connection, insert: str, values: tuple[object, ...]) -> None:
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("BEGIN")
    connection.execute(insert, values)
    connection.execute("COMMIT")


def _index(path: Path) -> float:
    """Let the journal index everything; return the seconds it took.  Nothing else is left to do in between."""
    with ready.opened(path) as journal:
        began = time.perf_counter()
        while True:
            for _ in range(LOOK_EVERY):
                journal.tidy()
            with journal.reader() as reader:
                behind = [state.last - state.linked for state in reader.lanes().values()]
            if max(behind) < BLOCK_EVENTS:
                return time.perf_counter() - began


def _body(epoch: str) -> str:
    data = {"device": "scanner-1", "part": "4711-A", "lot": LOT, "unit": UNIT, "operation": "press", "operator": "4711"}
    event = Event(Kind.PART_ACCEPTED, UNIT, {**data, "rules": "0123456789ab"}, Clock().now())
    return Envelope(SOURCE).row(event, epoch, NUMBER, "0" * 32)[4]
