"""What must be known before an operation starts, and what happens when it is not known, or no longer for sure."""

from __future__ import annotations

from typing import Any

import pytest

from agent.events import Kind
from agent.station.policy import Check, Policy
from agent.station.reference import GaugeRecord, Operator, Product, Route, Unit
from tests.unit.station.bench import Bench, kinds, only, said
from tests.unit.station.plant import plant, progress, rules


def bench_with(reference: Any = None, **policies: Any) -> Bench:
    return Bench(rules(**policies), reference or plant())


def test_what_the_plant_knows_to_be_right_starts() -> None:
    """Known, qualified, admitted, in order, calibrated: green, and each rule with the revision and age of its data."""
    bench = bench_with()
    bench.scan("OP-1")
    started = only(bench.scan("SN1"))
    assert started.kind is Kind.OPERATION_STARTED
    assert {check["rule"]: check["outcome"] for check in started.data["checks"]} == dict.fromkeys(
        [
            "operator",
            "qualification",
            "unit",
            "product",
            "status",
            "route",
            "done",
            "instruction",
            "calibration",
            "component",
        ],
        "pass",
    )
    route = next(check for check in started.data["checks"] if check["rule"] == "route")
    assert route == {"rule": "route", "outcome": "pass", "set": "routes", "revision": "routes-7", "age_s": 2.0}


NEWER = Product("P", "R", instructions={"press": "C"})
REFUSED = [
    # badge, unit, sets that differ, rule, words
    ("3", "SN1", {}, "qualification", "operator 3 is not qualified for press"),
    ("2", "SN1", {}, "qualification", "operator 2: qualification for press ended 1969-12-31"),
    ("1", "SN9", {}, "unit", "unit SN9 is not known, and no product admits it"),
    ("1", "SN2", {}, "route", "press is not in route S of unit SN2"),
    ("1", "SN10", {}, "route", "unit SN10: cut is not done"),
    ("1", "SN17", {}, "route", "unit SN17: cut is not done"),
    ("1", "SN11", {}, "status", "unit SN11 is on hold: burr"),
    ("1", "SN12", {}, "status", "unit SN12 is scrap"),
    ("1", "SN13", {}, "done", "unit SN13: press is done already"),
    ("1", "SN1", {"gauges": {"gauge-1": GaugeRecord("gauge-1", "1969-12-31")}}, "calibration", "ended 1969-12-31"),
    ("1", "SN1", {"gauges": {}}, "calibration", "gauge gauge-1 is not in the list of gauges"),
    ("1", "SN1", {"products": {"P": NEWER}}, "instruction", "press needs work instruction C; here hangs B"),
    ("1", "SN1", {"operators": {"7": Operator("7")}}, "operator", "operator 1 is not known"),
    ("1", "SN17", {"products": {n: Product(n, "R", r"SN17") for n in "XY"}}, "unit", "fits the products X and Y"),
]  # fmt: skip


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: f"{case[3]}: {case[4]}")
@pytest.mark.parametrize("policy", [Policy.AUTO, Policy.BLOCK, Policy.FLAG, Policy.ASK])
def test_what_the_data_forbids_is_refused_under_every_policy(
    case: tuple[str, str, dict[str, Any], str, str], policy: Policy
) -> None:
    """A policy is for data that is missing or stale; a plain no needs nobody's opinion."""
    badge, unit, sets, rule, words = case
    bench = bench_with(**{rule: policy})
    bench.scan(f"OP-{badge}")
    bench.reference = plant(**sets)
    decision = bench.scan(unit)
    assert kinds(decision) == [Kind.OPERATION_REJECTED]
    assert said(decision)[0] == "refuse"
    assert words in said(decision)[1]
    refused = [check for check in only(decision).data["checks"] if check["outcome"] == "refuse"]
    assert [check["rule"] for check in refused] == [rule]
    assert "operation" not in bench.memory


