"""Lead an alarm from state to state, and tell each transition once.

Knows alarms one by one.  Where their causes come from is known elsewhere; `told` is what the facts say of the cause,
`by` what they say of the input that led to them (a timer or an order), so that replay can make it again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import timers
from agent.station.alarms import chatter, document, flood, groups, listing
from agent.station.machines import PREFIX as MACHINE

if TYPE_CHECKING:
    from agent.station.alarms.profiles import Profile, Profiles, Which
    from agent.station.decision import Document, Draft

NONE: Document = {}


def timer(identifier: str, what: str) -> str:
    """Name of a timer of an alarm: `on`, `off`, `shelf`, `stale` or `chatter`."""
    return f"{document.PREFIX}{identifier}/{what}"


class States:
    """The transitions of the alarms of one station."""

    def __init__(self, profiles: Profiles) -> None:
        self._profiles = profiles

    def feel(self, draft: Draft, which: Which, *, active: bool, told: Document = NONE, by: Document = NONE) -> None:
        """Take the condition of an alarm as it is now; nothing follows where it was so before."""
        alarm: Document = draft.get(document.PREFIX + which.id) or document.fresh(which)
        profile = self._profiles.of(which.alarm, which.id)
        if profile is None or alarm["is"] == active:
            return
        alarm = {**alarm, "is": active, "told": {**told} if active else {**alarm["told"], **told}}
        alarm = chatter.changed(alarm, profile.rule, draft.moment)
        if chatter.begins(alarm, profile.rule, draft.moment):
            self._chatters(draft, profile, alarm, by)
        elif chatter.is_on(alarm):
            listing.keep(draft, alarm)
        elif active:
            self._comes(draft, profile, alarm, by)
        else:
            self._goes(draft, profile, alarm, by)

    def happen(self, draft: Draft, which: Which, told: Document) -> None:
        """Raise an alarm of something that happened; once more where it happened before."""
        profile = self._profiles.of(which.alarm, which.id)
        if profile is not None:
            alarm: Document = draft.get(document.PREFIX + which.id) or document.fresh(which)
            self.up(draft, profile, {**alarm, "told": {**told}}, NONE)

    def up(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        """Raise an alarm."""
        moment = draft.moment
        since: Document = {"raised": moment.iso, "raised_monotonic_ns": moment.monotonic_ns, "raised_boot": moment.boot}
        alarm = {**alarm, **since, "active": True, "acknowledged": False, "latched": False, "loud": False}
        alarm["suppressed"] = self.is_suppressed(draft, profile)
        if profile.rule.stale_after_s and not profile.rule.gauge:
            timers.start(draft, timer(alarm["id"], "stale"), profile.rule.stale_after_s)
        self._told(draft, profile, alarm, by)

    def down(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        """Let an alarm return to normal, as far as nobody has to acknowledge or reset it."""
        needless = not (alarm["loud"] and profile.rule.acknowledge)
        if not profile.rule.gauge:
            alarm = {key: value for key, value in alarm.items() if key != "stale"}
            timers.stop(draft, timer(alarm["id"], "stale"))
        alarm = {**alarm, "active": False, "latched": profile.rule.latch}
        alarm["acknowledged"] = needless or alarm["acknowledged"]
        self.record(draft, Kind.ALARM_CLEARED, profile, alarm, {**alarm["told"], **self.since(draft, alarm), **by})
        self.keep(draft, profile, alarm)

    def again(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        """Tell once more of an active alarm that was put aside until now."""
        if alarm["active"] and document.state(alarm) not in document.QUIET:
            self._told(draft, profile, {**alarm, "acknowledged": False}, {**by, "again": True})
        else:
            self.keep(draft, profile, alarm)

    def suppress(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        """Put an active alarm aside, or take it up again, as the machine's signal says."""
        now = self.is_suppressed(draft, profile)
        if not alarm["active"] or alarm["suppressed"] == now:
            return
        alarm = {**alarm, "suppressed": now}
        kind = Kind.ALARM_SUPPRESSED if now else Kind.ALARM_UNSUPPRESSED
        self.record(draft, kind, profile, alarm, {"suppressed_by": profile.rule.suppress_by, **by})
        self.again(draft, profile, alarm, by)

    def is_suppressed(self, draft: Draft, profile: Profile) -> bool:
        """Whether the machine is in a state in which the alarm means nothing; a state that nobody knows is not it."""
        rule = profile.rule
        signal = draft.get(MACHINE + rule.suppress_by) if rule.suppress_by else None
        return signal is not None and signal["active"] == rule.suppress_while

    def record(self, draft: Draft, kind: Kind, profile: Profile, alarm: Document, more: Document) -> None:
        """Add a fact about an alarm as it is now."""
        draft.record(kind, alarm["subject"], {**document.data(alarm, profile), **more})

    def keep(self, draft: Draft, profile: Profile, alarm: Document) -> None:
        """Remember an alarm as it is now."""
        if not document.stands(alarm):
            alarm = groups.leave(draft, profile.rule.group, alarm)
        listing.keep(draft, alarm)

    def since(self, draft: Draft, alarm: Document, name: str = "duration_s") -> Document:
        """When an alarm was raised, and how long ago; no time where the machine was started in between."""
        ago_s = draft.moment.seconds_since(alarm["raised_monotonic_ns"], alarm["raised_boot"])
        return {"raised": alarm["raised"], name: ago_s}

    def steady(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        """End the chattering if nothing has changed for long enough; else look again when that may be so."""
        if left_s := chatter.left_s(alarm, profile.rule, draft.moment):
            timers.start(draft, timer(alarm["id"], "chatter"), left_s)
            return
        told: Document = {"chattering": False, "changes": alarm["chattering"]["changes"]}
        alarm = chatter.ended(alarm)
        self.record(draft, Kind.ALARM_CHATTERING, profile, alarm, {**told, **by})
        if alarm["is"]:
            self.keep(draft, profile, alarm)
        else:
            self.down(draft, profile, alarm, by)

    def _told(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        """Tell that an alarm is active; one that is not put aside counts for its group and the flood, and calls."""
        loud = document.state(alarm) not in document.QUIET
        if loud:
            alarm = groups.join(draft, profile.rule.group, {**alarm, "loud": True})
        calls: Document = {"calls": profile.rule.call} if loud and profile.rule.call else {}
        self.record(draft, Kind.ALARM_RAISED, profile, alarm, {**alarm["told"], **calls, **by})
        self.keep(draft, profile, alarm)
        if loud:
            settings, standing = self._profiles.settings, len(listing.standing(draft))
            flood.count(draft, settings, standing, {key: by[key] for key in by if key != "again"})

    def _comes(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        delay_s = profile.rule.on_delay_s
        if profile.rule.off_delay_s:
            timers.stop(draft, timer(alarm["id"], "off"))
        if alarm["active"] or delay_s:
            if not alarm["active"]:
                timers.start(draft, timer(alarm["id"], "on"), delay_s)
            self.keep(draft, profile, alarm)
        else:
            self.up(draft, profile, alarm, by)

    def _goes(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        delay_s = profile.rule.off_delay_s
        if profile.rule.on_delay_s:
            timers.stop(draft, timer(alarm["id"], "on"))
        if not alarm["active"] or delay_s:
            if alarm["active"]:
                timers.start(draft, timer(alarm["id"], "off"), delay_s)
            self.keep(draft, profile, alarm)
        else:
            self.down(draft, profile, alarm, by)

    def _chatters(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        """Hold the alarm active from now on, and tell why."""
        for what in ("on", "off"):
            timers.stop(draft, timer(alarm["id"], what))
        came = len(alarm["changes"])
        if not alarm["active"]:
            self.up(draft, profile, alarm, by)
            alarm = draft.get(document.PREFIX + alarm["id"]) or alarm
        alarm = chatter.begun(alarm, draft.moment)
        told: Document = {"chattering": True, "came": came, "within_s": profile.rule.chatter_s}
        self.record(draft, Kind.ALARM_CHATTERING, profile, alarm, {**told, **by})
        timers.start(draft, timer(alarm["id"], "chatter"), profile.rule.chatter_s)
        self.keep(draft, profile, alarm)
