"""Make the input again from the facts that it left.

Every fact keeps what the device said (text, raw bytes, symbology, unit, input), so that the signal can be made again.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from agent.events import Kind
from agent.signals import (
    AgentStarted,
    AgentStopped,
    ClockStepped,
    ClockTrusted,
    Command,
    DeviceLost,
    DeviceOpened,
    Input,
    JournalDamaged,
    LineProgress,
    Progress,
    RecordingBack,
    RecordingLost,
    ReferenceLost,
    SpaceChanged,
    TimeUp,
    UplinkChanged,
)
from drivers.contract import Condition, Contact, Held, Noise, Reading, Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from agent.replay.recorded import Recorded


class CannotRebuildError(Exception):
    """The facts do not carry the signal: the message says which; leave the input out and say so."""


def rebuilt(facts: Sequence[Recorded]) -> Input:
    """Return the input that left `facts`.  Raises CannotRebuildError."""
    for make in _MAKERS:
        for fact in facts:
            if (made := make(fact)) is not None:
                return made
    kinds = ", ".join(fact.kind for fact in facts)
    raise CannotRebuildError(f"what was seen is not kept with {kinds}")


def _scan(fact: Recorded) -> Input | None:
    data = fact.data
    if fact.kind == Kind.SCAN_HELD:
        return _input(fact, data["device"], Held(_raw(data), data["text"], data["count"]))
    if "symbology" not in data or "device" not in data:
        return None
    return _input(fact, data["device"], Scan(_raw(data), data["text"], data["symbology"]))


def _reading(fact: Recorded) -> Input | None:
    data = fact.data
    if fact.kind not in {Kind.MEASUREMENT_TAKEN, Kind.MEASUREMENT_REJECTED} or "raw" not in data:
        return None
    instrument = (data.get("instrument", ""), data.get("instrument_verdict", ""))
    reading = Reading(_raw(data), data["text"], _number(data), data["unit"], data["stable"], *instrument)
    return _input(fact, data["gauge"], reading)


def _contact(fact: Recorded) -> Input | None:
    data = fact.data
    if not {"device", "input", "raw"} <= data.keys() or fact.kind == Kind.DEVICE_CONDITION:
        return None
    return _input(fact, data["device"], Contact(_raw(data), data["input"], data.get("active", True)))


def _device(fact: Recorded) -> Input | None:
    data = fact.data
    match fact.kind:
        case Kind.DEVICE_OPENED:
            return _input(fact, data["device"], DeviceOpened())
        case Kind.DEVICE_LOST:
            return _input(fact, data["device"], DeviceLost(data["reason"]))
        case Kind.DEVICE_NOISE:
            return _input(fact, data["device"], Noise(_raw(data), data["reason"]))
        case Kind.DEVICE_CONDITION:
            told = (data["condition"], data["active"], data["detail"], data.get("input", ""))
            return _input(fact, data["device"], Condition(_raw(data), *told))
    return None


def _order(fact: Recorded) -> Input | None:
    data = fact.data
    if isinstance(order := data.get("order"), dict) and "command" in data:
        return _input(fact, "central", Command(data["command"], order))
    if fact.kind == Kind.ANDON_ACKNOWLEDGED and "by" in data and "device" not in data:
        return _input(fact, "central", Command("andon/acknowledge", {"call": data["call"], "by": data["by"]}))
    if fact.kind != Kind.COMMAND_REJECTED or "device" in data:
        return None
    given = data.get("data")
    if given is None:
        given = {key: value for key, value in data.items() if key not in {"command", "reason", "rules"}}
    return _input(fact, "central", Command(data["command"], given))


def _time_up(fact: Recorded) -> Input | None:
    """A timer that ended: each of its facts names it."""
    timer = fact.data.get("timer")
    return _input(fact, "agent", TimeUp(timer)) if isinstance(timer, str) else None


def _line(fact: Recorded) -> Input | None:
    if fact.kind != Kind.LINE_HEARD:
        return None
    steps = tuple(Progress(*step) for step in fact.data["steps"])
    return _input(fact, "line", LineProgress(fact.data["station"], fact.data["epoch"], steps))


def _clock(fact: Recorded) -> Input | None:
    """A shift that began with a signal of which nothing else is to be told."""
    if fact.kind != Kind.SHIFT_CHANGED:
        return None
    return _input(fact, "", Contact(b"", "", active=False))


def _agent(fact: Recorded) -> Input | None:
    what = _ABOUT_ITSELF.get((fact.kind, str(fact.data.get("alarm", ""))))
    return None if what is None else _input(fact, "agent", what(fact.data))


_ABOUT_ITSELF: dict[tuple[str, str], Callable[[Mapping[str, Any]], Any]] = {
    (Kind.AGENT_STARTED, ""): lambda data: AgentStarted(data["version"]),
    (Kind.AGENT_STOPPED, ""): lambda data: AgentStopped(data["reason"]),
    (Kind.JOURNAL_DAMAGED, ""): lambda data: JournalDamaged(
        data["reason"], data["aside"], data["old_epoch"], data["new_epoch"]
    ),
    (Kind.CLOCK_STEPPED, ""): lambda data: ClockStepped(data["offset_s"]),
    (Kind.ALARM_RAISED, "cannot-record"): lambda data: RecordingLost(data["reason"]),
    (Kind.ALARM_CLEARED, "cannot-record"): lambda _: RecordingBack(),
    (Kind.ALARM_RAISED, "disk-low"): lambda data: SpaceChanged(low=True, reason=data["reason"]),
    (Kind.ALARM_CLEARED, "disk-low"): lambda _: SpaceChanged(low=False),
    (Kind.ALARM_RAISED, "uplink-down"): lambda data: UplinkChanged(up=False, reason=data["reason"]),
    (Kind.ALARM_CLEARED, "uplink-down"): lambda _: UplinkChanged(up=True),
    (Kind.ALARM_RAISED, "clock-unsynced"): lambda data: ClockTrusted(synced=False, reason=data["reason"]),
    (Kind.ALARM_CLEARED, "clock-unsynced"): lambda _: ClockTrusted(synced=True),
    (Kind.ALARM_RAISED, "reference-lost"): lambda data: ReferenceLost(data["set"]),
}

_MAKERS: tuple[Callable[[Recorded], Input | None], ...] = (
    _scan,
    _reading,
    _contact,
    _device,
    _order,
    _time_up,
    _line,
    _agent,
    _clock,
)


def _input(fact: Recorded, source: str, what: Any) -> Input:
    return Input(source, what, fact.moment)


def _raw(data: Mapping[str, Any]) -> bytes:
    return str(data["raw"]).encode("latin-1")


def _number(data: Mapping[str, Any]) -> Decimal:
    """The number as sent, or what JSON kept of it."""
    try:
        return Decimal(data["text"])
    except InvalidOperation:
        return Decimal("NaN") if data["value"] is None else Decimal(str(data["value"]))
