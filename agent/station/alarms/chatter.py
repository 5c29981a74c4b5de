"""Notice an alarm that comes and goes: told once, then counted, and held active until it is quiet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.station import timers

if TYPE_CHECKING:
    from agent.events import Moment
    from agent.station.alarms.declared import Alarm
    from agent.station.decision import Document


def is_on(alarm: Document) -> bool:
    """Whether the alarm chatters."""
    return "chattering" in alarm


def changed(alarm: Document, rule: Alarm, moment: Moment) -> Document:
    """Return the alarm with a change of its condition counted; `changes` are the times it came, the last ones."""
    if is_on(alarm):
        known = alarm["chattering"]
        return {**alarm, "chattering": {"changes": known["changes"] + 1, "last": timers.mark(moment)}}
    if not rule.chatter_count or not alarm["is"]:
        return alarm
    return {**alarm, "changes": [*alarm.get("changes", ())[-rule.chatter_count :], timers.mark(moment)]}


def begins(alarm: Document, rule: Alarm, moment: Moment) -> bool:
    """Whether it came so often of late that it is not to be told each time."""
    came = alarm.get("changes", ())
    if is_on(alarm) or not rule.chatter_count or len(came) < rule.chatter_count or not alarm["is"]:
        return False
    span_s = timers.elapsed_s(moment, came[0])
    return span_s is not None and span_s <= rule.chatter_s


def begun(alarm: Document, moment: Moment) -> Document:
    """Return the alarm as one that chatters."""
    return {**alarm, "chattering": {"changes": 0, "last": timers.mark(moment)}}


def left_s(alarm: Document, rule: Alarm, moment: Moment) -> float:
    """Seconds until it counts as quiet, if nothing changes; 0: it is."""
    quiet_s = timers.elapsed_s(moment, alarm["chattering"]["last"])
    return 0.0 if quiet_s is None else max(0.0, rule.chatter_s - quiet_s)


def ended(alarm: Document) -> Document:
    """Return the alarm as one that is quiet."""
    return {key: value for key, value in alarm.items() if key not in {"chattering", "changes"}}
