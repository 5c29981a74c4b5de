"""The andon of a station: what raises a call, what answers it, and what time does to it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind, raw_text
from agent.station import timers
from agent.station.andon import calls, stand
from agent.station.andon.answers import ACTS, Answers
from agent.station.andon.course import TIMERS, Course
from agent.station.andon.declared import ANY_MEASUREMENT
from agent.station.measuring import Judgement

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.events import Event
    from agent.signals import TimeUp
    from agent.station.andon.declared import AndonCall
    from agent.station.decision import Document, Draft
    from agent.station.people import People
    from agent.station.rules import Rules
    from drivers.contract import Contact

ORDERS = "andon/"
"""Orders of the central about calls begin so."""

OF_UNITS = ("measurement.", "operation.", "part.")
"""Facts that raise calls and whose subject is a unit begin so."""


class Andon:
    """The calls of one station."""

    def __init__(self, rules: Rules, people: People) -> None:
        self._calls = {call.name: call for call in rules.call}
        self._buttons = [call for call in rules.call if call.device]
        self._runs_at = {(one.device, one.input) for one in rules.machine if one.name == rules.andon.running}
        self._stop_at = {call.stop_at for call in rules.call if call.stop_at}
        self._judged = any(call.measurement or call.rule for call in rules.call)
        self._course = Course(rules)
        self._answers = Answers(rules, people, self._course)

    def take_stock(self, draft: Draft) -> None:
        """Go on with what is open at a start."""
        self._course.take_stock(draft)

    def contact(self, draft: Draft, device: str, contact: Contact) -> None:
        """Act on a button: press raises, release or the reset input resolves, as each call declares."""
        for call in self._buttons:
            if (call.device, call.input) == (device, contact.input):
                self._button(draft, call, _pressed(device, contact), active=contact.active)
            elif (call.device, call.reset_input, True) == (device, contact.input, contact.active):
                opened = calls.named(draft, call.name)
                if opened is not None:
                    self._course.resolve(draft, opened, _pressed(device, contact), {})

    def runs(self, draft: Draft, device: str, contact: Contact) -> None:
        """Take it that the line runs, if this contact tells it, whether that is news or not."""
        if contact.active and (device, contact.input) in self._runs_at:
            stand.runs(draft, _pressed(device, contact))

    def signalled(self, draft: Draft, signal: str, device: str, contact: Contact) -> None:
        """Act on a machine's signal that has changed: the fixed position is reached."""
        if contact.active and signal in self._stop_at:
            for call in calls.open_calls(draft):
                declared = self._calls.get(call["name"])
                if declared is not None and declared.stop_at == signal:
                    self._course.stop(draft, call, {**_pressed(device, contact), "signal": signal})

    def badge(self, draft: Draft, data: Document, badge: str) -> bool:
        """Take a badge as an answer.  Returns False if it is none: then it signs on."""
        return self._answers.badge(draft, data, badge)

    def card(self, draft: Draft, word: str, text: str, data: Document) -> bool:
        """Act on a command card.  Returns False if it is none about calls."""
        if word == "call" and text in self._calls:
            self._raise(draft, self._calls[text], data)
            draft.accept(f"{text} called")
        elif word in ACTS:
            self._answers.card(draft, word, text, data)
        else:
            return False
        return True

    def order(self, draft: Draft, name: str, order: Mapping[str, object]) -> bool:
        """Obey or refuse the central.  Returns False if the order is none about calls."""
        act = name.removeprefix(ORDERS)
        if not name.startswith(ORDERS) or act not in {*ACTS, "raise"}:
            return False
        reason = self._raised_by_order(draft, order) if act == "raise" else self._answers.order(draft, act, order)
        if reason:
            draft.record(Kind.COMMAND_REJECTED, "", {"command": name, "data": dict(order), "reason": reason})
        return True

    def ended(self, draft: Draft, ended: TimeUp) -> None:
        """Act on the end of a timer, if it is one of a call."""
        if ended.timer.startswith(TIMERS) and timers.take(draft, ended):
            self._course.time_up(draft, ended.timer)

    def watch(self, draft: Draft) -> None:
        """Raise the calls that are declared for what this decision has judged."""
        if not (self._judged or draft.beside_work):
            return
        for event in draft.events:
            for call in self._caused(event):
                if calls.named(draft, call.name) is None:
                    self._raise(draft, call, {"cause": event.kind.value, "about": event.subject, **_unit(event)})

    def _caused(self, event: Event) -> list[AndonCall]:
        """The calls that a fact raises: a value out of limits, a refusal by a rule, an alarm that names one."""
        if event.kind is Kind.ALARM_RAISED:
            named = self._calls.get(str(event.data.get("calls", "")))
            return [named] if named is not None else []
        if not self._judged:
            return []
        if event.kind is Kind.MEASUREMENT_TAKEN and event.data["verdict"] == Judgement.FAIL:
            wanted = {ANY_MEASUREMENT, event.data["name"]}
            return [call for call in self._calls.values() if not wanted.isdisjoint(call.measurement)]
        refused = {check["rule"] for check in event.data.get("checks", ()) if check["outcome"] == "refuse"}
        return [call for call in self._calls.values() if not refused.isdisjoint(call.rule)] if refused else []

    def _raised_by_order(self, draft: Draft, order: Mapping[str, object]) -> str:
        call = self._calls.get(str(order.get("name", "")))
        if call is None:
            return f"no call {order.get('name')!r}; known are: {', '.join(self._calls) or 'none'}"
        by = {"by": str(order["by"])} if order.get("by") else {}
        self._raise(draft, call, {"command": "andon/raise", "order": dict(order), **by})
        draft.reply({"call": calls.told(calls.named(draft, call.name) or {})})
        return ""

    def _raise(self, draft: Draft, call: AndonCall, data: Document, *, active: bool = False) -> None:
        """Open a call, or count one more press on it."""
        opened = calls.named(draft, call.name)
        if opened is None:
            self._course.raise_call(draft, call, data, active=active)
        else:
            self._course.press(draft, opened, data, active=active)

    def _button(self, draft: Draft, call: AndonCall, data: Document, *, active: bool) -> None:
        opened = calls.named(draft, call.name)
        if active and (opened is None or not opened["active"]):
            self._raise(draft, call, data, active=True)
        elif not active and opened is not None and opened["active"]:
            if call.reset_input:
                calls.put(draft, {**opened, "active": False})
            else:
                self._course.resolve(draft, opened, data, {})


def _unit(event: Event) -> Document:
    """The unit that a fact is about, if it is about one."""
    return {"unit": event.subject} if event.subject and event.kind.startswith(OF_UNITS) else {}


def _pressed(device: str, contact: Contact) -> Document:
    return {"device": device, "input": contact.input, "active": contact.active, "raw": raw_text(contact.raw)}
