"""What becomes of calls when the network, the broker or the agent goes at the worst moment."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import station_file
from tests.support.devices import REFUSE
from tests.support.eventually import eventually
from tests.support.listener import Listener
from tests.support.station_file import TOPIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.works import Works

AWAY = "offline"


@pytest.fixture
def works(works: Works) -> Works:
    station_file.with_calls(works.station)
    return works


@pytest.fixture
def frozen(running: Works) -> Iterator[Works]:
    """The broker holds the line and says nothing: a link that is half open."""
    pid = running.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield running
    finally:
        os.kill(pid, signal.SIGCONT)


def open_calls(works: Works) -> dict[str, Any]:
    status = works.agent.status()
    return {call["name"]: call for call in (status.calls if status is not None else [])}


def times(works: Works, *kinds: str) -> list[str]:
    """When each of these facts was seen, as the central has it."""
    return [works.wait_for_fact(kind)["time"] for kind in kinds]


def test_a_call_while_the_broker_is_away_climbs_and_stops_and_is_told_late(running: Works) -> None:
    """The station does all of it alone, says that nobody has heard it, and the facts keep their own times."""
    running.broker.stop()
    for name in ("cord", "quality"):
        running.box.press(name)
    eventually(lambda: open_calls(running).get("cord", {}).get("stop") == "stopped")
    eventually(lambda: open_calls(running)["help"]["level"] == 2)
    assert not any(call["delivered"] for call in open_calls(running).values())
    running.broker.start()
    running.wait_until_delivered()
    eventually(lambda: all(call["delivered"] for call in open_calls(running).values()))
    raised, stopped = times(running, "andon.raised", "andon.stopped")
    assert raised < stopped
    assert [event["data"]["level"] for event in running.book.events("andon.escalated")] == [1, 2]
    running.settle()


def test_a_half_open_link_during_a_stop_changes_nothing_at_the_station(frozen: Works) -> None:
    """The socket is up and nobody answers: the lamp is red in its time, and nothing passes."""
    frozen.box.press("cord")
    frozen.box.shows("yellow")
    frozen.box.shows("red")
    assert frozen.scanner.scan("KIT0000000001") == REFUSE
    pid = frozen.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGCONT)
    frozen.wait_for_fact("andon.stopped", name="cord")
    frozen.settle()


@pytest.mark.parametrize("press", ["cord", "quality"])
def test_a_kill_between_the_press_and_the_central_keeps_the_call(frozen: Works, press: str) -> None:
    """It was shown: so it is on disk, goes on under its identity, stops and climbs in its time, once."""
    frozen.box.press(press)
    frozen.box.shows("yellow")
    eventually(lambda: open_calls(frozen))
    (before,) = open_calls(frozen).values()
    frozen.agent.kill()
    pid = frozen.broker.pid
    assert pid is not None
    os.kill(pid, signal.SIGCONT)
    frozen.start_agent()
    (after,) = open_calls(frozen).values()
    assert (after["call"], after["time"]) == (before["call"], before["time"])
    if press == "cord":
        frozen.wait_for_fact("andon.stopped", before["call"])
        frozen.box.shows("red")
    else:
        frozen.wait_for_fact("andon.escalated", before["call"], level=2)
        assert [one["data"]["level"] for one in frozen.book.events("andon.escalated")] == [1, 2]
    assert len(frozen.book.events("andon.raised")) == 1
    frozen.settle()


def test_a_stop_outlives_every_kill(running: Works) -> None:
    """Ten kills: the lamp is red after each start, and only the key ends it."""
    running.box.press("cord")
    running.wait_for_fact("andon.stopped", name="cord")
    for _ in range(10):
        running.agent.kill()
        running.start_agent()
        running.box.shows("red")
        assert open_calls(running)["cord"]["stop"] == "stopped"
    running.box.release("cord")
    running.box.press("key")
    running.box.shows()
    assert len(running.book.events("andon.stopped")) == 1
    running.settle()


def test_an_order_that_a_station_hears_after_its_expiry_is_not_obeyed(running: Works) -> None:
    """The broker drops what has expired, and so does the station: the call stays as it is."""
    running.box.press("cord")
    call = running.wait_for_fact("andon.stopped", name="cord")["subject"]
    assert running.agent.stop() == 0
    topic = f"{TOPIC}/cmd/andon/resolve"
    with Listener(running.broker.port, "nothing") as central:
        central.send(topic, {"call": call, "by": "9"}, retain=True)
    running.start_agent()
    running.wait_for_fact("command.rejected", reason="expired: it came too late")
    assert open_calls(running)["cord"]["stop"] == "stopped"
    running.settle()


def test_a_stop_outlives_the_damage_of_the_memory(running: Works) -> None:
    """The pages of the memory are gone: the call is known by its facts, and still stops the line."""
    running.box.press("cord")
    call = running.wait_for_fact("andon.stopped", name="cord")["subject"]
    running.agent.kill()
    with closing(sqlite3.connect(running.journal)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'state'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with running.journal.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(b"\xaa" * size)
    running.start_agent()
    running.box.shows("red")
    assert (open_calls(running)["cord"]["call"], open_calls(running)["cord"]["stop"]) == (call, "stopped")
    running.wait_for_fact("journal.damaged")
    running.agent.kill()
    running.start_agent()
    assert open_calls(running)["cord"]["call"] == call
    running.box.release("cord")
    running.box.press("key")
    assert running.wait_for_fact("andon.resolved", name="cord")["subject"] == call
    running.box.shows()
