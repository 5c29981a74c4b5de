"""The interlock: work goes on only when everything it needs is known and good."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Kind
from agent.station.measuring import Judgement, judge
from agent.station.rules import Characteristic, Rules
from drivers.contract import Reading
from tests.unit.station.bench import KIT, RULES, SCANS, SEAT, Bench, kinds, only, said

# --- who works


def test_a_badge_signs_on(bench: Bench) -> None:
    """From here on every fact tells who did it."""
    assert only(bench.scan("OP-1")).kind is Kind.OPERATOR_SIGNED_ON
    assert bench.scan("SN1").events[0].data["operator"] == "1"


def test_the_same_badge_again_changes_nothing(bench: Bench) -> None:
    """A nervous scan is a fact, and no refusal."""
    bench.scan("OP-1")
    decision = bench.scan("OP-1")
    assert kinds(decision) == [Kind.SCAN_REPEATED]
    assert said(decision) == ("pass", "1 is signed on")


def test_another_badge_relieves(bench: Bench) -> None:
    """One person at a time; the change tells both."""
    bench.scan("OP-1")
    decision = bench.scan("OP-2")
    assert kinds(decision) == [Kind.OPERATOR_SIGNED_OFF, Kind.OPERATOR_SIGNED_ON]
    assert (decision.events[0].data["operator"], decision.events[0].data["relieved_by"]) == ("1", "2")


def test_signing_off_leaves_the_operation_open(bench: Bench) -> None:
    """A shift change loses no work."""
    bench.scan_all("OP-1", "SN1", "CMD:sign-off", "OP-2")
    assert kinds(bench.scan("A/L1")) == [Kind.PART_ACCEPTED]


def test_nobody_cannot_sign_off(bench: Bench) -> None:
    """The card is refused with a reason."""
    assert said(bench.scan("CMD:sign-off")) == ("refuse", "nobody is signed on")


# --- what may start


def test_nothing_starts_for_nobody(bench: Bench) -> None:
    """An operation that asks for an operator waits for a badge."""
    decision = bench.scan("SN1")
    assert only(decision).kind is Kind.OPERATION_REJECTED
    assert said(decision) == ("refuse", "nobody is signed on: scan your badge first")


def test_an_operation_may_need_nobody(bench: Bench) -> None:
    """`operator = false` starts without a badge."""
    assert kinds(bench.scan("KIT1")) == [Kind.OPERATION_STARTED]


def test_one_unit_at_a_time(bench: Bench) -> None:
    """The next unit waits until the open one is finished or aborted."""
    bench.scan_all("OP-1", "SN1")
    assert said(bench.scan("SN2")) == ("refuse", "SN1 is still open: finish or abort it first")


def test_the_open_unit_again_tells_what_is_next(bench: Bench) -> None:
    """Scanning it twice starts nothing twice."""
    bench.scan_all("OP-1", "SN1")
    decision = bench.scan("SN1")
    assert kinds(decision) == [Kind.SCAN_REPEATED]
    assert said(decision) == ("pass", "SN1 is open: scan part A")


@pytest.mark.parametrize(
    ("rules", "reason"),
    [
        (RULES, "unit X1 fits 2 operations of this station: ['twin-1', 'twin-2']"),
        (Rules(scan=SCANS, operation=(KIT,)), "unit X1 fits 0 operations of this station: []"),
    ],
)
def test_a_unit_must_fit_exactly_one_operation(rules: Rules, reason: str) -> None:
    """Which work to do is never guessed."""
    bench = Bench(rules)
    bench.scan("OP-1")
    assert said(bench.scan("X1")) == ("refuse", reason)


def test_an_operation_that_needs_nothing_is_complete_at_once(bench: Bench) -> None:
    """A passage control is one scan."""
    bench.scan("OP-1")
    assert kinds(bench.scan("BARE1")) == [Kind.OPERATION_STARTED, Kind.OPERATION_COMPLETED]


# --- what is built in


def test_a_part_needs_an_open_unit(bench: Bench) -> None:
    """A lot belongs to a unit, or to nothing."""
    assert said(bench.scan("A/L1")) == ("refuse", "no unit is open: scan the unit first")


@pytest.mark.parametrize(
    ("scans", "reason"),
    [
        (["Z/L1"], "part Z does not belong to press"),
        (["A/L1", "A/L2"], "part A is complete"),
        (["B/L1", "B/L1", "B/L1"], "part B is complete"),
    ],
)
def test_a_part_that_is_not_wanted_is_refused(bench: Bench, scans: list[str], reason: str) -> None:
    """The wrong part and one too many are both stopped, and on record."""
    bench.scan_all("OP-1", "SN1")
    decision = bench.scan_all(*scans)
    assert only(decision).kind is Kind.PART_REJECTED
    assert said(decision) == ("refuse", reason)


def test_what_is_missing_is_kept_in_words(bench: Bench) -> None:
    """The page and the operator are told what is next, in the order it is declared."""
    bench.scan_all("OP-1", "SN1")
    assert bench.memory["operation"]["needs"] == [
        "scan part A",
        "scan part B (2 times)",
        "measure seat with gauge-1",
        "measure depth with gauge-2",
    ]
    bench.scan_all("A/L1", "B/L1")
    assert bench.memory["operation"]["needs"][0] == "scan part B"


# --- what is measured


def test_a_value_nobody_waits_for_is_kept(bench: Bench) -> None:
    """It is a fact without a verdict, and shows neither red nor green."""
    decision = bench.measure("10")
    assert only(decision).data["verdict"] == "none"
    assert decision.answer is None


@pytest.mark.parametrize("value", ["9.9", "10", "10.1", "9.90000"])
def test_a_value_inside_the_limits_passes(bench: Bench, value: str) -> None:
    """Both ends belong to what is good."""
    bench.scan_all("OP-1", "SN1")
    decision = bench.measure(value)
    assert only(decision).data["verdict"] == "pass"
    assert said(decision)[0] == "pass"


@pytest.mark.parametrize("value", ["9.8999999", "10.1000001", "-10", "0", "NaN", "Infinity", "1e400"])
def test_a_value_outside_the_limits_is_a_defect(bench: Bench, value: str) -> None:
    """Red, a defect on record with its limits, and the step still to do."""
    bench.scan_all("OP-1", "SN1")
    decision = bench.measure(value)
    assert kinds(decision) == [Kind.MEASUREMENT_TAKEN, Kind.DEFECT_RECORDED]
    assert (decision.events[1].data["low"], decision.events[1].data["high"]) == (9.9, 10.1)
    assert said(decision)[0] == "refuse"
    assert "measure seat with gauge-1" in bench.memory["operation"]["needs"]


def test_a_value_can_be_measured_again_after_a_defect(bench: Bench) -> None:
    """Rework is allowed, and both values stay in the history."""
    bench.scan_all("OP-1", "SN1")
    bench.measure("11")
    bench.measure("10")
    assert [one["verdict"] for one in bench.memory["operation"]["measurements"]] == ["fail", "pass"]


def test_a_good_value_is_not_judged_twice(bench: Bench) -> None:
    """Once a characteristic is good, another value of that gauge is a value nobody waits for."""
    bench.scan_all("OP-1", "SN1")
    bench.measure("10")
    assert only(bench.measure("99")).data["verdict"] == "none"


def test_a_value_of_another_gauge_is_not_taken_for_it(bench: Bench) -> None:
    """Each characteristic waits for its own gauge."""
    bench.scan_all("OP-1", "SN1")
    bench.measure("1.5", gauge="gauge-2")
    assert bench.memory["operation"]["measurements"][0]["name"] == "depth"


def test_a_value_in_another_unit_is_converted(bench: Bench) -> None:
    """What was sent and what was judged are both kept."""
    bench.scan_all("OP-1", "SN1")
    event = only(bench.measure("0.39370", "in"))
    assert (event.data["value"], event.data["unit"]) == (0.3937, "in")
    assert (event.data["judged"], event.data["judged_unit"], event.data["verdict"]) == (9.99998, "mm", "pass")


def test_a_value_in_a_strange_unit_is_refused(bench: Bench) -> None:
    """Grams are no millimetres."""
    bench.scan_all("OP-1", "SN1")
    decision = bench.measure("10", "g")
    assert only(decision).kind is Kind.MEASUREMENT_REJECTED
    assert said(decision) == ("refuse", "gauge-1: unit 'g' cannot be turned into 'mm'")


def test_a_value_that_still_moves_is_refused(bench: Bench) -> None:
    """An unstable value is never good, however it reads."""
    bench.scan_all("OP-1", "SN1")
    decision = bench.measure("10", stable=False)
    assert only(decision).kind is Kind.MEASUREMENT_REJECTED
    assert said(decision) == ("refuse", "gauge-1: value is not stable yet")


def test_the_value_is_kept_as_it_was_sent(bench: Bench) -> None:
    """Trailing zeros are resolution, and the raw bytes are proof."""
    event = only(bench.say(Reading(b"01A+00010.000\r", "+00010.000", Decimal("10.000"), "mm"), "gauge-1"))
    assert (event.data["text"], event.data["raw"]) == ("+00010.000", "01A+00010.000\r")


@given(st.decimals())
def test_good_is_what_lies_between_the_limits(value: Decimal) -> None:
    """Whatever number a gauge can say, only low <= value <= high passes."""
    good = value.is_finite() and Decimal("9.9") <= value <= Decimal("10.1")
    assert judge(value, SEAT) is (Judgement.PASS if good else Judgement.FAIL)


def test_limits_may_be_one_point() -> None:
    """Attribute checks that count (exactly 4 screws) work."""
    four = Characteristic(name="n", gauge="g", unit="1", nominal=Decimal(4), low=Decimal(4), high=Decimal(4))
    assert [judge(Decimal(n), four) for n in (3, 4, 5)] == [Judgement.FAIL, Judgement.PASS, Judgement.FAIL]


# --- how it ends


def test_the_last_fact_of_an_operation_tells_all_of_it(bench: Bench) -> None:
    """Unit, operator, lots, values with their limits, and times: one fact answers a recall."""
    bench.scan_all("OP-1", "SN1", "A/L1", "B/L2", "B/L3")
    bench.measure("11")
    bench.measure("10")
    decision = bench.measure("1.5", gauge="gauge-2")
    assert kinds(decision) == [Kind.MEASUREMENT_TAKEN, Kind.OPERATION_COMPLETED]
    told = decision.events[1].data
    assert decision.events[1].subject == told["unit"] == "SN1"
    assert (told["operation"], told["operator"], told["started_by"]) == ("press", "1", "1")
    assert [(one["part"], one["lot"]) for one in told["parts"]] == [("A", "L1"), ("B", "L2"), ("B", "L3")]
    assert [(one["name"], one["value"], one["verdict"]) for one in told["measurements"]] == [
        ("seat", 11.0, "fail"),
        ("seat", 10.0, "pass"),
        ("depth", 1.5, "pass"),
    ]
    assert (told["started"], told["ended"], told["duration_s"]) == (
        "1970-01-01T00:00:02.000Z",
        "1970-01-01T00:00:08.000Z",
        6.0,
    )
    assert said(decision) == ("pass", "SN1: press complete")


def test_steps_may_be_done_in_any_order(bench: Bench) -> None:
    """Complete is when all is there."""
    bench.scan_all("OP-1", "SN1")
    bench.measure("1.5", gauge="gauge-2")
    bench.scan_all("B/L1", "A/L1")
    bench.measure("10")
    assert Kind.OPERATION_COMPLETED in kinds(bench.scan("B/L1"))


def test_an_aborted_operation_can_be_started_again(bench: Bench) -> None:
    """The abort tells how far it came; the next start begins from nothing."""
    bench.scan_all("OP-1", "KIT1")
    event = only(bench.scan("CMD:abort"))
    assert (event.kind, event.subject, event.data["parts"]) == (Kind.OPERATION_ABORTED, "KIT1", [])
    assert kinds(bench.scan("KIT1")) == [Kind.OPERATION_STARTED]


def test_nothing_cannot_be_aborted(bench: Bench) -> None:
    """The card is refused with a reason."""
    assert said(bench.scan("CMD:abort")) == ("refuse", "no operation is open")


def test_an_open_operation_goes_on_after_a_restart(bench: Bench) -> None:
    """Nothing has to be scanned twice after a power cut; a duration across boots is not made up."""
    bench.scan_all("OP-1", "SN1", "A/L1", "B/L1", "B/L2")
    bench.measure("10")
    bench.restart(boot="b2")
    completed = bench.measure("1", gauge="gauge-2").events[1]
    assert (completed.kind, completed.subject, completed.data["duration_s"]) == (Kind.OPERATION_COMPLETED, "SN1", None)


def test_an_operation_that_left_the_rules_can_only_be_aborted(bench: Bench) -> None:
    """New rules do not silently complete old work."""
    bench.scan_all("OP-1", "SN1")
    bench.rules = Rules(scan=SCANS, operation=(KIT,))
    bench.restart()
    assert said(bench.scan("A/L1")) == ("refuse", "part A does not belong to press")
    assert only(bench.measure("10")).data["verdict"] == "none"
    assert kinds(bench.scan("CMD:abort")) == [Kind.OPERATION_ABORTED]
