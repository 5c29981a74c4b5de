"""Alarms of real devices, by a real broker: told, listed, shelved by order for a time, and back by themselves."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from simulators.modbus import TcpDevice
from tests.support.agent_process import ran
from tests.support.eventually import eventually
from tests.support.listener import Listener
from tests.support.station_file import TOPIC

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.works import Works

ANSWER = f"{TOPIC}/answer/test"
ALARMS = f"{TOPIC}/state/alarms"
DEVICES = ("scanner-1", "gauge-1", "box-1", "press-io", "oil")
OVERLOAD, RUNNING = 0, 1


@pytest.fixture
def press() -> Iterator[TcpDevice]:
    with TcpDevice() as device:
        device.set("discrete", OVERLOAD, 0, 1)
        device.set("holding", 10, 50)
        yield device


@pytest.fixture
def running(works: Works, press: TcpDevice) -> Works:
    """A station with a press whose contacts and oil pressure come by Modbus."""
    contacts = {"overload": {"address": OVERLOAD}, "running": {"address": RUNNING}}
    works.station["device"] += [
        {"name": "press-io", "driver": "modbus-io", "port": press.port, "inputs": contacts},
        {"name": "oil", "driver": "modbus-gauge", "port": press.port, "address": 10, "unit": "bar", "scale": 0.1,
         "poll_s": 0.05},
    ]  # fmt: skip
    works.station["machine"] = [{"name": name, "device": "press-io", "input": name} for name in contacts]
    works.station["alarm"] = [
        {"name": "press-overload", "signal": "overload", "priority": "high", "call": "quality",
         "suppress_by": "running", "shelve_max_s": 60.0},
        {"name": "oil-pressure", "gauge": "oil", "unit": "bar", "low": 4.0, "deadband": 0.5, "latch": True},
    ]  # fmt: skip
    works.station["alarms"] = {"uplink_after_s": 1.0, "clock_after_s": 0.0, "space_mb": 0}
    works.start_agent(DEVICES)
    return works


class Central:
    """Gives orders and hears their answers, each with its mark."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._count = 0

    def order(self, what: str, mark: bytes = b"", **order: Any) -> Any:
        """Return the answer to an order."""
        self._count += 1
        mark = mark or f"order {self._count}".encode()
        heard = len(self._listener.messages)
        order = {"alarm": "press-overload", "by": "4700", **order}
        self._listener.send(f"{TOPIC}/cmd/alarm/{what}", order, answer_to=ANSWER, mark=mark, expires_s=30)
        eventually(lambda: len(self._listener.messages) > heard)
        assert self._listener.messages[heard].correlation == mark
        return json.loads(self._listener.messages[heard].payload)


def standing(works: Works) -> dict[str, str]:
    """What the broker keeps: identifier -> state."""
    with Listener(works.broker.port, ALARMS) as listener:
        eventually(lambda: listener.messages)
        return {one["id"]: one["state"] for one in json.loads(listener.messages[-1].payload)["alarms"]}


def on_the_page(works: Works) -> list[dict[str, Any]]:
    status = works.agent.status()
    return status.document.get("alarms", []) if status else []


def test_an_alarm_is_shelved_by_order_and_back_by_itself(running: Works, press: TcpDevice) -> None:
    """Answered with its state; the order repeated is refused, given again it is obeyed already; and it is told anew."""
    press.set("discrete", OVERLOAD, 1)
    raised = running.wait_for_fact("alarm.raised", "press-io", id="press-overload")
    assert raised["data"]["priority"] == "high"
    call = running.wait_for_fact("andon.raised")
    assert call["data"]["name"] == "quality"
    eventually(lambda: standing(running) == {"press-overload": "unacknowledged"})
    with Listener(running.broker.port, ANSWER) as listener:
        central = Central(listener)
        answer = central.order("shelve", for_s=1.5, reason="spare is ordered", mark=b"7")
        assert answer["ok"]
        assert answer["alarm"].items() >= {"state": "shelved", "shelved_by": "4700"}.items()
        assert central.order("shelve", for_s=50, mark=b"7")["reason"].startswith("repeated")
        again = central.order("shelve", for_s=50)
        assert again["alarm"]["shelved_until"] == answer["alarm"]["shelved_until"]
        assert "up to 60" in central.order("shelve", for_s=61)["reason"]
        assert central.order("dance")["reason"] == "no command 'alarm/dance'"
        running.wait_for_fact("alarm.unshelved", "press-io", why="expired")
        running.wait_for_fact("alarm.raised", "press-io", again=True)
        assert central.order("acknowledge")["alarm"]["state"] == "acknowledged"
        assert central.order("acknowledge")["ok"]
    eventually(lambda: standing(running) == {"press-overload": "acknowledged"})
    press.set("discrete", OVERLOAD, 0)
    running.wait_for_fact("alarm.cleared", "press-io", id="press-overload")
    eventually(lambda: standing(running) == {})
    assert len(running.book.events("alarm.shelved")) == 1
    assert len(running.book.events("alarm.acknowledged")) == 1
    running.settle()


