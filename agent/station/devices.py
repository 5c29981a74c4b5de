"""Keep in mind which devices work, and raise an alarm for one that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind, raw_text

if TYPE_CHECKING:
    from agent.station.alarms.alarms import Alarms
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


def opened(draft: Draft, alarms: Alarms, device: str) -> None:
    """Record that a device works (again), which ends its alarm."""
    draft.record(Kind.DEVICE_OPENED, device, {"device": device})
    if draft.get(LOST + device):
        draft.forget(LOST + device)
        alarms.device(draft, device)


def went(draft: Draft, alarms: Alarms, device: str, reason: str) -> None:
    """Record that a device does not work, which is an alarm."""
    draft.record(Kind.DEVICE_LOST, device, {"device": device, "reason": reason})
    if draft.get(LOST + device) is None:
        draft.put(LOST + device, {"reason": reason, "time": draft.moment.iso})
        alarms.device(draft, device, reason)


def begin(draft: Draft, alarms: Alarms) -> None:
    """Forget the conditions told to the agent before this one: the drivers are new, and tell anew what still holds."""
    for key, condition in [*draft.under(CONDITION)]:
        draft.forget(key)
        _alarm(draft, alarms, condition, active=False)


def tells(draft: Draft, alarms: Alarms, device: str, condition: Condition) -> None:
    """Record what a device tells about itself; a condition that must be mended is an alarm."""
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
    else:
        draft.put(key, {**told, "time": draft.moment.iso})
    _alarm(draft, alarms, before or told, active=before is None)


def _alarm(draft: Draft, alarms: Alarms, told: Document, *, active: bool) -> None:
    if told["condition"] in ALARMING:
        alarms.condition(draft, told, active=active)
