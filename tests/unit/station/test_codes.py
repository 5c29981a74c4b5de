"""Codes: what a scanned text means is told by the scan rules, and never guessed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import Kind
from agent.station.codes import CodeReader, Meaning
from agent.station.rules import ScanRule
from tests.unit.station.bench import SCANS, Bench, kinds, only, said

if TYPE_CHECKING:
    from collections.abc import Mapping

READER = CodeReader(SCANS)


@pytest.mark.parametrize(
    ("text", "what", "groups"),
    [
        ("OP-4711", "operator", {"operator": "4711"}),
        ("SN0001", "unit", {"unit": "SN0001"}),
        ("A/L42", "lot", {"part": "A", "lot": "L42"}),
        ("CMD:call:quality", "command", {"command": "call:quality"}),
    ],
)
def test_a_code_means_what_its_rule_says(text: str, what: str, groups: Mapping[str, str]) -> None:
    """The named group gives the meaning and the value."""
    (meaning,) = READER.meanings(text)
    assert (meaning.what, meaning.groups) == (what, groups)


@pytest.mark.parametrize("text", ["OP-4711 ", " OP-4711", "OP-4711\n", "xOP-4711", "OP-", "op-4711", ""])
def test_a_rule_reads_the_whole_code_or_nothing(text: str) -> None:
    """Part of a code is no code."""
    assert READER.meanings(text) == []


def test_a_number_stays_a_text() -> None:
    """Leading zeros belong to a unit's name."""
    (meaning,) = CodeReader([ScanRule(name="n", pattern=r"(?P<unit>\d+)")]).meanings("000123")
    assert meaning == Meaning("n", "unit", {"unit": "000123"})


def test_a_group_that_took_no_part_is_empty() -> None:
    """An optional part number is a text like any other."""
    rule = ScanRule(name="n", pattern=r"(?:(?P<part>\w+)/)?L(?P<lot>\d+)")
    assert CodeReader([rule]).meanings("L7")[0].groups == {"part": "", "lot": "7"}


def test_two_readings_are_both_told() -> None:
    """Overlapping rules are seen, not settled by their order."""
    assert [meaning.rule for meaning in READER.meanings("FENCE")] == ["fence", "gate"]


def test_an_unknown_code_is_refused_and_kept(bench: Bench) -> None:
    """Nothing is lost: the raw bytes are in the fact."""
    decision = bench.scan("WHAT?")
    event = only(decision)
    assert event.kind is Kind.SCAN_UNRECOGNISED
    assert (event.data["text"], event.data["raw"], event.data["device"]) == ("WHAT?", "WHAT?\r", "scanner-1")
    assert said(decision) == ("refuse", "code not recognised: WHAT?")


def test_a_code_that_fits_two_rules_is_refused(bench: Bench) -> None:
    """Doubt falls towards stop, and the fact names both rules."""
    decision = bench.scan("FENCE")
    assert kinds(decision) == [Kind.SCAN_REJECTED]
    assert said(decision) == ("refuse", "code fits two scan rules: fence and gate")


def test_the_symbology_is_kept(bench: Bench) -> None:
    """What kind of code it was travels with the fact."""
    assert only(bench.scan("OP-1", symbology="]C1")).data["symbology"] == "]C1"


@given(st.text())
def test_every_scan_makes_a_fact(text: str) -> None:
    """Whatever is scanned at an idle station, something about it is on record."""
    assert Bench().scan(text).events
