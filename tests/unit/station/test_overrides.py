"""Somebody with authority may answer for what nobody knows: with a badge, a reason, in time, and on record."""

from __future__ import annotations

import pytest

from agent.events import Kind
from agent.station.policy import Policy
from agent.station.rules import Rules
from tests.unit.station.bench import Bench, kinds, only, said
from tests.unit.station.plant import plant, rules


@pytest.fixture
def asked() -> Bench:
    """A station whose route data is 9 hours old and may be 8, asked to start a unit."""
    bench = Bench(rules(route=Policy.ASK, set_age_h={"routes": 8.0}), plant())
    bench.scan("OP-1")
    bench.wait(9)
    bench.scan("SN1")
    return bench


def test_the_operator_sees_what_is_asked_and_of_whom(asked: Bench) -> None:
    """Red, and in words what to do."""
    assert asked.memory["last"]["text"] == "routes are 9.0 h old: scan the badge of lead, then a reason"
    assert asked.events[-1].data["asked"] == [{"rule": "route", "why": "routes are 9.0 h old"}]
    assert asked.memory["last"]["verdict"] == "refuse"


@pytest.mark.parametrize("badge", ["9", "700"], ids=["role of the plant", "badge of the station file"])
def test_badge_and_reason_let_it_go_on(asked: Bench, badge: str) -> None:
    """Red stays until the reason is given; then the work starts, and its facts name who answered for what."""
    assert said(asked.scan(f"OP-{badge}")) == ("refuse", f"{badge} may answer for route: now scan the reason")
    given, started = asked.scan("CMD:reason:line server down").events
    assert given.kind is Kind.OVERRIDE_GIVEN
    assert (given.subject, given.data["by"], given.data["given"]) == ("SN1", badge, "line server down")
    assert given.data["asked"][0]["rule"] == "route"
    assert started.kind is Kind.OPERATION_STARTED
    assert started.data["operator"] == "1", "the lead answers; the operator works"
    (override,) = started.data["overrides"]
    assert (override["rule"], override["by"], override["given"]) == ("route", badge, "line server down")
    asked.scan("A/L1")
    assert asked.measure("10").events[-1].data["overrides"] == [override]


def test_a_badge_without_authority_answers_nothing(asked: Bench) -> None:
    """Another operator's badge signs him on; the question is gone, and so is the unit."""
    assert Kind.OPERATOR_SIGNED_ON in kinds(asked.scan("OP-2"))
    assert said(asked.scan("CMD:reason:because")) == ("refuse", "nothing is asked")
    assert "operation" not in asked.memory


def test_a_reason_without_a_badge_answers_nothing(asked: Bench) -> None:
    """Anybody can hold a reason card under the scanner."""
    assert said(asked.scan("CMD:reason:because")) == ("refuse", "first the badge of who answers for it")


def test_a_question_survives_a_restart(asked: Bench) -> None:
    """The lead need not be quicker than the agent."""
    asked.scan("OP-9")
    asked.restart()
    assert kinds(asked.scan("CMD:reason:because"))[-1] is Kind.OPERATION_STARTED


def test_a_question_survives_a_power_cut_by_the_wall_clock(asked: Bench) -> None:
    """Across boots only a clock that is set tells whether the time is over."""
    asked.restart(boot="b2")
    asked.scan("OP-9")
    assert Kind.OVERRIDE_GIVEN in kinds(asked.scan("CMD:reason:because"))


def test_a_question_across_boots_lapses_without_a_clock(asked: Bench) -> None:
    """Doubt falls towards refusal."""
    asked.restart(boot="b2")
    asked.synced = False
    assert kinds(asked.scan("OP-9")) == [Kind.OVERRIDE_LAPSED, Kind.OPERATOR_SIGNED_OFF, Kind.OPERATOR_SIGNED_ON]


def test_a_question_has_its_time(asked: Bench) -> None:
    """An answer that comes after it is none."""
    asked.scan("OP-9")
    asked.wait(1)
    decision = asked.scan("CMD:reason:because")
    assert kinds(decision) == [Kind.OVERRIDE_LAPSED, Kind.COMMAND_REJECTED]
    assert decision.events[0].data["why"] == "nobody answered in time"


@pytest.mark.parametrize("code", ["SN10", "CMD:abort", "CMD:sign-off"])
def test_a_question_is_withdrawn_by_other_work(asked: Bench, code: str) -> None:
    """An answer to an old question never starts something new."""
    assert Kind.OVERRIDE_LAPSED in kinds(asked.scan(code))
    assert asked.memory.get("question", {}).get("subject") != "SN1"


def test_what_is_forbidden_by_then_is_refused_after_all(asked: Bench) -> None:
    """An override is for what it was asked for; the rest is looked at anew."""
    asked.scan("OP-9")
    asked.press("cord")
    decision = asked.scan("CMD:reason:because")
    assert kinds(decision) == [Kind.OVERRIDE_GIVEN, Kind.OPERATION_REJECTED]
    assert said(decision)[1].startswith("stopped by cord")


def test_an_override_is_for_one_unit_once(asked: Bench) -> None:
    """The next unit asks again."""
    asked.scan("OP-9")
    asked.scan("CMD:reason:because")
    asked.scan("CMD:abort")
    assert only(asked.scan("SN1")).kind is Kind.OVERRIDE_ASKED


def test_reasons_may_be_declared() -> None:
    """Only a reason of the plant's list is one."""
    bench = Bench(rules(lot=Policy.ASK, reasons=["urgent"]), plant(lots=None))
    bench.scan_all("OP-1", "SN1", "A/L1", "OP-9")
    assert said(bench.scan("CMD:reason:mood")) == ("refuse", "no reason 'mood'; known are: urgent")
    assert kinds(bench.scan("CMD:reason:urgent")) == [Kind.OVERRIDE_GIVEN, Kind.PART_ACCEPTED]
    assert bench.memory["operation"]["overrides"][0]["rule"] == "lot"


def test_where_nobody_may_answer_nothing_is_asked() -> None:
    """The refusal says so, and no question waits."""
    declared = rules(route=Policy.ASK)
    bench = Bench(Rules(**{**dict(declared), "authority": ()}), plant(routes=None))
    bench.scan("OP-1")
    assert said(bench.scan("SN1"))[1].endswith("nobody may answer for route")
    assert "question" not in bench.memory
