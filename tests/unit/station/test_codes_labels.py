"""Labels of identified elements: one result through every reader, and no guess where separators were lost."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from agent.events import Kind
from agent.station.codes import NO_RULE, CodeReader, Meaning
from agent.station.rules import Operation, PartNeed, Rules, ScanRule
from drivers.contract import Scan
from tests.unit.station.bench import Bench, kinds, only, said

if TYPE_CHECKING:
    from collections.abc import Iterable

GS, RS, EOT = "\x1d", "\x1e", "\x04"

GS1 = f"01054123450000131729033110ABC123{GS}21XYZ"
GS1_ELEMENTS = {"01": "05412345000013", "17": "290331", "10": "ABC123", "21": "XYZ"}
GS1_LOT = ScanRule(name="gs1-lot", format="gs1", elements={"part": "01", "lot": "10"}, also=("17", "21"))

MH10 = f"[)>{RS}06{GS}1P4711-A{GS}Q100{GS}S000123{GS}1TLOT7{RS}{EOT}"
MH10_ELEMENTS = {"1P": "4711-A", "Q": "100", "S": "000123", "1T": "LOT7"}
MH10_LOT = ScanRule(name="label", format="iso15434", elements={"part": "1P", "lot": "1T"}, also=("Q", "S"))


def rule(label_format: str, elements: dict[str, str], **more: Any) -> ScanRule:
    return ScanRule.model_validate({"name": "rule", "format": label_format, "elements": elements, **more})


def read(one: ScanRule, text: str, symbology: str = "") -> Meaning:
    (meaning,) = CodeReader([one]).meanings(text, symbology)
    return meaning


def refused(one: ScanRule, text: str, symbology: str = "") -> str:
    """Why one rule does not read the code."""
    reader = CodeReader([one])
    assert reader.meanings(text, symbology) == []
    return reader.why_not(text, symbology)


def test_a_gs1_label_is_read_by_its_elements() -> None:
    """Predefined lengths need no separator, the others end at one; all elements are kept."""
    assert read(GS1_LOT, GS1, "]C1") == Meaning(
        "gs1-lot", "lot", {"part": "05412345000013", "lot": "ABC123"}, elements=GS1_ELEMENTS
    )


def test_an_iso15434_label_is_read_by_its_elements() -> None:
    assert read(MH10_LOT, MH10, "]d1") == Meaning(
        "label", "lot", {"part": "4711-A", "lot": "LOT7"}, elements=MH10_ELEMENTS
    )


THROUGH = {
    "serial, identifier taken off by the driver": lambda text, identifier: Scan(
        f"{identifier}{text}\r\n".encode(), text, identifier
    ),
    "serial, identifier left in the text": lambda text, identifier: Scan(
        f"{identifier}{text}\r".encode(), identifier + text
    ),
    "serial, no identifier": lambda text, _: Scan(f"{text}\r".encode(), text),
    "keyboard": lambda text, _: Scan(text.encode(), text),
    "camera": lambda text, identifier: Scan(text.encode(), text, identifier),
}


@pytest.mark.parametrize("through", THROUGH)
@pytest.mark.parametrize(
    ("one", "text", "identifiers"),
    [(GS1_LOT, GS1, ("]C1", "]d2", "]Q3", "]e0")), (MH10_LOT, MH10, ("]d1", "]Q1", "]L0", "]z0"))],
    ids=["gs1", "iso15434"],
)
def test_a_label_is_the_same_through_every_reader(
    through: str, one: ScanRule, text: str, identifiers: Iterable[str]
) -> None:
    """Whether and where a reader tells the symbology identifier makes no difference."""
    scans = [THROUGH[through](text, identifier) for identifier in identifiers]
    assert {read(one, scan.text, scan.symbology) == read(one, text) for scan in scans} == {True}


@pytest.mark.parametrize("identifier", ["", "]d1"])
@pytest.mark.parametrize(
    "text",
    [
        "[)>061P4711-AQ100S0001231TLOT7",
        f"[)>06{GS}1P4711-A{GS}Q100{GS}S000123{GS}1TLOT7",
        f"[)>{RS}06{GS}1P4711-A{GS}Q100{GS}S000123{GS}1TLOT7{RS}",
        f"[)>{RS}061P4711-A{GS}Q100{GS}S000123{GS}1TLOT7{RS}{EOT}",
    ],
    ids=["none", "separators only", "no EOT", "no first separator"],
)
def test_a_label_without_control_characters_is_read_and_marked(text: str, identifier: str) -> None:
    """What is left out shows, and the elements are those of the good label."""
    good = read(MH10_LOT, MH10)
    bad = read(MH10_LOT, text, identifier)
    assert (good.nonconforming, bad.nonconforming) == (False, True)
    assert (bad.groups, bad.elements) == (good.groups, good.elements)


@pytest.mark.parametrize("identifier", ["", "]C1"])
def test_gs1_elements_that_are_run_together_are_read_in_the_one_way_there_is(identifier: str) -> None:
    meaning = read(GS1_LOT, GS1.replace(GS, ""), identifier)
    assert meaning == Meaning("gs1-lot", "lot", {"part": "05412345000013", "lot": "ABC123"}, True, GS1_ELEMENTS)


@pytest.mark.parametrize(("identifier", "nonconforming"), [("]C0", True), ("]d1", True), ("]Q1", True), ("]C1", False)])
def test_a_label_without_its_fnc1_is_marked(identifier: str, *, nonconforming: bool) -> None:
    """A plain symbol with GS1 content is read."""
    assert read(GS1_LOT, GS1, identifier).nonconforming is nonconforming


def test_a_first_fnc1_that_is_sent_does_no_harm() -> None:
    assert read(GS1_LOT, GS + GS1) == Meaning(
        "gs1-lot", "lot", {"part": "05412345000013", "lot": "ABC123"}, True, GS1_ELEMENTS
    )


def test_a_lost_separator_is_never_settled_by_a_guess() -> None:
    """`10xyz` and `30 40` run together may be lot xyz3040: both are told, neither is taken."""
    one = rule("gs1", {"part": "01", "lot": "10"}, maybe=("30",))
    assert read(one, f"010541234500001310xyz{GS}3040").groups["lot"] == "xyz"
    for identifier in ("", "]C1", "]d2"):
        reason = refused(one, "010541234500001310xyz3040", identifier)
        assert "10 may be 'xyz' or 'xyz3040': separators (GS) are missing" in reason


def test_an_ambiguous_code_is_read_by_no_other_rule() -> None:
    """Doubt falls towards stop."""
    labels = rule("gs1", {"part": "01", "lot": "10"}, maybe=("30",))
    text = ScanRule(name="text", pattern="(?P<unit>.+)")
    assert CodeReader([labels, text]).meanings("010541234500001310xyz3040") == []


def test_values_that_are_known_settle_it() -> None:
    """What the plant knows of its lots decides where the characters alone do not."""
    one = rule("gs1", {"part": "01", "lot": "10"}, maybe=("30",), values={"10": "[a-z]{3}"})
    meaning = read(one, "010541234500001310xyz3040")
    assert (meaning.groups["lot"], meaning.nonconforming) == ("xyz", True)
    assert refused(one, f"010541234500001310XYZ{GS}3040") == "rule rule: 10: 'XYZ' does not match `values`"


def test_a_strict_rule_takes_conforming_labels_at_their_word() -> None:
    one = rule("gs1", {"part": "01", "lot": "10"}, maybe=("30",), strict=True)
    assert read(one, "010541234500001310xyz3040").groups["lot"] == "xyz3040"
    assert refused(one, "010541234500001310xyz", "]C0").endswith(
        "control characters are missing, and the rule is strict"
    )


def test_a_reader_may_send_something_else_for_the_separator() -> None:
    one = rule(
        "gs1",
        {"part": "01", "lot": "10"},
        also=(
            "17",
            "21",
        ),
        separator="|",
    )
    meaning = read(one, GS1.replace(GS, "|"))
    assert (meaning.elements, meaning.nonconforming) == (GS1_ELEMENTS, True)
    assert read(one, GS1).nonconforming is False


REFUSALS = [
    (GS1_LOT, GS1.replace("13172", "14172"), "", "01: the check digit of '05412345000014' is wrong"),
    (GS1_LOT, GS1.replace("290331", "291331"), "", "17: '291331' is not of the form N2+N6"),
    (GS1_LOT, GS1 + f"{GS}9912", "", "99 is on the label but not in the rule: add it to `also` or `maybe`"),
    (GS1_LOT, f"010541234500001310A{GS}17290331", "", "21 is missing"),
    (GS1_LOT, GS1 + f"{GS}10ABC124", "", "10 is there twice: 'ABC123' and 'ABC124'"),
    (GS1_LOT, "0105412345", "", "01: '05412345' is not of the form N2+N14"),
    (GS1_LOT, "SN0001", "]C1", "no GS1 application identifier begins 'SN00'"),
    (GS1_LOT, "", "]d2", "01 is missing"),
    (GS1_LOT, MH10, "]d2", "no GS1 application identifier begins '[)>"),
    (GS1_LOT, f"01054123450000131729033110{'A' * 21}{GS}21XYZ", "", "10: "),
    (MH10_LOT, MH10.replace("S000123", "S"), "", "S: '' is empty"),
    (MH10_LOT, MH10.replace("Q100", "100"), "", "no data identifier begins '100'"),
    (MH10_LOT, MH10 + "x", "", "envelope is broken"),
    (MH10_LOT, f"[)>{RS}12{GS}XX{RS}", "", "another format than 05 and 06"),
]


@pytest.mark.parametrize(("one", "text", "symbology", "reason"), REFUSALS, ids=[row[3] for row in REFUSALS])
def test_a_label_that_is_not_read_is_told_why(one: ScanRule, text: str, symbology: str, reason: str) -> None:
    assert reason in refused(one, text, symbology)


@pytest.mark.parametrize(
    ("one", "text", "symbology"),
    [
        (GS1_LOT, "SN0001", ""),
        (GS1_LOT, GS1, "]A0"),
        (GS1_LOT, GS1, "]E0"),
        (GS1_LOT, MH10, "]d1"),
        (GS1_LOT, "", ""),
        (MH10_LOT, "SN0001", ""),
        (MH10_LOT, GS1, ""),
        (MH10_LOT, MH10, "]d2"),
    ],
)
def test_what_is_no_such_label_is_none_of_the_rules_business(one: ScanRule, text: str, symbology: str) -> None:
    """The symbology identifier can forbid: Code 39 is never GS1, and GS1 is never ISO/IEC 15434."""
    assert CodeReader([one]).meanings(text, symbology) == []
    if text:
        assert refused(one, text, symbology) == NO_RULE


def test_gs1_elements_in_an_envelope_are_gs1() -> None:
    """Format 05 of ISO/IEC 15434; a message may hold both formats."""
    both = f"[)>{RS}05{GS}{GS1}{RS}06{GS}1P4711-A{GS}Q100{GS}S000123{GS}1TLOT7{RS}{EOT}"
    assert read(GS1_LOT, f"[)>{RS}05{GS}{GS1}{RS}{EOT}", "]d1").elements == GS1_ELEMENTS
    assert [one.rule for one in CodeReader([GS1_LOT, MH10_LOT]).meanings(both)] == ["gs1-lot", "label"]


def test_a_unit_an_operator_and_a_command_may_stand_on_labels() -> None:
    assert read(rule("iso15434", {"unit": "S"}), f"[)>{RS}06{GS}S000123{RS}{EOT}").groups == {"unit": "000123"}
    assert read(rule("gs1", {"operator": "8018"}), "8018541234500000000015").what == "operator"
    assert read(rule("gs1", {"command": "91"}), "91sign-off").groups == {"command": "sign-off"}


VALUES = st.text(st.sampled_from("0123456789ABTQSP-."), min_size=1, max_size=12)


@given(
    st.fixed_dictionaries({"1P": VALUES, "Q": VALUES, "S": VALUES, "1T": VALUES}),
    st.permutations(["1P", "Q", "S", "1T"]),
)
def test_losing_control_characters_never_changes_a_value(elements: dict[str, str], order: list[str]) -> None:
    """With them a label is read as printed; without them it is read the same, or not at all."""
    parts = [identifier + elements[identifier] for identifier in order]
    assert read(MH10_LOT, f"[)>{RS}06{GS}{GS.join(parts)}{RS}{EOT}").elements == elements
    for meaning in CodeReader([MH10_LOT]).meanings("[)>06" + "".join(parts)):
        assert meaning.elements == elements
        assert meaning.nonconforming


@given(VALUES, VALUES, st.permutations(["10", "17", "21", "01"]))
def test_losing_gs1_separators_never_changes_a_value(lot: str, serial: str, order: list[str]) -> None:
    elements = {"01": "05412345000013", "17": "290331", "10": lot, "21": serial}
    parts = [identifier + elements[identifier] for identifier in order]
    assert read(GS1_LOT, GS.join(parts), "]C1").elements == elements
    for meaning in CodeReader([GS1_LOT]).meanings("".join(parts)):
        assert meaning.elements == elements


@given(st.text(), st.sampled_from(["", "]C1", "]d1", "]d2", "]A0"]))
def test_no_text_can_break_a_rule(text: str, symbology: str) -> None:
    """Whatever is scanned is read or refused with words, never an exception."""
    reader = CodeReader([GS1_LOT, MH10_LOT])
    for prefix in ("", "01", "[)>", f"[)>{RS}06{GS}"):
        assert reader.meanings(prefix + text, symbology) or reader.why_not(prefix + text, symbology)


def test_a_text_with_endless_readings_is_given_up() -> None:
    """The time for one code is bounded; what is given up is refused."""
    one = rule(
        "iso15434",
        {"unit": "S"},
        maybe=(
            "Q",
            "P",
            "K",
            "V",
        ),
        values={"S": "[0-9]+"},
    )
    assert "readings" in refused(one, "[)>06" + "QPKV" * 1000)


def test_the_fact_tells_elements_and_what_was_missing() -> None:
    """A part accepted by its label keeps the whole label; conforming ones carry no mark."""
    kit = Operation(name="kit", operator=False, part=(PartNeed(number="4711-A", quantity=3),))
    bench = Bench(Rules(scan=(MH10_LOT, ScanRule(name="unit", pattern=r"(?P<unit>KIT\d)")), operation=(kit,)))
    bench.scan("KIT1")
    good = only(bench.scan(MH10, "]d1"))
    assert (good.kind, good.data["elements"]) == (Kind.PART_ACCEPTED, MH10_ELEMENTS)
    assert "nonconforming" not in good.data
    bad = only(bench.scan("[)>061P4711-AQ100S0001231TLOT7"))
    assert (bad.kind, bad.data["lot"], bad.data["nonconforming"]) == (Kind.PART_ACCEPTED, "LOT7", True)


def test_a_refused_label_tells_the_operator_why() -> None:
    bench = Bench(Rules(scan=(GS1_LOT,)))
    decision = bench.scan(GS1.replace("13172", "14172"), "]C1")
    assert kinds(decision) == [Kind.SCAN_UNRECOGNISED]
    reason = "rule gs1-lot: 01: the check digit of '05412345000014' is wrong"
    assert said(decision) == ("refuse", f"code not recognised: {reason}")
    assert only(decision).data["reason"] == reason


MISTAKES = [
    ({"format": "gs1", "elements": {"part": "1P", "lot": "10"}}, "'1P' is no application identifier: a GS1 number"),
    ({"format": "gs1", "elements": {"unit": "2l"}}, "'2l' is no application identifier"),
    ({"format": "gs1", "elements": {"unit": "211"}}, "'211' is no application identifier"),
    ({"format": "iso15434", "elements": {"unit": "21"}}, "'21' is no data identifier: up to three digits"),
    ({"format": "iso15434", "elements": {"lot": "1T"}}, "reads a lot but no part = ...: which part is it?"),
    ({"format": "iso15434", "elements": {"unit": "S", "serial": "1T"}}, "has the unknown group 'serial'"),
    ({"format": "gs1", "elements": {"unit": "21", "operator": "91"}}, "it has ['operator', 'unit']"),
    ({"format": "gs1"}, "it has none"),
    ({"format": "gs1", "elements": {"unit": "21"}, "also": ("21",)}, "names application identifier '21' twice"),
    ({"format": "gs1", "elements": {"unit": "21"}, "maybe": ("x",)}, "'x' is no application identifier"),
    ({"format": "gs1", "elements": {"unit": "21"}, "values": {"10": "A"}}, "has values for '10', which is in none"),
    ({"format": "gs1", "elements": {"unit": "21"}, "values": {"21": "("}}, "not a regular expression"),
    ({"format": "gs1", "pattern": "(?P<unit>x)"}, "pattern is no key of format 'gs1'"),
    ({"pattern": "(?P<unit>x)", "elements": {"unit": "21"}}, "elements is no key of format 'text'"),
    ({"elements": {"unit": "21"}}, 'set format to "gs1" or "iso15434"'),
    ({}, "must have exactly one of the groups"),
    ({"format": "hibc", "elements": {"unit": "21"}}, "'text', 'gs1' or 'iso15434'"),
]


@pytest.mark.parametrize(("keys", "told"), MISTAKES, ids=[row[1] for row in MISTAKES])
def test_a_wrong_rule_is_told_with_its_remedy(keys: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ScanRule.model_validate({"name": "rule", **keys})
    assert told in str(caught.value)


def test_the_library_is_loaded_only_for_a_rule_that_needs_it() -> None:
    """A station of plain codes does not pay for GS1."""
    program = (
        "import sys; from agent.station.codes import CodeReader; from agent.station.rules import ScanRule;"
        "CodeReader([ScanRule(name='n', pattern='(?P<unit>x)'), "
        "ScanRule(name='m', format='iso15434', elements={'unit': 'S'})]).meanings('x');"
        "sys.exit('biip' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
