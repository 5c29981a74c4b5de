"""Where the time of a green goes: the median of each stretch on the way of a scan, from wire to wire.

The agent runs as in `green`, with a note of the moment at each station (`noted_agent`); the notes themselves cost some
microseconds a scan.  Scans come one by one after a pause; the floor is that of `green`, and stands beside the stretch
that does the same, the COMMIT.
"""

from __future__ import annotations

import json
import time
from bisect import bisect
from statistics import median
from typing import TYPE_CHECKING

from tests.bench import station
from tests.bench.floors import SyncedFile
from tests.bench.green import PAUSE_S, REST_S, WARM_UP, bytes_a_scan
from tests.bench.noted_agent import NOTES
from tests.bench.rig import Rig
from tests.bench.rows import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tests.bench.plan import Plan

SAMPLES = 400

STRETCHES = {
    "read": "the terminal, and waking its reader",
    "queued": "framing, decoding",
    "taken": "handing over to the recorder",
    "decide": "what else may have happened",
    "decided": "the decision",
    "append": "documents put together",
    "commit": "numbers, encoding, hash, rows",
    "on disk": "COMMIT",
    "appended": "the note beside the journal",
    "answer": "handing over to the device's reader",
    "answered": "writing the answer",
}
"""Station -> what lies between it and the one before."""

HEARD = "the terminal, and waking the bench"

Note = tuple[str, int]


def measure(plan: Plan) -> Iterator[Row]:
    scans: list[tuple[int, int]] = []
    floors_s: list[float] = []
    codes = station.codes()
    with Rig(plan.folder / "rig", module="tests.bench.noted_agent") as rig:
        rig.start()
        for _ in range(WARM_UP):
            rig.scan_s(next(codes))
        time.sleep(REST_S)
        with SyncedFile(plan.folder / "floor", bytes_a_scan(rig)) as file:
            for _ in range(plan.times(SAMPLES)):
                time.sleep(PAUSE_S)
                floors_s.append(file.write_s())
                time.sleep(PAUSE_S)
                began_ns = time.perf_counter_ns()
                rig.scan_s(next(codes))
                scans.append((began_ns, time.perf_counter_ns()))
        rig.stop()
        notes: list[Note] = json.loads(rig.file.with_name(NOTES).read_text())
    at_ns = [noted_ns for _, noted_ns in notes]
    ways = [_stretches_ns(notes[bisect(at_ns, began_ns) :], began_ns, ended_ns) for began_ns, ended_ns in scans]
    floor_us = 1e6 * median(floors_s)
    for name, words in (*STRETCHES.items(), ("heard", HEARD)):
        figure_us = median(way.get(name, 0) for way in ways) / 1000
        yield Row(f"the way of a scan: {words}", figure_us, "us", floor_us if name == "on disk" else None)
    whole_us = median(ended_ns - began_ns for began_ns, ended_ns in scans) / 1000
    yield Row("the way of a scan, from wire to wire", whole_us, "us", floor_us, whole_us / floor_us)


def _stretches_ns(notes: Sequence[Note], began_ns: int, ended_ns: int) -> dict[str, int]:
    """Nanoseconds from each station to the next of one scan; the first note of each counts."""
    found: dict[str, int] = {}
    before_ns = began_ns
    waited = list(STRETCHES)
    for name, noted_ns in notes:
        if noted_ns > ended_ns or not waited:
            break
        if name in waited:
            found[name] = noted_ns - before_ns
            before_ns = noted_ns
            waited = waited[waited.index(name) + 1 :]
    return {**found, "heard": ended_ns - before_ns}
