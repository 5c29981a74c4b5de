"""Wake the station when a timer of its memory ends.

A heap beside the memory: the timers themselves are documents, so a restart, a clock that is set and a failed write
leave them as they are.  Used by the recorder's thread alone.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from typing import TYPE_CHECKING

from agent.events import NS_PER_S
from agent.signals import TimeUp
from agent.station import timers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.events import Moment
    from agent.station.decision import Document

MUCH_STALE = 64
"""Ends of timers that run no more and are still in the heap, beside as many as run; then they are swept out."""


class Wakes:
    """The timers that run, in the order in which they end."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[int, Document]] = {}
        self._heap: list[tuple[int, str]] = []
        self._ended: list[tuple[int, str]] = []

    def begin(self, memory: Mapping[str, Document], now: Moment) -> None:
        """Follow the timers of this memory, and no others."""
        self._ends, self._heap, self._ended = {}, [], []
        self.follow(memory, now)

    def follow(self, changes: Mapping[str, Document | None], now: Moment) -> None:
        """Take what a decision that is on disk has changed."""
        for key, timer in changes.items():
            if not key.startswith(timers.PREFIX):
                continue
            name = key.removeprefix(timers.PREFIX)
            if timer is None:
                self._ends.pop(name, None)
                continue
            end = timers.due_ns(timer, now)
            self._ends[name] = (end, timer)
            heappush(self._heap, (end, name))
        if len(self._heap) > 2 * len(self._ends) + MUCH_STALE:
            self._heap = [(end, name) for name, (end, _) in self._ends.items()]
            heapify(self._heap)

    def wait_s(self, longest_s: float, now_ns: int) -> float:
        """Seconds until the next timer ends, `longest_s` at most."""
        if not self._heap:
            return longest_s
        return min(longest_s, max(0.0, (self._heap[0][0] - now_ns) / NS_PER_S))

    def due(self, now_ns: int) -> list[TimeUp]:
        """The timers that have ended, the first one first; each is told once, however often it was set to that end."""
        self._ended = []
        found = []
        while self._heap and self._heap[0][0] <= now_ns:
            end, name = heappop(self._heap)
            known = self._ends.get(name)
            if known is not None and known[0] == end and (end, name) not in self._ended[-1:]:
                self._ended.append((end, name))
                found.append(TimeUp(name, known[1]))
        return found

    def again(self) -> None:
        """Tell once more what was told last: it could not be recorded."""
        for one in self._ended:
            heappush(self._heap, one)
        self._ended = []
