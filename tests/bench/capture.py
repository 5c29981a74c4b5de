"""Durable capture: `Journal.append` of events whose bodies are finished, in transactions of 500 and 1000.

The floor is `executemany` of rows with the same texts, in the same batch size and with the same fsync, into one table
of a plain file.  The journal spreads the rows over two lanes and keeps its books; the floor does neither.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.bench import ready
from tests.bench.floors import PlainTable
from tests.bench.rows import at_least, rates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.events import Event
    from agent.events import Row as EventRow
    from agent.journal.journal import Journal
    from tests.bench.plan import Plan
    from tests.bench.rows import Row

ROUNDS = 15
EVENTS = 20_000
"""Events a round: enough for SQLite to check-point several times."""

SIZES = (500, 1000)


def measure(plan: Plan) -> Iterator[Row]:
    events = ready.events(EVENTS)
    for size in SIZES:
        folder = plan.folder / str(size)
        folder.mkdir()
        rounds = []
        with ready.opened(folder / "journal.db") as journal, PlainTable(folder / "plain.db") as table:
            for number in range(plan.times(ROUNDS)):
                rows = _rows(events, number * EVENTS)
                rounds.append((EVENTS / append_s(journal, events, size), EVENTS / insert_s(table, rows, size)))
        yield rates(f"durable capture, {size} a transaction", rounds, at_least(0.7))


def append_s(journal: Journal, events: list[Event], size: int) -> float:
    """Append `events`, `size` a transaction, tidying as the recorder does; return the seconds it took."""
    began = time.perf_counter()
    for at in range(0, len(events), size):
        journal.append(events[at : at + size], {})
        while journal.crowded and journal.tidy():
            pass
    return time.perf_counter() - began


def insert_s(table: PlainTable, rows: list[EventRow], size: int) -> float:
    """Insert `rows`, `size` a transaction; return the seconds it took."""
    began = time.perf_counter()
    for at in range(0, len(rows), size):
        table.insert(rows[at : at + size])
    return time.perf_counter() - began


def _rows(events: list[Event], after: int) -> list[EventRow]:
    return [
        (after + place, event.kind.value, ready.TIME, event.subject, event.data[ready.BODY], after + place)
        for place, event in enumerate(events, 1)
    ]
