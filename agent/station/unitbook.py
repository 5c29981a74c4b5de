"""What this station knows of units by itself: operations that are complete, and whether a unit may go on.

Own work and the word of the other stations stand in one book; reference data stands beside it.  Bounded: SHARDS small
documents of KEPT units each, so that about the last 5,000 units are kept, and never more than 10,240.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING
from zlib import crc32

from agent.station.policy import Disposition

if TYPE_CHECKING:
    from agent.station.decision import Document, Draft

PREFIX = "units/"
"""Documents of the book are kept under this and the number of the shard."""

SHARDS = 256

KEPT = 40
"""Units in one shard; the mean is 20 with the last 5,000 units, and more than 40 are then as good as never there."""

HERE = "here"
"""Stands for this station where the book names who did an operation."""

HELD = (Disposition.HOLD, Disposition.SCRAP)
"""A unit in one of these goes nowhere."""


@lru_cache(maxsize=256)
def shard_of(name: str) -> str:
    """Two hexadecimal digits that `name` always falls on."""
    return f"{crc32(name.encode()) % SHARDS:02x}"


def look_up(draft: Draft, unit: str) -> Document:
    """What is known of a unit; empty if nothing is."""
    shard = draft.get(PREFIX + shard_of(unit)) or {}
    entry: Document = shard.get(unit) or {}
    return entry


def note(draft: Draft, unit: str, **changes: object) -> None:
    """Keep `changes` of what is known of a unit; the units that were longest not spoken of go, those held last."""
    key = PREFIX + shard_of(unit)
    shard = dict(draft.get(key) or {})
    entry = {**shard.pop(unit, {}), **changes}
    shard[unit] = {name: value for name, value in entry.items() if value not in ("", None)}
    while len(shard) > KEPT:
        del shard[next((one for one, known in shard.items() if known.get("status") not in HELD), next(iter(shard)))]
    draft.put(key, shard)


def done(entry: Document) -> dict[str, str]:
    """Operation -> station that did it."""
    told: dict[str, str] = entry.get("done", {})
    return told


def held(draft: Draft, unit: str) -> str | None:
    """Why a unit goes nowhere, in words; None if nothing is known against it."""
    return why_held(unit, look_up(draft, unit))


def why_held(unit: str, entry: Document) -> str | None:
    """The same, by what is known of the unit."""
    if entry.get("status") not in HELD:
        return None
    why = f": {entry['why']}" if entry.get("why") else ""
    return f"unit {unit} is {'on hold' if entry['status'] == Disposition.HOLD else 'scrap'}{why}"
