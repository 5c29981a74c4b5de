"""How fast lanes fill and empty, and how long the space lasts at that rate."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.events import Lane
    from agent.journal.lanes import LaneState

WINDOW_S = 60.0
"""Rates are means over this long, or since the first look."""

SAMPLE_EVERY_S = 1.0
SECONDS_AN_HOUR = 3600.0


@dataclass(frozen=True, slots=True)
class LaneRates:
    """Events a second taken in and confirmed; hours until the budget is used up, None while it is not filling."""

    in_per_s: float
    out_per_s: float
    hours_left: float | None


class Rates:
    """Looks at the lanes from time to time.  Times are monotonic seconds."""

    def __init__(self) -> None:
        self._samples: deque[tuple[float, Mapping[Lane, LaneState]]] = deque()

    def look(self, book: Mapping[Lane, LaneState], free_bytes: int, now_s: float) -> dict[Lane, LaneRates]:
        """Take a look; `free_bytes` is what the disk has left.  Returns the rates of each lane."""
        samples = self._samples
        while samples and now_s - samples[0][0] > WINDOW_S:
            samples.popleft()
        if not samples or now_s - samples[-1][0] >= SAMPLE_EVERY_S:
            samples.append((now_s, dict(book)))
        then_s, before = samples[0]
        span_s = max(now_s - then_s, SAMPLE_EVERY_S)
        return {lane: _rates(before.get(lane, state), state, free_bytes, span_s) for lane, state in book.items()}


def _rates(before: LaneState, state: LaneState, free_bytes: int, span_s: float) -> LaneRates:
    taken_in = max(0, state.last - before.last) / span_s
    confirmed = max(0, state.confirmed - before.confirmed) / span_s
    kept = state.last - state.first + 1
    growth_bytes_per_s = (taken_in - confirmed) * (state.size_bytes / kept if kept > 0 else 0.0)
    if growth_bytes_per_s <= 0:
        return LaneRates(taken_in, confirmed, None)
    room = free_bytes if not state.budget_bytes else min(free_bytes, state.budget_bytes - state.size_bytes)
    return LaneRates(taken_in, confirmed, max(0, room) / growth_bytes_per_s / SECONDS_AN_HOUR)
