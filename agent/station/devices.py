"""Keep in mind which devices work, and raise an alarm for one that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind, raw_text

if TYPE_CHECKING:
    from agent.station.decision import Document, Draft
    from drivers.contract import Condition

LOST = "lost/"
"""Documents of devices that do not work are kept under this and the device's name."""

CONDITION = "condition/"
"""Documents of what devices tell about themselves: this, then device, condition and input."""

ALARMING = {"blind", "calibration-due", "dark", "error", "out-of-focus", "sensor-error", "silent", "wire-break"}
"""Conditions that somebody must mend; the others (a scale's overload) are facts without an alarm."""


def lost(draft: Draft, device: str) -> str | None:
    """Why `device` does not work; None if nothing is known against it."""
    document = draft.get(LOST + device)
    return document["reason"] if document else None


def opened(draft: Draft, device: str) -> None:
    """Record that a device works (again), and clear its alarm."""
    draft.record(Kind.DEVICE_OPENED, device, {"device": device})
    if before := draft.get(LOST + device):
        draft.forget(LOST + device)
        draft.record(Kind.ALARM_CLEARED, device, {"alarm": "device-lost", "device": device, "raised": before["time"]})


def went(draft: Draft, device: str, reason: str) -> None:
    """Record that a device does not work, and raise its alarm once."""
    draft.record(Kind.DEVICE_LOST, device, {"device": device, "reason": reason})
    if draft.get(LOST + device) is None:
        draft.put(LOST + device, {"reason": reason, "time": draft.moment.iso})
        draft.record(Kind.ALARM_RAISED, device, {"alarm": "device-lost", "device": device, "reason": reason})


def begin(draft: Draft) -> None:
    """Forget the conditions told to the agent before this one: the drivers are new, and tell anew what still holds."""
    for key, condition in [*draft.under(CONDITION)]:
        draft.forget(key)
        _calm(draft, condition["device"], condition)


def tells(draft: Draft, device: str, condition: Condition) -> None:
    """Record what a device tells about itself; raise and clear the alarm of a condition that must be mended."""
    key = f"{CONDITION}{device}/{condition.name}/{condition.part}"
    before = draft.get(key)
    if (before is not None) == condition.active:
        return
    told: Document = {"device": device, "condition": condition.name, "detail": condition.detail}
    if condition.part:
        told["input"] = condition.part
    draft.record(Kind.DEVICE_CONDITION, device, {**told, "active": condition.active, "raw": raw_text(condition.raw)})
    if before is not None:
        draft.forget(key)
        _calm(draft, device, before)
        return
    draft.put(key, {**told, "time": draft.moment.iso})
    if condition.name in ALARMING:
        draft.record(Kind.ALARM_RAISED, device, {"alarm": "device-condition", **told})


def _calm(draft: Draft, device: str, before: Document) -> None:
    if before["condition"] in ALARMING:
        told = {key: value for key, value in before.items() if key != "time"}
        cleared = {"alarm": "device-condition", **told, "raised": before["time"]}
        draft.record(Kind.ALARM_CLEARED, device, cleared)
