"""Tell what an open operation still needs, and what of it may be done now.

Knows the declared steps and what the operation's document says is done.  Parts and measurements that no step names come
after the steps, in the order in which they are declared.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from agent.station.decision import Document
    from agent.station.work import Operation, Step

GOOD = "pass"
"""Verdict of a value that counts."""


@dataclass(frozen=True, slots=True)
class Need:
    """One thing still to do: a kind of step, what it is about, how often, and the same in the operator's words.

    `what` is the part, the characteristic, the step's name or the machine signal; `active` the state to wait for.
    """

    kind: str
    what: str
    count: int
    words: str
    step: str = ""
    active: bool = True


class Piece(NamedTuple):
    """A component: part number, how many, and whether each tells a serial number."""

    number: str
    quantity: int
    serial: bool


Done = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Parts built in, good values, steps taken, and characteristics that are not measured this time; by their names."""


def parts_of(operation: Operation, document: Document) -> list[Piece]:
    """The components of an open operation: by the bill of material it was started with, else by the station file."""
    if "bom" not in document:
        return [Piece(one.number, one.quantity, one.serial) for one in operation.part]
    return [Piece(one["part"], one["quantity"], one["serial"]) for one in document["bom"]]


def by_number(operation: Operation, document: Document) -> Mapping[str, Piece]:
    """The same components by their part numbers."""
    return _pieces(tuple(parts_of(operation, document))) if "bom" in document else _declared(operation)


def needs(operation: Operation, document: Document) -> Sequence[Need]:
    """What is still to do, in order."""
    parts, measurements, ticked = document["parts"], document["measurements"], document.get("steps")
    done = (
        tuple([taken["part"] for taken in parts]) if parts else (),
        tuple([taken["name"] for taken in measurements if taken["verdict"] == GOOD]) if measurements else (),
        tuple([one["step"] for one in ticked]) if ticked else (),
        tuple(document.get("skipped", ())),
    )
    return _left(operation, tuple(parts_of(operation, document)) if "bom" in document else None, done)


def due(operation: Operation, left: Sequence[Need]) -> Sequence[Need]:
    """What of it may be done now."""
    return left[:1] if operation.order == "sequence" else left


@lru_cache(maxsize=1024)
def _left(operation: Operation, bill: tuple[Piece, ...] | None, done: Done) -> tuple[Need, ...]:
    """Looked up for all units that are as far."""
    parts, measured, ticked, skipped = done
    built_in, good = _tally(parts), _tally(measured)
    left: list[Need] = []
    for kind, what, times, step in _plan(operation) if bill is None else _todo(operation, bill):
        have = 0
        if kind == "scan":
            have = _draw(built_in, what, times)
        elif kind == "measure":
            have = times if what in skipped else _draw(good, what, times)
        elif step is not None and step.name in ticked:
            have = times
        if have < times:
            left.append(_need(operation, kind, what, times - have, step))
    return tuple(left)


@lru_cache(maxsize=256)
def _declared(operation: Operation) -> Mapping[str, Piece]:
    return _pieces(tuple(parts_of(operation, {})))


def _pieces(pieces: tuple[Piece, ...]) -> Mapping[str, Piece]:
    return {piece.number: piece for piece in pieces}


@lru_cache(maxsize=256)
def _plan(operation: Operation) -> tuple[tuple[str, str, int, Step | None], ...]:
    """The same for each unit, where no bill of material asks for more."""
    return tuple(_todo(operation, tuple(parts_of(operation, {}))))


def _todo(operation: Operation, parts: tuple[Piece, ...]) -> Iterator[tuple[str, str, int, Step | None]]:
    """Kind, object, times and step of all that the operation consists of."""
    named: Counter[tuple[str, str]] = Counter()
    for step in operation.step:
        what = {"scan": step.part, "measure": step.measurement, "await": step.signal}.get(step.kind, step.name)
        named[step.kind, what] += step.times
        yield step.kind, what, step.times, step
    for part in parts:
        if (times := part.quantity - named["scan", part.number]) > 0:
            yield "scan", part.number, times, None
    for characteristic in operation.measurement:
        if not named["measure", characteristic.name]:
            yield "measure", characteristic.name, 1, None


def _tally(names: Sequence[str]) -> dict[str, int]:
    """How often each is there."""
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return found


def _draw(stock: dict[str, int], what: str, times: int) -> int:
    """Take up to `times` of what is done; it counts for one step only."""
    there = stock.get(what, 0)
    have = min(times, there)
    stock[what] = there - have
    return have


@lru_cache(maxsize=1024)
def _need(operation: Operation, kind: str, what: str, count: int, step: Step | None) -> Need:
    often = f" ({count} times)" if count > 1 else ""
    match kind:
        case "scan":
            words = f"scan part {what}{often}"
        case "measure":
            gauge = next(one.gauge for one in operation.measurement if one.name == what)
            words = f"measure {what} with {gauge}{often}"
        case "tick":
            words = f"tick {what}"
        case _:
            words = f"wait for {what}"
    return Need(kind, what, count, words, step.name if step else "", step.active if step else True)
