"""Calls at a running station: buttons on a pty, a real broker, orders with answers, and time that really passes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import station_file
from tests.support.agent_process import ran
from tests.support.devices import PASS, REFUSE
from tests.support.eventually import eventually
from tests.support.listener import Listener
from tests.support.station_file import LEVELS, TOPIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.works import Works

ANSWER = f"{TOPIC}/answer/test"


@pytest.fixture
def station(works: Works) -> Works:
    """A station at work whose calls climb and stop."""
    station_file.with_calls(works.station)
    works.start_agent()
    return works


@pytest.fixture
def asker(station: Works) -> Iterator[Listener]:
    with Listener(station.broker.port, ANSWER) as listener:
        yield listener


def order(asker: Listener, act: str, mark: str, **data: Any) -> dict[str, Any]:
    """Send an order and return the answer to it."""
    asker.send(f"{TOPIC}/cmd/andon/{act}", data, answer_to=ANSWER, mark=mark.encode(), expires_s=60)
    eventually(lambda: answers(asker, mark))
    return answers(asker, mark)[-1]


def answers(asker: Listener, mark: str) -> list[dict[str, Any]]:
    return [json.loads(one.payload) for one in asker.messages if one.correlation == mark.encode()]


def calls(works: Works) -> list[dict[str, Any]]:
    status = works.agent.status()
    return status.calls if status is not None else []


def test_a_call_that_nobody_answers_is_heard_by_the_next(station: Works, asker: Listener) -> None:
    """Level by level, each once; who comes ends it; all five times are there in the end."""
    station.box.press("quality")
    first = station.wait_for_fact("andon.escalated", level=1)["data"]
    second = station.wait_for_fact("andon.escalated", level=2)["data"]
    assert (first["to"], second["to"]) == ("supervisor", "plant manager")
    assert (first["waited_s"] >= 0.5, second["waited_s"] >= 1.0) == (True, True)
    call = first["call"]
    acknowledged = order(asker, "acknowledge", "1", call=call, by="8")
    assert (acknowledged["ok"], acknowledged["call"]["state"]) == (True, "acknowledged")
    assert order(asker, "arrive", "2", call=call, by="8")["call"]["arrived_by"] == "8"
    resolved = order(asker, "resolve", "3", call=call, by="8", reason="jam", countermeasure="cleaned")
    assert (resolved["call"]["state"], resolved["call"]["reason"]) == ("closed", "jam")
    end = station.wait_for_fact("andon.resolved", call)["data"]
    assert end["raised"] <= end["acknowledged"] <= end["arrived"]
    assert end["duration_s"] >= 1.0
    assert len(station.book.events("andon.escalated")) == 2
    station.settle()


def test_a_call_becomes_a_stop_and_the_line_is_told_to_run_again(station: Works) -> None:
    """Yellow, then red; nothing passes; the key releases the line, the machine tells the restart."""
    station.sign_on("4711")
    station.box.press("cord")
    station.box.shows("green", "yellow")
    station.box.release("cord")
    station.wait_for_fact("andon.stopped", name="cord")
    assert station.scanner.scan("SN0000000001") == REFUSE
    station.box.shows("red")
    station.box.press("key")
    station.wait_for_fact("andon.resolved", name="cord", stop="stopped")
    station.box.release("key")
    assert station.scanner.scan("SN0000000001") == PASS
    assert station.book.events("andon.restarted") == []
    station.box.press("runs")
    restarted = station.wait_for_fact("andon.restarted", name="cord")["data"]
    assert restarted["stopped_s"] > 0
    station.settle()


def test_a_reset_in_time_lets_the_line_go_on(station: Works) -> None:
    """The lead's badge: here, and done; the window is over without a stop."""
    station.sign_on("4711")
    station.box.press("cord")
    station.wait_for_fact("andon.raised", name="cord", stop="pending")
    assert [station.scanner.scan("OP-9"), station.scanner.scan("OP-9")] == [PASS, PASS]
    arrived = station.wait_for_fact("andon.arrived", name="cord", by="9")["data"]
    station.wait_for_fact("andon.resolved", name="cord", by="9", stop="pending")
    station.box.release("cord")
    station.box.press("quality")
    station.wait_for_fact("andon.escalated", level=2)  # a second later: long after the window's end
    assert station.book.events("andon.stopped") == []
    assert arrived["answered_s"] == arrived["arrived_s"]
    station.settle()


