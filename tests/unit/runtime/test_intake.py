"""Taking inputs in groups, and leaving the interpreter to others meanwhile."""

from __future__ import annotations

from threading import Thread

import pytest

from agent.runtime.clock import Clock
from agent.runtime.inbox import Inbox
from agent.runtime.intake import Intake
from agent.signals import Input
from drivers.contract import Scan
from tests.support.eventually import PATIENCE_S

GROUP = 3


@pytest.fixture
def inbox() -> Inbox:
    return Inbox(100)


@pytest.fixture
def intake(inbox: Inbox) -> Intake:
    return Intake(inbox, GROUP, linger_s=0.0)


def scan(text: str) -> Input:
    return Input("scanner-1", Scan(text.encode(), text), Clock().now())


def texts(taken: list[Input]) -> list[str]:
    return [one.what.text for one in taken if isinstance(one.what, Scan)]


def put(inbox: Inbox, *words: str) -> None:
    for text in words:
        inbox.put(scan(text), 0)


def test_what_comes_during_a_rest_ends_it_and_is_taken_first(inbox: Inbox, intake: Intake) -> None:
    """Nothing is lost and nothing changes places: a rest is only a look ahead."""
    put(inbox, "1")
    intake.rest(PATIENCE_S)
    put(inbox, "2", "3", "4")
    assert not intake.empty
    intake.rest(PATIENCE_S)
    assert texts(intake.take(0, linger=False)) == ["1", "2", "3"]
    assert texts(intake.take(0, linger=False)) == ["4"]
    assert intake.empty


def test_a_rest_in_which_nothing_comes_takes_nothing(intake: Intake) -> None:
    intake.rest(0.0)
    assert intake.empty
    assert intake.take(0, linger=False) == []


def test_who_is_woken_in_a_rest_does_not_wait_in_the_next_take(intake: Intake) -> None:
    """A stop that comes just then is not overheard."""
    intake.wake()
    intake.rest(PATIENCE_S)
    taker = Thread(target=intake.take, args=(10 * PATIENCE_S,), kwargs={"linger": False})
    taker.start()
    taker.join(PATIENCE_S)
    assert not taker.is_alive()
