"""Facts become calls: each step once, timed by what can be trusted, and nothing is guessed."""

from __future__ import annotations

import json
from typing import Any

import pytest

from agent.report.calls import WAITING, Book, Call

CALL = {"call": "c1", "name": "cord", "type": "process", "mode": "call", "raised": "2026-11-21T10:00:00.000Z"}


def fact(what: str, at_s: float, *, boot: str = "b1", **data: Any) -> str:
    """A finished event of the andon lane, `at_s` seconds after ten o'clock."""
    minutes, seconds = divmod(at_s, 60)
    return json.dumps(
        {
            "type": f"lineside.andon.{what}",
            "time": f"2026-11-21T10:{int(minutes):02d}:{seconds:06.3f}Z",
            "clock": "synced",
            "bootid": boot,
            "monotonicns": str(int((1000 + at_s) * 1e9)),
            "data": {**CALL, **data},
        }
    )


def joined(*facts: str) -> Call:
    book = Book()
    for body in facts:
        book.take(body)
    (call,) = book.calls.values()
    return call


def test_the_steps_of_a_call_are_joined_by_its_identifier() -> None:
    call = joined(
        fact("raised", 0),
        fact("pressed", 1),
        fact("acknowledged", 5, answered_s=5.25),
        fact("arrived", 30),
        fact("resolved", 90, duration_s=90.5),
    )
    assert (call.acknowledged_s, call.arrived_s, call.ended_s, call.ended_by) == (5.25, 30, 90.5, "resolved")


def test_calls_are_told_apart() -> None:
    book = Book()
    for body in (fact("raised", 0), fact("raised", 1, call="c2"), fact("resolved", 9, call="c2")):
        book.take(body)
    assert [(call.call, call.ended_by) for call in book.calls.values()] == [("c1", ""), ("c2", "resolved")]


def test_a_step_that_was_not_taken_is_waited_for() -> None:
    call = joined(fact("raised", 0))
    assert call.acknowledged_s == call.arrived_s == call.ended_s == WAITING


def test_only_the_first_of_each_step_counts() -> None:
    facts = [fact(what, at_s) for at_s in (3, 8) for what in ("acknowledged", "arrived", "cancelled")]
    call = joined(fact("raised", 0), *facts, fact("resolved", 9))
    assert (call.acknowledged_s, call.arrived_s, call.ended_s, call.ended_by) == (3, 3, 3, "cancelled")


@pytest.mark.parametrize(
    ("told", "boot", "took_s"),
    [
        (7.5, "b2", 7.5),  # the fact's own word goes over any clock
        (None, "b1", 5.0),
        (None, "b2", None),  # started again in between
        (-1, "b1", 5.0),
        (True, "b2", None),
        ("7", "b2", None),
    ],
)
def test_a_duration_is_the_facts_own_or_within_one_boot(told: object, boot: str, took_s: float | None) -> None:
    assert joined(fact("raised", 0), fact("acknowledged", 5, boot=boot, answered_s=told)).acknowledged_s == took_s


def test_a_monotonic_clock_that_went_back_measures_nothing() -> None:
    assert joined(fact("raised", 9), fact("arrived", 5)).arrived_s is None


def test_a_call_without_its_beginning_keeps_only_what_later_facts_tell() -> None:
    call = joined(fact("acknowledged", 5, answered_s=4.0), fact("arrived", 9), fact("resolved", 60, duration_s=None))
    assert call.begun is None
    assert (call.acknowledged_s, call.arrived_s, call.ended_s) == (4.0, None, None)
    assert call.raised_s == 1795255200.0  # the fact says when, though the raising itself is gone


STOP = {"mode": "stop", "level": 1}


