"""What is built in: not blocked, not used before, not expired, and what the product asks for."""

from __future__ import annotations

import pytest

from agent.events import Kind
from agent.station import components
from agent.station.components import last_day
from agent.station.decision import Draft
from agent.station.policy import Policy
from agent.station.reference import BlockedLot, Component, Product
from agent.station.unitbook import SHARDS
from tests.unit.station.bench import Bench, kinds, only, said
from tests.unit.station.plant import LOADED, plant, rules

SERIAL = plant(
    products={"P": Product("P", "R", "", (Component("A", "press", 2, serial=True),), instructions={"press": "B"})}
)


def opened(bench: Bench) -> Bench:
    bench.scan_all("OP-1", "SN1")
    return bench


def test_a_blocked_lot_is_refused_at_once() -> None:
    """Recalled material stops at the scanner; the fact names the revision of the list."""
    decision = opened(Bench(rules(), plant())).scan("A/BAD")
    assert said(decision) == ("refuse", "lot BAD of part A is blocked: porous")
    assert only(decision).data["checks"][0]["revision"] == "lots-7"


def test_a_part_can_be_blocked_whole() -> None:
    """An empty lot in the list stands for all of them."""
    bench = opened(Bench(rules(), plant(lots={("A", ""): BlockedLot("A", "", "recall")})))
    assert said(bench.scan("A/L1")) == ("refuse", "part A is blocked: recall")


@pytest.mark.parametrize(
    ("policy", "kind"),
    [(Policy.BLOCK, Kind.PART_REJECTED), (Policy.FLAG, Kind.PART_ACCEPTED), (Policy.ASK, Kind.OVERRIDE_ASKED)],
)
def test_an_old_list_of_blocked_lots_is_treated_as_the_policy_says(policy: Policy, kind: Kind) -> None:
    """Nobody knows what was blocked since."""
    bench = opened(Bench(rules(lot=policy, set_age_h={"lots": 8.0}), plant()))
    bench.wait(9)
    assert only(bench.scan("A/L1")).kind is kind


def test_a_serial_number_is_asked_for_where_the_product_has_one() -> None:
    """A lot does not do for a component that is traced one by one."""
    bench = opened(Bench(rules(), SERIAL))
    assert said(bench.scan("A/L1")) == ("refuse", "part A needs a serial number; this label tells none")
    assert only(bench.scan("A#S1")).data["serial"] == "S1"


def test_a_serial_number_goes_into_one_unit_once() -> None:
    """The same label twice in one unit, or in another one, is a mix-up."""
    bench = opened(Bench(rules(done=Policy.OFF), SERIAL))
    bench.scan("A#S1")
    assert said(bench.scan("A#S1")) == ("refuse", "serial S1 of part A is in this unit already")
    bench.scan("A#S2")
    bench.measure("10")
    bench.restart(boot="b2")
    bench.reference = plant(products=SERIAL.products, units={"SN3": plant().units["SN1"]})
    bench.scan("SN3")
    assert said(bench.scan("A#S1")) == ("refuse", "serial S1 of part A is in unit SN1")


def test_an_aborted_unit_may_take_its_own_part_again() -> None:
    """What is in the unit already is scanned again when the work begins anew."""
    bench = opened(Bench(rules(), SERIAL))
    bench.scan_all("A#S1", "CMD:abort", "SN1")
    assert kinds(bench.scan("A#S1")) == [Kind.PART_ACCEPTED]


def test_the_memory_of_serial_numbers_is_bounded() -> None:
    """Years of production leave at most 80 numbers in each of 256 small documents."""
    draft = Draft({}, LOADED, "")
    for number in range(30_000):
        components.use(draft, "A", f"S{number}", f"SN{number}")
    documents = dict(draft.under(components.PREFIX))
    assert len(documents) == SHARDS
    assert max(len(one) for one in documents.values()) == components.KEPT
    assert all(components.used_in(draft, "A", f"S{number}") for number in range(20_000, 30_000))


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2026-11-30", "2026-11-30"),
        ("20261130", "2026-11-30"),
        ("261130", "2026-11-30"),
        ("260200", "2026-02-28"),
        ("280200", "2028-02-29"),
        ("760101", "2076-01-01"),
        ("770101", "1977-01-01"),
        ("261301", None),
        ("260230", None),
        ("soon", None),
        ("", None),
        ("٢٦١١٣٠", None),
    ],
)
def test_an_expiry_date_is_read_as_labels_write_it(text: str, day: str | None) -> None:
    """Day 00 is the last of the month; what is no date is none."""
    assert last_day(text, "2026-11-21") == day


@pytest.mark.parametrize(
    ("expiry", "verdict", "words"),
    [
        ("700101", "pass", "part A lot L1 accepted"),
        ("691231", "refuse", "part A expired 1969-12-31"),
        ("70", "refuse", "part A: '70' is no expiry date"),
    ],
)
def test_an_expired_component_is_refused(expiry: str, verdict: str, words: str) -> None:
    """The last day still counts."""
    assert said(opened(Bench(rules(), plant())).scan(f"A/L1!{expiry}")) == (verdict, words)


def test_the_bill_of_material_decides_what_belongs_to_the_unit() -> None:
    """The product asks for two of them; a part of another operation does not belong here."""
    bench = opened(Bench(rules(), SERIAL))
    assert bench.memory["operation"]["needs"][0] == "scan part A (2 times)"
    assert said(bench.scan("C/L1")) == ("refuse", "part C does not belong to press")
