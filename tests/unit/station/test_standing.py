"""What stands: open calls and alarms, as documents that a board which joins late finds on the broker."""

from __future__ import annotations

from agent.signals import AgentStarted, DeviceLost, DeviceOpened
from drivers.contract import Condition
from tests.unit.station.bench import Bench, only


def calls(bench: Bench) -> list[tuple[str, str]]:
    return [(call["name"], call["state"]) for call in bench.memory["state/andon"]["calls"]]


def alarms(bench: Bench) -> list[tuple[str, str, str]]:
    standing = bench.memory["state/alarms"]["alarms"]
    return [(one["alarm"], one["device"], one.get("input", "")) for one in standing]


def test_open_calls_stand_until_they_are_resolved(bench: Bench) -> None:
    """Oldest first, with who comes; a scan changes nothing."""
    raised = only(bench.press("quality"))
    bench.press("cord")
    assert calls(bench) == [("quality", "raised"), ("cord", "raised")]
    assert "state/andon" not in bench.scan("nonsense").documents
    bench.order("andon/acknowledge", call=raised.subject, by="OP-9")
    assert calls(bench) == [("quality", "acknowledged"), ("cord", "raised")]
    assert bench.memory["state/andon"]["calls"][0]["by"] == "OP-9"
    bench.release("quality")
    bench.press("key")
    assert calls(bench) == []


def test_alarms_stand_until_they_are_cleared(bench: Bench) -> None:
    """Of two inputs of one device, each by itself."""
    bench.say(DeviceLost("unplugged"), "gauge-1")
    for part in ("stop", "gate"):
        bench.say(Condition(b"", "wire-break", active=True, part=part), "io-1")
    assert alarms(bench) == [
        ("device-lost", "gauge-1", ""),
        ("device-condition", "io-1", "stop"),
        ("device-condition", "io-1", "gate"),
    ]
    bench.say(Condition(b"", "wire-break", active=False, part="stop"), "io-1")
    bench.say(DeviceOpened(), "gauge-1")
    assert alarms(bench) == [("device-condition", "io-1", "gate")]


def test_a_start_tells_both_even_when_nothing_stands(bench: Bench) -> None:
    """So that what an earlier agent left on the broker is not believed for ever."""
    bench.say(AgentStarted("1"), "agent")
    assert (calls(bench), alarms(bench)) == ([], [])
