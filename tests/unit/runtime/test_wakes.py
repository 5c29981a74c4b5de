"""Timers of the memory come in as inputs when they end: each once, in order, however the clock is set."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hypothesis import example, given
from hypothesis import strategies as st

from agent.events import NS_PER_S, Moment
from agent.runtime.wakes import Wakes
from agent.station import timers

if TYPE_CHECKING:
    from agent.station.decision import Document


def at(seconds: float, *, wall: float | None = None, boot: str = "b1", synced: bool = True) -> Moment:
    wall_ns = int((seconds if wall is None else wall) * NS_PER_S)
    return Moment(wall_ns, int(seconds * NS_PER_S), synced, boot)


def timer(after_s: float, since: Moment) -> Document:
    return {**timers.mark(since), timers.AFTER: after_s}


def names(wakes: Wakes, now: Moment) -> list[str]:
    return [ended.timer for ended in wakes.due(now.monotonic_ns)]


def test_what_ends_first_is_told_first_and_once() -> None:
    """The order is that of the ends, not that of the beginnings."""
    wakes = Wakes()
    wakes.begin({"timer/late": timer(9, at(0)), "timer/soon": timer(5, at(1)), "other": {}}, at(1))
    assert names(wakes, at(5.9)) == []
    assert wakes.wait_s(60.0, at(5).monotonic_ns) == 1.0
    assert names(wakes, at(10)) == ["soon", "late"]
    assert names(wakes, at(11)) == []


def test_a_timer_that_was_stopped_or_set_anew_does_not_end() -> None:
    """Only what runs now counts."""
    wakes = Wakes()
    wakes.begin({"timer/a": timer(5, at(0)), "timer/b": timer(5, at(0))}, at(0))
    wakes.follow({"timer/a": None, "timer/b": timer(50, at(2))}, at(2))
    assert names(wakes, at(10)) == []
    assert names(wakes, at(52)) == ["b"]


def test_what_could_not_be_recorded_is_told_again() -> None:
    """A full disk costs no escalation."""
    wakes = Wakes()
    wakes.begin({"timer/a": timer(5, at(0))}, at(0))
    assert names(wakes, at(6)) == ["a"]
    wakes.again()
    assert names(wakes, at(7)) == ["a"]
    assert names(wakes, at(8)) == []


def test_across_boots_the_wall_clock_tells_if_it_may_be_trusted() -> None:
    """Ten seconds off by a trusted clock are ten seconds; by any other clock they are too many."""
    set_at = at(1000, wall=5000)
    wakes = Wakes()
    wakes.begin({"timer/a": timer(15, set_at)}, at(3, wall=5010, boot="b2"))
    assert names(wakes, at(7.9, boot="b2")) == []
    assert names(wakes, at(8.1, boot="b2")) == ["a"]
    for now in (at(3, wall=5010, boot="b2", synced=False), at(3, wall=4000, boot="b2")):
        wakes.begin({"timer/a": timer(15, set_at)}, now)
        assert names(wakes, now) == ["a"]


@example(steps=[("a", 1.0, False), ("a", 0.0, False)])
@given(steps=st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 50), st.booleans()), max_size=300))
def test_any_mix_of_setting_and_stopping_tells_each_that_runs_once(steps: list[tuple[str, float, bool]]) -> None:
    """A model: what runs and is over is told, and nothing else; what is stale does not pile up."""
    wakes, running, now_s = Wakes(), dict[str, float](), 0.0
    for name, after_s, stops in steps:
        now_s += 1
        if stops:
            running.pop(name, None)
            wakes.follow({f"timer/{name}": None}, at(now_s))
        else:
            running[name] = int(now_s * NS_PER_S) + int(after_s * NS_PER_S)
            wakes.follow({f"timer/{name}": timer(after_s, at(now_s))}, at(now_s))
        told = names(wakes, at(now_s))
        assert sorted(told) == sorted(one for one, end in running.items() if end <= at(now_s).monotonic_ns)
        for one in told:
            del running[one]
            wakes.follow({f"timer/{one}": None}, at(now_s))
