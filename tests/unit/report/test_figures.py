"""The figures are what their definitions say, whatever the calls."""

from __future__ import annotations

from datetime import UTC
from fractions import Fraction
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import NS_PER_S, Moment
from agent.report.calls import Call, Stamp, Stop
from agent.report.figures import Report, Window
from agent.report.gathering import nearest_rank, report, union_s
from agent.report.periods import Calendar
from agent.report.sheet import COLUMNS, document, lines

TEN = 1795255200
NOW = Moment(TEN * NS_PER_S + 3600 * NS_PER_S, 5000 * NS_PER_S, synced=True, boot="b1")
"""Eleven o'clock, 5000 s after the start."""

DAYS = Calendar(UTC)


def stamp(at_s: float, boot: str = "b1", *, synced: bool = True) -> Stamp:
    """`at_s` seconds after ten, 1400 s after the start."""
    minutes, seconds = divmod(at_s, 60)
    hours, minutes = divmod(int(minutes), 60)
    return Stamp(
        f"2026-11-21T{10 + hours:02d}:{minutes:02d}:{seconds:06.3f}Z", int((1400 + at_s) * NS_PER_S), boot, synced
    )


def call(at_s: float = 0, number: int = 1, **values: Any) -> Call:
    begun = values.pop("begun", stamp(at_s))
    values = {"name": "cord", "type": "process", "mode": "call", "raised": stamp(at_s).time, "begun": begun, **values}
    return Call(f"c{number}", **values)


def figures(*calls: Call, **options: Any) -> Report:
    return report(calls, NOW, options.pop("window", Window()), options.pop("by", "type"), **options)


DONE = {"acknowledged_s": 5.0, "arrived_s": 9.0, "ended_s": 20.0, "ended_by": "resolved"}


@pytest.mark.parametrize(
    ("values", "percent", "expected"),
    [
        ([], 50, None),
        ([7], 50, 7), ([7], 90, 7),
        ([1, 2], 50, 1), ([1, 2], 90, 2),
        ([15, 20, 35, 40, 50], 50, 35), ([15, 20, 35, 40, 50], 90, 50),
        (list(range(1, 11)), 90, 9), (list(range(1, 11)), 50, 5), (list(range(1, 12)), 90, 10),
    ],
)  # fmt: skip
def test_percentiles_are_nearest_rank(values: list[float], percent: int, expected: float | None) -> None:
    assert nearest_rank(values, percent) == expected


@given(st.lists(st.floats(min_value=0, max_value=1e6), min_size=1), st.sampled_from([50, 90, 100]))
def test_a_percentile_is_the_smallest_value_that_enough_do_not_exceed(values: list[float], percent: int) -> None:
    values.sort()
    found = nearest_rank(values, percent)
    assert found in values
    enough = [
        value
        for value in values
        if Fraction(sum(other <= value for other in values), len(values)) >= Fraction(percent, 100)
    ]
    assert found == min(enough)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)).map(lambda ends: (min(ends), max(ends)))))
def test_stop_seconds_are_those_in_which_anything_stood(times: list[tuple[int, int]]) -> None:
    assert union_s(times) == sum(any(start <= second < end for start, end in times) for second in range(61))


def test_open_calls_count_up_to_now_and_are_marked() -> None:
    row = figures(call(0, 1, **DONE), call(3000, 2)).total
    assert (row.calls, row.open, row.acknowledge.count, row.acknowledge.running) == (2, 1, 2, 1)
    assert row.acknowledge.longest == (600.0, True)
    assert row.acknowledge.median == (5.0, False)  # the open call is above it, whatever comes


@pytest.mark.parametrize(
    ("begun", "age_s"),
    [
        (stamp(3000), 600.0),
        (stamp(3000, "b0"), 600.0),  # before the restart: by the time of day
        (stamp(3000, "b0", synced=False), None),
        (stamp(7000, "b0"), None),  # raised in the future: no clock to trust
    ],
)
def test_the_age_of_an_open_call_is_told_where_a_clock_can(begun: Stamp, age_s: float | None) -> None:
    found = figures(call(3000, begun=begun))
    assert [one.age_s for one in found.open] == [age_s]
    assert found.total.resolve.unmeasured == (age_s is None)


def test_steps_that_a_call_ended_without_are_told_and_not_timed() -> None:
    row = figures(call(acknowledged_s=4.0, ended_s=9.0, ended_by="cancelled")).total
    assert (row.acknowledge.count, row.arrive.count, row.resolve.count) == (1, 0, 0)
    assert (row.arrive.without, row.resolve.without, row.cancelled, row.open) == (1, 1, 1, 0)


def test_escalated_cancelled_and_unclosed_calls_are_counted() -> None:
    calls = [call(0, 1, level=1, **DONE), call(1, 2, level=3, ended_by="cancelled"), call(2, 3, unclosed=True, **DONE)]
    row = figures(*calls).total
    assert (row.escalated, row.highest_level, row.cancelled, row.unclosed) == (2, 3, 1, 1)


