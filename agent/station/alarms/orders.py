"""Obey the orders about alarms: acknowledge, shelve, unshelve, reset, out of service and back.  Twice is once.

Who gives the order is named in it (`by`); where a role has authority over alarms, it takes somebody of such a role.
"""

from __future__ import annotations

from dataclasses import replace
from math import isfinite
from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import timers
from agent.station.alarms import document
from agent.station.alarms.profiles import MOMENTARY
from agent.station.alarms.states import timer
from agent.station.people import People

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.alarms.profiles import Profile, Profiles
    from agent.station.alarms.states import States
    from agent.station.decision import Document, Draft
    from agent.station.rules import Rules

MS_PER_S = 1000
NS_PER_MS = 1_000_000

PARTS = ("alarm", "device", "condition", "input")


class Refusal(Exception):  # noqa: N818  a decision, no error
    """The order is not obeyed; the message says why."""


class AlarmOrders:
    """What may be ordered about the alarms of one station."""

    def __init__(self, rules: Rules, profiles: Profiles, states: States) -> None:
        self._profiles = profiles
        self._states = states
        self._people = People(rules)
        self._roles = [one.role for one in rules.authority if one.alarms]
        self._does = {
            "alarm/acknowledge": self._acknowledge,
            "alarm/shelve": self._shelve,
            "alarm/unshelve": self._unshelve,
            "alarm/reset": self._reset,
            "alarm/out-of-service": self._out,
            "alarm/in-service": self._in,
        }

    def obey(self, draft: Draft, name: str, order: Mapping[str, object]) -> None:
        """Obey an order, and tell how the alarm is then; or record why not."""
        by: Document = {"command": name, "order": dict(order)}
        try:
            does = self._does.get(name, _unknown)
            who = self._who(draft, order)
            profile, alarm = self._meant(draft, order)
            does(draft, profile, alarm, {**by, "by": who})
        except Refusal as refusal:
            told: Document = {"command": name, "data": dict(order), "reason": str(refusal)}
            draft.record(Kind.COMMAND_REJECTED, "", told)
            return
        now = draft.get(document.PREFIX + alarm["id"]) or document.normal(alarm)
        draft.reply({"alarm": document.entry(now, profile)})

    def expired(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        """End a shelving whose time is over."""
        if "shelf" in alarm:
            self._off_the_shelf(draft, profile, alarm, {**by, "why": "expired"})

    def _who(self, draft: Draft, order: Mapping[str, object]) -> str:
        who = order.get("by")
        if not isinstance(who, str) or not who.strip():
            raise Refusal("say who: by is missing")
        if self._roles and not self._people.roles(draft, who).intersection(self._roles):
            raise Refusal(f"{who} has no authority over alarms: it takes {' or '.join(self._roles)}")
        return who

    def _meant(self, draft: Draft, order: Mapping[str, object]) -> tuple[Profile, Document]:
        """The alarm that is named by its identifier, by the plant's name, or by word, device, condition and input."""
        parts = [part for key in PARTS if isinstance(part := order.get(key), str) and part]
        if not parts:
            raise Refusal("say which alarm: alarm is missing")
        names = (str(order.get("alarm", "")), self._profiles.names.get(parts[0], ""), "/".join(parts))
        for identifier in names:
            if (alarm := draft.get(document.PREFIX + identifier)) is not None:
                if (profile := self._profiles.of(alarm["alarm"], identifier)) is not None:
                    return profile, alarm
            elif (profile := self._profiles.by_id.get(identifier)) is not None and profile.which is not None:
                return profile, document.fresh(profile.which)
        raise Refusal(f"no alarm {'/'.join(parts)!r}")

    def _acknowledge(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        if alarm["acknowledged"]:
            return
        alarm = {**alarm, "acknowledged": True, "acknowledged_at": draft.moment.iso, "by": by["by"]}
        alarm["active"] = alarm["active"] and alarm["alarm"] not in MOMENTARY
        told = self._states.since(draft, alarm, "answered_s")
        self._states.record(draft, Kind.ALARM_ACKNOWLEDGED, profile, alarm, {**told, **by})
        self._states.keep(draft, profile, alarm)

    def _shelve(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        for_s, most_s = by["order"].get("for_s"), self._profiles.shelf_s(profile)
        if not most_s:
            raise Refusal("this alarm may not be shelved")
        if not isinstance(for_s, int | float) or isinstance(for_s, bool) or not isfinite(for_s):
            raise Refusal(f"say for how long: for_s, in seconds, up to {most_s:g}")
        if not 0 < for_s <= most_s:
            raise Refusal(f"for_s must be above 0 and up to {most_s:g}; it is {for_s:g}")
        if "shelf" in alarm:
            return
        end_ms = draft.moment.time_ns // NS_PER_MS + int(for_s * MS_PER_S)
        shelf: Document = {"by": by["by"], "time": draft.moment.iso, **timers.mark(draft.moment)}
        shelf["until"] = replace(draft.moment, time_ns=end_ms * NS_PER_MS).iso
        alarm = {**alarm, "shelf": shelf}
        timers.start(draft, timer(alarm["id"], "shelf"), for_s)
        told: Document = {"for_s": for_s, "until": shelf["until"], "active": alarm["active"]}
        if isinstance(why := by["order"].get("reason"), str):
            told["reason"] = why
        self._states.record(draft, Kind.ALARM_SHELVED, profile, alarm, {**told, **by})
        self._states.keep(draft, profile, alarm)

    def _unshelve(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        if "shelf" in alarm:
            timers.stop(draft, timer(alarm["id"], "shelf"))
            self._off_the_shelf(draft, profile, alarm, {**by, "why": "ordered"})

    def _reset(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        if alarm["active"]:
            raise Refusal("it is still active: only what is over can be reset")
        if not alarm["latched"]:
            return
        alarm = {**alarm, "latched": False, "acknowledged": True}
        told: Document = {"raised": alarm["raised"]}
        self._states.record(draft, Kind.ALARM_RESET, profile, alarm, {**told, **by})
        self._states.keep(draft, profile, alarm)

    def _out(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        reason = by["order"].get("reason")
        if not isinstance(reason, str) or not reason.strip():
            raise Refusal("say why: reason is missing; it has no end by itself")
        if "out" in alarm:
            return
        alarm = {**alarm, "out": {"by": by["by"], "since": draft.moment.iso, "reason": reason}}
        told: Document = {"reason": reason, "active": alarm["active"]}
        self._states.record(draft, Kind.ALARM_OUT_OF_SERVICE, profile, alarm, {**told, **by})
        self._states.keep(draft, profile, alarm)

    def _in(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        if "out" not in alarm:
            return
        since = alarm["out"]["since"]
        alarm = {key: value for key, value in alarm.items() if key != "out"}
        told: Document = {"since": since, "active": alarm["active"]}
        self._states.record(draft, Kind.ALARM_IN_SERVICE, profile, alarm, {**told, **by})
        self._states.again(draft, profile, alarm, by)

    def _off_the_shelf(self, draft: Draft, profile: Profile, alarm: Document, by: Document) -> None:
        shelf = alarm["shelf"]
        alarm = {key: value for key, value in alarm.items() if key != "shelf"}
        shelved_s = draft.moment.seconds_since(shelf["monotonic_ns"], shelf["boot"])
        told: Document = {"shelved_by": shelf["by"], "shelved_s": shelved_s, "active": alarm["active"]}
        self._states.record(draft, Kind.ALARM_UNSHELVED, profile, alarm, {**told, **by})
        self._states.again(draft, profile, alarm, {key: value for key, value in by.items() if key != "why"})


def _unknown(_draft: Draft, _profile: Profile, _alarm: Document, by: Document) -> None:
    raise Refusal(f"no command {by['command']!r}")
