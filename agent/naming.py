"""The names in a station file: which occur twice, and which are referred to and borne by nothing.

Looks at the tables as they are written, so that another mistake in the same table hides nothing and a device with a
mistake of its own is still a device.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.mistakes import Mistake, nearest, repeated, rows_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def wrong_names(tables: Mapping[str, Any]) -> Iterator[Mistake]:
    """Tell each name in the TOML tables of a station file that occurs twice or that nothing bears."""
    andon = tables.get("andon")
    calls = rows_of(andon.get("call") if isinstance(andon, dict) else None)
    operations = rows_of(tables.get("operation"))
    devices = rows_of(tables.get("device"))
    known = [name for _, device in devices if isinstance(name := device.get("name"), str)]
    yield from repeated("device", devices)
    yield from repeated("scan", rows_of(tables.get("scan")))
    yield from repeated("operation", operations)
    yield from repeated("andon.call", calls)
    yield from _inputs_taken(calls)
    machines, requests = rows_of(tables.get("machine")), rows_of(tables.get("request"))
    yield from repeated("machine", machines)
    yield from repeated("shift", rows_of(tables.get("shift")))
    yield from repeated("defect", rows_of(tables.get("defect")), "code")
    yield from repeated("authority", rows_of(tables.get("authority")), "role")
    yield from repeated("alarm", rows_of(tables.get("alarm")))
    yield from _alarm_references(rows_of(tables.get("alarm")), machines, calls)
    if not isinstance(tables.get("device", []), list):
        return
    for index, operation in operations:
        for place, characteristic in rows_of(operation.get("measurement")):
            yield from _no_device(f"operation[{index}].measurement[{place}].gauge", characteristic.get("gauge"), known)
        for place, step in rows_of(operation.get("step")):
            yield from _no_device(f"operation[{index}].step[{place}].device", step.get("device"), known)
            yield from _no_signal(f"operation[{index}].step[{place}].signal", step.get("signal"), machines)
    for index, call in calls:
        yield from _no_device(f"andon.call[{index}].device", call.get("device") or None, known)
        yield from _no_signal(f"andon.call[{index}].stop_at", call.get("stop_at") or None, machines)
    running = andon.get("running") if isinstance(andon, dict) else None
    yield from _no_signal("andon.running", running or None, machines)
    for index, signal in machines:
        yield from _no_device(f"machine[{index}].device", signal.get("device"), known)
    for index, request in requests:
        yield from _no_device(f"request[{index}].device", request.get("device"), known)
        yield from _no_device(f"request[{index}].gauge", request.get("gauge"), known)
    for index, alarm in rows_of(tables.get("alarm")):
        for key in ("gauge", "device"):
            yield from _no_device(f"alarm[{index}].{key}", alarm.get(key) or None, known)


def _alarm_references(
    alarms: list[tuple[int, dict[str, Any]]],
    machines: list[tuple[int, dict[str, Any]]],
    calls: list[tuple[int, dict[str, Any]]],
) -> Iterator[Mistake]:
    called = [name for _, call in calls if isinstance(name := call.get("name"), str)]
    for index, alarm in alarms:
        for key in ("signal", "suppress_by"):
            yield from _no_signal(f"alarm[{index}].{key}", alarm.get(key) or None, machines)
        if isinstance(call := alarm.get("call"), str) and call and call not in called:
            yield Mistake(f"alarm[{index}].call", f"no andon call {call!r}{nearest(call, called)}")


def _no_device(where: str, name: object, known: list[str]) -> Iterator[Mistake]:
    if isinstance(name, str) and name not in known:
        yield Mistake(where, f"no device {name!r}{nearest(name, known)}")


def _no_signal(where: str, name: object, machines: list[tuple[int, dict[str, Any]]]) -> Iterator[Mistake]:
    known = [signal for _, machine in machines if isinstance(signal := machine.get("name"), str)]
    if isinstance(name, str) and name not in known:
        yield Mistake(where, f"no machine signal {name!r}{nearest(name, known)}")


def _inputs_taken(calls: list[tuple[int, dict[str, Any]]]) -> Iterator[Mistake]:
    first: dict[tuple[str, str], int] = {}
    for index, call in calls:
        device, name = call.get("device"), call.get("input")
        if isinstance(device, str) and isinstance(name, str):
            place = first.setdefault((device, name), index)
            if place != index:
                yield Mistake(f"andon.call[{index}].input", f"{name!r} of {device!r} is taken by andon.call[{place}]")
