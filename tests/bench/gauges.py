"""Eight serial gauges at 200 values/s each into `lineside run`: is every value on disk, at what share of a core?

One gauge of each protocol that can be asked, each on its own pseudo terminal, sending by itself, a value every 5 ms.
No step waits for the values.  The processor time is that of all the agent's threads, from the first value until the
last is in the journal, and delivery to a broker is part of it.  Once with values joined to series, as is usual, and
once, for a shorter time, each value as a fact of its own.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import ExitStack, closing
from dataclasses import dataclass
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

SECONDS, SECONDS_SINGLE = 20, 10
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

_SINGLE = """
[recording]
series_s = 0.0
"""

_COUNT = """
SELECT coalesce(sum(coalesce(json_extract(body, '$.data.count'), 1)), 0) FROM event_measurement
WHERE type IN ('measurement.taken', 'measurement.series')
"""
_OPENED = "SELECT count(*) FROM event_health WHERE type = 'device.opened'"
_SIZE = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a stream: values sent a second, how many, how many are kept, share of a core, bytes of each."""

    rate: float
    sent: int
    kept: int
    share: float
    bytes_each: float


def measure(plan: Plan) -> Iterator[Row]:
    joined = _streamed(plan.folder / "series", max(5, plan.times(SECONDS)))
    single = _streamed(plan.folder / "single", max(5, plan.times(SECONDS_SINGLE)), _SINGLE)
    count = len(PROTOCOLS)
    gauges = f"{count} gauges"
    lost = (joined.sent - joined.kept) + (single.sent - single.kept)
    total = f"of {joined.sent:,} in series and {single.sent:,} single ones"
    yield Row(f"{gauges}, values sent", joined.rate, "values/s", goal=at_least(0.98 * RATE * count, "values/s"))
    yield Row(f"{gauges}, values lost", lost, "values", goal=at_most(0, "values"), note=total)
    yield _share(f"{gauges} at {RATE}/s, processor time", joined)
    yield _share(f"{gauges} at {RATE}/s, processor time, a fact each", single)
    yield Row("journal, a value of a stream", joined.bytes_each, "bytes", single.bytes_each, note="floor: a fact each")


def _share(measure: str, figures: Figures) -> Row:
    return Row(measure, 100 * figures.share, "% of a core", goal=at_most(25, "% of a core"))


def _streamed(folder: Path, seconds: int, settings: str = "") -> Figures:
    with Rig(folder) as rig, ExitStack() as lines:
        frames = [(lines.enter_context(PtyLine(rig.folder / name)), _frames(name)) for name in PROTOCOLS]
        _add_devices(rig, settings)
        rig.start()
        _wait(rig.journal, _OPENED, len(frames) + 3)
        size = _asked(rig.journal, _SIZE)
        process = psutil.Process(rig.pid)
        before_s, began = _processor_s(process), time.perf_counter()
        sent = _sent(frames, RATE * seconds)
        took_s = time.perf_counter() - began
        kept = _wait(rig.journal, _COUNT, sent)
        share = (_processor_s(process) - before_s) / (time.perf_counter() - began)
        bytes_each = (_asked(rig.journal, _SIZE) - size) / kept
    return Figures(sent / took_s, sent, kept, share, bytes_each)


def _frames(protocol: str) -> list[bytes]:
    gauge = PROTOCOLS[protocol](protocol, PtyLine.__new__(PtyLine))
    frames = []
    for step in range(DIFFERENT):
        gauge.show(f"{10 + step / 1000:.3f}")
        frames.append(gauge.frame())
    return frames


def _add_devices(rig: Rig, settings: str) -> None:
    with rig.file.open("a", encoding="utf-8") as file:
        file.write(settings)
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
    while (found := _asked(journal, sql)) < count and time.monotonic() < deadline_s:
        time.sleep(POLL_S)
    if not found:
        raise RigError(f"nothing of what was waited for: {sql}")
    return found


def _asked(journal: Path, sql: str) -> int:
    """The one number that a query finds in the journal."""
    with closing(sqlite3.connect(f"file:{journal}?mode=ro", uri=True)) as db:
        return int(db.execute(sql).fetchone()[0])
