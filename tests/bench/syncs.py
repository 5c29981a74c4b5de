"""How often the disk is waited for: fsync and fdatasync calls of the recorder, counted by strace.

A steady figure where times are not.  What opening and closing a journal costs is counted apart and taken off.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

from tests.bench.rows import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.bench.plan import Plan

LONE = 40
BURST = 1000
CALL = re.compile(rb"\bf(?:data)?sync\(")
TIMEOUT_S = 60.0


def measure(plan: Plan) -> Iterator[Row]:
    strace = shutil.which("strace")
    trouble = "" if strace else "strace is not installed: apt-get install strace"
    opened = lone = burst = 0
    if strace:
        try:
            opened, lone, burst = (
                _calls(strace, plan.folder / name, counts)
                for name, counts in (("open", (0, 0)), ("lone", (LONE, 0)), ("burst", (0, BURST)))
            )
        except subprocess.CalledProcessError as error:
            trouble = f"strace may not trace here: {error.stderr.decode(errors='replace').strip()[-200:]}"
    for what, count, goal in (
        ("a scan alone", (lone - opened) / LONE, at_most(1, "calls")),
        (f"a burst of {BURST:,} signals", float(burst - opened), at_most(5, "calls")),
    ):
        told = f"skipped: {trouble}" if trouble else f"{opened} to open and close, taken off"
        yield Row(f"fsyncs, {what}", None if trouble else count, "calls", goal=goal, note=told)


def _calls(strace: str, folder: Path, counts: tuple[int, int]) -> int:
    folder.mkdir()
    log = folder / "strace.log"
    tracing = [strace, "-f", "-qq", "-e", "trace=fsync,fdatasync", "-o", str(log)]
    command = [sys.executable, "-m", "tests.bench.recorder_child", str(folder / "agent"), *map(str, counts)]
    subprocess.run([*tracing, *command], check=True, capture_output=True, timeout=TIMEOUT_S)
    return len(CALL.findall(log.read_bytes()))
