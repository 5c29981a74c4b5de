"""An alarm goes from state to state as ISA-18.2 says, and each transition is told once."""

from __future__ import annotations

from decimal import Decimal

import pytest

from agent.signals import AgentStarted, DeviceLost, DeviceOpened, JournalDamaged, UplinkChanged
from drivers.contract import Condition
from tests.unit.station.alarm_bench import AlarmBench, alarm, limits, words
from tests.unit.station.bench import kinds


def test_it_is_raised_acknowledged_and_over() -> None:
    """Acknowledged while active: nothing stays when it ends.  The answer and the whole are timed."""
    bench = AlarmBench(alarm(priority="high", text="press overload"))
    (raised,) = bench.signal()
    assert raised.subject == "box"
    assert (
        raised.data.items() >= {"id": "overload", "name": "overload", "priority": "high", "input": "overload"}.items()
    )
    assert raised.data["text"] == "press overload"
    assert bench.state() == "unacknowledged"
    acknowledged = bench.command("acknowledge")
    assert acknowledged.events[0].data["answered_s"] == 1.0
    assert acknowledged.reply["alarm"]["state"] == "acknowledged"
    assert bench.state() == "acknowledged"
    (cleared,) = bench.signal(active=False)
    assert (cleared.data["duration_s"], cleared.data["state"]) == (2.0, "normal")
    assert cleared.data["raised"] == raised.moment.iso
    assert bench.standing == []
    assert "alarm/overload" not in bench.memory


def test_one_that_is_over_before_anybody_looked_stays_until_somebody_has() -> None:
    bench = AlarmBench(alarm())
    bench.signal()
    (cleared,) = bench.signal(active=False)
    assert (cleared.data["state"], bench.state()) == ("returned", "returned")
    assert words(list(bench.command("acknowledge").events)) == ["acknowledged"]
    assert bench.state() == "normal"


def test_one_that_needs_no_acknowledgement_goes_by_itself() -> None:
    bench = AlarmBench(alarm(acknowledge=False))
    bench.signal()
    bench.signal(active=False)
    assert bench.standing == []


def test_one_that_comes_again_is_told_again() -> None:
    """Also where the last time was never acknowledged; the acknowledgement of that time does not count for this."""
    bench = AlarmBench(alarm())
    for _ in range(2):
        assert words(bench.signal()) == ["raised"]
        assert words(bench.signal(active=False)) == ["cleared"]
    bench.signal()
    bench.command("acknowledge")
    bench.signal(active=False)
    bench.signal()
    assert bench.state() == "unacknowledged"


def test_a_signal_that_is_told_again_is_no_news() -> None:
    bench = AlarmBench(alarm())
    bench.signal()
    assert bench.signal() == []


def test_a_signal_may_be_an_alarm_when_it_is_off() -> None:
    bench = AlarmBench(alarm("air", signal="running", active=False))
    assert words(bench.signal("running", active=False)) == ["raised"]
    assert words(bench.signal("running")) == ["cleared"]


def test_a_latched_alarm_waits_for_its_reset() -> None:
    """Acknowledging is not enough, and an active one cannot be reset."""
    bench = AlarmBench(alarm(latch=True))
    bench.signal()
    assert bench.command("reset").events[0].data["reason"].startswith("it is still active")
    bench.command("acknowledge")
    bench.signal(active=False)
    assert bench.state() == "latched"
    (reset,) = bench.command("reset").events
    assert (reset.kind, reset.data["by"]) == ("alarm.reset", "anna")
    assert bench.standing == []
    assert bench.command("reset").events == ()


def test_what_lasts_less_than_its_delay_is_no_alarm() -> None:
    bench = AlarmBench(alarm(on_delay_s=5))
    assert bench.signal() == []
    assert bench.wait_s(3) == []
    assert bench.signal(active=False) == []
    assert bench.wait_s(60) == []
    bench.signal()
    (raised,) = bench.wait_s(5)
    assert raised.data["timer"] == "alarm/overload/on"
    assert bench.state() == "unacknowledged"


def test_what_comes_back_within_its_delay_was_never_over() -> None:
    bench = AlarmBench(alarm(off_delay_s=5))
    bench.signal()
    assert bench.signal(active=False) == []
    assert bench.signal() == []
    assert bench.wait_s(60) == []
    bench.signal(active=False)
    (cleared,) = bench.wait_s(5)
    assert cleared.kind == "alarm.cleared"
    assert bench.state() == "returned"


def test_a_value_must_come_a_deadband_back_inside() -> None:
    """A value that plays about its limit is one alarm."""
    bench = AlarmBench(limits(low=Decimal(0), acknowledge=False))
    assert bench.value("10.0") == []
    (raised,) = bench.value("10.1")
    assert (raised.data["detail"], raised.data["value"]) == ("10.1 mm is above 10", 10.1)
    assert bench.value("9.5") == []
    assert words(bench.value("9.0")) == ["cleared"]
    assert words(bench.value("-0.1")) == ["raised"]
    assert bench.value("0.9") == []
    assert words(bench.value("1")) == ["cleared"]


