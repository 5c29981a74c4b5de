"""The picture follows the messages: order, ages that tick, stations that come and go, garbage that is told."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.board import words
from agent.board.board import Age, Board, Picture
from agent.board.documents import Alarm, Call

TEN_S = 1795255200.0
LINE = "acme/plant1/assembly/line3"


def iso(after_ten_s: float) -> str:
    return datetime.fromtimestamp(TEN_S + after_ten_s, UTC).isoformat()


def call(name: str = "c", raised_s: float = 0, **values: Any) -> dict[str, Any]:
    return {"call": name, "name": name, "mode": "call", "state": "raised", "raised": iso(raised_s), **values}


def alarm(name: str = "a", raised_s: float = 0, **values: Any) -> dict[str, Any]:
    return {"alarm": name, "device": "gauge-1", "state": "unacknowledged", "raised": iso(raised_s), **values}


class Line:
    """A board, its messages, and both clocks: monotonic time is 100 at ten o'clock."""

    def __init__(self) -> None:
        self.board = Board(LINE, 100.0)
        self.skew_s = 0.0

    def hear(self, what: str, document: Any, at_s: float = 0, station: str = "st-1", *, retained: bool = False) -> None:
        payload = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.board.hear(station, what, payload, 100 + at_s, TEN_S + at_s + self.skew_s, retained=retained)

    def calls(self, *calls: Any, at_s: float = 0, written_s: float | None = None, **options: Any) -> None:
        time = iso(at_s if written_s is None else written_s)
        self.hear("andon", {"epoch": "e", "time": time, "calls": calls}, at_s, **options)

    def alarms(self, *alarms: Any, at_s: float = 0, **options: Any) -> None:
        self.hear("alarms", {"epoch": "e", "time": iso(at_s), "alarms": alarms}, at_s, **options)

    def agent(self, status: str, at_s: float = 0, **options: Any) -> None:
        self.hear("agent", {"status": status, "epoch": "e", "version": "1"}, at_s, **options)

    def at(self, at_s: float) -> Picture:
        return self.board.at(100 + at_s)


@pytest.fixture
def line() -> Line:
    return Line()


def names(picture: Picture) -> list[str]:
    return [entry.what.name for entry in picture.calls]


def test_the_highest_level_comes_first_and_then_the_oldest(line: Line) -> None:
    line.calls(call("young", 5), call("old", 1), call("high", 9, level=2), at_s=10)
    line.calls(call("older", 0), at_s=10, station="st-2")
    assert names(line.at(10)) == ["high", "older", "old", "young"]


def test_alarms_come_by_priority_and_those_put_aside_last(line: Line) -> None:
    line.alarms(
        alarm("shelved", priority="critical", state="shelved"),
        alarm("low", priority="low"),
        alarm("seen", priority="high", state="acknowledged"),
        alarm("young", 5, priority="high"),
        alarm("old", priority="high"),
        at_s=9,
    )
    shown = [entry.what.alarm for entry in line.at(9).alarms if isinstance(entry.what, Alarm)]
    assert shown == ["old", "young", "seen", "low", "shelved"]


def test_ages_tick_by_monotonic_time_from_the_stations_own_difference(line: Line) -> None:
    line.skew_s = 7200.0  # our clock is two hours ahead; the station's own difference counts
    line.calls(call(raised_s=0), at_s=30)
    assert line.at(30).calls[0].age == Age(30.0, sure=True)
    assert line.at(95.5).calls[0].age == Age(95.5, sure=True)


def test_a_board_that_joins_late_shows_the_same_ages(line: Line) -> None:
    late = Line()
    line.calls(call(raised_s=0), at_s=0)
    late.calls(call(raised_s=0), at_s=500, written_s=0, retained=True)
    assert line.at(600).calls == late.at(600).calls


def test_an_age_does_not_jump_when_the_document_is_written_again(line: Line) -> None:
    line.calls(call(raised_s=0), at_s=10)
    line.skew_s = -3600.0
    line.calls(call(raised_s=0, state="acknowledged"), at_s=60, written_s=10, retained=True)
    assert line.at(60).calls[0].age == Age(60.0, sure=True)


