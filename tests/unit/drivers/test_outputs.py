"""The stack light: one picture, the same levels on every device.  Time is a number here."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Lamp, Lamps
from drivers.outputs import Part, Stack, parts_of

PARTS: list[Part] = ["red", "green", "horn"]


def stack(safe: dict[Part, bool] | None = None) -> Stack:
    one = Stack(PARTS, 0.5, safe)
    one.forget()
    return one


def lit(*lamps: Lamp, blinking: tuple[Lamp, ...] = (), horn: bool = False) -> Lamps:
    return Lamps(frozenset(lamps), frozenset(blinking), horn)


def shown(one: Stack, now: float) -> dict[Part, bool]:
    """Write what must be written at `now`, and return it."""
    changes = one.changes(now)
    one.written(changes)
    return changes


def test_nothing_is_written_before_the_first_picture() -> None:
    one = stack()
    assert one.changes(1.0) == {}
    assert one.due(1.0) == math.inf


def test_the_first_picture_is_whole_and_then_only_changes() -> None:
    """A lamp without an output is left out, without an error."""
    one = stack()
    one.show(lit(Lamp.RED, Lamp.BLUE), 1.0)
    assert shown(one, 1.0) == {"red": True, "green": False, "horn": False}
    one.show(lit(Lamp.RED, horn=True), 2.0)
    assert shown(one, 2.0) == {"horn": True}
    assert shown(one, 3.0) == {}


def test_a_lamp_that_begins_to_blink_is_lit_at_once() -> None:
    """Also while another blinks and is just dark: red is instant."""
    one = stack()
    one.show(lit(Lamp.GREEN, blinking=(Lamp.GREEN,)), 10.0)
    assert shown(one, 10.0)["green"] is True
    assert one.due(10.0) == 10.5
    assert shown(one, 10.5) == {"green": False}
    one.show(lit(Lamp.GREEN, Lamp.RED, blinking=(Lamp.GREEN, Lamp.RED)), 10.7)
    assert shown(one, 10.7) == {"red": True, "green": True}
    assert one.due(10.7) == 11.2


def test_showing_the_same_again_does_not_disturb_the_blinking() -> None:
    one = stack()
    picture = lit(Lamp.RED, blinking=(Lamp.RED,))
    levels = []
    for tenth in range(20):
        one.show(picture, tenth / 10)
        shown(one, tenth / 10)
        levels.append(one.known()["red"])
    assert levels == [True] * 5 + [False] * 5 + [True] * 5 + [False] * 5


def test_a_lamp_that_is_not_lit_does_not_blink() -> None:
    """Whoever takes green out of the lit lamps has taken it out."""
    one = stack()
    one.show(lit(blinking=(Lamp.GREEN,)), 0.0)
    assert shown(one, 0.0)["green"] is False
    assert one.due(0.0) == math.inf


def test_what_was_not_written_stays_due() -> None:
    one = stack()
    one.show(lit(Lamp.RED), 0.0)
    assert one.due(5.0) < 5.0
    one.written({"green": False, "horn": False})
    assert one.changes(6.0) == {"red": True}


def test_a_device_that_may_have_forgotten_is_told_all() -> None:
    one = stack()
    one.show(lit(Lamp.RED), 0.0)
    shown(one, 0.0)
    one.unknown()
    assert shown(one, 1.0) == {"red": True, "green": False, "horn": False}


def test_at_rest_is_the_declared_safe_state() -> None:
    """All off unless declared; written only where it differs from what is."""
    one = stack({"red": True})
    one.show(lit(Lamp.GREEN), 0.0)
    shown(one, 0.0)
    assert one.at_rest() == {"red": True, "green": False}
    assert stack().at_rest() == {"red": False, "green": False, "horn": False}


def test_parts_are_the_lamps_with_an_output_and_the_horn() -> None:
    assert parts_of({Lamp.RED: "Q1", Lamp.BLUE: "Q2"}, horn=True) == ["red", "blue", "horn"]
    assert parts_of({}, horn=False) == []


@given(begin=st.floats(0, 1e6), blink_s=st.floats(0.05, 10), changes=st.integers(1, 50))
def test_going_from_change_to_change_blinks_evenly(begin: float, blink_s: float, changes: int) -> None:
    """At each moment that was said to bring a change, there is one: no busy waiting, no change missed."""
    one = Stack(["red"], blink_s)
    one.forget()
    one.show(lit(Lamp.RED, blinking=(Lamp.RED,)), begin)
    shown(one, begin)
    now, level = begin, True
    for _ in range(changes):
        due = one.due(now)
        assert due > now
        now, level = due, not level
        assert shown(one, now) == {"red": level}
