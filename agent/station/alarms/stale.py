"""Tell a gauge that says nothing, and an alarm that stays, as what they are: old news.

Of a gauge the silence is told, of all others how long they stay active.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import timers
from agent.station.alarms import document
from agent.station.alarms.states import timer

if TYPE_CHECKING:
    from agent.station.alarms.profiles import Profile
    from agent.station.alarms.states import States
    from agent.station.decision import Document, Draft

SILENT = "silent"
STANDING = "standing"

LATE = 10
"""Silence is told a tenth of `stale_after_s` later at most, so that most values of a stream need not be remembered."""


def watch(draft: Draft, profile: Profile) -> None:
    """Begin to wait for a gauge, where nobody does so yet and its silence is no news."""
    if profile.rule.stale_after_s and profile.which is not None:
        name = timer(profile.which.id, "stale")
        known = draft.get(document.PREFIX + profile.which.id)
        if draft.get(timers.PREFIX + name) is None and (known is None or "stale" not in known):
            timers.start(draft, name, profile.rule.stale_after_s)


def heard(draft: Draft, states: States, profile: Profile) -> None:
    """Note that a gauge has spoken; the end of its silence is told."""
    if not profile.rule.stale_after_s or profile.which is None:
        return
    alarm: Document = draft.get(document.PREFIX + profile.which.id) or document.fresh(profile.which)
    since_s = timers.elapsed_s(draft.moment, alarm["heard"]) if "heard" in alarm and "stale" not in alarm else None
    if since_s is not None and since_s < profile.rule.stale_after_s / LATE:
        watch(draft, profile)
        return
    alarm = {**alarm, "heard": timers.mark(draft.moment)}
    if "stale" in alarm:
        del alarm["stale"]
        states.record(draft, Kind.ALARM_STALE, profile, alarm, {"stale": False, "because": SILENT})
    states.keep(draft, profile, alarm)
    watch(draft, profile)


def look(draft: Draft, states: States, profile: Profile, alarm: Document, by: Document) -> None:
    """Tell that an alarm is stale, if it is; else look again when it may be."""
    after_s = profile.rule.stale_after_s
    if profile.rule.gauge:
        since, told_s = alarm.get("heard"), after_s + after_s / LATE
        silent_s = timers.elapsed_s(draft.moment, since) if since else None
        if silent_s is not None and silent_s < told_s:
            timers.start(draft, timer(alarm["id"], "stale"), told_s, since)
            return
    elif not alarm["active"]:
        return
    alarm = {**alarm, "stale": SILENT if profile.rule.gauge else STANDING}
    told: Document = {"stale": True, "because": alarm["stale"], "after_s": after_s}
    states.record(draft, Kind.ALARM_STALE, profile, alarm, {**told, **by})
    states.keep(draft, profile, alarm)
