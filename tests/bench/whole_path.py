"""The whole path: inputs on the queue, through `Recorder.step`, station, encoding and journal, events/s.

Units with a part and a measurement, in groups of the default size.  The floor is `executemany` of the very texts that
the journal then holds, in as many transactions.
"""

from __future__ import annotations

import time
from itertools import islice
from typing import TYPE_CHECKING

from tests.bench.bench_recorder import BenchRecorder
from tests.bench.capture import insert_s
from tests.bench.floors import PlainTable
from tests.bench.rows import at_least, rates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.plan import Plan
    from tests.bench.rows import Row

ROUNDS = 10
INPUTS = 6_000


def measure(plan: Plan) -> Iterator[Row]:
    rounds = []
    written = 0
    with BenchRecorder(plan.folder / "agent") as recorder, PlainTable(plan.folder / "plain.db") as table:
        for _ in range(plan.times(ROUNDS)):
            recorder.load(islice(recorder.work, INPUTS))
            last = recorder.last()
            began = time.perf_counter()
            transactions = recorder.record()
            took_s = time.perf_counter() - began
            rows = [(written + place, *row[1:]) for place, row in enumerate(recorder.rows_since(last), 1)]
            written += len(rows)
            floor_s = insert_s(table, rows, -(-len(rows) // transactions))
            rounds.append((len(rows) / took_s, len(rows) / floor_s))
    yield rates(f"whole path, {recorder.group_size} signals a transaction", rounds, at_least(0.2))
