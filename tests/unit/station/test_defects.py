"""Defects, and what becomes of the unit: who may decide, and how it acts at once."""

from __future__ import annotations

import pytest

from agent.events import Kind
from tests.unit.station.bench import Bench, kinds, only, said
from tests.unit.station.plant import plant, rules


@pytest.fixture
def bench() -> Bench:
    """A station with a unit open."""
    bench = Bench(rules(), plant())
    bench.scan_all("OP-1", "SN1")
    return bench


def finish(bench: Bench) -> list[Kind]:
    bench.scan("A/L1")
    return kinds(bench.measure("10"))


def test_a_defect_card_records_what_where_and_how_many(bench: Bench) -> None:
    """Code, words, place, quantity, gravity, unit and person; the work goes on."""
    event = only(bench.scan("CMD:defect:scratch@front*3"))
    assert event.kind is Kind.DEFECT_RECORDED
    told = ["defect", "description", "location", "quantity", "severity", "unit", "operation", "operator"]
    assert [event.data[key] for key in told] == [
        "scratch", "scratched surface", "front", 3, "major", "SN1", "press", "1",
    ]  # fmt: skip
    assert finish(bench)[-1] is Kind.OPERATION_COMPLETED


@pytest.mark.parametrize(
    ("card", "words"),
    [
        ("dent", "no defect 'dent'"),
        ("scratch@roof", "scratch is at one of front, back; not at roof"),
        ("scratch", "scratch is at one of front, back; not at none"),
        ("scratch@front*0", "no defect 'scratch@front*0'"),
        ("", "no defect ''"),
    ],
)
def test_a_card_that_makes_no_sense_records_nothing(bench: Bench, card: str, words: str) -> None:
    """Never guessed at."""
    assert kinds(bench.scan(f"CMD:defect:{card}")) == [Kind.COMMAND_REJECTED]
    assert bench.memory["last"]["text"] == words


def test_a_defect_belongs_to_a_unit() -> None:
    """Where none was scanned, nothing is recorded."""
    bench = Bench(rules(), plant())
    assert said(bench.scan("CMD:defect:crack")) == ("refuse", "no unit is open: scan the unit first")


def test_a_defect_may_hold_the_unit_by_rule(bench: Bench) -> None:
    """A crack stops it at once: no part, no value, and not at the next station either."""
    assert said(bench.scan("CMD:defect:crack"))[0] == "refuse"
    for refused in (bench.scan("A/L1"), bench.measure("10"), bench.scan("SN1")):
        assert said(refused) == ("refuse", "unit SN1 is on hold: crack")
    step = bench.memory["state/units"]["steps"][-1]
    assert (step["unit"], step["status"]) == ("SN1", "hold")


def test_a_unit_that_is_released_goes_on_where_it_was(bench: Bench) -> None:
    """The lead decides: use it as it is; nothing that was done is lost."""
    bench.scan_all("A/L1", "CMD:defect:crack", "OP-9")
    event = only(bench.scan("CMD:use-as-is"))
    assert (event.kind, event.data["disposition"], event.data["by"]) == (Kind.DEFECT_DISPOSED, "use-as-is", "9")
    assert kinds(bench.measure("10"))[-1] is Kind.OPERATION_COMPLETED


def test_who_has_no_authority_asks_for_it(bench: Bench) -> None:
    """The operator shows the card, the lead answers with badge and reason, and both are on record."""
    assert only(bench.scan("CMD:scrap")).kind is Kind.OVERRIDE_ASKED
    assert "scrap of unit SN1: scan the badge of lead" in bench.memory["last"]["text"]
    bench.scan("OP-9")
    decision = bench.scan("CMD:reason:cracked through")
    assert kinds(decision) == [Kind.OVERRIDE_GIVEN, Kind.DEFECT_DISPOSED, Kind.OPERATION_ABORTED]
    disposed = decision.events[1].data
    assert (disposed["operator"], disposed["by"], disposed["given"]) == ("1", "9", "cracked through")
    assert said(bench.scan("SN1"))[1] == "unit SN1 is scrap: cracked through"


def test_everybody_may_put_a_unit_on_hold(bench: Bench) -> None:
    """The careful direction is free; nobody is signed on, nobody does it."""
    assert kinds(bench.scan("CMD:hold")) == [Kind.DEFECT_DISPOSED]
    assert said(bench.scan("A/L1"))[0] == "refuse"
    bench.scan("CMD:sign-off")
    assert kinds(bench.scan("CMD:hold")) == [Kind.COMMAND_REJECTED]


def test_a_unit_on_hold_is_disposed_of_after_its_scan() -> None:
    """Scanning it says why it is refused, and of which unit the next card speaks."""
    bench = Bench(rules(), plant())
    bench.scan_all("OP-1", "SN1", "CMD:hold", "CMD:abort", "OP-9")
    assert said(bench.scan("SN1"))[1] == "unit SN1 is on hold"
    bench.scan("CMD:use-as-is")
    assert kinds(bench.scan("SN1")) == [Kind.OPERATION_STARTED]


def test_rework_is_the_one_way_to_do_an_operation_again(bench: Bench) -> None:
    """Done is done; after a defect and the order to rework it may be done once more, and then is done."""
    finish(bench)
    assert said(bench.scan("SN1"))[1] == "unit SN1: press is done already"
    bench.scan_all("CMD:defect:scratch@back", "OP-9", "CMD:rework")
    started = only(bench.scan("SN1"))
    assert (started.kind, started.data["again"]) == (Kind.OPERATION_STARTED, "rework")
    assert finish(bench)[-1] is Kind.OPERATION_COMPLETED
    assert [step["status"] for step in bench.memory["state/units"]["steps"]] == ["done", "rework", "redone"]
    assert said(bench.scan("SN1"))[1] == "unit SN1: press is done already"


def test_a_unit_to_be_reworked_elsewhere_does_not_go_on(bench: Bench) -> None:
    """Its rework comes first."""
    from tests.unit.station.plant import progress  # noqa: PLC0415

    bench.scan("CMD:abort")
    bench.say(progress(("SN1", "cut", "rework")), "line")
    assert said(bench.scan("SN1"))[1] == "unit SN1 is to be reworked at cut"
    bench.say(progress(("SN1", "cut", "redone"), first=2, time="1970-01-01T00:00:09.000Z"), "line")
    assert kinds(bench.scan("SN1")) == [Kind.OPERATION_STARTED]


def test_nothing_to_decide_is_refused(bench: Bench) -> None:
    """A good unit needs no release."""
    bench.scan("OP-9")
    assert said(bench.scan("CMD:use-as-is")) == ("refuse", "nothing is known against unit SN1")


def test_what_was_decided_survives_a_restart(bench: Bench) -> None:
    """A hold is no matter of a running process."""
    bench.scan("CMD:hold")
    bench.restart(boot="b2")
    assert said(bench.scan("A/L1"))[1] == "unit SN1 is on hold"