@pytest.mark.parametrize(("badge", "unit", "sets", "rule", "words"), REFUSED)
def test_a_rule_that_is_off_refuses_nothing(badge: str, unit: str, sets: dict[str, Any], rule: str, words: str) -> None:
    """`off` is off: another rule may still say no, this one does not."""
    bench = bench_with(**{rule: Policy.OFF})
    bench.scan(f"OP-{badge}")
    bench.reference = plant(**sets)
    decision = bench.scan(unit)
    assert words not in (decision.answer.text if decision.answer else "")
    assert rule not in [check["rule"] for check in decision.events[0].data.get("checks", ())]


def test_nothing_that_was_never_loaded_is_asked_for() -> None:
    """A station without reference data works as if there were no such rules."""
    bench = Bench(rules())
    bench.scan("OP-1")
    assert "checks" not in only(bench.scan("SN1")).data


SET_OF = {
    Check.OPERATOR: "operators",
    Check.QUALIFICATION: "operators",
    Check.CALIBRATION: "gauges",
    Check.STATUS: "units",
    Check.ROUTE: "routes",
    Check.PRODUCT: "products",
    Check.INSTRUCTION: "products",
    Check.COMPONENT: "products",
}


@pytest.mark.parametrize("check", SET_OF)
@pytest.mark.parametrize("missing", [True, False], ids=["missing", "stale"])
@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        (Policy.BLOCK, Kind.OPERATION_REJECTED),
        (Policy.FLAG, Kind.OPERATION_STARTED),
        (Policy.ASK, Kind.OVERRIDE_ASKED),
        (Policy.OFF, Kind.OPERATION_STARTED),
    ],
)
def test_data_that_is_missing_or_stale_is_treated_as_the_policy_says(
    check: Check, policy: Policy, kind: Kind, *, missing: bool
) -> None:
    """Block, flag or ask: each decision says which rule, which revision and how old."""
    others = {one.value: Policy.OFF for one in Check if one is not check}
    age = {} if missing else {"set_age_h": {SET_OF[check]: 8.0}}
    bench = bench_with(plant(**{SET_OF[check]: None}) if missing else None, **others, **{check.value: policy}, **age)
    bench.scan("OP-1")
    bench.wait(9)
    event = only(bench.scan("SN1"))
    assert event.kind is kind
    if policy is Policy.OFF:
        assert "checks" not in event.data
        return
    (told,) = event.data["checks"]
    assert (told["rule"], told["outcome"]) == (check, {"block": "refuse"}.get(policy, policy.value))
    assert missing or (told["revision"], told["age_s"]) == (f"{SET_OF[check]}-7", 32402.0)
    if policy is Policy.FLAG:
        assert event.data["flags"] == bench.memory["operation"]["flags"] != []


def test_a_flag_stays_with_the_operation_to_its_last_fact() -> None:
    """Whoever reads the completed operation sees what was not known when it began."""
    bench = bench_with(max_age_h=8.0)
    bench.scan("OP-1")
    bench.wait(9)
    bench.scan_all("SN1", "A/L1")
    completed = bench.measure("10").events[-1]
    assert completed.kind is Kind.OPERATION_COMPLETED
    assert "route: routes are 9.0 h old" in completed.data["flags"]


def test_a_clock_that_is_not_set_tells_no_day() -> None:
    """Dates are not judged by a clock that nobody set: the policy decides."""
    bench = bench_with(qualification=Policy.BLOCK, calibration=Policy.FLAG)
    bench.synced = False
    bench.reference = plant(operators={"9": Operator("9", qualifications={"press": "2099-01-01"})})
    bench.scan("OP-9")
    assert said(bench.scan("SN1")) == ("refuse", "qualification: the clock is not set: nobody knows the day")


def test_the_day_is_the_plants() -> None:
    """East of Greenwich the qualification ends when the plant's day does."""
    bench = bench_with(utc_offset_h=10.0)
    bench.scan("OP-9")
    bench.wait(13)
    assert kinds(bench.scan("SN1")) == [Kind.OPERATION_STARTED]
    bench.scan("CMD:abort")
    bench.wait(2)
    assert said(bench.scan("SN1"))[1] == "operator 9: qualification for press ended 1970-01-01"


