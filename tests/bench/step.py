"""The recorder's own part of signal in -> green out: `Recorder.step` with a scan on its queue, until the pass is shown.

Informs only.  No threads, no terminals, no broker: what is left is queue, decision, encoding and commit.  The floor is
the same write + fdatasync as for the whole way, sample by sample in turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench.bench_recorder import BenchRecorder
from tests.bench.floors import SyncedFile
from tests.bench.rows import latency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.plan import Plan
    from tests.bench.rows import Row

SAMPLES = 1500
BODY_BYTES = 850
"""Bytes of the events of one signal, on average."""


def measure(plan: Plan) -> Iterator[Row]:
    steps_s, floors_s = [], []
    with BenchRecorder(plan.folder / "agent") as recorder, SyncedFile(plan.folder / "floor", BODY_BYTES) as file:
        for _ in range(plan.times(SAMPLES)):
            recorder.queue.put(next(recorder.work), 0)
            floors_s.append(file.write_s())
            steps_s.append(recorder.green_s())
    yield from latency("queued signal -> green, Recorder.step alone", steps_s, floors_s)
