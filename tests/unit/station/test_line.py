"""Stations of a line tell each other what was done, catch up, and quarrel aloud."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.events import Kind
from agent.signals import LineProgress, Progress
from agent.station import unitbook
from agent.station.decision import Draft
from agent.station.line import LineWork
from agent.station.policy import Policy
from tests.unit.station.bench import Bench, kinds, said
from tests.unit.station.plant import LOADED, plant, progress, rules

if TYPE_CHECKING:
    from agent.station.decision import Decision


@pytest.fixture
def bench() -> Bench:
    """This station, with SN1 done on it."""
    bench = Bench(rules(), plant())
    bench.scan_all("OP-1", "SN1", "A/L1")
    bench.measure("10")
    return bench


def news(decision: Decision) -> list[Kind]:
    """What follows from the word of the line, beside the word itself."""
    return [kind for kind in kinds(decision) if kind is not Kind.LINE_HEARD]


def as_heard(bench: Bench, station: str = "st-040") -> LineProgress:
    """What this station publishes, as another one gets it."""
    told = bench.memory["state/units"]
    return LineProgress(station, told["epoch"], tuple(Progress(**step) for step in told["steps"]))


def test_a_completed_operation_is_told_to_the_line(bench: Bench) -> None:
    """One document, the newest steps, each with its number and time."""
    told = bench.memory["state/units"]
    assert told["steps"] == [
        {"unit": "SN1", "operation": "press", "status": "done", "sequence": 1, "time": "1970-01-01T00:00:04.000Z"}
    ]


def test_only_the_last_steps_are_told(bench: Bench) -> None:
    """A station that was away longer has to ask the central."""
    draft = Draft(bench.memory, LOADED, "")
    for number in range(600):
        LineWork(bench.rules).tell(draft, f"SN{number}", "press", "done")
    steps = (draft.get("state/units") or {})["steps"]
    assert (len(steps), steps[0]["sequence"], steps[-1]["sequence"]) == (500, 102, 601)


def test_what_was_heard_is_not_heard_again(bench: Bench) -> None:
    """A retained document comes again after each reconnect, and changes nothing."""
    told = progress(("SN1", "", "hold"))
    bench.say(told, "line")
    bench.scan("SN1")
    bench.say(progress(("SN1", "", "ok"), first=2, time="1970-01-01T00:00:09.000Z"), "line")
    again = bench.say(told, "line")
    assert (again.events, again.documents) == ((), {})
    assert unitbook.held(Draft(bench.memory, LOADED, ""), "SN1") is None


def test_a_station_that_was_away_catches_up() -> None:
    """All that the others did meanwhile comes with their last word, in their order."""
    bench = Bench(rules(), plant())
    bench.scan("OP-1")
    bench.say(progress(*((f"SN10{number}", "cut", "done") for number in range(400))), "line")
    for unit in ("SN100", "SN10399"):
        assert kinds(bench.scan(unit)) == [Kind.OPERATION_STARTED]
        bench.scan("CMD:abort")


def test_two_stations_that_both_did_it_are_told_as_a_conflict(bench: Bench) -> None:
    """A fact, an alarm, and a unit that goes nowhere until somebody has decided."""
    decision = bench.say(progress(("SN1", "press", "done"), station="st-041"), "line")
    assert news(decision) == [Kind.LINE_CONFLICT, Kind.ALARM_RAISED]
    fact = decision.events[0]
    assert (fact.subject, fact.data["operation"], fact.data["station"]) == ("SN1", "press", "st-041")
    assert (fact.data["done_by"], fact.data["held"]) == ("here", True)
    assert said(bench.scan("SN1")) == ("refuse", "unit SN1 is on hold: press of SN1 was done by st-041 too")
    assert bench.memory["state/units"]["steps"][-1]["status"] == "hold"
    bench.scan("OP-9")
    cleared = bench.scan("CMD:use-as-is")
    assert kinds(cleared) == [Kind.DEFECT_DISPOSED, Kind.ALARM_CLEARED]


def test_a_conflict_may_only_be_told() -> None:
    """With conflict = "flag" the unit goes on."""
    bench = Bench(rules(conflict="flag"), plant())
    bench.scan_all("OP-1", "SN1", "A/L1")
    bench.measure("10")
    decision = bench.say(progress(("SN1", "press", "done"), station="st-041"), "line")
    assert decision.events[0].data["held"] is False
    assert unitbook.held(Draft(bench.memory, LOADED, ""), "SN1") is None


def test_both_sides_of_a_conflict_see_it(bench: Bench) -> None:
    """Each gets the other's word, whoever was away."""
    other = Bench(rules(), plant())
    other.scan_all("OP-1", "SN1", "A/L1")
    other.measure("10")
    assert Kind.LINE_CONFLICT in kinds(other.say(as_heard(bench), "line"))
    assert Kind.LINE_CONFLICT in kinds(bench.say(as_heard(other, "st-041"), "line"))


