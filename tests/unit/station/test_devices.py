"""Devices: one alarm while a device does not work, and no work that needs it."""

from __future__ import annotations

from agent.events import Kind
from agent.signals import AgentStarted, AgentStopped, DeviceLost, DeviceOpened
from drivers.contract import Noise
from tests.unit.station.bench import Bench, kinds, only, said


def test_a_lost_device_raises_an_alarm(bench: Bench) -> None:
    """The fact and the alarm both name the device and the reason."""
    decision = bench.say(DeviceLost("unplugged"), "gauge-1")
    assert kinds(decision) == [Kind.DEVICE_LOST, Kind.ALARM_RAISED]
    assert {(event.subject, event.data["reason"]) for event in decision.events} == {("gauge-1", "unplugged")}


def test_a_device_that_stays_away_raises_no_second_alarm(bench: Bench) -> None:
    """Each new reason is a fact; the alarm stays the one that is open."""
    bench.say(DeviceLost("unplugged"), "gauge-1")
    assert kinds(bench.say(DeviceLost("permission denied"), "gauge-1")) == [Kind.DEVICE_LOST]


def test_a_device_that_comes_back_clears_its_alarm(bench: Bench) -> None:
    """The fact tells since when the alarm was open."""
    bench.say(DeviceLost("unplugged"), "gauge-1")
    decision = bench.say(DeviceOpened(), "gauge-1")
    assert kinds(decision) == [Kind.DEVICE_OPENED, Kind.ALARM_CLEARED]
    assert decision.events[1].data["raised"] == "1970-01-01T00:00:01.000Z"


def test_a_device_that_was_never_lost_clears_nothing(bench: Bench) -> None:
    """The first opening is no end of an alarm."""
    assert kinds(bench.say(DeviceOpened(), "gauge-1")) == [Kind.DEVICE_OPENED]


def test_an_operation_that_needs_a_lost_gauge_does_not_start(bench: Bench) -> None:
    """What could not be finished is not begun."""
    bench.scan("OP-1")
    bench.say(DeviceLost("unplugged"), "gauge-2")
    assert said(bench.scan("SN1")) == ("refuse", "gauge-2 does not work: unplugged")
    bench.say(DeviceOpened(), "gauge-2")
    assert said(bench.scan("SN1"))[0] == "pass"


def test_another_devices_loss_stops_nobody(bench: Bench) -> None:
    """Only the gauges that an operation needs count for it."""
    bench.say(DeviceLost("unplugged"), "gauge-2")
    assert kinds(bench.scan("KIT1")) == [Kind.OPERATION_STARTED]


def test_noise_is_refused_and_kept(bench: Bench) -> None:
    """Bytes that make no sense are on record as they came, and the operator sees red."""
    decision = bench.say(Noise(b"\xff\x00", "half a frame"), "scanner-1")
    assert only(decision).kind is Kind.DEVICE_NOISE
    assert only(decision).data["raw"].encode("latin-1") == b"\xff\x00"
    assert said(decision) == ("refuse", "scanner-1: half a frame")


def test_the_agents_start_tells_the_rules_it_works_by(bench: Bench) -> None:
    """The central can look up any later decision by the digest it bears."""
    event = only(bench.say(AgentStarted("1.2.3"), "agent"))
    assert event.kind is Kind.AGENT_STARTED
    assert event.data["version"] == "1.2.3"
    assert [operation["name"] for operation in event.data["declared"]["operation"]][:2] == ["press", "kit"]
    assert event.data["rules"] == bench.rules.digest


def test_the_agents_stop_tells_why(bench: Bench) -> None:
    """A stop on purpose is told apart from a power cut."""
    event = only(bench.say(AgentStopped("SIGTERM"), "agent"))
    assert (event.kind, event.data["reason"]) == (Kind.AGENT_STOPPED, "SIGTERM")
