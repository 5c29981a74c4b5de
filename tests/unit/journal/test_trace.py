"""The story of a thing: everything that names it, in order, back to its lots and forward to their units."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agent.events import NS_PER_S, Event, Kind, Lane
from agent.journal.errors import JournalPathError
from agent.journal.links import What
from agent.journal.trace import Span, Tracer
from tests.journals import Now, facts, kept, opened, tidied
from tests.unit.station.test_answers import Clockwork

if TYPE_CHECKING:
    from pathlib import Path

    from agent.journal.trace import Story

FILLER = 300
"""Enough events of other units to push what came before into the index."""


class Shift:
    """A line at work: units that get parts and measurements, one after another."""

    def __init__(self, path: Path) -> None:
        self.now = Now()
        self.journal = opened(path, None, self.now)

    def record(self, kind: Kind, subject: str, **data: Any) -> None:
        self.now.pass_(1)
        self.journal.append([Event(kind, subject, {**data, "rules": "r7"}, self.now())], {})

    def unit(self, unit: str, *parts: tuple[str, str], operator: str = "4711", **more: Any) -> None:
        about = {"unit": unit, "operation": "press", "operator": operator}
        self.record(Kind.OPERATION_STARTED, unit, **about)
        for part, lot in parts:
            self.record(Kind.PART_ACCEPTED, unit, **about, part=part, lot=lot, **more)
        self.record(Kind.MEASUREMENT_TAKEN, unit, gauge="g1", name="depth", value=1.0, unit="mm", operation="press")
        self.record(Kind.OPERATION_COMPLETED, unit, **about, parts=[{"part": part, "lot": lot} for part, lot in parts])

    def others(self, count: int = FILLER) -> None:
        """Other people's work, which is indexed, and pushes the rest into the index."""
        self.journal.append(
            [
                Event(kind, f"X{number}", {"unit": f"X{number}", "operator": "9"}, self.now())
                for number in range(count)
                for kind in (Kind.OPERATION_STARTED,)
            ],
            {},
        )
        tidied(self.journal)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture(params=["newest", "indexed", "both"])
def shift(path: Path, request: pytest.FixtureRequest) -> Any:
    """Three units of two lots; told before the index, behind it, and across its edge."""
    one = Shift(path)
    one.unit("SN1", ("P1", "L1"), ("P2", "L9"))
    if request.param == "both":
        one.others()
    one.unit("SN2", ("P1", "L1"))
    one.unit("SN3", ("P1", "L2"), operator="4712")
    if request.param == "indexed":
        one.others()
    yield one
    one.journal.close()


def story(path: Path, what: What, name: str, **more: Any) -> Story:
    with Tracer(path) as tracer:
        return tracer.story(what, name, **more)


def kinds(told: Story) -> list[str]:
    return [event["type"].removeprefix("lineside.") for event in told.events]


@pytest.mark.usefixtures("shift")
def test_a_unit_has_everything_that_happened_to_it_in_order(path: Path) -> None:
    """Whatever lane it travelled in."""
    told = story(path, What.UNIT, "SN1")
    assert kinds(told) == [
        "operation.started",
        "part.accepted",
        "part.accepted",
        "measurement.taken",
        "operation.completed",
    ]
    assert told.parts == (("P1", "L1", ""), ("P2", "L9", ""))


@pytest.mark.usefixtures("shift")
def test_back_and_forward(path: Path) -> None:
    """From a unit to its lots, from a lot to all its units."""
    with Tracer(path) as tracer:
        assert tracer.units_of("L1", "P1") == ("SN1", "SN2")
        assert tracer.units_of("L1", "P2") == ()
    assert story(path, What.LOT, "L9").units == ("SN1",)
    assert story(path, What.OPERATOR, "4712").units == ("SN3",)
    assert story(path, What.GAUGE, "g1").units == ("SN1", "SN2", "SN3")


@pytest.mark.usefixtures("shift")
def test_a_word_is_recognised(path: Path) -> None:
    with Tracer(path) as tracer:
        found = [tracer.recognise(name) for name in ("SN2", "L2", "4712", "g1", "nothing", "mm", "P1")]
    assert found == [[What.UNIT], [What.LOT], [What.OPERATOR], [What.GAUGE], [], [], []]


def test_a_word_that_is_several_things_is_told_as_such(path: Path, shift: Shift) -> None:
    shift.unit("4711", ("P1", "g1"))
    with Tracer(path) as tracer:
        assert tracer.recognise("4711") == [What.UNIT, What.OPERATOR]
        assert tracer.recognise("g1") == [What.LOT, What.GAUGE]


def test_lots_of_the_same_name_are_told_apart_by_their_part(path: Path, shift: Shift) -> None:
    shift.unit("SN4", ("P7", "L1"))
    with Tracer(path) as tracer:
        assert tracer.parts_of_lot("L1") == ["P1", "P7"]
        assert tracer.story(What.LOT, "L1", part="P7").units == ("SN4",)


def test_a_refused_lot_is_no_lot_of_the_unit(path: Path, shift: Shift) -> None:
    """It is part of the story, but not built in."""
    shift.record(Kind.PART_REJECTED, "SN1", unit="SN1", part="P1", lot="WRONG", reason="blocked")
    told = story(path, What.UNIT, "SN1")
    assert kinds(told)[-1] == "part.rejected"
    assert ("P1", "WRONG", "") not in told.parts
    assert story(path, What.LOT, "WRONG").units == ()


