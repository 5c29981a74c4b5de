"""What came before what: by monotonic time within a boot of the machine, whatever the wall clock said meanwhile.

Between boots the numbers of the lanes tell, and the wall only where no lane has events of both.  Reads finished events.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from heapq import heappop, heappush
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    Facts = Mapping[str, Any]


class Point(NamedTuple):
    """Where an event stands: its wall time, its boot, and where it belongs among the monotonic times of that boot."""

    time: str
    boot: str = ""
    order_ns: int = 0

    @classmethod
    def of(cls, event: Facts) -> Point:
        """The point of a finished event."""
        return cls(event["time"], event["bootid"], int(event.get("turnns") or event["monotonicns"]))

    def is_behind(self, other: Point) -> bool:
        """Whether it came later: by the wall, if the two were not in one boot."""
        if self.boot and self.boot == other.boot:
            return self.order_ns > other.order_ns
        return self.time > other.time


def in_order(events: Iterable[Facts]) -> list[Any]:
    """Return the events of one journal in the order in which they were decided."""
    lanes: dict[str, list[Facts]] = {}
    for event in sorted(events, key=_number):
        lanes.setdefault(event["lane"], []).append(event)
    rank = {boot: place for place, boot in enumerate(_boots([*lanes.values()]))}

    def place(event: Facts) -> tuple[int, int]:
        point = Point.of(event)
        return rank[point.boot], point.order_ns

    return sorted((event for lane in lanes.values() for event in lane), key=place)


def _boots(lanes: Sequence[Sequence[Facts]]) -> Iterable[str]:
    """The boots of the machine, one after the other."""
    first: dict[str, str] = {}
    befores: dict[str, set[str]] = {}
    for lane in lanes:
        for event in lane:
            boot, time = event["bootid"], event["time"]
            first[boot] = min(first.get(boot, time), time)
        several = [*dict.fromkeys(event["bootid"] for event in lane)]
        for boot, after in pairwise(several):
            befores.setdefault(after, set()).add(boot)
    sorter = TopologicalSorter({boot: befores.get(boot, ()) for boot in first})
    sorter.prepare()
    ready: list[tuple[str, str]] = []
    while sorter.is_active():
        for boot in sorter.get_ready():
            heappush(ready, (first[boot], boot))
        _, boot = heappop(ready)
        sorter.done(boot)
        yield boot


def _number(event: Facts) -> int:
    return int(event["sequence"])
