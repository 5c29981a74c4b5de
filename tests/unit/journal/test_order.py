"""What came before what, told from finished events."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agent.events import LANES
from agent.journal.order import Point, in_order


def event(lane: str, sequence: int, time: str, boot: str, monotonic: int, *, turn: int = 0) -> dict[str, Any]:
    told = {"lane": lane, "sequence": str(sequence), "time": time, "bootid": boot, "monotonicns": str(monotonic)}
    return told | ({"turnns": str(turn)} if turn else {})


def names(events: list[dict[str, Any]]) -> list[str]:
    return [f"{one['lane']}.{one['sequence']}" for one in events]


def test_within_a_boot_the_wall_counts_for_nothing() -> None:
    events = [event("work", 1, "2026", "b1", 5), event("andon", 1, "2020", "b1", 6), event("work", 2, "1970", "b1", 7)]
    assert names(in_order(reversed(events))) == ["work.1", "andon.1", "work.2"]


def test_a_turn_counts_in_place_of_the_moment() -> None:
    events = [event("work", 1, "2026", "b1", 5), event("andon", 1, "2026", "b1", 3, turn=6)]
    assert names(in_order(events)) == ["work.1", "andon.1"]
    assert Point.of(events[1]).is_behind(Point.of(events[0]))


def test_between_boots_a_lane_that_saw_both_tells() -> None:
    """The clock of the second boot stands at 1970 until the network comes."""
    events = [
        event("work", 1, "2026-11-27", "b1", 500),
        event("work", 2, "1970-01-01", "b2", 3),
        event("andon", 7, "1970-01-01", "b2", 2),
        event("andon", 8, "2026-11-28", "b3", 1),
    ]
    assert names(in_order(reversed(events))) == ["work.1", "andon.7", "work.2", "andon.8"]


def test_where_no_lane_saw_both_the_wall_tells() -> None:
    events = [event("work", 1, "2026-11-28", "b9", 1), event("andon", 1, "2026-11-27", "b1", 500)]
    assert names(in_order(events)) == ["andon.1", "work.1"]
    assert Point.of(events[0]).is_behind(Point.of(events[1]))
    assert not Point.of(events[1]).is_behind(Point.of(events[0]))


@given(st.lists(st.tuples(st.sampled_from(LANES), st.integers(0, 3), st.integers(0, 50))), st.randoms())
def test_a_history_is_put_back_together_as_it_was(history: list[tuple[str, int, int]], random: Any) -> None:
    """Whatever the wall says: boots follow one another, and time within a boot grows."""
    numbers = dict.fromkeys(LANES, 0)
    events = []
    for monotonic, (lane, boot, year) in enumerate(sorted(history, key=lambda one: one[1])):
        numbers[lane] += 1
        events.append(event(lane, numbers[lane], str(1970 + year), f"b{boot}", monotonic))
    shuffled = random.sample(events, len(events))
    told = in_order(shuffled)
    assert sorted(names(told)) == sorted(names(events))
    for boot in {one["bootid"] for one in events}:
        assert [one for one in told if one["bootid"] == boot] == [one for one in events if one["bootid"] == boot]
    for lane in LANES:
        assert [one for one in told if one["lane"] == lane] == [one for one in events if one["lane"] == lane]
