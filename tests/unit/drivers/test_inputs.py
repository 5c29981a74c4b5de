"""Contacts: what is told of bouncing, delayed, complementary, analog and broken ones.  Time is a number here."""

from __future__ import annotations

import itertools
import math
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.contract import Condition, Contact
from drivers.inputs import WIRE_BREAK, Fault, Input, InputSettings, Threshold, ThresholdSettings, pair

BROKEN = Fault(WIRE_BREAK, "both contacts are open")
RAW = b"raw"


def an_input(**more: Any) -> Input:
    return Input("stop", InputSettings(**more))


def contact(*, active: bool) -> Contact:
    return Contact(RAW, "stop", active=active)


def test_the_first_state_is_told_whatever_it_is() -> None:
    for level in (True, False):
        assert an_input(debounce_s=0.0).sampled(level, RAW, 5.0) == [contact(active=level)]


def test_only_changes_are_told_after_it() -> None:
    one = an_input(debounce_s=0.0)
    levels = [False, False, True, True, False]
    told = [signal for now, level in enumerate(levels) for signal in one.sampled(level, RAW, float(now))]
    assert told == [contact(active=False), contact(active=True), contact(active=False)]


def test_a_normally_closed_contact_is_active_when_open() -> None:
    one = an_input(contact="nc", debounce_s=0.0)
    assert one.sampled(True, RAW, 0.0) == [contact(active=False)]
    assert one.sampled(False, RAW, 1.0) == [contact(active=True)]


def test_bouncing_is_one_change() -> None:
    """Edges closer together than the debounce time say nothing until the level holds still."""
    one = an_input(debounce_s=0.02)
    assert one.sampled(False, RAW, 0.0) == []
    assert one.elapsed(0.02) == [contact(active=False)]
    for edge in range(9):
        assert one.changed(edge % 2 == 0, RAW, 1.0 + edge / 1000) == []
    assert one.due() == pytest.approx(1.028)
    assert one.elapsed(1.0279) == []
    assert one.elapsed(1.0281) == [contact(active=True)]
    assert one.due() == math.inf


def test_a_press_between_two_looks_at_edges_is_not_lost() -> None:
    """Edges carry their own time: a press of 50 ms that is read a second later was still a press."""
    one = an_input(debounce_s=0.02)
    one.sampled(False, RAW, 0.0)
    told = one.changed(True, RAW, 1.0) + one.changed(False, RAW, 1.05) + one.elapsed(2.0)
    assert told == [contact(active=False), contact(active=True), contact(active=False)]


def test_a_lone_sample_is_no_proof_of_stillness() -> None:
    """Polled slower than its debounce time, a level counts only when a second sample confirms it."""
    one = an_input(debounce_s=0.02)
    one.sampled(False, RAW, 0.0)
    one.sampled(False, RAW, 1.0)
    assert one.sampled(True, RAW, 2.0) == []
    assert one.sampled(False, RAW, 3.0) == []
    assert one.sampled(True, RAW, 4.0) == []
    assert one.sampled(True, RAW, 5.0) == [contact(active=True)]


def test_delays_begin_anew_with_each_break() -> None:
    one = an_input(debounce_s=0.0, on_delay_s=5.0, off_delay_s=2.0)
    one.sampled(False, RAW, 0.0)
    assert one.elapsed(2.0) == [contact(active=False)]
    one.sampled(True, RAW, 10.0)
    one.sampled(False, RAW, 14.9)
    one.sampled(True, RAW, 15.0)
    assert one.elapsed(19.9) == []
    assert one.elapsed(20.0) == [contact(active=True)]
    one.sampled(False, RAW, 30.0)
    assert one.elapsed(31.9) == []
    assert one.elapsed(32.0) == [contact(active=False)]


def test_bouncing_does_not_break_a_delay() -> None:
    """The on-delay counts the debounced level, so a contact that chatters for a moment keeps its time."""
    one = an_input(debounce_s=0.1, on_delay_s=5.0)
    one.sampled(False, RAW, 0.0)
    one.changed(True, RAW, 10.0)
    one.changed(False, RAW, 12.0)
    one.changed(True, RAW, 12.05)
    assert one.elapsed(15.2) == [contact(active=True)]


def test_complementary_contacts_show_a_broken_wire() -> None:
    assert pair(True, False) is True
    assert pair(False, True) is False
    assert pair(True, True) == Fault(WIRE_BREAK, "")
    assert pair(False, False) == Fault(WIRE_BREAK, "")


def test_a_button_that_changes_over_is_no_broken_wire() -> None:
    """Between break and make both contacts are open for a moment."""
    one = an_input(debounce_s=0.0)
    one.sampled(False, RAW, 0.0)
    assert one.changed(BROKEN, RAW, 1.0) == []
    assert one.changed(True, RAW, 1.02) == [contact(active=True)]