@pytest.mark.parametrize(
    ("facts", "lengths"),
    [
        ([("stopped", 10, {}), ("restarted", 40, {})], [30]),
        ([("stopped", 10, {}), ("restarted", 40, {"stopped_s": 29.5})], [29.5]),
        ([("stopped", 10, {}), ("restarted", 40, {}), ("stopped", 50, {}), ("restarted", 51, {})], [30, 1]),
        ([("stopped", 10, {}), ("resolved", 25, {})], [15]),
        ([("stopped", 10, {}), ("resolved", 25, {}), ("restarted", 40, {})], [30]),
        ([("stopped", 10, {}), ("restarted", 40, {}), ("restarted", 45, {})], [30]),
        ([("stopped", 10, {}), ("stopped", 12, {})], [WAITING]),
        ([("restarted", 40, {})], []),
        ([("resolved", 25, {})], []),  # answered before the fixed position: the line never stood
    ],
)
def test_the_line_stands_from_stop_to_restart(facts: list[tuple[str, float, Any]], lengths: list[float]) -> None:
    call = joined(fact("raised", 0, **STOP), *(fact(what, at, **STOP, **data) for what, at, data in facts))
    assert [stop.length_s for stop in call.standing] == lengths


def test_a_stop_call_holds_the_line_from_its_press_to_the_restart() -> None:
    """Not to its end: the line may stand some time before it runs again."""
    facts = (fact("raised", 0, **STOP, stop="stopped"), fact("resolved", 25, **STOP), fact("restarted", 40))
    assert [stop.length_s for stop in joined(*facts).standing] == [40]
    assert [stop.length_s for stop in joined(*facts[:2]).standing] == [25]
    assert [stop.length_s for stop in joined(*facts[:1]).standing] == [WAITING]


def test_who_comes_without_a_word_has_answered() -> None:
    call = joined(fact("raised", 0), fact("arrived", 9, arrived_s=9.5, answered_s=9.5), fact("acknowledged", 12))
    assert (call.acknowledged_s, call.arrived_s) == (9.5, 9.5)
    call = joined(fact("raised", 0), fact("acknowledged", 3), fact("arrived", 9, arrived_s=9.5))
    assert (call.acknowledged_s, call.arrived_s) == (3, 9.5)


def test_the_highest_level_counts() -> None:
    facts = [fact("escalated", at_s, level=level) for at_s, level in ((300, 1), (600, 3), (700, True), (800, "9"))]
    assert joined(fact("raised", 0), *facts).level == 3


@pytest.mark.parametrize(
    ("state", "closed", "unclosed"), [("resolved", False, True), ("resolved", True, False), ("closed", False, False)]
)
def test_a_reason_that_comes_later_is_no_second_end(state: str, *, closed: bool, unclosed: bool) -> None:
    facts = [fact("raised", 0, level=0), fact("resolved", 25, state=state)]
    call = joined(*facts, *([fact("closed", 900, closed_s=900.0)] if closed else []))
    assert (call.ended_by, call.ended_s, call.unclosed) == ("resolved", 25, unclosed)


def test_where_no_levels_are_told_a_stop_call_holds_the_line_from_press_to_end() -> None:
    call = joined(fact("raised", 0, mode="stop"), fact("resolved", 25, mode="stop"))
    assert [stop.length_s for stop in call.standing] == [25]


@pytest.mark.parametrize(
    "body",
    [
        "", "null", "[]", "{", '{"type": "lineside.andon.raised"}', '{"type": 7}',
        fact("raised", 0, call=""), fact("raised", 0, call=None), fact("raised", 0, call=["x"]),
        fact("raised", 0).replace('"10', '"x10'), '{"type": "lineside.andon.raised", "data": []}',
    ],
)  # fmt: skip
def test_garbage_is_counted_and_nothing_else(body: str) -> None:
    book = Book()
    book.take(body)
    assert (book.calls, book.facts, book.unreadable) == ({}, 1, 1)


def test_unknown_facts_and_keys_change_nothing() -> None:
    book = Book()
    for body in (fact("raised", 0, new={"key": 1}), fact("blessed", 5), '{"type": "lineside.journal.gap"}'):
        book.take(body)
    assert book.unreadable == 0
    assert book.calls["c1"].acknowledged_s == WAITING
