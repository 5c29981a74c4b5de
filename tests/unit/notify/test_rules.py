"""Who is told of what."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify.news import News
from agent.notify.rules import Order, decide
from agent.notify.settings import Rule
from tests.unit.notify.mail import CALL, MONDAY, PATH

if TYPE_CHECKING:
    from collections.abc import Mapping

RAISED = News(PATH, "e", "andon", 1, "andon.raised", data=CALL)
ESCALATED = News(
    PATH, "e", "andon", 2, "andon.escalated", data={**CALL, "level": 2, "stop": "pending", "escalated_to": "supervisor"}
)
ALARM = News(PATH, "e", "alarm", 1, "alarm.raised", data={"alarm": "device-lost", "device": "gauge-1", "priority": 2})

QUIET = News(PATH, "e", "alarm", 2, "alarm.raised", data={**ALARM.data, "state": "shelved", "quiet": True})
FLOOD = News(PATH, "e", "alarm", 3, "alarm.flood", data={"alarm": "flood", "active": True})
FLOOD_OVER = News(PATH, "e", "alarm", 4, "alarm.flood", data={"alarm": "flood", "active": False})


def rule(match: Mapping[str, Any], name: str = "r", to: tuple[str, ...] = ("shift",), **more: Any) -> Rule:
    return Rule.model_validate_json(json.dumps({"name": name, "to": to, "match": match, **more}))


MATCHES = [
    ({}, RAISED, True),
    ({"lanes": ["alarm"]}, RAISED, False),
    ({"types": ["quality", "safety"]}, RAISED, True),
    ({"types": ["safety"]}, RAISED, False),
    ({"modes": ["stop"]}, RAISED, False),
    ({"stops": ["stopped"]}, RAISED, False),
    ({"stops": ["pending", "stopped"]}, ESCALATED, True),
    ({"escalated_to": ["supervisor"]}, ESCALATED, True),
    ({"escalated_to": ["plant manager"]}, ESCALATED, False),
    ({"escalated_to": ["supervisor"]}, RAISED, False),
    ({"names": ["quality"]}, RAISED, True),
    ({"levels": [0]}, RAISED, True),
    ({"levels": [2]}, RAISED, False),
    ({"levels": [2, 3]}, ESCALATED, True),
    ({"events": ["andon.resolved"]}, RAISED, False),
    ({"lines": ["line3"]}, RAISED, True),
    ({"lines": ["line4", "acme/plant1/*/line3"]}, RAISED, True),
    ({"lines": ["acme/plant2/*"]}, RAISED, False),
    ({"stations": ["st-0?0"]}, RAISED, True),
    ({"stations": ["acme/plant1/assembly/line3/st-041"]}, RAISED, False),
    ({"priorities": ["2"]}, ALARM, True),
    ({"priorities": ["1"]}, ALARM, False),
    ({"priorities": ["2"]}, RAISED, False),
    ({"alarms": ["device-lost"], "devices": ["gauge-1"]}, ALARM, True),
    ({"devices": ["gauge-2"]}, ALARM, False),
    ({}, ALARM, True),
    ({}, QUIET, False),
    ({}, FLOOD, True),
    ({}, FLOOD_OVER, False),
    ({"hours": "09:00-11:00", "days": ["mon"]}, RAISED, True),
    ({"hours": "11:00-09:00"}, RAISED, False),
    ({"days": ["tue"]}, RAISED, False),
]


@pytest.mark.parametrize(("match", "news", "expected"), MATCHES)
def test_every_key_that_is_given_must_fit(match: Mapping[str, Any], news: News, *, expected: bool) -> None:
    """An empty key fits everything; a key that the event does not have fits nothing."""
    assert bool(decide([rule(match)], news, MONDAY, late=False)) is expected


def test_a_target_that_several_rules_name_is_told_once() -> None:
    """By the first one's words; urgent and with its end if any says so; gathered only if all say so."""
    rules = [rule({}, "a", late="digest"), rule({}, "b", urgent=True), rule({}, "c", ("boss", "shift"), resolve=True)]
    assert decide(rules, RAISED, MONDAY, late=True) == [
        Order("shift", "a", urgent=True, resolve=True, gather=False),
        Order("boss", "c", urgent=False, resolve=True, gather=False),
    ]


@pytest.mark.parametrize(("late", "told"), [("push", [False]), ("digest", [True]), ("drop", [])])
def test_a_rule_says_what_becomes_of_late_events(late: str, told: list[bool]) -> None:
    """Pushed, gathered, or not told; what is not late is always pushed."""
    assert [order.gather for order in decide([rule({}, late=late)], RAISED, MONDAY, late=True)] == told
    assert [order.gather for order in decide([rule({}, late=late)], RAISED, MONDAY, late=False)] == [False]


@given(st.lists(st.tuples(st.sampled_from(["a", "b", "c"]), st.booleans(), st.booleans()), max_size=6))
def test_no_rule_takes_from_another(drawn: list[tuple[str, bool, bool]]) -> None:
    """Adding a rule never makes anybody less informed."""
    rules = [rule({}, f"r{index}", (to,), urgent=urgent, resolve=end) for index, (to, urgent, end) in enumerate(drawn)]
    orders = {order.target: order for order in decide(rules, RAISED, MONDAY, late=False)}
    assert set(orders) == {to for to, _, _ in drawn}
    for to, urgent, end in drawn:
        assert orders[to].urgent >= urgent
        assert orders[to].resolve >= end