def test_a_shelf_outlives_the_agent_and_still_ends(running: Works, press: TcpDevice) -> None:
    press.set("discrete", OVERLOAD, 1)
    running.wait_for_fact("alarm.raised", id="press-overload")
    with Listener(running.broker.port, ANSWER) as listener:
        assert Central(listener).order("shelve", for_s=4)["ok"]
    running.agent.kill()
    running.agent.start()
    running.agent.wait_until_ready(DEVICES)
    eventually(lambda: standing(running) == {"press-overload": "shelved"})
    running.wait_for_fact("alarm.unshelved", why="expired")
    eventually(lambda: standing(running) == {"press-overload": "unacknowledged"})
    running.settle()


def test_what_a_machine_that_is_off_says_means_nothing(running: Works, press: TcpDevice) -> None:
    press.set("discrete", RUNNING, 0)
    running.wait_for_fact("machine.changed", signal="running", active=False)
    press.set("discrete", OVERLOAD, 1)
    assert running.wait_for_fact("alarm.raised", id="press-overload")["data"]["quiet"]
    eventually(lambda: standing(running) == {"press-overload": "suppressed"})
    press.set("discrete", RUNNING, 1)
    running.wait_for_fact("alarm.unsuppressed", id="press-overload")
    running.wait_for_fact("andon.raised", name="quality")
    running.settle()


def test_a_value_below_its_limit_is_latched_until_it_is_reset(running: Works, press: TcpDevice) -> None:
    """The registers move; the alarm has its deadband, its units, and waits for somebody."""
    press.set("holding", 10, 39)
    raised = running.wait_for_fact("alarm.raised", "oil", id="oil-pressure")
    assert raised["data"]["detail"] == "3.9 bar is below 4"
    press.set("holding", 10, 42)
    eventually(lambda: any(4.2 in one["data"]["values"] for one in running.book.events("measurement.series", "oil")))
    assert running.book.events("alarm.cleared") == []
    press.set("holding", 10, 45)
    running.wait_for_fact("alarm.cleared", "oil", state="latched")
    with Listener(running.broker.port, ANSWER) as listener:
        assert Central(listener).order("reset", alarm="oil-pressure")["alarm"]["state"] == "normal"
    running.settle()


def test_a_device_that_is_gone_is_acknowledged_like_any_other(running: Works, press: TcpDevice) -> None:
    press.stop()
    running.wait_for_fact("alarm.raised", "oil", alarm="device-lost")
    with Listener(running.broker.port, ANSWER) as listener:
        answer = Central(listener).order("acknowledge", alarm="device-lost", device="oil")
    assert answer["alarm"].items() >= {"id": "device-lost/oil", "state": "acknowledged", "by": "4700"}.items()
    running.settle()


def test_a_broker_that_is_away_for_long_is_an_alarm_when_it_is_back(running: Works) -> None:
    """It is recorded while nobody can hear it, and delivered with its end."""
    running.wait_until_delivered()
    running.broker.stop()
    eventually(lambda: [one["id"] for one in on_the_page(running)] == ["uplink-down/broker"])
    told = ran("status", "--config", running.agent.file)
    assert "alarm uplink-down/broker: medium, unacknowledged, broker away for 1 s: " in told.stdout
    running.broker.start()
    raised = running.wait_for_fact("alarm.raised", "broker")
    assert raised["data"]["reason"].startswith("broker away for 1 s: ")
    cleared = running.wait_for_fact("alarm.cleared", "broker", alarm="uplink-down")
    assert cleared["data"]["duration_s"] > 0
    eventually(lambda: standing(running) == {})
    running.settle()
