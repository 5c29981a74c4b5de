"""Know which characteristics are measured on this unit: each, each k-th, the first of a shift, or that of a new lot.

A characteristic that is due stays due until it is measured on a unit that is completed.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from agent.station import shifts
from agent.station.steps import GOOD

if TYPE_CHECKING:
    from agent.station.decision import Document, Draft
    from agent.station.work import Characteristic, Operation

PREFIX = "sample/"
"""Documents of samples are kept under this and the operation's name."""

LOTS = 100
"""Lots of one characteristic that are remembered as measured; one that comes back later is measured again."""


def not_due(draft: Draft, operation: Operation) -> list[str]:
    """Characteristics that a unit starts without."""
    sampled = _sampled(operation)
    if not sampled:
        return []
    known = draft.get(PREFIX + operation.name) or {}
    return [one.name for one in sampled if not _is_due(draft, one, known.get(one.name))]


def with_lot(draft: Draft, operation: Operation, document: Document, part: str, lot: str) -> Document:
    """Return the open operation with what a lot that is new asks for."""
    if not document.get("skipped"):
        return document
    known = draft.get(PREFIX + operation.name) or {}
    by_lot = {one.name for one in operation.measurement if one.sample == "lot"}
    new = {name for name in by_lot if f"{part}/{lot}" not in known.get(name, {}).get("lots", ())}
    if not new & set(document["skipped"]):
        return document
    return {**document, "skipped": [name for name in document["skipped"] if name not in new]}


def count(draft: Draft, operation: Operation, document: Document) -> None:
    """Count a completed unit, and what was measured on it."""
    sampled = _sampled(operation)
    if not sampled:
        return
    known = dict(draft.get(PREFIX + operation.name) or {})
    measured = {taken["name"] for taken in document["measurements"] if taken["verdict"] == GOOD}
    lots = [f"{taken['part']}/{taken['lot']}" for taken in document["parts"]]
    for one in sampled:
        before: Document = known.get(one.name, {})
        if one.name in measured:
            kept = [lot for lot in before.get("lots", []) if lot not in lots]
            known[one.name] = {
                "units": 1,
                "shift": shifts.current(draft),
                "lots": [*kept, *dict.fromkeys(lots)][-LOTS:],
            }
        elif before:
            known[one.name] = {**before, "units": before["units"] + 1}
    draft.put(PREFIX + operation.name, known)


@lru_cache(maxsize=256)
def _sampled(operation: Operation) -> tuple[Characteristic, ...]:
    """The characteristics that are not measured on each unit."""
    return tuple(one for one in operation.measurement if one.sample != "unit" or one.every > 1)


def _is_due(draft: Draft, characteristic: Characteristic, known: Document | None) -> bool:
    if characteristic.sample == "lot":
        return False
    if known is None:
        return True
    if characteristic.sample == "shift":
        shift = shifts.current(draft)
        return not shift or known["shift"] != shift
    return bool(known["units"] >= characteristic.every)