@pytest.mark.parametrize(
    ("value", "unit", "told"), [("1", "in", ["raised"]), ("99", "kg", []), ("NaN", "mm", ["raised"])]
)
def test_a_value_is_judged_in_the_unit_of_the_limits(value: str, unit: str, told: list[str]) -> None:
    """One in a unit that cannot be converted says nothing; one that is no number is not inside."""
    assert words(AlarmBench(limits()).value(value, unit)) == told


def test_a_value_that_still_moves_judges_nothing() -> None:
    assert AlarmBench(limits()).value("99", stable=False) == []


def test_devices_that_are_lost_are_alarms_without_any_table() -> None:
    """They end with their cause, and can be acknowledged like any other."""
    bench = AlarmBench()
    bench.say(DeviceLost("unplugged"), "gauge-1")
    assert bench.state("device-lost/gauge-1") == "unacknowledged"
    bench.command("acknowledge", "device-lost", device="gauge-1")
    assert bench.state("device-lost/gauge-1") == "acknowledged"
    assert words(list(bench.say(DeviceOpened(), "gauge-1").events)) == ["opened", "cleared"]
    assert bench.standing == []


def test_one_devices_alarm_may_be_declared() -> None:
    """With a delay of its own; that it is lost is known at once all the same."""
    bench = AlarmBench(alarm("gauge-gone", device="gauge-1", on_delay_s=10, priority="critical"))
    assert kinds(bench.say(DeviceLost("unplugged"), "gauge-1")) == ["device.lost"]
    (raised,) = bench.wait_s(10)
    assert raised.data.items() >= {"alarm": "device-lost", "name": "gauge-gone", "priority": "critical"}.items()
    assert raised.data["reason"] == "unplugged"
    assert kinds(bench.say(DeviceLost("unplugged"), "gauge-2")) == ["device.lost", "alarm.raised"]


def test_conditions_of_one_device_are_alarms_of_their_own() -> None:
    bench = AlarmBench()
    for part in ("a", "b"):
        bench.say(Condition(b"", "wire-break", active=True, part=part), "io-1")
    assert [one["id"] for one in bench.standing] == [f"device-condition/io-1/wire-break/{part}" for part in "ab"]
    bench.say(Condition(b"", "wire-break", active=False, part="a"), "io-1")
    assert [one["input"] for one in bench.standing] == ["b"]


def test_what_only_happened_stands_until_somebody_has_seen_it() -> None:
    """And is told again if it happens again."""
    bench = AlarmBench()
    for _ in range(2):
        decision = bench.say(JournalDamaged("bad", "aside", "e1", "e2"), "agent")
        assert kinds(decision) == ["journal.damaged", "alarm.raised"]
    assert len(bench.standing) == 1
    bench.command("acknowledge", "journal-damaged/journal")
    assert bench.standing == []


def test_the_uplink_is_an_alarm_once() -> None:
    bench = AlarmBench(alarm("no-network", own="uplink", priority="low"))
    (raised,) = bench.say(UplinkChanged(up=False, reason="refused"), "agent").events
    assert raised.data.items() >= {"id": "uplink-down/broker", "priority": "low", "reason": "refused"}.items()
    assert bench.say(UplinkChanged(up=False, reason="other"), "agent").events == ()
    assert words(list(bench.say(UplinkChanged(up=True), "agent").events)) == ["cleared"]


def test_an_alarm_that_nobody_declares_any_more_is_over_at_the_next_start() -> None:
    bench = AlarmBench(alarm(), alarm("door"))
    bench.run(("overload", True), ("door", True))
    bench.command("shelve", for_s=60)
    bench.rules = AlarmBench(alarm("door")).rules
    bench.restart()
    told = [event for event in bench.say(AgentStarted("1"), "agent").events if event.kind.startswith("alarm.")]
    assert [(event.kind, event.data["id"]) for event in told] == [("alarm.cleared", "overload")]
    assert [one["id"] for one in bench.standing] == ["door"]
    assert not any("overload" in key for key in bench.memory if key != "machine/overload")


def test_an_alarm_that_is_new_in_the_file_is_raised_at_the_start() -> None:
    """The signal was there before, and devices tell no change of it."""
    bench = AlarmBench()
    bench.signal()
    bench.rules = AlarmBench(alarm()).rules
    bench.restart()
    assert "alarm.raised" in kinds(bench.say(AgentStarted("1"), "agent"))
    assert bench.signal() == []


def test_alarms_stand_across_a_restart() -> None:
    bench = AlarmBench(alarm(), alarm("door"))
    bench.run(("overload", True), ("door", True))
    bench.command("acknowledge")
    bench.restart()
    assert kinds(bench.say(AgentStarted("1"), "agent")) == ["agent.started"]
    assert [(one["id"], one["state"]) for one in bench.standing] == [
        ("overload", "acknowledged"),
        ("door", "unacknowledged"),
    ]
