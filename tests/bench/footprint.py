"""Memory and idle processor time of `lineside run` with serial devices only: no camera, no page.

Memory is the resident set of the process with its scanner, gauge and button box open and a broker connected.  The floor
is a bare interpreter that imports the same modules of the standard library and of others, and none of ours.

Idle processor time is what all threads of the same process used while nothing happened, of one core.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tests.bench.rig import Rig
from tests.bench.rows import Row, against, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.plan import Plan

SETTLE_S = 3.0
IDLE_S = 20.0
MEGABYTE = 1_000_000

NAME_IMPORTS = """\
import json, sys
from pathlib import Path
from agent import app, cli, config
from agent.runtime import notify
config.read(Path(sys.argv[1]))
print(json.dumps([name for name in sys.modules if name.partition(".")[0] not in {"agent", "drivers", "__main__"}]))
"""

IMPORT = """\
import importlib, json, sys
from contextlib import suppress
for name in json.loads(sys.stdin.readline()):
    with suppress(ImportError):
        importlib.import_module(name)
print("ready", flush=True)
sys.stdin.read()
"""


def measure(plan: Plan) -> Iterator[Row]:
    with Rig(plan.folder / "rig") as rig:
        rig.start()
        time.sleep(SETTLE_S)
        with _bare_interpreter(rig.file) as bare:
            floor = _resident(bare)
            memory = _resident(rig.pid)
        yield against("memory, against the same imports", memory, "MB", floor, at_most(1.3))
        yield Row("memory, serial devices only", memory, "MB", goal=at_most(60, "MB"))
        before_s, began = _processor_s(rig.pid), time.perf_counter()
        time.sleep(IDLE_S / plan.times(4) if plan.quick else IDLE_S)
        share = (_processor_s(rig.pid) - before_s) / (time.perf_counter() - began)
    yield Row("idle processor time", 100 * share, "% of a core", goal=at_most(0.5, "% of a core"))


@contextmanager
def _bare_interpreter(file: Path) -> Iterator[int]:
    """The pid of an interpreter that has imported what the agent imports."""
    names = subprocess.run([sys.executable, "-c", NAME_IMPORTS, str(file)], capture_output=True, check=True).stdout
    command = [sys.executable, "-W", "ignore", "-c", IMPORT]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError("made with pipes")
        process.stdin.write(json.dumps(json.loads(names)).encode() + b"\n")
        process.stdin.flush()
        process.stdout.readline()
        yield process.pid


def _resident(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / MEGABYTE


def _processor_s(pid: int) -> float:
    """Seconds on a processor, of all threads that live, to the nanosecond: /proc/PID/stat counts in steps of 10 ms."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9
