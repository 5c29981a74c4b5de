"""Sets of whole numbers from 1 up, kept as ranges: a book of ten million events is one range.

Pure.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Range = tuple[int, int]
"""First and last number."""


class Ranges:
    """Numbers in order of size; ranges neither overlap nor touch."""

    def __init__(self, ranges: Iterable[Range] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in ranges:
            self.add(first, last)

    def add(self, first: int, last: int) -> None:
        """Add `first` to `last`, both ends included; nothing if `last` is the smaller one."""
        if last < first:
            return
        begin = bisect_left(self._lasts, first - 1)
        end = bisect_left(self._firsts, last + 2)
        if begin < end:
            first, last = min(first, self._firsts[begin]), max(last, self._lasts[end - 1])
        self._firsts[begin:end] = [first]
        self._lasts[begin:end] = [last]

    def __contains__(self, number: int) -> bool:
        place = bisect_left(self._lasts, number)
        return place < len(self._lasts) and self._firsts[place] <= number

    def __iter__(self) -> Iterator[Range]:
        return zip(self._firsts, self._lasts, strict=True)

    @property
    def highest(self) -> int:
        """The highest number; 0 if there is none."""
        return self._lasts[-1] if self._lasts else 0

    @property
    def contiguous(self) -> int:
        """The number up to which none from 1 on is missing; 0 if 1 is."""
        return self._lasts[0] if self._firsts[:1] == [1] else 0

    def holes(self) -> list[Range]:
        """What is missing below the highest number."""
        return list(without((1, self.highest), self))


def without(span: Range, taken: Iterable[Range]) -> Iterator[Range]:
    """What is left of `span` without `taken`, ranges in order of size."""
    expected = span[0]
    for first, last in taken:
        if expected < first and expected <= span[1]:
            yield expected, min(first - 1, span[1])
        expected = max(expected, last + 1)
    if expected <= span[1]:
        yield expected, span[1]
