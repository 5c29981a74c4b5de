"""Measure the buffers that are libraries: how fast, how often the disk is waited for, what a kill -9 leaves."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING

from tests.bench.peers.processes import Store
from tests.bench.peers.table import Kill, Speed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RECORDS = 100_000
ROUNDS = 3
KILLS = 5
PACED_MS = 10
"""100 records a second."""

QUEUED = "no: a thread writes it later, without fsync"
CACHED = "no: in the page cache, without fsync"
NEVER = "no: memory only"
DURABLE = "yes: fsync"


@dataclass(frozen=True, slots=True)
class Contender:
    """A buffer and what is to be measured of it; `records` to drain, 0 if that tells nothing."""

    what: str
    store: Store
    durable: str
    records: int = RECORDS
    paced: bool = True
    killed: bool = True
    note: str = ""


def gateway(python: Path, version: str) -> list[Contender]:
    name = f"ThingsBoard Gateway {version}"
    return [
        Contender(f"{name}, SQLite", Store("thingsboard-sqlite", python), QUEUED),
        Contender(f"{name}, file", Store("thingsboard-file", python), CACHED),
        Contender(f"{name}, memory (as shipped)", Store("thingsboard-memory", python), NEVER, records=0),
    ]


def ours(python: Path) -> list[Contender]:
    single, groups, deleting = (Store(f"lineside-{name}", python) for name in ("single", "groups", "deleting"))
    deletes = "one put is 100 records; 20,000 records, deleted and their space given back while draining"
    return [
        Contender("Lineside, one record a transaction", single, DURABLE, records=0),
        Contender("Lineside, 100 a transaction", groups, DURABLE, paced=False, note="one put is 100 records"),
        Contender("Lineside, keep_days = 0", deleting, DURABLE, 20_000, paced=False, killed=False, note=deletes),
    ]


def speeds(contenders: list[Contender], folder: Path) -> list[Speed]:
    """Rounds in which all take turns, because a shared disk may be twenty times faster a minute later."""
    rounds = [
        [_round(contender, folder / f"{contender.store.name}-{number}") for contender in contenders]
        for number in range(ROUNDS)
    ]
    return [
        _speed(contender, list(found), contender.store.syncs(folder / f"{contender.store.name}-syncs"))
        for contender, found in zip(contenders, zip(*rounds, strict=True), strict=True)
    ]


def kills(contenders: list[Contender], folder: Path) -> Iterator[Kill]:
    for contender in contenders:
        if not contender.killed:
            continue
        for how, gap_ms in (("as fast as it goes", 0), ("100 puts a second", PACED_MS)):
            store = contender.store
            pairs = [store.killed(folder / f"{store.name}-{gap_ms}-{number}", gap_ms) for number in range(KILLS)]
            taken, missing = (sum(column) for column in zip(*pairs, strict=True))
            worst = max(pair[1] for pair in pairs)
            yield Kill(contender.what, how, KILLS, taken, missing, f"{worst:,} at worst" if missing else "")


def _round(contender: Contender, folder: Path) -> dict[str, float]:
    found = contender.store.run("put", folder, contender.records or RECORDS)
    if contender.records:
        drained = contender.store.run("drain", folder, int(found["records"]))
        found |= {"drained": drained["rate"], "unseen": found["records"] - drained["seen"]}
    if contender.paced:
        found |= contender.store.run("pace", folder.with_name(folder.name + "-paced"), 0)
    return found


def _speed(contender: Contender, rounds: list[dict[str, float]], syncs: float | None) -> Speed:
    def middle(key: str) -> float | None:
        return median(found[key] for found in rounds) if key in rounds[0] else None

    notes = [contender.note] if contender.note else []
    if unseen := middle("unseen"):
        put = middle("records") or 0
        notes.append(f"nobody killed it, and its reader gave out {put - unseen:,.0f} of {put:,.0f} records")
    return Speed(
        contender.what, contender.durable, middle("returned"), middle("written"), middle("drained"),
        middle("p50"), middle("p99"), syncs, "; ".join(notes),
    )  # fmt: skip
