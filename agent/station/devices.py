"""Keep in mind which devices work, and raise an alarm for one that does not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind

if TYPE_CHECKING:
    from agent.station.decision import Draft

LOST = "lost/"
"""Documents of devices that do not work are kept under this and the device's name."""


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