def test_an_unknown_badge_does_not_sign_on() -> None:
    """Whoever the plant does not know is told so at once, and the person before stays signed on."""
    bench = bench_with()
    bench.scan("OP-1")
    decision = bench.scan("OP-8")
    assert only(decision).kind is Kind.OPERATOR_REJECTED
    assert said(decision) == ("refuse", "operator 8 is not known")
    assert bench.memory["operator"]["operator"] == "1"


def test_a_number_that_a_product_admits_is_a_unit() -> None:
    """A unit that nobody listed is known by its product's pattern; its route is looked up there."""
    bench = bench_with()
    bench.scan("OP-1")
    bench.say(progress(("SN17", "cut", "done")), "line")
    assert bench.scan("SN17").events[0].data["product"] == "P"


def test_the_word_of_the_line_completes_a_route() -> None:
    """The station before says that it is done: that is as good as the plant's list."""
    bench = bench_with()
    bench.scan("OP-1")
    assert said(bench.scan("SN10")) == ("refuse", "unit SN10: cut is not done")
    bench.say(progress(("SN10", "cut", "done")), "line")
    assert kinds(bench.scan("SN10")) == [Kind.OPERATION_STARTED]


@pytest.mark.parametrize(
    ("policy", "kind"),
    [
        (Policy.BLOCK, Kind.OPERATION_REJECTED),
        (Policy.FLAG, Kind.OPERATION_STARTED),
        (Policy.ASK, Kind.OVERRIDE_ASKED),
    ],
)
def test_an_operation_that_nobody_has_reported_is_a_doubt_while_nobody_could(policy: Policy, kind: Kind) -> None:
    """After a shift offline, `not done` may only mean `not heard`."""
    bench = bench_with(route=policy, set_age_h={"units": 4.0, "line": 4.0})
    bench.scan("OP-1")
    bench.wait(5)
    assert only(bench.scan("SN10")).kind is kind


def test_a_unit_is_not_done_twice_here() -> None:
    """Own work counts before any list knows of it, and after a restart."""
    bench = bench_with()
    bench.scan_all("OP-1", "SN1", "A/L1")
    bench.measure("10")
    bench.restart()
    assert said(bench.scan("SN1")) == ("refuse", "unit SN1: press is done already")


def test_where_two_operations_fit_the_route_tells_which() -> None:
    """One station may do two operations of one unit, each in its turn."""
    both = rules()
    pack = both.operation[0].model_copy(update={"name": "pack", "measurement": (), "instruction": "", "part": ()})
    reference = plant(
        operators={"1": Operator("1", qualifications={"press": "", "pack": ""})},
        products={"P": Product("P", "R")},
        routes={"R": Route("R", ("press", "pack"))},
        units={"SN1": Unit("SN1", "P")},
    )
    bench = Bench(both.model_copy(update={"operation": (*both.operation, pack)}), reference)
    bench.scan_all("OP-1", "SN1", "A/L1")
    bench.measure("10")
    assert said(bench.scan("SN1"))[1] == "SN1: pack complete"


def test_a_product_brings_its_own_limits() -> None:
    """What is good for the station's default may be out for this product; the fact names the revision."""
    bench = bench_with()
    bench.scan_all("OP-1", "SN1")
    taken, defect = bench.measure("10.08").events
    assert (taken.data["verdict"], taken.data["high"]) == ("fail", 10.05)
    assert taken.data["limits"] == {"set": "products", "revision": "products-7"}
    assert defect.kind is Kind.DEFECT_RECORDED


def test_an_operation_keeps_the_bill_of_material_it_was_started_with() -> None:
    """New reference data in mid-operation does not change what the unit needs."""
    bench = bench_with()
    bench.scan_all("OP-1", "SN1")
    bench.reference = plant(products={})
    assert kinds(bench.scan("A/L1")) == [Kind.PART_ACCEPTED]
