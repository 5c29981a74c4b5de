"""Read the document of one alarm: its state, whether it stands, and what others are told of it.

A document is kept as long as there is something to remember: see `is_idle`.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.alarms.profiles import Profile, Which
    from agent.station.decision import Document

PREFIX = "alarm/"
"""Documents of alarms are kept under this and the alarm's identifier, and so are the names of its timers."""

CANNOT_RECORD = "cannot-record/journal"
DISK_LOW = "disk-low/journal"
UPLINK_DOWN = "uplink-down/broker"
CLOCK_UNSYNCED = "clock-unsynced/clock"
"""Identifiers of the alarms that the recorder notices, where it asks the memory for them."""


class State(StrEnum):
    """States of an alarm, in the words of ISA-18.2."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"
    ACKNOWLEDGED = "acknowledged"
    RETURNED = "returned"
    LATCHED = "latched"
    SHELVED = "shelved"
    SUPPRESSED = "suppressed"
    OUT_OF_SERVICE = "out-of-service"


QUIET = {State.SHELVED, State.SUPPRESSED, State.OUT_OF_SERVICE}

NOTED = ("is", "changes", "heard", "stale")
"""Keys of a document that are worth keeping while the alarm is normal."""


def is_active(memory: Mapping[str, Document], identifier: str) -> bool:
    """Whether an alarm is active."""
    return bool((memory.get(PREFIX + identifier) or {}).get("active"))


def fresh(which: Which) -> Document:
    """The document of an alarm of which nothing is known: normal.

    `is`: the condition itself, now; `active`: the alarm, behind its delays.
    """
    about = dict(which.about)
    return normal({"id": which.id, "alarm": which.alarm, "subject": which.subject, "about": about})


def normal(alarm: Document) -> Document:
    """The document of an alarm of which nothing is remembered any more, by what was known of it."""
    kept = {key: alarm[key] for key in ("id", "alarm", "subject", "about")}
    return {
        **kept,
        "told": {},
        "is": False,
        "active": False,
        "acknowledged": True,
        "latched": False,
        "suppressed": False,
    }


def state(alarm: Document) -> State:
    """The state that an alarm is in."""
    if "out" in alarm:
        return State.OUT_OF_SERVICE
    if "shelf" in alarm:
        return State.SHELVED
    if alarm["active"]:
        if alarm["suppressed"]:
            return State.SUPPRESSED
        return State.ACKNOWLEDGED if alarm["acknowledged"] else State.UNACKNOWLEDGED
    if alarm["latched"]:
        return State.LATCHED
    return State.NORMAL if alarm["acknowledged"] else State.RETURNED


def stands(alarm: Document) -> bool:
    """Whether others are to know of it."""
    return state(alarm) is not State.NORMAL or "stale" in alarm


def is_idle(alarm: Document) -> bool:
    """Whether nothing of it needs to be remembered."""
    return not stands(alarm) and not any(alarm.get(key) for key in NOTED)


def data(alarm: Document, profile: Profile) -> Document:
    """What every fact about an alarm tells of it."""
    now = state(alarm)
    told: Document = {"id": alarm["id"], "alarm": alarm["alarm"], **alarm["about"], **profile.telling, "state": now}
    if now in QUIET:
        told["quiet"] = True
    if "first_out" in alarm:
        told |= {"group": profile.rule.group, "first_out": alarm["first_out"]}
    return told


def entry(alarm: Document, profile: Profile) -> Document:
    """What `state/alarms` tells of an alarm that stands."""
    told = {**data(alarm, profile), "device": alarm["subject"], "raised": alarm.get("raised")}
    told["detail"] = alarm["told"].get("detail") or alarm["told"].get("reason", "")
    if alarm["acknowledged"] and "by" in alarm:
        told |= {"acknowledged": alarm["acknowledged_at"], "by": alarm["by"]}
    if "shelf" in alarm:
        told |= {
            "shelved_by": alarm["shelf"]["by"],
            "shelved_until": alarm["shelf"]["until"],
            "active": alarm["active"],
        }
    if "out" in alarm:
        told |= {f"out_of_service_{key}": alarm["out"][key] for key in ("by", "since", "reason")}
        told["active"] = alarm["active"]
    if "chattering" in alarm:
        told["chattering"] = True
    if "stale" in alarm:
        told["stale"] = alarm["stale"]
    return told
