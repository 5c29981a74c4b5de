"""The stack light: one picture, the same levels on every device.  Time is a number here."""

from __future__ import annotations

import math
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Lamp, Lamps
from drivers.outputs import Part, Stack, wired

if TYPE_CHECKING:
    from collections.abc import Callable

PARTS: list[Part] = ["red", "green", "horn"]
BOTH: list[Part] = ["stop", "run", "red"]


def stack(safe: dict[Part, bool] | None = None) -> Stack:
    one = Stack(PARTS, 0.5, safe)
    one.forget()
    return one


def lit(
    *lamps: Lamp,
    blinking: tuple[Lamp, ...] = (),
    horn: bool = False,
    hurried: tuple[Lamp, ...] = (),
    stop: bool = False,
) -> Lamps:
    return Lamps(frozenset(lamps), frozenset(blinking), horn, frozenset(hurried), stop)


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


def test_a_hurried_lamp_blinks_twice_as_fast_beside_another() -> None:
    """Each is due when it changes, and what only says that it is hurried does not blink."""
    one = stack()
    picture = lit(Lamp.GREEN, Lamp.RED, blinking=(Lamp.GREEN, Lamp.RED), hurried=(Lamp.RED, Lamp.BLUE))
    one.show(picture, 0.0)
    shown(one, 0.0)
    told = []
    now = 0.0
    while (now := one.due(now)) <= 1.0:
        told.append((now, shown(one, now)))
    assert told == [
        (0.25, {"red": False}),
        (0.5, {"red": True, "green": False}),
        (0.75, {"red": False}),
        (1.0, {"red": True, "green": True}),
    ]
    one.show(lit(Lamp.RED, hurried=(Lamp.RED,)), 2.0)
    shown(one, 2.0)
    assert one.due(2.0) == math.inf


def test_a_lamp_that_changes_its_rate_is_lit_at_once() -> None:
    """Both ways; and it keeps its new rate from there."""
    one = stack()
    slow, fast = (lit(Lamp.RED, blinking=(Lamp.RED,), hurried=hurried) for hurried in ((), (Lamp.RED,)))
    one.show(fast, 0.0)
    shown(one, 0.0)
    assert shown(one, 0.3) == {"red": False}
    one.show(slow, 0.4)
    assert shown(one, 0.4) == {"red": True}
    assert one.due(0.4) == 0.9
    assert shown(one, 1.0) == {"red": False}
    one.show(fast, 1.1)
    assert shown(one, 1.1) == {"red": True}
    assert one.due(1.1) == 1.35


def test_the_line_is_stopped_until_a_picture_lets_it_run() -> None:
    """Before the first picture only what stops the line is written; at rest the line is stopped."""
    one = Stack(BOTH, 0.5)
    one.forget()
    assert one.due(0.0) < 0.0
    assert shown(one, 0.0) == {"stop": True, "run": False}
    assert one.due(0.0) == math.inf
    one.show(lit(Lamp.RED, stop=True), 1.0)
    assert shown(one, 1.0) == {"red": True}
    one.show(lit(), 2.0)
    assert shown(one, 2.0) == {"stop": False, "run": True, "red": False}
    assert one.at_rest() == {"stop": True, "run": False}
    one.forget()
    assert shown(one, 3.0) == {"stop": True, "run": False}


@pytest.mark.parametrize("safe", [{"stop": False}, {"run": True}, {"run": True, "stop": False}])
def test_a_line_that_may_go_on_without_the_agent_is_left_as_it_is_by_a_start(safe: dict[Part, bool]) -> None:
    """Neither stopped by it nor let run; but where opening sets the outputs, they stop."""
    one = Stack(BOTH, 0.5, safe)
    one.forget()
    assert one.changes(0.0) == {}
    assert one.safe_levels() == {"stop": False, "run": True, "red": False}
    assert one.first_levels() == {"stop": True, "run": False, "red": False}


def test_a_write_that_failed_is_made_again() -> None:
    """The device may have taken it: a line that must stop is told so although it was never told to run for certain."""
    one = Stack(BOTH, 0.5)
    one.forget()
    one.show(lit(stop=True), 0.0)
    shown(one, 0.0)
    one.show(lit(), 1.0)
    with pytest.raises(OSError, match="no answer"), one.writing(one.changes(1.0)):
        raise OSError("no answer")
    one.show(lit(stop=True), 2.0)
    assert shown(one, 2.0) == {"stop": True, "run": False}


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


