"""Reference data of a large plant: memory it takes, time to take it in, and how long a scan waits meanwhile.

10,000 operators, 1,000 routes and products, 100,000 units.  Each figure in a process of its own: memory is the resident
set after a start with these sets kept in the journal, less that of the same process before.
"""

from __future__ import annotations

import gc
import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from agent.runtime.clock import Clock
from agent.runtime.library import undisturbed
from agent.station.reference import NOTHING, Set
from agent.station.sets.change import Paper, prepare, restored
from tests.bench.rows import Row, at_most

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.plan import Plan

ISSUED = "2026-11-20T06:00:00Z"
OPERATORS, ROUTES, UNITS = 10_000, 1_000, 100_000
MEGABYTE = 1_000_000
SWITCH_S = 0.0005
"""As `lineside run` sets it."""


def measure(plan: Plan) -> Iterator[Row]:
    told = _child("take", plan.folder)
    yield Row("reference data, 100,000 units: read and check", told["take_s"], "s")
    yield Row("longest wait of another thread meanwhile", told["wait_ms"], "ms", goal=at_most(100, "ms"))
    yield Row("reference data kept on disk", told["kept_mb"], "MB")
    told = _child("start", plan.folder)
    yield Row("reference data at the start", told["start_s"], "s", goal=at_most(5, "s"))
    yield Row("reference data, resident", told["memory_mb"], "MB", goal=at_most(60, "MB"))


def documents() -> dict[str, bytes]:
    """The documents of all large sets, by set."""

    def made(which: Set, rows: list[dict[str, Any]]) -> bytes:
        return json.dumps({"set": which.value, "revision": "1", "issued": ISSUED, "data": rows}).encode()

    steps = range(10)
    routes = [{"name": f"R{i}", "operations": [f"op-{i}-{j}" for j in steps]} for i in range(ROUTES)]
    products = [
        {
            "number": f"P{i}",
            "route": f"R{i}",
            "components": [{"part": f"47{i}-A", "operation": f"op-{i}-3"}],
            "instructions": {f"op-{i}-{j}": "3" for j in steps},
        }
        for i in range(ROUTES)
    ]
    operators = [
        {
            "badge": f"{i:06}",
            "name": f"Operator {i}",
            "roles": ["operator"],
            "qualifications": {f"op-{(i + j) % ROUTES}-{j}": "2027-01-01" for j in steps},
        }
        for i in range(OPERATORS)
    ]
    units = [
        {"serial": f"SN{i:010}", "product": f"P{i % ROUTES}", "done": [f"op-{i % ROUTES}-{j}" for j in range(i % 10)]}
        for i in range(UNITS)
    ]
    sets = {Set.ROUTES: routes, Set.PRODUCTS: products, Set.OPERATORS: operators, Set.UNITS: units}
    return {which.value: made(which, rows) for which, rows in sets.items()}


def take(folder: Path) -> dict[str, float]:
    """Take all sets one after the other, with another thread that wants to run every millisecond."""
    payloads = documents()
    gc.collect()
    gc.freeze()
    waits: list[float] = []
    over = threading.Event()

    def watch() -> None:
        while not over.is_set():
            began = time.perf_counter()
            time.sleep(0.001)
            waits.append(time.perf_counter() - began - 0.001)

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    reference, now = NOTHING, Clock().now()
    bodies: dict[str, bytes] = {}
    for payload in payloads.values():
        with undisturbed(large=True):
            change = prepare(reference, [Paper(payload)], now)
        if change.mistakes:
            raise AssertionError(change.mistakes[:3])
        reference = change.after
        bodies[change.taken[0].which.value] = change.taken[0].body
    took_s = time.perf_counter() - began
    over.set()
    watcher.join()
    for name, body in bodies.items():
        (folder / f"{name}.kept").write_bytes(body)
    kept_mb = sum(map(len, bodies.values())) / MEGABYTE
    return {"take_s": took_s, "wait_ms": 1000 * max(waits), "kept_mb": kept_mb}


def start(folder: Path) -> dict[str, float]:
    """Load all sets as a start of the agent does."""
    bodies = {which: [file.read_bytes()] for which in Set if (file := folder / f"{which}.kept").exists()}
    now = Clock().now()
    revisions = {
        which: change_revision.revisions[which]
        for which in bodies
        if (change_revision := prepare(NOTHING, [Paper(_empty(which))], now).after)
    }
    gc.collect()
    before = psutil.Process().memory_info().rss
    began = time.perf_counter()
    with undisturbed(large=True):
        reference = restored(bodies, revisions)
    took_s = time.perf_counter() - began
    memory = psutil.Process().memory_info().rss - before
    if len(reference.units) != UNITS:
        raise AssertionError("not all units are there")
    return {"start_s": took_s, "memory_mb": memory / MEGABYTE}


def _empty(which: Set) -> bytes:
    return json.dumps({"set": which.value, "revision": "1", "issued": ISSUED, "data": []}).encode()


def _child(what: str, folder: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.reference", what, str(folder)]
    told: dict[str, float] = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    return told


if __name__ == "__main__":
    sys.setswitchinterval(SWITCH_S)
    print(json.dumps({"take": take, "start": start}[sys.argv[1]](Path(sys.argv[2]))))
