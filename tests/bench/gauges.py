"""Eight serial gauges at 200 values/s each into `lineside run`: is every value on disk, at what share of a core?

One gauge of each protocol that can be asked, each on its own pseudo terminal, sending by itself, a value every 5 ms.
No step waits for the values.  The processor time is that of all the agent's threads, from the first value until the
last is in the journal, and delivery to a broker is part of it.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import ExitStack, closing
from itertools import cycle
from typing import TYPE_CHECKING

import psutil

from simulators.gauges.protocols import PROTOCOLS
from simulators.pty_line import PtyLine
from tests.bench.rig import Rig, RigError
from tests.bench.rows import Row, at_least, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.plan import Plan

RATE = 200
"""Values a second of each gauge."""

SECONDS = 20
DIFFERENT = 1000
PATIENCE_S = 20.0
POLL_S = 0.1

_DEVICE = """
[[device]]
name = "{name}"
driver = "{name}"
port = "{port}"
bytesize = 8
parity = "N"
"""

_COUNT = "SELECT count(*) FROM event_measurement WHERE type LIKE '%measurement.taken'"
_OPENED = "SELECT count(*) FROM event_health WHERE type LIKE '%device.opened'"


def measure(plan: Plan) -> Iterator[Row]:
    seconds = max(5, plan.times(SECONDS))
    with Rig(plan.folder / "rig") as rig, ExitStack() as lines:
        frames = [(lines.enter_context(PtyLine(rig.folder / name)), _frames(name)) for name in PROTOCOLS]
        _add_devices(rig)
        rig.start()
        _wait(rig.journal, _OPENED, len(frames) + 3)
        process = psutil.Process(rig.pid)
        before_s, began = _processor_s(process), time.perf_counter()
        sent = _sent(frames, RATE * seconds)
        took_s = time.perf_counter() - began
        kept = _wait(rig.journal, _COUNT, sent)
        share = (_processor_s(process) - before_s) / (time.perf_counter() - began)
    gauges = f"{len(frames)} gauges"
    yield Row(f"{gauges}, values sent", sent / took_s, "values/s", goal=at_least(0.98 * RATE * len(frames), "values/s"))
    yield Row(f"{gauges}, values lost", sent - kept, "values", goal=at_most(0, "values"), note=f"of {sent:,}")
    yield Row(f"{gauges} at {RATE}/s, processor time", 100 * share, "% of a core", goal=at_most(25, "% of a core"))


def _frames(protocol: str) -> list[bytes]:
    gauge = PROTOCOLS[protocol](protocol, PtyLine.__new__(PtyLine))
    frames = []
    for step in range(DIFFERENT):
        gauge.show(f"{10 + step / 1000:.3f}")
        frames.append(gauge.frame())
    return frames


def _add_devices(rig: Rig) -> None:
    with rig.file.open("a", encoding="utf-8") as file:
        for name in PROTOCOLS:
            file.write(_DEVICE.format(name=name, port=rig.folder / name))


def _sent(gauges: list[tuple[PtyLine, list[bytes]]], count: int) -> int:
    """Send `count` frames on every line, all lines in step; return how many went out."""
    sources = [(line, cycle(frames)) for line, frames in gauges]
    began = time.perf_counter()
    sent = 0
    for step in range(count):
        time.sleep(max(0.0, began + step / RATE - time.perf_counter()))
        sent += sum(line.write(next(frames)) for line, frames in sources)
    return sent


def _processor_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def _wait(journal: Path, sql: str, count: int) -> int:
    """Return what the query counts as soon as that is `count`, or after a while.  Raises RigError if it is nothing."""
    deadline_s = time.monotonic() + PATIENCE_S
    found = 0
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        while found < count and time.monotonic() < deadline_s:
            time.sleep(POLL_S)
            (found,) = db.execute(sql).fetchone()
    if not found:
        raise RigError(f"nothing of what was waited for: {sql}")
    return int(found)