def test_a_call_whose_beginning_is_gone_is_told_as_such() -> None:
    row = figures(call(begun=None, acknowledged_s=4.0, ended_s=None, ended_by="resolved")).total
    assert (row.beginning_lost, row.acknowledge.count, row.resolve.count, row.resolve.unmeasured) == (1, 1, 0, 1)


def test_a_call_of_a_damaged_journal_is_open_only_if_the_station_knows_it() -> None:
    calls = (call(0, 1, saved=True), call(0, 2, saved=True), call(0, 3))
    found = figures(*calls, known_open=frozenset({"c1"}))
    assert sorted(one.call.call for one in found.open) == ["c1", "c3"]
    assert (found.total.open, found.total.end_lost, found.total.acknowledge.running) == (2, 1, 2)


def test_calls_are_taken_by_the_moment_they_were_raised() -> None:
    window = Window(TEN + 100, TEN + 200)
    calls = [call(at_s, number, **DONE) for number, at_s in enumerate((99, 100, 199, 200))]
    assert figures(*calls, window=window).total.calls == 2


def test_a_call_without_any_time_is_left_out_of_a_window_and_told() -> None:
    lost = call(begun=None, raised="", **DONE)
    assert figures(lost).total.calls == 1
    found = figures(lost, window=Window(TEN))
    assert (found.total.calls, found.undated) == (0, 1)


def test_stop_minutes_are_cut_to_the_time_looked_at() -> None:
    stopped = call(0, stops=(Stop(stamp(0), 600.0),), **DONE)
    row = figures(stopped, window=Window(TEN + 60, TEN + 300)).total
    assert (row.calls, row.stop.count, row.stop_s) == (0, 0, 240.0)


def test_two_stops_at_once_count_once_in_all_and_each_in_its_type() -> None:
    first = call(0, 1, stops=(Stop(stamp(0), 60.0),), **DONE)
    second = call(0, 2, stops=(Stop(stamp(30), 60.0),), **{**DONE, "type": "quality"})
    found = figures(first, second)
    assert {row.group: row.stop_s for row in found.rows} == {"process": 60.0, "quality": 60.0}
    assert found.total.stop_s == 90.0
    assert found.total.stop.count == 2


def test_a_stop_over_midnight_gives_each_day_its_minutes() -> None:
    stopped = call(0, stops=(Stop(stamp(0), 18 * 3600.0),), **DONE)
    found = report([stopped], NOW, Window(), DAYS)
    assert {row.group: (row.stop_s / 3600, row.stop.count) for row in found.rows} == {
        "2026-11-21": (14.0, 1),
        "2026-11-22": (4.0, 0),
    }


def test_a_line_that_still_stands_counts_up_to_now() -> None:
    row = figures(call(3000, stops=(Stop(stamp(3300), inf),))).total
    assert (row.standing, row.stop_s, row.stop.longest) == (True, 300.0, (300.0, True))


TIMES = st.one_of(st.none(), st.just(inf), st.floats(min_value=0, max_value=1e5))
CALLS = st.builds(
    call,
    st.integers(0, 3599),
    st.integers(),
    begun=st.one_of(st.none(), st.builds(stamp, st.integers(0, 3599), st.sampled_from(["b0", "b1"]))),
    type=st.sampled_from(["", "quality", "process"]),
    mode=st.sampled_from(["stop", "call"]),
    acknowledged_s=TIMES,
    arrived_s=TIMES,
    ended_s=TIMES.filter(lambda took_s: took_s != inf),
    ended_by=st.sampled_from(["", "resolved", "cancelled", "closed"]),
    saved=st.booleans(),
    stops=st.lists(st.builds(Stop, st.builds(stamp, st.integers(0, 3599)), TIMES), max_size=2).map(tuple),
).map(lambda made: made if made.ended_by else _reopened(made))


def _reopened(made: Call) -> Call:
    made.ended_s = inf
    return made


@given(st.lists(CALLS), st.sampled_from(["type", "name", DAYS]))
def test_whatever_the_calls_nothing_is_counted_twice_or_lost(calls: list[Call], by: Any) -> None:
    found = report(calls, NOW, Window(), by)
    assert sum(row.calls for row in found.rows) == found.total.calls == len(calls)
    for row in (*found.rows, found.total):
        for spread in (row.acknowledge, row.arrive, row.resolve):
            counted = spread.count + spread.without + spread.unmeasured
            assert row.calls - row.end_lost <= counted <= row.calls
            assert spread.running <= row.open
            values = [one.value_s for one in (spread.median, spread.p90, spread.longest)]
            assert values == sorted(values, key=lambda value: value or 0)
            assert (None in values) == (spread.count == 0)
    assert found.total.stop_s <= sum(row.stop_s for row in found.rows) + 1e-3
    assert [line for line in lines(found) if tuple(line) != COLUMNS and set(line) != set(COLUMNS)] == []
    assert document(found, Window(), "type", TEN)["all"]["calls"] == len(calls)
