"""What devices say besides scans, values and calls: conditions, hold-offs, foot switches, machine states."""

from __future__ import annotations

import pytest

from agent.events import Kind, Lane
from agent.signals import AgentStarted, CallsDelivered, DeviceLost, DeviceOpened
from agent.station.rules import AndonCall, CallMode, MachineSignal, Request, Rules
from drivers.contract import Condition, Held, Lamp, Lamps
from tests.unit.station.bench import RULES, Bench, kinds, only, said

RUNNING = MachineSignal(name="running", machine="press-7", device="box", input="run")
FOOT = Request(device="box", input="foot", gauge="gauge-1")
HELP = AndonCall(name="help", type="process", mode=CallMode.HELP, device="box", input="help", reset_input="done")

BLIND = Condition(b"", "blind", active=True, detail="spread of grey 1.2")
SIGHTED = Condition(b"", "blind", active=False)


@pytest.fixture
def bench() -> Bench:
    rules = Rules.model_validate(
        {**dict(RULES), "machine": (RUNNING,), "request": (FOOT,), "call": (*RULES.call, HELP)}
    )
    return Bench(rules)


def test_a_condition_that_must_be_mended_is_a_fact_and_an_alarm(bench: Bench) -> None:
    """Once, however often it is told; its end clears the alarm and says since when it was."""
    begun = bench.say(BLIND, "camera-1")
    assert kinds(begun) == [Kind.DEVICE_CONDITION, Kind.ALARM_RAISED]
    assert begun.events[0].data["condition"] == "blind"
    assert begun.events[1].data["detail"] == "spread of grey 1.2"
    assert kinds(bench.say(BLIND, "camera-1")) == []
    ended = bench.say(SIGHTED, "camera-1")
    assert kinds(ended) == [Kind.DEVICE_CONDITION, Kind.ALARM_CLEARED]
    assert ended.events[1].data["raised"] == begun.events[0].moment.iso
    assert kinds(bench.say(SIGHTED, "camera-1")) == []


def test_a_condition_of_the_day_is_a_fact_without_an_alarm(bench: Bench) -> None:
    """A scale that is overloaded for a moment calls nobody."""
    assert kinds(bench.say(Condition(b"S +", "overload", active=True), "balance")) == [Kind.DEVICE_CONDITION]
    assert kinds(bench.say(Condition(b"", "overload", active=False), "balance")) == [Kind.DEVICE_CONDITION]


def test_the_same_condition_of_two_inputs_or_devices_is_two(bench: Bench) -> None:
    """One end does not hide another break."""
    for part in ("stop", "gate"):
        told = bench.say(Condition(b"", "wire-break", active=True, part=part), "io-1")
        assert told.events[1].data["input"] == part
    bench.say(Condition(b"", "wire-break", active=True, part="stop"), "io-2")
    assert kinds(bench.say(Condition(b"", "wire-break", active=False, part="stop"), "io-1"))
    assert {key for key in bench.memory if key.startswith("condition/")} == {
        "condition/io-1/wire-break/gate",
        "condition/io-2/wire-break/stop",
    }


def test_a_condition_outlives_a_loss_of_its_device_and_ends_with_the_agent(bench: Bench) -> None:
    """The driver tells its end after it was opened again; a new driver tells it anew."""
    bench.say(BLIND, "camera-1")
    bench.say(DeviceLost("unplugged"), "camera-1")
    assert kinds(bench.say(DeviceOpened(), "camera-1")) == [Kind.DEVICE_OPENED, Kind.ALARM_CLEARED]
    assert kinds(bench.say(BLIND, "camera-1")) == []
    bench.restart()
    assert kinds(bench.say(AgentStarted("1"), "agent")) == [Kind.AGENT_STARTED, Kind.ALARM_CLEARED]
    assert kinds(bench.say(BLIND, "camera-1")) == [Kind.DEVICE_CONDITION, Kind.ALARM_RAISED]


def test_readings_that_were_held_back_are_counted(bench: Bench) -> None:
    held = only(bench.say(Held(b"SN1", "SN1", 59), "camera-1"))
    assert (held.kind, held.data["text"], held.data["count"]) == (Kind.SCAN_HELD, "SN1", 59)


def test_a_foot_switch_asks_its_gauge(bench: Bench) -> None:
    """At the press, not at the release; another switch asks nobody."""
    assert bench.press("foot").asks == ("gauge-1",)
    assert bench.release("foot").asks == ()
    assert bench.press("foot", device="other").asks == ()


def test_a_foot_switch_of_a_lost_gauge_is_red(bench: Bench) -> None:
    bench.say(DeviceLost("unplugged"), "gauge-1")
    pressed = bench.press("foot")
    assert pressed.asks == ()
    assert said(pressed) == ("refuse", "gauge-1 does not work: unplugged")


def test_each_change_of_a_machine_is_a_fact(bench: Bench) -> None:
    """A state told again, as at every opening of the device, is none; a change tells how long the last one was."""
    first = only(bench.press("run"))
    assert (first.kind, first.subject, first.kind.lane) == (Kind.MACHINE_CHANGED, "press-7", Lane.WORK)
    assert {"signal": "running", "active": True}.items() <= first.data.items()
    assert kinds(bench.press("run")) == []
    bench.restart()
    assert kinds(bench.press("run")) == []
    second = only(bench.release("run"))
    assert second.data["active"] is False
    assert (second.data["since"], second.data["lasted_s"]) == (first.moment.iso, 3.0)


def test_a_machine_lights_nothing_and_refuses_nothing(bench: Bench) -> None:
    assert bench.press("run").lamps == Lamps()


def test_a_call_blinks_until_somebody_comes(bench: Bench) -> None:
    """And a call for help is blue.  It blinks fast until the central has it."""
    blue = frozenset({Lamp.BLUE})
    raised = bench.press("help")
    assert raised.lamps == Lamps(blue, blinking=blue, hurried=blue)
    assert bench.say(CallsDelivered(), "agent").lamps == Lamps(blue, blinking=blue)
    answered = bench.order("andon/acknowledge", call=only(raised).subject, by="OP-9")
    assert answered.lamps == Lamps(frozenset({Lamp.BLUE}))
    assert bench.press("done").lamps == Lamps()


def test_a_stop_sounds_the_horn_until_somebody_comes(bench: Bench) -> None:
    red = frozenset({Lamp.RED})
    raised = bench.press("cord")
    assert raised.lamps == Lamps(red, blinking=red, horn=True, hurried=red, stop=True)
    answered = bench.order("andon/acknowledge", call=only(raised).subject, by="OP-9")
    assert answered.lamps == Lamps(red, stop=True)


def test_a_refusal_is_steady_red_beside_a_blinking_call(bench: Bench) -> None:
    bench.press("quality")
    bench.say(CallsDelivered(), "agent")
    assert bench.scan("nonsense").lamps == Lamps(frozenset({Lamp.RED, Lamp.YELLOW}), blinking=frozenset({Lamp.YELLOW}))