def test_what_has_no_output_is_left_out_and_what_stops_the_line_comes_first() -> None:
    """Output 0 is an output."""
    assert wired({Lamp.RED: 1, Lamp.BLUE: 2}, horn=0, stop=None, run=4) == {"run": 4, "red": 1, "blue": 2, "horn": 0}
    assert list(wired({Lamp.RED: 1}, horn=2, stop=3, run=None)) == ["stop", "red", "horn"]
    assert wired({}, horn=None, stop=None, run=None) == {}


@given(begin=st.floats(0, 1e6), blink_s=st.floats(0.05, 10), changes=st.integers(1, 50), hurried=st.booleans())
def test_going_from_change_to_change_blinks_evenly(begin: float, blink_s: float, changes: int, hurried: bool) -> None:  # noqa: FBT001  drawn
    """At each moment that was said to bring a change, there is one: no busy waiting, no change missed."""
    one = Stack(["red"], blink_s)
    one.forget()
    one.show(lit(Lamp.RED, blinking=(Lamp.RED,), hurried=(Lamp.RED,) if hurried else ()), begin)
    shown(one, begin)
    now, level = begin, True
    for _ in range(changes):
        due = one.due(now)
        assert due > now
        now, level = due, not level
        assert shown(one, now) == {"red": level}


class Module:
    """Outputs that keep what they were told, the agent that tells them, and links that fail."""

    def __init__(self) -> None:
        self.levels: dict[Part, bool] = {"stop": True, "run": False}
        self.stack = Stack(["stop", "run", "red"], 0.5)
        self.may_run = False
        self.now = 0.0

    def opened(self) -> None:
        self.stack.forget()
        self.may_run = False
        self.write(self.stack.changes(self.now))

    def killed(self) -> None:
        """Without a word; another agent opens the device."""
        self.stack = Stack(["stop", "run", "red"], 0.5)
        self.opened()

    def ended(self) -> None:
        self.write(self.stack.at_rest())
        self.may_run = False
        self.opened()

    def restarted(self) -> None:
        """The module itself: its outputs begin in the safe state."""
        self.levels = {"stop": True, "run": False}
        self.stack.unknown()

    def told(self, *, stop: bool) -> None:
        self.stack.show(lit(Lamp.RED, stop=stop), self.now)
        self.may_run = not stop

    def failed(self) -> None:
        """The module took the levels, but its answer was lost."""
        changes = self.stack.changes(self.now)
        with suppress(OSError), self.stack.writing(changes):
            self.levels |= changes
            raise OSError

    def write(self, levels: dict[Part, bool]) -> None:
        with self.stack.writing(levels):
            self.levels |= levels


HAPPENINGS: list[Callable[[Module], None]] = [
    Module.opened,
    Module.killed,
    Module.ended,
    Module.restarted,
    Module.failed,
    lambda module: module.told(stop=True),
    lambda module: module.told(stop=False),
]


@given(happenings=st.lists(st.tuples(st.sampled_from(HAPPENINGS), st.booleans()), max_size=30))
def test_the_line_runs_only_while_a_picture_lets_it(happenings: list[tuple[Callable[[Module], None], bool]]) -> None:
    """Whatever happens in whatever order: stop is the opposite of run, and run needs a picture that allows it."""
    module = Module()
    for happens, written in happenings:
        happens(module)
        module.now += 0.1
        if written:
            module.write(module.stack.changes(module.now))
            assert module.levels["run"] is module.may_run
        assert module.levels["stop"] is not module.levels["run"]
        assert set(module.stack.safe_levels().items()) >= {("stop", True), ("run", False)}


@given(
    parts=st.permutations(BOTH),
    safe=st.sampled_from([{}, {"stop": True}, {"run": False}, {"stop": False}, {"run": True}]),
    picture=st.builds(Lamps, stop=st.booleans()),
)
def test_stop_and_run_are_always_opposites(parts: list[Part], safe: dict[Part, bool], picture: Lamps) -> None:
    """In the safe state, at the first and in each picture."""
    one = Stack(parts, 0.5, safe)
    one.show(picture, 0.0)
    for levels in (one.changes(0.0), one.at_rest(), one.first_levels()):
        assert levels["stop"] is not levels["run"]
