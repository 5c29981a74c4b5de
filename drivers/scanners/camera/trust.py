"""Which readings of one picture are believed.

A wrong code is worse than none.  Knows no pictures: readings in, symbols out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.scanners.camera.reading import Engine
from drivers.scanners.camera.symbol import LINEAR, Symbology

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.scanners.camera.reading import Reading
    from drivers.scanners.camera.symbol import Symbol

WEAK = frozenset({Symbology.CODABAR, Symbology.CODE_39, Symbology.EAN_8, Symbology.EAN_13, Symbology.ITF})
"""With a weak check or none: blurred or swollen bars can give another code that looks as good."""

ZBAR_LINES = 3
"""Lines on which zbar must have read alike, where nobody else confirms it."""


class Trust:
    """Judges readings.  A code of the symbologies `twice` needs two that do not depend on each other."""

    def __init__(self, twice: frozenset[Symbology]) -> None:
        self._twice = twice | {Symbology.ITF}

    def believed(self, readings: Sequence[Reading]) -> list[Symbol]:
        """The codes to believe, each once at a place, in the order in which they were first read."""
        return [reading.symbol for reading in _first_at_their_place(readings) if self._believes(reading, readings)]

    def doubts(self, readings: Sequence[Reading]) -> bool:
        """Whether a code was read that is not believed, but would be if it was read once more."""
        return any(
            not self._believes(reading, readings) and not _contradicted(reading, readings) for reading in readings
        )

    def _believes(self, reading: Reading, readings: Sequence[Reading]) -> bool:
        if _contradicted(reading, readings):
            return False
        alike = [other for other in readings if _same(reading.symbol, other.symbol)]
        if len({other.origin for other in alike}) > 1:
            return True
        return reading.symbol.symbology not in self._twice and any(_good_alone(other) for other in alike)


def _good_alone(reading: Reading) -> bool:
    return reading.engine is Engine.ZXING or reading.lines >= ZBAR_LINES


def _first_at_their_place(readings: Sequence[Reading]) -> list[Reading]:
    return [
        reading
        for count, reading in enumerate(readings)
        if not any(_same(reading.symbol, before.symbol) for before in readings[:count])
    ]


def _contradicted(reading: Reading, readings: Sequence[Reading]) -> bool:
    return any(_contradicts(other.symbol, reading.symbol) for other in readings)


def _contradicts(other: Symbol, one: Symbol) -> bool:
    """Whether `other` lies where `one` does and says more than it, or something else where that may be a mistake."""
    if one.symbology not in LINEAR or other.code == one.code or not _in_the_same_place(one, other):
        return False
    if other.symbology is one.symbology and one.text in other.text:
        return True
    is_part = other.symbology is one.symbology and other.text in one.text
    return not is_part and {one.symbology, other.symbology} <= WEAK


def _same(one: Symbol, other: Symbol) -> bool:
    return one.code == other.code and one.overlaps(other)


def _in_the_same_place(one: Symbol, other: Symbol) -> bool:
    """Whether the middle of one lies in the box of the other.  Labels side by side may have boxes that overlap."""
    return _holds(one, other) or _holds(other, one)


def _holds(outer: Symbol, inner: Symbol) -> bool:
    left, top, right, bottom = outer.box
    inner_left, inner_top, inner_right, inner_bottom = inner.box
    x, y = (inner_left + inner_right) / 2, (inner_top + inner_bottom) / 2
    return left <= x <= right and top <= y <= bottom
