"""Let a call that nobody answers be heard by the next one, level by level: each once, and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import timers
from agent.station.andon import calls

if TYPE_CHECKING:
    from agent.station.andon.declared import AndonRules, Escalation
    from agent.station.decision import Document, Draft

TIMER = "escalate/"
"""Timers of the next level: this and the call's name."""


class Ladder:
    """The escalation of a station's calls."""

    def __init__(self, rules: AndonRules) -> None:
        self._rules = rules

    def climb(self, draft: Draft, call: Document) -> None:
        """Set the timer of the next level that the call has not outrun; none, if there is none left."""
        following = self._next(call)
        if following is None:
            timers.stop(draft, TIMER + call["name"])
            return
        _, level = following
        since = calls.raised_mark(call)
        if timers.elapsed_s(draft.moment, since) is None and call.get("escalated"):
            below_s = call["escalated"]["after_s"]  # nobody can tell the age: from one level to the next, then
            timers.start(draft, TIMER + call["name"], level.after_s - below_s, call["escalated"])
        else:
            timers.start(draft, TIMER + call["name"], level.after_s, since)

    def reached(self, draft: Draft, timer: str) -> None:
        """The time of a level is over: record it, and wait for the one after."""
        call = calls.named(draft, timer.removeprefix(TIMER))
        following = self._next(call) if call else None
        if call is None or following is None:
            return
        number, level = following
        escalated = {**timers.mark(draft.moment), "after_s": level.after_s}
        call = {**call, "level": number, "escalated_to": level.to, "escalated": escalated}
        calls.put(draft, call)
        told: Document = {"timer": timer, "to": level.to, "after_s": level.after_s, "unless": level.unless}
        waited: Document = {"waited_s": calls.waited_s(draft, call)}
        draft.record(Kind.ANDON_ESCALATED, call["call"], {**told, **waited, **calls.told(call)})
        self.climb(draft, call)

    def _next(self, call: Document) -> tuple[int, Escalation] | None:
        """Number and level of what comes next if nobody answers; levels that were answered are passed over."""
        levels = enumerate(self._rules.ladder(call["type"]), 1)
        state = calls.RANK[call["state"]]
        left = (one for one in levels if one[0] > call.get("level", 0) and state < calls.RANK[one[1].unless])
        return next(left, None)
