"""The figures of a report, and what each word of it means."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from agent.report.calls import Call

UNKNOWN = "(unknown)"
TOTAL = "all"

DEFINITIONS = {
    "calls": "calls raised within the time looked at; grouped by the moment they were raised",
    "escalated": "calls that somebody else heard of because nobody had answered in time, and the highest level of them",
    "cancelled": "calls of which somebody said that there was no trouble: not resolved, but answered as any other",
    "reason awaited": "calls that are resolved, and whose reason nobody has given yet",
    "to acknowledge": "from the first press to the first answer: somebody says that he comes, or he is there",
    "to arrive": "from the first press to the first arrival",
    "to resolve": "from the first press until the trouble was over; a reason that is given later changes nothing",
    "line stop": (
        "from the stop (the first press of a stop call; the fixed position or the end of the window of others) to its "
        "restart, or to the end of the call where no restart was told; counted where the stop began"
    ),
    "stop minutes": "minutes in which the line stood, within the row's own time; two stops at once count once",
    "clock": "times are the station's monotonic clock, within one boot; across boots only what the fact itself tells",
    "median, 90 %": "nearest rank: the smallest value that at least 50 % (90 %) of all values do not exceed",
    "running": (
        "steps not yet taken, counted up to now: by the monotonic clock if raised since this machine was started, "
        "else by the time of day. A value with + may still grow by them"
    ),
    "without": "calls that ended without this step",
    "not measured": "steps that were taken or are waited for, but no clock can tell how long",
    "beginning lost": (
        "calls whose raising is no longer in the journal: only durations that later facts tell are counted"
    ),
    "end lost": "calls left open in a damaged journal, whose end nobody will tell; not open, not running",
}
"""What each word of the report means; printed with it."""


class Window(NamedTuple):
    """The time looked at, seconds since 1970: from `since_s` up to, but without, `until_s`."""

    since_s: float = -inf
    until_s: float = inf

    @property
    def bounded(self) -> bool:
        """Whether anything lies outside."""
        return self != Window()

    def holds(self, moment_s: float) -> bool:
        """Whether the moment lies inside."""
        return self.since_s <= moment_s < self.until_s


class Statistic(NamedTuple):
    """A value in seconds, None without any; `growing` if it may grow while steps are not yet taken."""

    value_s: float | None
    growing: bool


@dataclass(frozen=True, slots=True)
class Spread:
    """The figures of one measure.  `count` holds the `running` ones, but not those `without` or not measured."""

    count: int
    running: int
    without: int
    unmeasured: int
    median: Statistic
    p90: Statistic
    longest: Statistic


class Row(NamedTuple):
    """The figures of one group of calls."""

    group: str
    calls: int
    open: int
    cancelled: int
    escalated: int
    highest_level: int
    unclosed: int
    beginning_lost: int
    end_lost: int
    unsynced: int
    acknowledge: Spread
    arrive: Spread
    resolve: Spread
    stop: Spread
    stop_s: float
    standing: bool


class Open(NamedTuple):
    """A call that is open now; its age is None where no clock can tell."""

    call: Call
    age_s: float | None


@dataclass(frozen=True, slots=True)
class Report:
    """All figures: a row a group, one for all, and the calls that are open now, oldest first."""

    rows: tuple[Row, ...]
    total: Row
    open: tuple[Open, ...]
    undated: int
