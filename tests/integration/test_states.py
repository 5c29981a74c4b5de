"""What the station remembers for others to see stands on the broker; what the others of its line say comes in."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from agent.events import Event, Kind
from agent.signals import LineProgress, Offer, Progress
from tests.support.eventually import eventually
from tests.support.listener import Listener
from tests.support.uplink_rig import LEVELS, Rig
from tests.support.uplink_rig import TOPIC as STATION

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LINE = STATION.rpartition("/")[0]
STEP = {"unit": "SN1", "operation": "press", "status": "done", "sequence": 7, "time": "2026-11-21T10:00:00.000Z"}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with Rig(tmp_path) as one:
        yield one


def remember(rig: Rig, key: str, document: dict[str, Any]) -> None:
    """Change the memory as the recorder does, with a fact, and wake the forwarder."""
    rig.journal.append([Event(Kind.SCAN_REPEATED, "SN1", {}, rig.clock.now())], {key: document})
    rig.wake()


def states(listener: Listener, what: str = "units") -> list[bytes]:
    return [message.payload for message in listener.messages if message.topic == f"{STATION}/state/{what}"]


def test_a_state_stands_on_the_broker(rig: Rig) -> None:
    """Retained: who comes later finds it; other documents of the memory are nobody's business."""
    rig.start()
    remember(rig, "state/units", {"steps": [1]})
    remember(rig, "units/00", {"secret": 1})
    with Listener(rig.broker.port, f"{STATION}/#") as listener:
        eventually(lambda: states(listener) == [b'{"steps":[1]}'])
        assert {message.topic for message in listener.messages} >= {f"{STATION}/state/agent", f"{STATION}/state/units"}
        assert not [message for message in listener.messages if b"secret" in message.payload]


def test_the_newest_wins(rig: Rig) -> None:
    """What changes faster than it goes out is told as it is in the end; what does not change is not told again."""
    with Listener(rig.broker.port, f"{STATION}/state/+") as listener:
        rig.start()
        eventually(rig.is_online)
        for number in range(200):
            remember(rig, "state/units", {"number": number})
        eventually(lambda: states(listener)[-1:] == [b'{"number":199}'])
        assert len(states(listener)) < 20
        told = len(states(listener))
        rig.capture(50)
        rig.until(lambda: rig.lanes()["work"].sent == rig.lanes()["work"].last)  # type: ignore[index]
        assert len(states(listener)) == told


def test_a_state_is_told_again_on_a_new_connection(rig: Rig) -> None:
    """A broker that forgot everything has it again, and one that is forgotten is taken off."""
    rig.start()
    remember(rig, "state/units", {"steps": [1]})
    with Listener(rig.broker.port, f"{STATION}/state/units") as listener:
        eventually(lambda: states(listener))
    rig.stop()
    remember(rig, "state/units", {})
    rig.start()
    with Listener(rig.broker.port, f"{STATION}/state/units") as listener:
        eventually(rig.is_online)
        rig.capture()
        rig.until(lambda: rig.lanes()["work"].sent == 3)  # type: ignore[index]
    with Listener(rig.broker.port, f"{STATION}/state/+") as listener:
        eventually(lambda: listener.messages)
        assert states(listener) == []


def test_the_line_is_heard(rig: Rig) -> None:
    """Another station's progress comes as what it says; our own and nonsense do not."""
    rig.start()
    eventually(rig.is_online)
    with Listener(rig.broker.port, "nothing") as listener:
        listener.send(f"{STATION}/state/units", {"epoch": "e", "steps": [STEP]})
        listener.send(f"{LINE}/st-030/state/units", {"epoch": 7, "steps": [STEP]})
        listener.send(f"{LINE}/st-030/state/units", {"epoch": "e", "steps": [STEP, {**STEP, "sequence": "8"}, 9]})
        eventually(lambda: rig.passed)
    assert rig.passed == [
        LineProgress("st-030", "e", (Progress("SN1", "press", "done", 7, "2026-11-21T10:00:00.000Z"),))
    ]


def test_a_full_inbox_loses_nothing_and_keeps_the_newest(rig: Rig) -> None:
    """What finds no room is tried again; of one station, the newest word."""
    rig.full = True
    rig.start()
    eventually(rig.is_online)
    with Listener(rig.broker.port, "nothing") as listener:
        for epoch in ("old", "new"):
            listener.send(f"{LINE}/st-030/state/units", {"epoch": epoch, "steps": [STEP]})
        listener.send(f"{STATION}/cmd/andon/acknowledge", {"call": "1"})
        listener.send(f"{LINE}/reference/lots", {"set": "lots"})
        rig.capture()
        rig.until(lambda: rig.lanes()["work"].sent == 1)  # type: ignore[index]
    rig.full = False
    eventually(lambda: len(rig.passed) == 3)
    assert [one.epoch for one in rig.passed if isinstance(one, LineProgress)] == ["new"]
    (offer,) = [one for one in rig.passed if isinstance(one, Offer)]
    assert json.loads(offer.payload) == {"set": "lots"}
    assert offer.key == f"{LINE}/reference/lots"


def test_a_word_of_the_line_that_stands_is_heard_after_being_away(rig: Rig) -> None:
    """The broker kept it."""
    with Listener(rig.broker.port, "nothing") as listener:
        listener.send(f"{LINE}/st-030/state/units", {"epoch": "e", "steps": [STEP]}, retain=True)
    rig.start()
    eventually(lambda: rig.passed)
    assert rig.passed[0] == LineProgress("st-030", "e", (Progress(**STEP),))  # type: ignore[arg-type]
    assert LEVELS[-1] == "st-040"