@pytest.mark.parametrize(
    ("raised_s", "written_s", "least_s"),
    [
        (-TEN_S + 100, -TEN_S + 130, 30),  # the station's clock was never set
        (4000, 4010, 10),  # it runs ahead of ours
        (500, 400, 0),  # it was put back meanwhile
    ],
)
def test_where_clocks_disagree_an_age_is_at_least_what_the_station_says(
    line: Line, raised_s: float, written_s: float, least_s: float
) -> None:
    line.calls(call(raised_s=raised_s), at_s=0, written_s=written_s, retained=True)
    assert line.at(5).calls[0].age == Age(least_s + 5.0, sure=False)


def test_a_call_without_a_time_ages_from_when_it_was_heard(line: Line) -> None:
    line.calls(call(raised=None), at_s=10)
    assert line.at(25).calls[0].age == Age(15.0, sure=False)


def test_cleared_calls_vanish(line: Line) -> None:
    line.calls(call("a"), call("b"))
    line.calls(call("b"), at_s=5)
    assert names(line.at(5)) == ["b"]
    line.calls(at_s=6)
    assert names(line.at(6)) == []


def test_a_document_taken_away_takes_its_calls_and_its_station_along(line: Line) -> None:
    line.calls(call())
    line.agent("online")
    line.hear("andon", b"")
    assert (names(line.at(0)), len(line.at(0).stations)) == ([], 1)
    line.hear("agent", b"")
    assert line.at(0).stations == ()


def test_stations_come_and_go_and_what_they_last_said_is_marked(line: Line) -> None:
    line.agent("online")
    line.calls(call())
    assert [(one.online, one.since_s) for one in line.at(9).stations] == [(True, 9.0)]
    assert not line.at(9).calls[0].stale
    line.agent("offline", 20)
    line.agent("offline", 25)
    assert [(one.online, one.since_s) for one in line.at(30).stations] == [(False, 10.0)]
    assert line.at(30).calls[0].stale


def test_a_station_that_never_said_who_it_is_counts_as_not_online(line: Line) -> None:
    line.calls(call())
    assert [(one.status, one.online) for one in line.at(0).stations] == [("unknown", False)]
    assert line.at(0).calls[0].stale


@pytest.mark.parametrize("what", ["agent", "andon", "alarms"])
def test_garbage_is_counted_and_told_and_what_was_known_stays(line: Line, what: str) -> None:
    line.agent("online")
    line.calls(call())
    line.alarms(alarm())
    for payload in (b"\xff\xfe", b"[]"):
        line.hear(what, payload)
    picture = line.at(0)
    assert (len(picture.calls), len(picture.alarms), picture.stations[0].online) == (1, 1, True)
    assert (picture.stations[0].garbage, picture.stations[0].complaint) == (2, f"state/{what}: no JSON object")
    assert f"state/{what}: no JSON object" in words.plain(picture)


def test_other_documents_are_none_of_the_boards_business(line: Line) -> None:
    line.hear("station", b"\xff")
    line.hear("andon/x", b"\xff")
    assert line.at(0).stations == ()


def test_the_lost_broker_is_told_with_the_age_of_the_last_news(line: Line) -> None:
    line.board.link("connected", 100, up=True)
    line.agent("online", 5)
    line.board.link("connection ended", 110, up=False)
    line.board.link("cannot be reached", 115, up=False)
    picture = line.at(30)
    assert (picture.linked, picture.link, picture.link_age_s, picture.news_age_s) == (
        False,
        "cannot be reached",
        20,
        25,
    )
    assert words.headline(picture) == "BROKER LOST for 0:20; last news 0:25 ago: cannot be reached"


def test_after_a_break_what_the_broker_no_longer_has_is_forgotten(line: Line) -> None:
    line.board.link("connected", 100, up=True)
    for station in ("st-1", "st-2", "st-3"):
        line.agent("online", station=station)
        line.calls(call(station), station=station)
    line.board.settled()
    line.board.link("gone", 110, up=False)
    assert len(line.at(15).calls) == 3
    line.board.link("connected", 120, up=True)
    line.agent("online", 21, station="st-1", retained=True)
    line.calls(call("st-1"), at_s=21, station="st-1", retained=True)
    line.agent("online", 21, station="st-2", retained=True)
    assert len(line.at(21).calls) == 3  # until the broker has said all
    line.board.settled()
    assert names(line.at(22)) == ["st-1"]
    assert [one.name for one in line.at(22).stations] == ["st-1", "st-2"]


