"""The bounded queue: in order, bounded, and nobody waits for ever."""

from __future__ import annotations

from queue import Empty, Full
from threading import Thread

import pytest

from agent.runtime.clock import Clock
from agent.runtime.inbox import Inbox
from agent.signals import Input
from drivers.contract import Scan

LONG_S = 30.0
MANY = 3_000


def said(text: str) -> Input:
    return Input("scanner-1", Scan(text.encode(), text), Clock().now())


def taken(inbox: Inbox) -> str:
    happened = inbox.get(LONG_S)
    assert happened is not None
    assert isinstance(happened.what, Scan)
    return happened.what.text


def test_what_goes_in_comes_out_in_order() -> None:
    inbox = Inbox(3)
    for text in "123":
        inbox.put(said(text), 0)
    assert [taken(inbox) for _ in range(3)] == ["1", "2", "3"]
    assert inbox.empty()


def test_a_full_inbox_takes_nothing_more_until_something_is_taken() -> None:
    inbox = Inbox(1)
    inbox.put(said("1"), 0)
    for timeout_s in (0, 0.01):
        with pytest.raises(Full):
            inbox.put(said("2"), timeout_s)
    assert taken(inbox) == "1"
    inbox.put(said("2"), 0)
    assert taken(inbox) == "2"


def test_an_empty_inbox_says_so() -> None:
    inbox = Inbox(1)
    for timeout_s in (0, 0.01):
        with pytest.raises(Empty):
            inbox.get(timeout_s)


def test_a_wake_ends_a_waiting_get_even_when_full() -> None:
    inbox = Inbox(1)
    inbox.put(said("1"), 0)
    inbox.wake()
    assert taken(inbox) == "1"
    assert inbox.get(LONG_S) is None


def test_many_threads_get_all_through_a_narrow_inbox() -> None:
    """Each thread's own order is kept, nothing is lost, and whoever waits for room gets it."""
    inbox = Inbox(2)

    def put(name: str) -> None:
        for number in range(MANY):
            inbox.put(said(f"{name}{number}"), LONG_S)

    threads = [Thread(target=put, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    found = [taken(inbox) for _ in range(3 * MANY)]
    for thread in threads:
        thread.join(LONG_S)
    for name in "abc":
        assert [text for text in found if text[0] == name] == [f"{name}{number}" for number in range(MANY)]
