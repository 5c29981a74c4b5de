"""The broker goes away in every way it can: the work goes on, and everything arrives."""

from __future__ import annotations

import os
import signal
from json import loads
from typing import TYPE_CHECKING

import pytest

from tests.support.devices import PASS
from tests.support.eventually import eventually
from tests.support.link import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.works import Works

BACKLOG = 3000
GROUP = 100
PART_OF_BACKLOG_BYTES = 200_000
"""About 250 events: much less than the backlog, much more than the window."""


def badges(works: Works, first: int, last: int) -> None:
    """Scan badges `first` to `last` - 1, all of them answered with green."""
    for start in range(first, last, GROUP):
        codes = [f"OP-{badge}" for badge in range(start, min(start + GROUP, last))]
        works.scanner.send(*codes)
        assert works.scanner.answers(len(codes)) == PASS * len(codes)


def is_broker(works: Works, *states: str) -> bool:
    status = works.agent.status()
    return status is not None and status.broker in states


def signed_on(works: Works) -> list[int]:
    """The badges the central knows of, in the order of the lane."""
    events = sorted(works.book.events("operator.signed-on"), key=lambda event: int(event["sequence"]))
    return [int(event["subject"]) for event in events]


def captured(works: Works, lane: str) -> int:
    status = works.agent.status()
    return status.lanes[lane]["captured"] if status is not None else 0


@pytest.fixture
def link(works: Works) -> Iterator[Link]:
    """The works' agent reaches its broker through this cable, in many small messages."""
    with Link(works.broker.port) as cable:
        works.station["broker"] |= {"port": cable.port, "batch_events": 5, "window": 8}
        yield cable


def test_a_broker_away_for_a_while_costs_nothing(running: Works) -> None:
    """Every scan is green meanwhile, calls light their lamp, and all of it arrives in its order."""
    badges(running, 0, 10)
    running.broker.stop()
    eventually(lambda: is_broker(running, "offline", "dialling"))
    badges(running, 10, 60)
    running.box.press("cord")
    running.box.shows("red")
    running.box.release("cord")
    running.box.shows("green")
    running.broker.start()
    running.wait_for_fact("andon.resolved", name="cord")
    running.wait_until_delivered()
    assert signed_on(running) == list(range(60))
    running.settle()


def test_a_start_without_a_broker_works(works: Works) -> None:
    """The station works from its first second; what was captured goes out when the broker appears."""
    works.broker.stop()
    works.start_agent(broker="offline")
    badges(works, 0, 20)
    works.broker.start()
    works.wait_until_delivered()
    assert signed_on(works) == list(range(20))
    works.settle()


def test_a_broker_killed_in_the_middle_of_a_drain_loses_nothing(works: Works, link: Link) -> None:
    """It forgets what it acknowledged and had not passed on; the central's silence makes the agent send it again."""
    works.broker.stop()
    works.start_agent(broker="offline")
    badges(works, 0, BACKLOG)
    for _ in range(3):
        link.hold_after(PART_OF_BACKLOG_BYTES)
        works.broker.start()
        link.wait_until_held()
        works.broker.kill()
        link.release()
        assert works.book.counts().delivered < BACKLOG
    works.broker.start()
    works.wait_until_delivered()
    assert signed_on(works) == list(range(BACKLOG))
    works.settle()


def test_a_broker_that_only_holds_the_line_is_noticed_and_dialled_again(running: Works) -> None:
    """The socket is up and nobody reads: capture goes on, the status says so, a stop still ends in time."""
    pid = running.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        badges(running, 0, 50)
        eventually(lambda: is_broker(running, "offline", "dialling"))
        badges(running, 50, 100)
        assert running.agent.stop() == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    running.start_agent()
    running.wait_until_delivered()
    assert signed_on(running) == list(range(100))
    running.settle()


def test_a_stop_right_after_the_broker_froze_ends_in_time(running: Works) -> None:
    """The agent waits for the last acknowledgements only so long; they are asked for again at the next start."""
    pid = running.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        badges(running, 0, 50)
        assert running.agent.stop() == 0
    finally:
        os.kill(pid, signal.SIGCONT)
    running.start_agent()
    running.wait_until_delivered()
    assert signed_on(running) == list(range(50))
    running.settle()


def test_a_stop_while_the_broker_is_away_keeps_everything_for_the_next_start(running: Works) -> None:
    running.broker.stop()
    badges(running, 0, 20)
    assert running.agent.stop() == 0
    running.broker.start()
    running.start_agent()
    running.wait_for_fact("agent.stopped", reason="SIGTERM")
    assert signed_on(running) == list(range(20))
    running.settle()


def test_a_call_is_not_behind_a_backlog(works: Works, link: Link) -> None:
    """A cord that is pulled while the window is full of scans goes out next."""
    works.broker.stop()
    works.start_agent(broker="offline")
    badges(works, 0, BACKLOG)
    link.hold_after(PART_OF_BACKLOG_BYTES)
    works.broker.start()
    link.wait_until_held()
    works.box.press("cord")
    works.box.shows("red")
    eventually(lambda: captured(works, "andon") == 1)
    link.release()
    works.wait_until_delivered()
    lanes = [loads(body)["lane"] for body in works.book.bodies()]
    assert len(lanes) - lanes.index("andon") > BACKLOG / 2, "the call came after most of the backlog"
    works.settle()