def test_calls_with_the_same_name_at_two_stations_are_two(line: Line) -> None:
    for station in ("st-1", "st-2"):
        line.calls(call("c"), station=station)
    assert [entry.station for entry in line.at(0).calls] == ["st-1", "st-2"]


def test_the_words_without_ages_change_only_when_something_happens(line: Line) -> None:
    line.board.link("connected", 100, up=True)
    line.agent("offline")
    line.calls(call())
    line.alarms(alarm())
    assert words.plain(line.at(1), ages=False) == words.plain(line.at(9999), ages=False)
    assert words.plain(line.at(1)) != words.plain(line.at(9999))


STATIONS = st.sampled_from(["st-1", "st-2"])
STATES = st.sampled_from(["raised", "acknowledged", "arrived"])
SOME_CALLS = st.lists(
    st.builds(call, st.sampled_from("abc"), st.integers(0, 9), state=STATES, level=st.integers(0, 3)),
    unique_by=lambda made: str(made["call"]),
)
MESSAGES = st.lists(
    st.tuples(STATIONS, st.just("andon"), SOME_CALLS)
    | st.tuples(STATIONS, st.just("agent"), st.sampled_from(["online", "offline"]))
    | st.tuples(STATIONS, st.sampled_from(["andon", "agent", "alarms"]), st.sampled_from([b"", b"junk"])),
    max_size=20,
)


@given(MESSAGES)
def test_after_any_history_the_picture_is_that_of_the_newest_documents(messages: list[tuple[str, str, Any]]) -> None:
    """A board that heard everything shows what one shows that joins now and hears only what is retained."""
    watching, joining = Line(), Line()
    retained: dict[tuple[str, str], Any] = {}
    for number, (station, what, said) in enumerate(messages):
        at_s = 10.0 + number
        written = {"time": iso(at_s), "calls": said} if what == "andon" else {"status": said}
        document = said if isinstance(said, bytes) else written
        watching.hear(what, document, at_s, station)
        if document == b"":
            retained.pop((station, what), None)
        elif document != b"junk":
            retained[station, what] = document
    for (station, what), document in retained.items():
        joining.hear(what, document, 50.0, station, retained=True)
    one, other = watching.at(60), joining.at(60)
    assert one.calls == other.calls
    sensible = [(view.name, view.status) for view in one.stations if view.garbage == 0]
    assert [pair for pair in sensible if pair not in [(view.name, view.status) for view in other.stations]] == []
    order = [(-entry.what.level, -entry.age.seconds) for entry in one.calls if isinstance(entry.what, Call)]
    assert order == sorted(order)


def test_the_age_of_a_stop_ticks_until_the_line_runs(line: Line) -> None:
    """Also while it is released and has not started."""

    def says(state: str, at_s: float, **more: Any) -> None:
        line.hear("andon", {"time": iso(at_s), "calls": [], "line": {"state": state, **more}}, at_s)

    says("stopped", 5, since=iso(2))
    says("released", 9, since=iso(2), calls=["c"])
    (station,) = line.at(20).stations
    assert (station.line, station.line_age) == ("released", Age(18.0, sure=True))
    assert "  st-1: line released for 0:18" in words.plain(line.at(20)).splitlines()
    says("running", 21)
    (station,) = line.at(22).stations
    assert (station.line, station.line_age) == ("running", None)


def test_calls_that_wait_for_their_reason_are_counted(line: Line) -> None:
    line.hear("andon", {"time": iso(0), "calls": [], "unclosed": [{"call": "c-1"}]})
    assert line.at(1).stations[0].unclosed == 1
    assert "1 call waits for its reason" in words.plain(line.at(1))
    assert words.document(line.at(1))["stations"][0]["unclosed"] == 1
