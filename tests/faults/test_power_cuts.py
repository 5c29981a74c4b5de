"""The agent is killed at any moment: what was shown green is kept, and nothing happens twice."""

from __future__ import annotations

from collections import Counter
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from tests.support.devices import PASS, Operator
from tests.support.link import Link

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.works import Works

KILLS = 20
BURST_S = 0.25
BACKLOG = 3000
PART_OF_BACKLOG_BYTES = 200_000
START_S = 0.6
"""About as long as the agent takes to start: a kill in this time hits a journal that is being opened."""


def kits() -> Iterator[str]:
    """What an operator scans to build kit after kit: the unit, then its two parts."""
    for serial in count(1):
        yield f"KIT{serial:010d}"
        yield f"4711-A/A{serial}"
        yield f"4712-B/B{serial}"


def test_twenty_kills_in_a_burst_of_scans_lose_nothing_and_repeat_nothing(works: Works) -> None:
    """Every code has its effect exactly once, whether its green came before the kill or was never heard."""
    random = Random(20)
    works.start_agent()
    works.sign_on()
    operator = Operator(works.scanner, kits())
    for kill in range(KILLS):
        operator.work(random.uniform(0, BURST_S))
        works.agent.kill()
        operator.put_down()
        if kill % 4 == 0:
            works.agent.start()
            assert works.agent.runs_for(random.uniform(0, START_S))
            works.agent.kill()
        works.start_agent()
    operator.finish("KIT")

    assert len(operator.interrupted) >= KILLS // 2, "the kills missed the work: the test shows nothing"
    assert set(operator.refused) <= set(operator.interrupted), "refused although no answer was missing"
    works.wait_until_delivered()
    done = operator.passed + operator.refused
    units = [code for code in done if code.startswith("KIT")]
    lots = [code for code in done if "/" in code]
    started = Counter(event["subject"] for event in works.book.events("operation.started"))
    accepted = Counter(event["data"]["text"] for event in works.book.events("part.accepted"))
    completed = Counter(event["subject"] for event in works.book.events("operation.completed"))
    assert started == completed == Counter(units)
    assert accepted == Counter(lots)
    assert all(len(event["data"]["parts"]) == 2 for event in works.book.events("operation.completed"))
    works.settle()


def test_an_open_operation_goes_on_after_a_kill(running: Works) -> None:
    """Operator, unit and parts are remembered; the good value that comes after completes it."""
    running.sign_on()
    assert running.scanner.scan("SN0000000001") == PASS
    assert running.scanner.scan("4711-A/L1") == PASS
    running.agent.kill()
    running.start_agent()
    status = running.agent.status()
    assert status is not None
    assert status.document["operation"]["needs"] == ["measure bearing seat diameter with gauge-1"]
    running.gauge.value("12.345")
    completed = running.wait_for_fact("operation.completed", "SN0000000001")["data"]
    assert (completed["operator"], [part["lot"] for part in completed["parts"]]) == ("4711", ["L1"])
    assert completed["duration_s"] > 0
    running.settle()


def test_an_open_call_outlives_a_kill(running: Works) -> None:
    """The line stays stopped and red, the call is not raised again, and letting go of the cord resolves it."""
    running.box.press("cord")
    call = running.wait_for_fact("andon.raised")["subject"]
    running.box.shows("red")
    running.agent.kill()
    running.start_agent()
    running.sign_on()
    running.box.shows("red")
    running.box.release("cord")
    running.wait_for_fact("andon.resolved", call)
    running.box.shows("green")
    assert len(running.book.events("andon.raised")) == 1
    running.settle()


def test_a_cord_let_go_while_the_agent_is_away_is_resolved_when_it_comes_back(running: Works) -> None:
    """The box is asked for its inputs when its port is opened."""
    running.box.press("cord")
    call = running.wait_for_fact("andon.raised")["subject"]
    running.agent.kill()
    running.box.release("cord")
    running.start_agent()
    running.box.shows()
    running.wait_for_fact("andon.resolved", call)
    running.settle()


def test_kills_while_a_backlog_drains_send_nothing_twice_in_effect(works: Works) -> None:
    """What the broker took but the journal had not yet noted goes out again under its old number, if at all."""
    works.broker.stop()
    with Link(works.broker.port) as link:
        works.station["broker"] |= {"port": link.port, "batch_events": 5, "window": 8}
        works.start_agent(broker="offline")
        for first in range(0, BACKLOG, 100):
            works.scanner.send(*(f"OP-{badge}" for badge in range(first, first + 100)))
            assert works.scanner.answers(100) == PASS * 100
        link.hold_after(PART_OF_BACKLOG_BYTES)
        works.broker.start()
        for _ in range(5):
            link.wait_until_held()
            works.agent.kill()
            link.release()
            assert works.book.counts().delivered < BACKLOG, "the drain was over: the test shows nothing"
            link.hold_after(PART_OF_BACKLOG_BYTES)
            works.start_agent()
        link.release()
        works.wait_until_delivered()
        signed_on = [int(event["subject"]) for event in works.book.events("operator.signed-on")]
        assert signed_on == list(range(BACKLOG))
        works.settle()
