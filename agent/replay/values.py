"""The values of series, one by one, in the order in which they were seen.

A series is written when it ends, behind facts that were seen after its first values; those of several gauges lie
beside each other.
"""

from __future__ import annotations

from dataclasses import replace
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import series

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from agent.replay.recorded import Recorded

    Place = tuple[int, int]


class Values:
    """Series that are being taken apart.  `place` tells where in the history a fact was seen."""

    def __init__(self, place: Callable[[Recorded], Place]) -> None:
        self._place = place
        self._heap: list[tuple[Place, int, Recorded, Iterator[Recorded]]] = []

    def __len__(self) -> int:
        """How many series have values left."""
        return len(self._heap)

    def add(self, fact: Recorded) -> None:
        """Take the values of a series in."""
        self._push(fact.sequence, _apart(fact))

    def until(self, end: Place | None) -> Iterator[Recorded]:
        """Give the next values, those seen before `end`; none behind the last of a series, which another may follow."""
        count = len(self._heap)
        while len(self._heap) == count and self._heap and (end is None or self._heap[0][0] < end):
            _, sequence, value, rest = heappop(self._heap)
            self._push(sequence, rest)
            yield value

    def _push(self, sequence: int, values: Iterator[Recorded]) -> None:
        if (value := next(values, None)) is not None:
            heappush(self._heap, (self._place(value), sequence, value, values))


def _apart(fact: Recorded) -> Iterator[Recorded]:
    """The facts that the values of a series would have been."""
    for data, moment in series.apart(fact.data, fact.moment):
        yield replace(fact, kind=Kind.MEASUREMENT_TAKEN.value, data=data, moment=moment)
