"""Every moment lies in one period, also where clocks are put forward and back."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.report.periods import SHIFTS, Calendar, instant, shifts

BERLIN = ZoneInfo("Europe/Berlin")
NOW_S = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()


def at(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("moment", "day", "shift"),
    [
        ("2026-11-21T00:00:00+01:00", "2026-11-21", "2026-11-20 night"),
        ("2026-11-21T05:59:59+01:00", "2026-11-21", "2026-11-20 night"),
        ("2026-11-21T06:00:00+01:00", "2026-11-21", "2026-11-21 early"),
        ("2026-11-21T13:59:59+01:00", "2026-11-21", "2026-11-21 early"),
        ("2026-11-21T23:30:00+01:00", "2026-11-21", "2026-11-21 night"),
        ("2026-11-21T23:30:00+00:00", "2026-11-22", "2026-11-21 night"),
        ("2026-03-29T01:30:00+00:00", "2026-03-29", "2026-03-28 night"),
    ],
)
def test_a_moment_belongs_to_a_local_day_and_shift(moment: str, day: str, shift: str) -> None:
    assert Calendar(BERLIN).of(at(moment)).label == day
    assert Calendar(BERLIN, shifts(SHIFTS)).of(at(moment)).label == shift


@pytest.mark.parametrize(("day", "hours"), [("2026-03-29", 23), ("2026-10-25", 25), ("2026-11-21", 24)])
def test_the_days_on_which_clocks_change_have_their_own_length(day: str, hours: int) -> None:
    period = Calendar(BERLIN).of(at(f"{day}T12:00:00+01:00"))
    assert (period.end_s - period.start_s) / 3600 == hours


@given(
    start_s=st.floats(min_value=0, max_value=2e9),
    length_s=st.floats(min_value=0, max_value=2e6),
    begins=st.sets(st.times(), min_size=1, max_size=4),
    zone=st.sampled_from([UTC, BERLIN, ZoneInfo("America/St_Johns"), ZoneInfo("Asia/Kolkata")]),
)
def test_pieces_cover_a_time_without_hole_and_each_lies_in_its_period(
    start_s: float, length_s: float, begins: set[datetime], zone: ZoneInfo
) -> None:
    text = ",".join(f"s{number}={begin.isoformat()}" for number, begin in enumerate(begins))
    calendar = Calendar(zone, shifts(text))
    reached_s = start_s
    for label, from_s, to_s in calendar.pieces(start_s, start_s + length_s):
        period = Calendar(zone, shifts(text)).of(from_s)
        assert (from_s, label) == (reached_s, period.label)
        assert period.start_s <= from_s < to_s <= period.end_s
        reached_s = to_s
    assert reached_s == start_s + length_s


@pytest.mark.parametrize(
    "text", ["", "early", "early=25:00", "=06:00", "a=06:00,a=07:00", "a=06:00,b=06:00", "a=06:00,"]
)
def test_what_is_no_shift_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="shift"):
        shifts(text)


@pytest.mark.parametrize(
    ("text", "end", "moment"),
    [
        ("24h", False, "2026-11-20T12:00:00+00:00"),
        ("7d", False, "2026-11-14T12:00:00+00:00"),
        ("30m", False, "2026-11-21T11:30:00+00:00"),
        ("1.5h", False, "2026-11-21T10:30:00+00:00"),
        ("2026-11-20", False, "2026-11-20T00:00:00+01:00"),
        ("2026-11-20", True, "2026-11-21T00:00:00+01:00"),
        ("2026-10-25", True, "2026-10-26T00:00:00+01:00"),
        ("2026-11-20T06:00", False, "2026-11-20T06:00:00+01:00"),
        ("2026-11-20T06:00:00Z", False, "2026-11-20T06:00:00+00:00"),
    ],
)
def test_times_are_read_as_people_write_them(text: str, end: bool, moment: str) -> None:  # noqa: FBT001
    assert instant(text, NOW_S, BERLIN, end=end) == at(moment)


@pytest.mark.parametrize(
    "text", ["yesterday", "24", "h", "-3h", "2026-13-01", "2026-11-31", "9999999d", "\n7d", "٣h x"]
)
def test_what_is_no_time_is_told(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        instant(text, NOW_S, BERLIN)
