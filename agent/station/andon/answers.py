"""Take the answers to calls: by badge, card, button or order, from those who may give them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import timers
from agent.station.andon import calls
from agent.station.people import signed_on

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.andon.course import Course
    from agent.station.decision import Document, Draft
    from agent.station.people import People
    from agent.station.rules import Rules

ACTS = ("acknowledge", "arrive", "resolve", "cancel", "close")
"""What may be said of a call: words of cards and orders."""

ASKED = "answering"
"""Key of the document of a card that waits for the badge of somebody who may say it."""

DONE = {
    "acknowledge": "acknowledged",
    "arrive": "arrived",
    "resolve": "resolved",
    "cancel": "cancelled",
    "close": "closed",
}


class Answers:
    """Who may answer which call, and what an answer does."""

    def __init__(self, rules: Rules, people: People, course: Course) -> None:
        self._rules = rules.andon
        self._authorities = rules.authority
        self._people = people
        self._course = course

    def badge(self, draft: Draft, data: Document, badge: str) -> bool:
        """Take the badge of somebody who may answer an open call: he is there; once more, and it is done.

        Returns False if the badge answers nothing: then it signs on, as any other.
        """
        if self._asked(draft, data, badge):
            return True
        mine = [call for call in calls.open_calls(draft) if self._answers_by_badge(draft, call, badge)]
        awaited = [call for call in mine if calls.RANK[call["state"]] < calls.RANK["arrived"]]
        if not mine:
            return False
        if awaited:
            for call in awaited:
                self._course.arrive(draft, call, data, badge)
            draft.accept(f"{badge} has come for {', '.join(call['name'] for call in awaited)}")
        elif len(mine) == 1:
            self._do(draft, mine[0], "resolve", data, {"by": badge})
        else:
            names = ", ".join(call["name"] for call in mine)
            draft.reject(Kind.COMMAND_REJECTED, "", data, f"which one is resolved: {names}?  Scan its card")
        return True

    def card(self, draft: Draft, act: str, text: str, data: Document) -> None:
        """Take a card: the act and `NAME[:REASON[:COUNTERMEASURE]]`."""
        name, _, rest = text.partition(":")
        reason, _, countermeasure = rest.partition(":")
        codes: Document = {"reason": reason, "countermeasure": countermeasure}
        call = self._waiting(draft, name) if act == "close" else calls.named(draft, name)
        if call is None:
            draft.reject(Kind.COMMAND_REJECTED, "", data, f"{name} is not open")
        elif wrong := self._wrong(codes):
            draft.reject(Kind.COMMAND_REJECTED, call["call"], data, wrong)
        elif (by := signed_on(draft)) and self.may(draft, by, call):
            self._do(draft, call, act, data, {**codes, "by": by})
        elif not self._roles(call):
            self._do(draft, call, act, data, codes)
        else:
            asked: Document = {"call": call["call"], "act": act, "codes": codes, **timers.mark(draft.moment)}
            draft.put(ASKED, asked)
            why = f"{act} {name}: scan the badge of {' or '.join(self._roles(call))}"
            draft.reject(Kind.COMMAND_REJECTED, call["call"], data, why)

    def order(self, draft: Draft, act: str, order: Mapping[str, object]) -> str:
        """Obey the central; returns why not, or nothing.  What was done before is done."""
        by = str(order.get("by") or "")
        codes: Document = {key: str(order.get(key) or "") for key in ("reason", "countermeasure")}
        call = self._meant(draft, act, order)
        if call is None:
            return self._again(draft, act, order)
        if wrong := self._wrong(codes):
            return wrong
        if not self.may(draft, by, call):
            return f"{by or 'nobody'} may not answer {call['type']} calls: {' or '.join(self._roles(call))} may"
        data: Document = {"command": f"andon/{act}", "order": dict(order)}
        self._do(draft, call, act, data, {**codes, "by": by})
        opened = calls.identified(draft, call["call"])
        draft.reply({"call": calls.told(opened) if opened else calls.ended(draft, call["call"])})
        return ""

    def may(self, draft: Draft, badge: str, call: Document) -> bool:
        """Whether a person may answer a call; a type that no role is named for, anybody may."""
        roles = self._roles(call)
        return not roles or (bool(badge) and not self._people.roles(draft, badge).isdisjoint(roles))

    def _do(self, draft: Draft, call: Document, act: str, data: Document, said: Document) -> None:
        """Take the step, and tell the operator."""
        by = said.get("by", "")
        told = {key: said[key] for key in ("reason", "countermeasure") if said.get(key)}
        who = {"by": by} if by else {}
        taken = True
        match act:
            case "acknowledge":
                taken = self._course.acknowledge(draft, call, data, by)
            case "arrive":
                taken = self._course.arrive(draft, call, data, by)
            case "resolve":
                self._course.resolve(draft, call, {**data, **who}, told | ({"resolved_by": by} if by else {}))
            case "cancel":
                self._course.cancel(draft, call, {**data, **who}, told | ({"resolved_by": by} if by else {}))
            case _:
                self._course.close(draft, call, {**data, **who}, told)
        if "device" not in data:
            return
        if taken:
            draft.accept(f"{call['name']} {DONE[act]}")
        else:  # what somebody scans leaves a fact
            draft.reject(Kind.COMMAND_REJECTED, call["call"], data, f"{call['name']} is {call['state']} already")

    def _asked(self, draft: Draft, data: Document, badge: str) -> bool:
        """Do what a card asked for, if this badge may say it and the card was not long ago."""
        asked = draft.get(ASKED)
        if asked is None:
            return False
        age_s = timers.elapsed_s(draft.moment, asked)
        call = self._open_or_waiting(draft, asked["call"])
        if age_s is None or age_s > self._rules.answer_within_s or call is None:
            draft.forget(ASKED)
            return False
        if not self.may(draft, badge, call):
            return False
        draft.forget(ASKED)
        self._do(draft, call, asked["act"], data, {**asked["codes"], "by": badge})
        return True

    def _meant(self, draft: Draft, act: str, order: Mapping[str, object]) -> Document | None:
        """The call that an order is about, by its identity, else by its name."""
        wanted, name = order.get("call"), order.get("name")
        by_name = wanted is None and isinstance(name, str)
        if act == "close":
            if by_name:
                return self._waiting(draft, str(name))
            return next((one for one in calls.unclosed(draft) if one["call"] == wanted), None)
        return calls.named(draft, str(name)) if by_name else calls.identified(draft, wanted)

    def _again(self, draft: Draft, act: str, order: Mapping[str, object]) -> str:
        """An order about a call that is not open: done already, or refused."""
        wanted = order.get("call", order.get("name"))
        before = calls.ended(draft, wanted)
        if before is None:
            return f"no open call {wanted!r}"
        draft.reply({"call": before})
        done = {"resolve": ("resolved", "closed"), "close": ("closed",), "cancel": ("cancelled",)}
        return "" if before["state"] in done.get(act, ()) else f"call {wanted} is {before['state']} already"

    def _open_or_waiting(self, draft: Draft, identity: str) -> Document | None:
        waiting = (one for one in calls.unclosed(draft) if one["call"] == identity)
        return calls.identified(draft, identity) or next(waiting, None)

    def _waiting(self, draft: Draft, name: str) -> Document | None:
        """The oldest call of that name that waits for its reason."""
        return next((one for one in calls.unclosed(draft) if one["name"] == name), None)

    def _roles(self, call: Document) -> list[str]:
        """The roles named for a type of call; none: anybody may answer."""
        return [one.role for one in self._authorities if call["type"] in one.calls or "*" in one.calls]

    def _answers_by_badge(self, draft: Draft, call: Document, badge: str) -> bool:
        return bool(self._roles(call)) and self.may(draft, badge, call)

    def _wrong(self, codes: Document) -> str:
        """Why codes cannot be taken: the plant has a list, and they are not on it."""
        for key, known in (("reason", self._rules.reasons), ("countermeasure", self._rules.countermeasures)):
            if codes[key] and known and codes[key] not in known:
                return f"no {key} {codes[key]!r}; known are: {', '.join(known)}"
        return ""
