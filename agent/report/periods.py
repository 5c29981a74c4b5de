"""Days and shifts: which period a moment belongs to, and what part of a time lies in which.

Pure: the time zone comes in as an argument.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import tzinfo

SHIFTS = "early=06:00,late=14:00,night=22:00"
"""Three shifts of eight hours, as many plants have them."""

_ONE_DAY = timedelta(days=1)
_UNIT_S = {"m": 60.0, "h": 3600.0, "d": 86_400.0, "w": 604_800.0}


class Shift(NamedTuple):
    """A shift and when it begins, local time; it lasts until the next one begins."""

    name: str
    begins: time


DAY = (Shift("", time(0)),)


class Period(NamedTuple):
    """A named time from `start_s` up to, but without, `end_s`, seconds since 1970."""

    label: str
    start_s: float
    end_s: float


class Calendar:
    """Divides all time into shifts.  A shift over midnight belongs to the day it began on."""

    def __init__(self, zone: tzinfo, shifts: Sequence[Shift] = DAY) -> None:
        self._zone = zone
        self._shifts = sorted(shifts, key=lambda shift: shift.begins)
        self._last = Period("", 0.0, 0.0)

    def of(self, moment_s: float) -> Period:
        """Return the period in which `moment_s` lies."""
        if not self._last.start_s <= moment_s < self._last.end_s:
            self._last = self._found(moment_s)
        return self._last

    def pieces(self, start_s: float, end_s: float) -> Iterator[tuple[str, float, float]]:
        """Cut a time at the borders of periods: label, start and end of each piece."""
        while start_s < end_s:
            period = self.of(start_s)
            piece_end_s = min(end_s, period.end_s)
            yield period.label, start_s, piece_end_s
            start_s = piece_end_s

    def _found(self, moment_s: float) -> Period:
        today = datetime.fromtimestamp(moment_s, self._zone).date()
        days = [today + count * _ONE_DAY for count in (-1, 0, 1, 2)]
        begins = [
            (self._at(day, shift.begins), f"{day} {shift.name}".strip()) for day in days for shift in self._shifts
        ]
        before = max(index for index, (start_s, _) in enumerate(begins) if start_s <= moment_s)
        start_s, label = begins[before]
        return Period(label, start_s, begins[before + 1][0])

    def _at(self, day: date, hour: time) -> float:
        return datetime.combine(day, hour, self._zone).timestamp()


def shifts(text: str) -> tuple[Shift, ...]:
    """Read `early=06:00,late=14:00`.  Raises ValueError."""
    found = []
    for part in text.split(","):
        name, _, begins = part.strip().partition("=")
        try:
            found.append(Shift(name.strip(), time.fromisoformat(begins.strip())))
        except ValueError:
            raise ValueError(f"{part.strip()!r} is no shift; write NAME=HH:MM, as in {SHIFTS}") from None
    for what in ([shift.name for shift in found], [shift.begins for shift in found]):
        if len(set(what)) < len(what) or "" in what:
            raise ValueError(f"each shift needs a name and a beginning of its own: {text!r}")
    return tuple(found)


def instant(text: str, now_s: float, zone: tzinfo, *, end: bool = False) -> float:
    """Seconds since 1970 of `24h` or `7d` (that long ago), of a date, or of an ISO time.  Raises ValueError.

    Times without a zone are local.  A date stands for its first moment, as an `end` for its last.
    """
    if ago := re.fullmatch(r"(\d{1,6}(?:\.\d{1,6})?)([mhdw])", text):
        return now_s - float(ago[1]) * _UNIT_S[ago[2]]
    try:
        if re.fullmatch(r"\d{4}-\d\d-\d\d", text):
            day = date.fromisoformat(text) + (_ONE_DAY if end else timedelta())
            return datetime.combine(day, time(0), zone).timestamp()
        moment = datetime.fromisoformat(text)
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is no time; write 24h, 7d, 2026-11-21 or 2026-11-21T06:00") from None