@pytest.mark.parametrize(("safe", "active"), [("active", True), ("inactive", False)])
def test_a_broken_wire_is_told_and_reads_safe(safe: str, active: bool) -> None:  # noqa: FBT001  a parameter of the test
    """Its condition begins once and ends once, with the input's name; the contact is told in its safe reading."""
    one = an_input(debounce_s=0.0, safe=safe, on_delay_s=60.0)
    one.sampled(not active, RAW, 0.0)
    one.elapsed(100.0)
    one.sampled(BROKEN, RAW, 200.0)
    assert one.elapsed(200.4) == []
    begun = Condition(RAW, WIRE_BREAK, active=True, detail="both contacts are open", part="stop")
    assert one.elapsed(200.5) == [begun, contact(active=active)]
    assert one.sampled(BROKEN, RAW, 201.0) == []
    assert one.sampled(active, RAW, 202.0) == [Condition(RAW, WIRE_BREAK, active=False, part="stop")]


def test_a_contact_mended_in_another_state_is_told() -> None:
    one = an_input(debounce_s=0.0, fault_delay_s=0.0)
    assert one.sampled(BROKEN, RAW, 0.0)[1:] == [contact(active=True)]
    ended = Condition(RAW, WIRE_BREAK, active=False, part="stop")
    assert one.sampled(False, RAW, 1.0) == [ended, contact(active=False)]


def test_another_fault_ends_the_first() -> None:
    one = an_input(fault_delay_s=0.0)
    one.sampled(BROKEN, RAW, 0.0)
    told = one.sampled(Fault("no-reading", "refused"), RAW, 1.0)
    assert [(signal.name, signal.active) for signal in told if isinstance(signal, Condition)] == [
        (WIRE_BREAK, False),
        ("no-reading", True),
    ]


def test_reopening_tells_the_state_again_and_a_fault_not_twice() -> None:
    """What was told of a fault outlives the device's loss, so that its end is told."""
    one = an_input(debounce_s=0.0, fault_delay_s=0.0)
    assert len(one.sampled(BROKEN, RAW, 0.0)) == 2
    one.restart()
    assert one.sampled(BROKEN, RAW, 1.0) == [contact(active=True)]
    one.restart()
    ended = Condition(RAW, WIRE_BREAK, active=False, part="stop")
    assert one.sampled(False, RAW, 2.0) == [ended, contact(active=False)]


LEVELS = st.sampled_from([True, False, BROKEN])
STEPS = st.lists(st.tuples(LEVELS, st.floats(0, 3)), max_size=40)


@given(steps=STEPS, debounce_s=st.floats(0, 1), on_delay_s=st.floats(0, 2), off_delay_s=st.floats(0, 2))
def test_whatever_happens_changes_alternate_and_the_end_is_right(
    steps: list[tuple[bool | Fault, float]], debounce_s: float, on_delay_s: float, off_delay_s: float
) -> None:
    """No state is told twice in a row, no condition begins twice, and a level that holds is told in the end."""
    one = an_input(debounce_s=debounce_s, on_delay_s=on_delay_s, off_delay_s=off_delay_s)
    now = 0.0
    told: list[Contact | Condition] = []
    for level, after_s in [*steps, (True, 100.0)]:
        told += one.changed(level, RAW, now)
        now += after_s
    told += one.elapsed(now)
    states = [signal.active for signal in told if isinstance(signal, Contact)]
    faults = [signal.active for signal in told if isinstance(signal, Condition)]
    assert states[-1] is True
    assert all(before is not after for before, after in itertools.pairwise(states))
    assert faults == [n % 2 == 0 for n in range(len(faults))]
    assert len(faults) % 2 == 0
    assert one.due() == math.inf


def threshold(**more: Any) -> Threshold:
    return Threshold(ThresholdSettings(**{key: Decimal(value) for key, value in more.items()}))


def levels(one: Threshold, *values: str) -> list[Any]:
    return [one.level(Decimal(value)) for value in values]


def test_a_threshold_with_deadband_does_not_chatter() -> None:
    """On from the threshold, off only when the deadband is left behind: one end of each is inside."""
    rising = threshold(above="70", deadband="2")
    assert levels(rising, "69.9", "70", "69", "68.1", "68", "69.9", "70") == [
        False, True, True, True, False, False, True,
    ]  # fmt: skip
    falling = threshold(below="2.5", deadband="0.5")
    assert levels(falling, "2.6", "2.5", "2.9", "3.0", "2.6") == [False, True, True, False, False]


def test_without_deadband_a_threshold_is_plain() -> None:
    assert levels(threshold(above="5"), "4.999", "5", "4.999") == [False, True, False]
    assert levels(threshold(below="5"), "5.001", "5", "5.001") == [False, True, False]


def test_an_end_of_line_resistor_tells_open_closed_broken_and_short() -> None:
    """1 k in line, 10 k at the end: what lies beyond what these can give is the wire."""
    one = threshold(above="7", broken_below="2", broken_above="12")
    assert levels(one, "1.9", "5", "10", "12.1") == [Fault(WIRE_BREAK, ""), False, True, Fault(WIRE_BREAK, "")]


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"above": "1", "below": "2"}, "keep one"),
        ({"deadband": "1"}, "need a threshold"),
        ({"broken_below": "1"}, "need a threshold"),
        ({"above": "1", "deadband": "-1"}, "deadband"),
    ],
)
def test_wrong_thresholds_say_what_is_wrong(keys: dict[str, str], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        threshold(**keys)