def test_two_leads_who_answer_at_once_are_one_answer(station: Works, asker: Listener) -> None:
    """Both hear who was first; the fact is there once."""
    station.box.press("quality")
    call = station.wait_for_fact("andon.raised")["subject"]
    with Listener(station.broker.port, "nothing") as other:
        for number, client in enumerate((asker, other, asker, other)):
            topic, document = f"{TOPIC}/cmd/andon/acknowledge", {"call": call, "by": f"lead-{number}"}
            client.send(topic, document, answer_to=ANSWER, mark=f"{number}".encode())
        eventually(lambda: len(asker.messages) == 4)
    told = [json.loads(one.payload) for one in asker.messages]
    assert all(one["ok"] for one in told)
    (fact,) = station.book.events("andon.acknowledged") or [station.wait_for_fact("andon.acknowledged")]
    assert {one["call"]["acknowledged_by"] for one in told} == {fact["data"]["by"]}
    station.settle()


def test_an_order_that_comes_again_or_too_late_does_nothing(station: Works, asker: Listener) -> None:
    """The same order again is told how things are; without authority, expired or retained, it is refused."""
    station.box.press("cord")
    call = station.wait_for_fact("andon.raised", name="cord")["subject"]
    refused = order(asker, "resolve", "a", call=call, by="4711")
    assert (refused["ok"], refused["reason"]) == (False, "4711 may not answer process calls: lead may")
    for _ in range(2):
        assert order(asker, "resolve", "b", call=call, by="9")["call"]["state"] == "closed"
    assert not order(asker, "arrive", "c", call=call, by="9")["ok"]
    for mark, retained in (("d", True), ("e", False), ("e", False)):
        asker.send(f"{TOPIC}/cmd/andon/raise", {"name": "help"}, retain=retained, answer_to=ANSWER, mark=mark.encode())
    eventually(lambda: len(answers(asker, "e")) == 2)
    assert [one["ok"] for one in answers(asker, "e")] == [True, False]
    assert len(station.book.events("andon.raised", name="help")) == 1
    assert len(station.book.events("andon.resolved")) == 1
    station.settle()


def test_who_comes_late_sees_what_is_open(station: Works) -> None:
    """The retained state, and the board that reads it: level, stop, who comes; an empty list when all is over."""
    station.box.press("cord")
    station.box.press("quality")
    station.wait_for_fact("andon.stopped", name="cord")
    station.wait_for_fact("andon.escalated", level=2)

    def seen() -> dict[str, Any]:
        with Listener(station.broker.port, f"{TOPIC}/state/andon") as late:
            eventually(lambda: late.messages)
            found: dict[str, Any] = json.loads(late.messages[-1].payload)
        return found

    eventually(lambda: all(one["delivered"] for one in seen()["calls"]))
    told = {call["name"]: call for call in seen()["calls"]}
    assert (told["cord"]["stop"], told["help"]["level"]) == ("stopped", 2)
    assert seen()["line"]["state"] == "stopped"
    board = ran(
        "board", "--line", "/".join(LEVELS[:-1]), "--broker", f"127.0.0.1:{station.broker.port}", "--once", "--json"
    )
    assert board.returncode == 0, board.stderr
    assert {(one["name"], one["level"]) for one in json.loads(board.stdout)["calls"]} == {("cord", 0), ("help", 2)}
    for name in ("cord", "quality"):
        station.box.release(name)
    station.box.press("key")
    eventually(lambda: seen()["calls"] == [])
    station.settle()


def test_a_value_out_of_limits_calls_and_waits_for_its_reason(station: Works, asker: Listener) -> None:
    station.sign_on("4711")
    for code in ("SN0000000001", "4711-A/L1"):
        assert station.scanner.scan(code) == PASS
    station.gauge.value("12.500")
    raised = station.wait_for_fact("andon.raised", name="bad", about="SN0000000001")
    call = raised["subject"]
    assert order(asker, "resolve", "1", call=call, by="7")["call"]["state"] == "resolved"
    assert order(asker, "close", "2", call=call, by="7", reason="burr")["call"]["state"] == "closed"
    assert station.wait_for_fact("andon.closed", call)["data"]["reason"] == "burr"
    station.settle()
