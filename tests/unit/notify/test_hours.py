"""Hours and days: when is it quiet, when does a rule hold?"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify.hours import ALL_DAY, DAYS, span, within

MONDAY = datetime(2026, 11, 16)  # noqa: DTZ001  local times have no zone of their own

TABLE = [
    ("08:00-16:00", DAYS, 0, "08:00", True),
    ("08:00-16:00", DAYS, 0, "15:59", True),
    ("08:00-16:00", DAYS, 0, "16:00", False),
    ("08:00-16:00", ("tue",), 0, "10:00", False),
    ("22:00-06:00", DAYS, 0, "23:30", True),
    ("22:00-06:00", DAYS, 0, "05:59", True),
    ("22:00-06:00", DAYS, 0, "06:00", False),
    ("22:00-06:00", ("fri",), 5, "03:00", True),
    ("22:00-06:00", ("fri",), 4, "03:00", False),
    ("22:00-06:00", ("fri",), 5, "23:00", False),
    ("22:00-06:00", ("sun",), 0, "01:00", True),
    (ALL_DAY, ("sat", "sun"), 5, "00:00", True),
    (ALL_DAY, ("sat", "sun"), 6, "23:59", True),
    (ALL_DAY, ("sat", "sun"), 0, "00:00", False),
]


@pytest.mark.parametrize(("hours", "days", "day", "clock", "expected"), TABLE)
def test_a_span_holds_from_its_begin_to_before_its_end(
    hours: str, days: tuple[str, ...], day: int, clock: str, *, expected: bool
) -> None:
    """Over midnight it belongs to the day on which it begins."""
    hour, minute = map(int, clock.split(":"))
    assert within(hours, days, MONDAY + timedelta(days=day, hours=hour, minutes=minute)) is expected


@pytest.mark.parametrize("text", ["", "8-16", "08:00-08:00", "24:00-25:00", "08:00-24:01", "08:60-10:00", "08:00"])
def test_what_is_no_span_is_told(text: str) -> None:
    """A typing mistake is no rule that never holds."""
    with pytest.raises(ValueError, match=r"span|24:00|same time"):
        span(text)


@given(
    begin=st.integers(0, 1439),
    end=st.integers(1, 1440),
    days=st.sets(st.sampled_from(DAYS), min_size=1),
    minute=st.integers(0, 7 * 1440 - 1),
)
def test_a_span_is_as_long_as_it_says_on_each_of_its_days(begin: int, end: int, days: set[str], minute: int) -> None:
    """Compared with the plain list of all minutes of a week that belong to it."""
    if begin == end:
        return
    length = (end - begin) % 1440 or 1440
    starts = [DAYS.index(day) * 1440 + begin for day in days]  # type: ignore[arg-type]
    inside = any((minute - start) % (7 * 1440) < length for start in starts)
    hours = f"{begin // 60:02}:{begin % 60:02}-{end // 60:02}:{end % 60:02}"
    assert within(hours, days, MONDAY + timedelta(minutes=minute)) is inside
