"""The alarms of a station: what happens at it goes in, and its alarms go from state to state.

Knows which input concerns which alarm.  How an alarm behaves is known to its profile, what its states are to `States`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import timers
from agent.station.alarms import document, flood, gauges, groups, listing, stale
from agent.station.alarms.orders import AlarmOrders
from agent.station.alarms.profiles import Profiles, own
from agent.station.alarms.states import NONE, States
from agent.station.machines import PREFIX as MACHINE
from agent.station.measuring import number
from agent.station.units import UnitMismatchError, convert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.signals import TimeUp
    from agent.station.alarms.profiles import Profile, Which
    from agent.station.decision import Document, Draft
    from agent.station.rules import Rules
    from drivers.contract import Contact, Reading

TIMERS = ("alarm/", "alarms/")
"""Names of the timers of alarms begin so."""

FAMILY = "alarm."


class Alarms:
    """The alarms of one station.  Holds no state."""

    def __init__(self, rules: Rules) -> None:
        self._profiles = Profiles(rules)
        self._states = States(self._profiles)
        self._orders = AlarmOrders(rules, self._profiles, self._states)
        self._signals = {(signal.device, signal.input): signal.name for signal in rules.machine}

    def started(self, draft: Draft) -> None:
        """Take up the alarms where the agent before this one left them, by the rules that hold now."""
        for _, alarm in [*draft.under(document.PREFIX)]:
            self._take_up(draft, alarm)
        kept = [alarm for _, alarm in draft.under(document.PREFIX)]
        known = {alarm["id"]: 1 for alarm in kept if document.stands(alarm)}
        in_order = {one: 1 for one in listing.standing(draft) if one in known}
        draft.put(listing.INDEX, {"standing": {**in_order, **known}})
        pairs = [(self._profiles.of(alarm["alarm"], alarm["id"]), alarm) for alarm in kept]
        groups.count_again(draft, [(how.rule.group, alarm) for how, alarm in pairs if how])
        for signal in {**self._profiles.of_signal, **dict.fromkeys(self._profiles.suppressing)}:
            if (told := draft.get(MACHINE + signal)) is not None:
                self._signalled(draft, signal, active=told["active"])
        for watched in self._profiles.of_gauge.values():
            for profile in watched:
                stale.watch(draft, profile)

    def contact(self, draft: Draft, device: str, contact: Contact) -> None:
        """Look at the alarms of a machine's signal, and at those that it suppresses."""
        if signal := self._signals.get((device, contact.input)):
            self._signalled(draft, signal, active=contact.active)

    def measured(self, draft: Draft, gauge: str, reading: Reading) -> None:
        """Judge a value by the alarms of its gauge; one that still moves, or in a unit of its own, judges nothing."""
        for profile in self._profiles.of_gauge.get(gauge, ()):
            stale.heard(draft, self._states, profile)
            if profile.which is not None and reading.stable:
                self._judged(draft, profile, profile.which, reading)

    def device(self, draft: Draft, device: str, lost: str = "") -> None:
        """Take that a device works, or why it does not."""
        told: Document = {"reason": lost} if lost else {}
        self._states.feel(draft, own("device-lost", device, device=device), active=bool(lost), told=told)

    def condition(self, draft: Draft, told: Document, *, active: bool) -> None:
        """Take what a device tells about itself: `device`, `condition`, `detail`, and `input` if it is about one."""
        about = {key: told[key] for key in ("device", "condition", "input") if key in told}
        which = own("device-condition", told["device"], **about)
        self._states.feel(draft, which, active=active, told={"detail": told["detail"]})

    def conflict(self, draft: Draft, unit: str, told: Document, *, active: bool) -> None:
        """Take that two stations did the same, or that somebody has decided on it."""
        self._states.feel(draft, own("line-conflict", unit), active=active, told=told)

    def itself(self, draft: Draft, alarm: str, subject: str, reason: str = "", *, active: bool) -> None:
        """Take how the agent's own disk, clock or connection is."""
        self._states.feel(draft, own(alarm, subject), active=active, told={"reason": reason} if active else NONE)

    def happened(self, draft: Draft, alarm: str, subject: str, told: Document) -> None:
        """Raise an alarm of something that happened and cannot end: it stands until somebody acknowledges it."""
        self._states.happen(draft, own(alarm, subject), told)

    def ordered(self, draft: Draft, name: str, order: Mapping[str, object]) -> None:
        """Obey an order about alarms, or refuse it."""
        self._orders.obey(draft, name, order)

    def ended(self, draft: Draft, ended: TimeUp) -> None:
        """Act on the end of a timer, if it is one of an alarm."""
        name = ended.timer
        if not name.startswith(TIMERS) or not timers.take(draft, ended):
            return
        by: Document = {"timer": name}
        if name == listing.TIMER:
            listing.tell(draft, self._profiles, at_once=True)
        elif name == flood.TIMER:
            flood.look(draft, self._profiles.settings, len(listing.standing(draft)), by)
        else:
            identifier, _, what = name.removeprefix(document.PREFIX).rpartition("/")
            self._waited(draft, identifier, what, by)

    def tell(self, draft: Draft) -> None:
        """Publish the alarms that stand, if this decision changed one of them."""
        kinds = [event.kind for event in draft.events]
        if Kind.AGENT_STARTED in kinds:
            listing.tell(draft, self._profiles, at_once=True)
        elif any(kind.startswith(FAMILY) for kind in kinds):
            listing.tell(draft, self._profiles, at_once=False)

    def _waited(self, draft: Draft, identifier: str, what: str, by: Document) -> None:
        alarm = draft.get(document.PREFIX + identifier) or self._never_heard(identifier)
        profile = self._profiles.of(alarm["alarm"], identifier) if alarm else None
        if alarm is None or profile is None:
            return
        if what == "on" and alarm["is"] and not alarm["active"]:
            self._states.up(draft, profile, alarm, by)
        elif what == "off" and alarm["active"] and not alarm["is"]:
            self._states.down(draft, profile, alarm, by)
        elif what == "shelf":
            self._orders.expired(draft, profile, alarm, by)
        elif what == "stale":
            stale.look(draft, self._states, profile, alarm, by)
        elif what == "chatter" and "chattering" in alarm:
            self._states.steady(draft, profile, alarm, by)

    def _never_heard(self, identifier: str) -> Document | None:
        """A gauge that has said nothing yet has no document; its silence is told all the same."""
        profile = self._profiles.by_id.get(identifier)
        return document.fresh(profile.which) if profile is not None and profile.which is not None else None

    def _signalled(self, draft: Draft, signal: str, *, active: bool) -> None:
        for profile in self._profiles.of_signal.get(signal, ()):
            if profile.which is not None:
                self._states.feel(draft, profile.which, active=active == profile.rule.active)
        if signal not in self._profiles.suppressing:
            return
        for identifier in [*listing.standing(draft)]:
            alarm = draft.get(document.PREFIX + identifier)
            how = self._profiles.of(alarm["alarm"], identifier) if alarm else None
            if alarm is not None and how is not None and how.rule.suppress_by == signal:
                self._states.suppress(draft, how, alarm, NONE)

    def _judged(self, draft: Draft, profile: Profile, which: Which, reading: Reading) -> None:
        rule = profile.rule
        try:
            value = convert(reading.value, reading.unit, rule.unit)
        except UnitMismatchError:
            return
        already = (draft.get(document.PREFIX + which.id) or NONE).get("is", False)
        why = gauges.beyond(value, rule, already=already)
        told: Document = {"value": number(value), "unit": rule.unit, "detail": why} if why else {}
        self._states.feel(draft, which, active=bool(why), told=told)

    def _take_up(self, draft: Draft, alarm: Document) -> None:
        """End an alarm that the station file does not declare any more."""
        if self._profiles.of(alarm["alarm"], alarm["id"]) is not None:
            return
        draft.forget(document.PREFIX + alarm["id"])
        for key, _ in [*draft.under(f"{timers.PREFIX}{document.PREFIX}{alarm['id']}/")]:
            draft.forget(key)
        if alarm["active"]:
            told: Document = {"id": alarm["id"], "alarm": alarm["alarm"], **alarm["about"], "raised": alarm["raised"]}
            told |= {"state": document.State.NORMAL, "reason": "no longer declared"}
            draft.record(Kind.ALARM_CLEARED, alarm["subject"], told)