def test_a_conflict_is_told_once(bench: Bench) -> None:
    """Also when both stations tell of the unit again and again."""
    bench.say(progress(("SN1", "press", "done"), station="st-041"), "line")
    assert news(bench.say(progress(("SN1", "press", "done"), first=2, station="st-041"), "line")) == []


def test_work_done_here_that_was_done_there_is_a_conflict() -> None:
    """Where nothing forbids to do it twice, it is told that it was."""
    bench = Bench(rules(done=Policy.OFF), plant())
    bench.say(progress(("SN1", "press", "done"), station="st-041"), "line")
    bench.scan_all("OP-1", "SN1", "A/L1")
    assert Kind.LINE_CONFLICT in kinds(bench.measure("10"))


def test_rework_at_another_station_is_no_conflict(bench: Bench) -> None:
    """Done again on order is not done twice by mistake."""
    assert news(bench.say(progress(("SN1", "press", "redone"), station="st-041"), "line")) == []


@pytest.mark.parametrize("status", ["hold", "scrap"])
def test_what_another_station_holds_is_held_here_at_once(status: str) -> None:
    """Before the unit is scanned, and in the middle of its work."""
    bench = Bench(rules(), plant())
    bench.scan_all("OP-1", "SN1")
    bench.say(progress(("SN1", "", status)), "line")
    for refused in (bench.scan("A/L1"), bench.measure("10"), bench.scan("SN1")):
        assert said(refused)[0] == "refuse"
        assert "says st-030" in said(refused)[1]


def test_a_release_that_is_older_than_the_hold_releases_nothing() -> None:
    """Late news do not undo what was decided since."""
    bench = Bench(rules(), plant())
    bench.scan("OP-1")
    bench.say(progress(("SN1", "", "hold"), time="1970-01-01T00:00:30.000Z"), "line")
    bench.say(progress(("SN1", "", "ok"), first=2, time="1970-01-01T00:00:20.000Z", station="st-020"), "line")
    assert "on hold" in said(bench.scan("SN1"))[1]


def test_a_journal_begun_anew_there_is_no_conflict_here() -> None:
    """Another epoch counts from one again; the same word from the same station is no second opinion."""
    bench = Bench(rules(), plant())
    bench.say(progress(("SN1", "cut", "done")), "line")
    again = LineProgress("st-030", "another", progress(("SN1", "cut", "done")).steps)
    assert news(bench.say(again, "line")) == []


def test_the_book_of_units_is_bounded() -> None:
    """Years of units leave at most 40 in each of 256 small documents, and forget those on hold last."""
    draft = Draft({}, LOADED, "")
    unitbook.note(draft, "HELD", status="hold")
    for number in range(20_000):
        unitbook.note(draft, f"SN{number}", done={"press": "here"})
    documents = dict(draft.under(unitbook.PREFIX))
    assert max(len(one) for one in documents.values()) == unitbook.KEPT
    assert unitbook.held(draft, "HELD")
    assert all(unitbook.look_up(draft, f"SN{number}") for number in range(15_000, 20_000))


def test_a_status_that_nobody_knows_changes_nothing(bench: Bench) -> None:
    """A newer station of the line may have words that this one has not."""
    assert news(bench.say(progress(("SN1", "", "dancing")), "line")) == []