def test_a_component_that_was_a_unit_before_has_both_stories(path: Path, shift: Shift) -> None:
    """Its own operations, and the unit that it went into."""
    shift.unit("SUB7", ("P3", "L3"))
    shift.unit("SN5", ("P4", ""), serial="SUB7")
    with Tracer(path) as tracer:
        assert tracer.recognise("SUB7") == [What.UNIT]
        told = tracer.story(What.UNIT, "SUB7")
        assert tracer.story(What.SERIAL, "SUB7").units == ("SN5",)
    assert [event["data"].get("serial") for event in told.events].count("SUB7") == 1
    assert told.parts == (("P3", "L3", ""),)


def test_calls_while_the_unit_was_open_belong_to_its_story(path: Path, shift: Shift) -> None:
    """And no others."""
    call = {"name": "material", "type": "material", "mode": "call"}
    shift.record(Kind.ANDON_RAISED, "before", call="before", **call)
    shift.record(Kind.OPERATION_STARTED, "SN6", unit="SN6", operation="press")
    shift.record(Kind.ANDON_RAISED, "during", call="during", **call)
    shift.record(Kind.OPERATION_ABORTED, "SN6", unit="SN6", operation="press")
    shift.record(Kind.ANDON_RAISED, "after", call="after", **call)
    assert [event["subject"] for event in story(path, What.UNIT, "SN6").events] == ["SN6", "during", "SN6"]


@pytest.mark.parametrize("step_s", [-3600, 3600, -40 * 365 * 86_400])
def test_a_clock_that_is_set_changes_no_order(path: Path, shift: Shift, step_s: int) -> None:
    """And hides no call: what came before what is told by the time that nobody sets."""
    call = {"name": "material", "type": "material", "mode": "call"}
    shift.record(Kind.ANDON_RAISED, "before", call="before", **call)
    shift.record(Kind.OPERATION_STARTED, "SN6", unit="SN6", operation="press")
    shift.record(Kind.ANDON_RAISED, "during-1", call="during-1", **call)
    shift.now.time_ns += step_s * NS_PER_S
    shift.record(Kind.ANDON_RAISED, "during-2", call="during-2", **call)
    shift.record(Kind.OPERATION_COMPLETED, "SN6", unit="SN6", operation="press")
    shift.record(Kind.ANDON_RAISED, "after", call="after", **call)
    told = story(path, What.UNIT, "SN6").events
    assert [event["subject"] for event in told] == ["SN6", "during-1", "during-2", "SN6"]
    (last,) = story(path, What.UNIT, "SN6", most=1).events
    assert last["type"] == "lineside.operation.completed"


def test_a_story_can_be_cut_to_a_time(path: Path, shift: Shift) -> None:
    whole = story(path, What.OPERATOR, "4711").events
    times = [event["time"] for event in whole]
    middle = times[len(times) // 2]
    assert [event["time"] for event in story(path, What.OPERATOR, "4711", span=Span(since=middle)).events] == [
        time for time in times if time >= middle
    ]
    day = times[0][:10]
    assert len(story(path, What.OPERATOR, "4711", span=Span(day, day)).events) == len(times)
    assert story(path, What.OPERATOR, "4711", span=Span(until="2020-01-01")).events == ()
    newest = story(path, What.OPERATOR, "4711", most=2)
    assert ([event["time"] for event in newest.events], newest.left_out) == (times[-2:], len(times) - 2)
    del shift


def test_names_with_any_characters_are_found(path: Path, shift: Shift) -> None:
    """Quotes, percent signs, control characters and other alphabets are nothing special."""
    for name in ('a"b', "100%_", "单元\u00fc", "x'--", "tab\tgs\x1d"):
        shift.unit(name, ("P1", name))
        assert len(story(path, What.UNIT, name).events) == 4
    shift.others()
    for name in ('a"b', "100%_", "单元\u00fc", "x'--", "tab\tgs\x1d"):
        assert story(path, What.LOT, name).units == (name,)


def test_a_story_of_what_is_forgotten_is_shorter(path: Path, shift: Shift) -> None:
    """The completed operation still tells the lots, after the scans of them are gone."""
    shift.others()
    gone = max(seq for seq, body in kept(path, Lane.WORK).items() if "part.accepted" in body and "SN1" in body)
    shift.journal.confirmed(Lane.WORK, gone)
    shift.now.pass_(86_400 * 40)
    tidied(shift.journal)
    told = story(path, What.UNIT, "SN1")
    assert "part.accepted" not in kinds(told)
    assert told.parts == (("P1", "L1", ""), ("P2", "L9", ""))


def test_a_journal_that_is_not_there_is_told(path: Path) -> None:
    with pytest.raises(JournalPathError):
        Tracer(path.with_name("none.db"))


@pytest.mark.parametrize("indexed", [False, True])
def test_a_call_that_a_unit_has_raised_is_found_by_it_to_its_end(path: Path, *, indexed: bool) -> None:
    """Also what became of the call after the unit had left, and the value that raised it."""
    bench = Clockwork()
    bench.scan_all("OP-1", "SN1", "A/L1", "B/L1", "B/L1")
    call = bench.measure("11").events[-1].subject
    bench.measure("10")
    bench.order("andon/raise", name="press")
    bench.measure("1", gauge="gauge-2")
    bench.pass_time(100)
    bench.order("andon/arrive", call=call, by="7")
    bench.order("andon/resolve", call=call, by="7")
    bench.order("andon/close", call=call, by="7", reason="burr")
    shift = Shift(path)
    shift.journal.append([*bench.events, *(facts(FILLER, Lane.ANDON) if indexed else [])], {})
    tidied(shift.journal)
    shift.journal.close()
    found = [event for event in story(path, What.UNIT, "SN1").events if event["lane"] == Lane.ANDON]
    assert [event["type"].removeprefix("lineside.andon.") for event in found if event["subject"] == call] == [
        "raised", "arrived", "resolved", "closed",
    ]  # fmt: skip
    assert [event["data"]["name"] for event in found if event["subject"] != call] == ["press"]  # by its time
