"""One buffer in a process of its own: `python -m tests.bench.peers.child WHAT STORE FOLDER [NUMBER]`.

Runs in the environment of the peer, so: standard library only.  `put`, `pace`, `drain` and `left` print one line of
JSON; `report` prints a line with the newest number whenever `put` has returned, until it is killed.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.peers.store import QUIET_S, RefusedError, Store, opened, record

if TYPE_CHECKING:
    from collections.abc import Callable

PUT_S = 2.0
"""A buffer that waits for the disk at each record puts for so long, then stops."""

PACED_PUTS = 100
GAP_S = 0.01
"""A busy station: 100 records a second."""

FULL_S = 30.0
"""A buffer that is full waits so long for the kill."""


def put(store: Store, most: int) -> dict[str, float]:
    """Put as fast as it goes, `most` records at most; tell rates until `put` returned, and until all is in the file."""
    groups = _groups(store, most)
    done = 0
    began = time.perf_counter()
    for group in groups:
        store.put(group)
        done += len(group)
        if time.perf_counter() - began > PUT_S:
            break
    returned_s = time.perf_counter() - began
    store.settle()
    return {"records": done, "returned": done / returned_s, "written": done / (time.perf_counter() - began)}


def pace(store: Store, _: int) -> dict[str, float]:
    """Milliseconds until one `put` returns, when they come one by one."""
    samples = []
    for number in range(PACED_PUTS):
        text = [record(number)]
        began = time.perf_counter()
        store.put(text)
        samples.append(1000 * (time.perf_counter() - began))
        time.sleep(GAP_S)
    samples.sort()
    return {"p50": samples[len(samples) // 2], "p99": samples[len(samples) * 99 // 100]}


def drain(store: Store, count_: int) -> dict[str, float]:
    """Read and confirm pack after pack, until all `count_` were seen, or nothing more comes."""
    seen: set[int] = set()
    began = last = time.perf_counter()
    while len(seen) < count_ and time.perf_counter() - last < QUIET_S:
        if pack := store.take():
            seen.update(pack)
            last = time.perf_counter()
    return {"rate": len(seen) / (last - began), "seen": len(seen)}


def left(store: Store, upto: int) -> dict[str, float]:
    """After a restart: how many of the records 1 to `upto` the buffer still has, and how many of all twice."""
    seen = store.held()
    wanted = [number for number in seen if number <= upto]
    return {"present": len(set(wanted)), "repeated": len(seen) - len(set(seen))}


def report(store: Store, gap_ms: int) -> None:
    """Put for ever, and say so each time `put` returned; `gap_ms` between two, 0 as fast as it goes."""
    with suppress(RefusedError):
        for first in count(1, store.group):
            store.put([record(number) for number in range(first, first + store.group)])
            os.write(1, b"%d\n" % (first + store.group - 1))
            if gap_ms:
                time.sleep(gap_ms / 1000)
    time.sleep(FULL_S)


def _groups(store: Store, most: int) -> list[list[str]]:
    texts = [record(number) for number in range(1, most + 1)]
    return [texts[at : at + store.group] for at in range(0, most, store.group)]


MEASURES: dict[str, Callable[[Store, int], dict[str, float]]] = {"put": put, "pace": pace, "drain": drain, "left": left}


def main(what: str, name: str, folder: str, number: str = "0") -> None:
    store = opened(name, Path(folder))
    if what == "report":
        report(store, int(number))
        return
    found = MEASURES[what](store, int(number))
    store.close()
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
