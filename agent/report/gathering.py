"""From calls to figures: count, median, 90th percentile and longest of each time, and how long the line stood.

Pure: calls, the time that is looked at, and the present moment come in; numbers go out.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Literal

from agent.events import NS_PER_S
from agent.report.calls import WAITING
from agent.report.figures import TOTAL, UNKNOWN, Open, Report, Row, Spread, Statistic
from agent.report.periods import Calendar

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.events import Moment
    from agent.report.calls import Call, Stop
    from agent.report.figures import Window

Grouping = Literal["type", "name"] | Calendar
"""What makes a group: a word of the call, or the period it was raised in."""


def report(
    calls: Iterable[Call],
    now: Moment,
    window: Window,
    by: Grouping,
    known_open: frozenset[str] = frozenset(),
) -> Report:
    """Return the figures of `calls` within `window`, in groups.

    `known_open` are the calls that the station's memory holds: a call saved from an older journal that has no end and
    is not among them will never get one.
    """
    gathering = _Gathering(now, window, by)
    for call in calls:
        gathering.add(call, lost=call.saved and not call.ended_by and call.call not in known_open)
    return gathering.report()


@dataclass(slots=True)
class _Measure:
    finished: list[float] = field(default_factory=list)
    running: list[float] = field(default_factory=list)
    without: int = 0
    unmeasured: int = 0

    def add(self, took_s: float | None, age_s: float | None, *, over: bool) -> None:
        """Count one step: how long it took, or how long it is waited for; `over` if nobody waits for it any more."""
        if took_s == WAITING and over:
            self.without += 1
        elif took_s == WAITING and age_s is not None:
            self.running.append(age_s)
        elif took_s is None or took_s == WAITING:
            self.unmeasured += 1
        else:
            self.finished.append(took_s)

    def spread(self) -> Spread:
        values = sorted(self.finished + self.running)
        first_running_s = min(self.running, default=inf)
        return Spread(
            len(values),
            len(self.running),
            self.without,
            self.unmeasured,
            *(_statistic(values, percent, first_running_s) for percent in (50, 90, 100)),
        )


@dataclass(slots=True)
class _Group:
    calls: int = 0
    open: int = 0
    cancelled: int = 0
    escalated: int = 0
    highest_level: int = 0
    unclosed: int = 0
    beginning_lost: int = 0
    end_lost: int = 0
    unsynced: int = 0
    standing: bool = False
    acknowledge: _Measure = field(default_factory=_Measure)
    arrive: _Measure = field(default_factory=_Measure)
    resolve: _Measure = field(default_factory=_Measure)
    stop: _Measure = field(default_factory=_Measure)
    stood: list[tuple[float, float]] = field(default_factory=list)

    def add(self, call: Call, age_s: float | None, *, lost: bool) -> None:
        over = bool(call.ended_by)
        self.calls += 1
        self.open += not (over or lost)
        self.cancelled += call.ended_by == "cancelled"
        self.escalated += call.level > 0
        self.highest_level = max(self.highest_level, call.level)
        self.unclosed += call.unclosed
        self.beginning_lost += call.begun is None
        self.end_lost += lost
        self.unsynced += call.begun is not None and not call.begun.synced
        resolved_s = call.ended_s if call.ended_by in {"", "resolved"} else WAITING
        steps = ((self.acknowledge, call.acknowledged_s), (self.arrive, call.arrived_s), (self.resolve, resolved_s))
        for measure, took_s in steps:
            if took_s != WAITING or not lost:
                measure.add(took_s, age_s, over=over)

    def row(self, group: str) -> Row:
        spreads = (self.acknowledge.spread(), self.arrive.spread(), self.resolve.spread(), self.stop.spread())
        told = (self.calls, self.open, self.cancelled, self.escalated, self.highest_level, self.unclosed)
        lost = (self.beginning_lost, self.end_lost, self.unsynced)
        return Row(group, *told, *lost, *spreads, union_s(self.stood), self.standing)


class _Gathering:
    """Groups as they grow."""

    def __init__(self, now: Moment, window: Window, by: Grouping) -> None:
        self._now = now
        self._now_s = now.time_ns / NS_PER_S
        self._window = window
        self._calendar = by if isinstance(by, Calendar) else None
        self._by_call = by if isinstance(by, str) else ""
        self._groups: dict[str, _Group] = defaultdict(_Group)
        self._all = _Group()
        self._open: list[Open] = []
        self._undated = 0

    def add(self, call: Call, *, lost: bool) -> None:
        raised_s = call.raised_s
        age_s = None
        if not call.ended_by and not lost:
            age_s = call.begun.age_s(self._now) if call.begun else None
            self._open.append(Open(call, age_s))
        if raised_s is None and self._window.bounded:
            self._undated += 1
        elif raised_s is None or self._window.holds(raised_s):
            for group in (self._all, self._groups[self._label(call, raised_s)]):
                group.add(call, age_s, lost=lost)
        for stop in call.standing:
            self._add_stop(call, stop, lost=lost)

    def report(self) -> Report:
        rows = tuple(self._groups[label].row(label) for label in sorted(self._groups))
        oldest_first = sorted(self._open, key=lambda one: -inf if one.age_s is None else -one.age_s)
        return Report(rows, self._all.row(TOTAL), tuple(oldest_first), self._undated)

    def _label(self, call: Call, moment_s: float | None) -> str:
        if self._calendar is None:
            return str(getattr(call, self._by_call)) or UNKNOWN
        return UNKNOWN if moment_s is None else self._calendar.of(moment_s).label

    def _add_stop(self, call: Call, stop: Stop, *, lost: bool) -> None:
        start_s = stop.since_s
        if start_s is None:
            return
        stands = stop.length_s == WAITING and not lost
        running_s = stop.since.age_s(self._now) if stands else None
        length_s = running_s if stop.length_s == WAITING else stop.length_s
        if self._window.holds(start_s):
            for group in (self._all, self._groups[self._label(call, start_s)]):
                group.stop.add(None if lost and stop.length_s == WAITING else stop.length_s, running_s, over=False)
                group.standing |= stands
        if length_s is None:
            return
        low_s, high_s = max(start_s, self._window.since_s), min(start_s + length_s, self._window.until_s)
        if low_s >= high_s:
            return
        self._all.stood.append((low_s, high_s))
        if self._calendar is None:
            self._groups[self._label(call, low_s)].stood.append((low_s, high_s))
        else:
            for label, from_s, to_s in self._calendar.pieces(low_s, high_s):
                self._groups[label].stood.append((from_s, to_s))


def nearest_rank(values: list[float], percent: int) -> float | None:
    """Return the smallest of the sorted values that at least `percent` of them do not exceed; None of none."""
    return values[-(-len(values) * percent // 100) - 1] if values else None


def union_s(times: Iterable[tuple[float, float]]) -> float:
    """Seconds covered by at least one of the times."""
    covered_s, reached_s = 0.0, -inf
    for start_s, end_s in sorted(times):
        covered_s += max(0.0, end_s - max(start_s, reached_s))
        reached_s = max(reached_s, end_s)
    return covered_s


def _statistic(values: list[float], percent: int, first_running_s: float) -> Statistic:
    """One that is not below a running value grows when that value does."""
    value_s = nearest_rank(values, percent)
    return Statistic(value_s, growing=value_s is not None and first_running_s <= value_s)
