"""Signal in -> green out: from the bytes of a scan on a serial line until the scanner hears its pass.

The agent runs as it does at a station: `lineside run` in its own process, connected to a broker that takes every fact,
scanner, gauge and button box on pseudo terminals.  The bench holds the other end of the scanner's line: it writes the
code and waits for ACK, which the agent sends only when the decision is on disk.

The floor is one write + fdatasync, in this process, of as many bytes as the events of one scan have (their bodies
alone, not the pages that SQLite writes for them), in place in a file that has its full size (`floors.SyncedFile`), on
the journal's disk.  Two more rows set the figure against a bare program that does just that between reading the line
and answering (`bare_scanner`): terminals and the scheduler have their price too, and no program in Python pays less.

Figure, floor and bare program take turns, each after the same pause.  As many scans as fill the journal's log once go
before, and a rest now and then lets the agent check it in, as it does between the scans of an operator: like the
floor's, its log is a file that is there already and is written again in place, not one that grows.
"""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from agent.events import Lane
from agent.journal.reader import JournalReader
from simulators.pty_line import PtyLine
from tests.bench import station
from tests.bench.floors import SyncedFile
from tests.bench.rig import ANSWER_S, Rig, answered_s
from tests.bench.rows import at_most, latency

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.plan import Plan
    from tests.bench.rows import Row

SAMPLES = 1000
WARM_UP = 600
"""More than fill the log to where it is checked in."""

REST_EVERY = 300
REST_S = 1.5
"""Longer than the recorder waits before it tidies."""

PAUSE_S = 0.01
"""Operators scan once a second; this long is enough for the broker to have acknowledged the scan before."""


def measure(plan: Plan) -> Iterator[Row]:
    codes = station.codes()
    scans_s, floors_s, bare_s = [], [], []
    with Rig(plan.folder / "rig") as rig:
        rig.start()
        for _ in range(WARM_UP):
            rig.scan_s(next(codes))
        size = bytes_a_scan(rig)
        with SyncedFile(plan.folder / "floor", size) as file, _bare_scanner(plan.folder, size) as line:
            for number in range(plan.times(SAMPLES)):
                time.sleep(PAUSE_S if number % REST_EVERY else REST_S)
                floors_s.append(file.write_s())
                time.sleep(PAUSE_S)
                scans_s.append(rig.scan_s(next(codes)))
                time.sleep(PAUSE_S)
                bare_s.append(answered_s(line, "KN0000000001"))
    yield from latency("signal in -> green out", scans_s, floors_s, at_most(2), at_most(3))
    yield from latency("signal in -> green out, against a bare program", scans_s, bare_s, at_most(2.5), at_most(2.5))


@contextmanager
def _bare_scanner(folder: Path, size: int) -> Iterator[PtyLine]:
    """The line of a bare program that answers."""
    with PtyLine(folder / "bare") as line:
        arguments = str(line.link), str(folder / "bare-floor"), str(size)
        with subprocess.Popen([sys.executable, "-m", "tests.bench.bare_scanner", *arguments]) as process:
            line.read(ANSWER_S)
            yield line
            process.terminate()


def bytes_a_scan(rig: Rig) -> int:
    """Bytes of the events of one scan, by those of the warm-up."""
    with JournalReader(rig.journal) as reader:
        return reader.lanes()[Lane.WORK].size_bytes // WARM_UP
