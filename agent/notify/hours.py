"""Times of day and days of the week: is this moment within them?

Pure.  The moment comes in as the plant's local time.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
ALL_DAY = "00:00-24:00"
MINUTES_AN_HOUR = 60
MINUTES_A_DAY = 24 * MINUTES_AN_HOUR

_SPAN = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)")


@lru_cache(maxsize=256)
def span(text: str) -> tuple[int, int]:
    """Return begin and end of `HH:MM-HH:MM` in minutes of the day.  Raises ValueError in words for the engineer."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text!r} is no span of hours: write HH:MM-HH:MM, such as 22:00-06:00")
    hour, minute, last_hour, last_minute = map(int, found.groups())
    begin, end = hour * MINUTES_AN_HOUR + minute, last_hour * MINUTES_AN_HOUR + last_minute
    if begin >= MINUTES_A_DAY or end > MINUTES_A_DAY:
        raise ValueError(f"{text!r} goes beyond 24:00")
    if begin == end:
        raise ValueError(f"{text!r} begins and ends at the same time; the whole day is {ALL_DAY}")
    return begin, end


def within(hours: str, days: Collection[str], local: datetime) -> bool:
    """Whether `local` lies in the span, its begin included and its end not.

    A span over midnight belongs to the day on which it begins.
    """
    begin, end = span(hours)
    minute = local.hour * MINUTES_AN_HOUR + local.minute
    today, yesterday = DAYS[local.weekday()], DAYS[local.weekday() - 1]
    if begin < end:
        return today in days and begin <= minute < end
    return (today in days and minute >= begin) or (yesterday in days and minute < end)
