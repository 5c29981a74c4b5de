"""Take a call through its states: raised, acknowledged, arrived, resolved, closed; or cancelled.

Knows what each step changes and what its fact tells.  Knows nothing of who may take it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import timers
from agent.station.andon import calls, ladder, stand
from agent.station.andon.declared import CallMode
from agent.station.andon.ladder import Ladder

if TYPE_CHECKING:
    from agent.station.andon.declared import AndonCall
    from agent.station.decision import Document, Draft
    from agent.station.rules import Rules

STOP_TIMER = "stop/"
"""Timers of calls that will stop the line: this and the call's name."""

TIMERS = (STOP_TIMER, ladder.TIMER)
"""Names of the timers of calls begin so."""

DONE_KINDS = {"resolved": Kind.ANDON_RESOLVED, "cancelled": Kind.ANDON_CANCELLED}


class Course:
    """What can become of the calls of one station.

    Each step returns False, and records nothing, where the call has taken it before: twice is once.
    """

    def __init__(self, rules: Rules) -> None:
        self._declared = {call.name: call for call in rules.call}
        self._running = rules.andon.running
        self._ladder = Ladder(rules.andon)

    def take_stock(self, draft: Draft) -> None:
        """Go on with the calls that are open at a start, also with those that an older version has kept."""
        calls.take_stock(draft)
        stand.take_stock(draft)
        for call in calls.open_calls(draft):
            self._ladder.climb(draft, call)

    def raise_call(self, draft: Draft, declared: AndonCall, data: Document, *, active: bool = False) -> None:
        """Open a call."""
        count = (draft.get(calls.COUNTER) or {"count": 0})["count"] + 1
        stops = declared.mode is CallMode.STOP
        will_stop = declared.stop_after_s or declared.stop_at
        call: Document = {
            "call": f"{draft.moment.time_ns // 1_000_000:x}-{count}",
            "name": declared.name,
            "type": declared.type,
            "mode": declared.mode.value,
            "state": "raised",
            "time": draft.moment.iso,
            "mark": timers.mark(draft.moment),
            "presses": 1,
            "active": active,
            "level": 0,
            "stop": calls.STOPPED if stops else calls.PENDING if will_stop else calls.NO_STOP,
        }
        call |= {key: told for key in ("severity", "stop_after_s", "stop_at") if (told := getattr(declared, key))}
        if data.get("unit"):
            call["unit"] = data["unit"]
        calls.opened(draft, call, count)
        if stops:
            stand.stopped(draft, call)
        if declared.stop_after_s:
            timers.start(draft, STOP_TIMER + declared.name, declared.stop_after_s)
        draft.record(Kind.ANDON_RAISED, call["call"], {**data, **calls.told(call)})
        self._ladder.climb(draft, call)

    def press(self, draft: Draft, call: Document, data: Document, *, active: bool) -> None:
        """Count one more press on an open call."""
        pressed = {**call, "presses": call["presses"] + 1, "active": active}
        calls.put(draft, pressed)
        draft.record(Kind.ANDON_PRESSED, call["call"], {**data, **calls.told(pressed)})

    def acknowledge(self, draft: Draft, call: Document, data: Document, by: str) -> bool:
        """Somebody says that he comes."""
        if calls.RANK[call["state"]] >= calls.RANK["acknowledged"]:
            return False
        answered: Document = {**call, "state": "acknowledged", "acknowledged": draft.moment.iso, "acknowledged_by": by}
        calls.put(draft, answered)
        told = {**data, **calls.told(answered), "by": by, "answered_s": calls.since_raised_s(draft, call)}
        draft.record(Kind.ANDON_ACKNOWLEDGED, call["call"], told)
        self._ladder.climb(draft, answered)
        return True

    def arrive(self, draft: Draft, call: Document, data: Document, by: str) -> bool:
        """Somebody is there; who had not said that he comes has answered with it."""
        if calls.RANK[call["state"]] >= calls.RANK["arrived"]:
            return False
        there: Document = {**call, "state": "arrived", "arrived": draft.moment.iso, "arrived_by": by}
        arrived_s = calls.since_raised_s(draft, call)
        told: Document = {"by": by, "arrived_s": arrived_s}
        if call["state"] == "raised":
            there |= {"acknowledged": draft.moment.iso, "acknowledged_by": by}
            told["answered_s"] = arrived_s
        calls.put(draft, there)
        draft.record(Kind.ANDON_ARRIVED, call["call"], {**data, **calls.told(there), **told})
        self._ladder.climb(draft, there)
        return True

    def stop(self, draft: Draft, call: Document, data: Document) -> bool:
        """The line has reached its fixed position, or the time is over: the call stops it."""
        if calls.stop_of(call) != calls.PENDING:
            return False
        stopped: Document = {**call, "stop": calls.STOPPED, "stopped": draft.moment.iso}
        calls.put(draft, stopped)
        timers.stop(draft, STOP_TIMER + call["name"])
        stand.stopped(draft, stopped)
        draft.record(Kind.ANDON_STOPPED, call["call"], {**data, **calls.told(stopped)})
        return True

    def resolve(self, draft: Draft, call: Document, data: Document, codes: Document) -> None:
        """The trouble is over; the call is closed with it, unless its reason is still to come."""
        declared = self._declared.get(call["name"])
        waits = declared is not None and declared.needs_reason and not codes.get("reason")
        self._end(draft, call, data, "resolved", codes, waits=waits)

    def cancel(self, draft: Draft, call: Document, data: Document, codes: Document) -> None:
        """There was no trouble."""
        self._end(draft, call, data, "cancelled", codes, waits=False)

    def close(self, draft: Draft, call: Document, data: Document, codes: Document) -> None:
        """The reason of a call that was resolved is given."""
        done: Document = {**call, **codes, "state": "closed"}
        calls.closed(draft, done)
        closed_s = calls.since_raised_s(draft, call)
        draft.record(Kind.ANDON_CLOSED, call["call"], {**data, **calls.told(done), **codes, "closed_s": closed_s})

    def time_up(self, draft: Draft, timer: str) -> None:
        """One of the timers has ended."""
        if timer.startswith(ladder.TIMER):
            self._ladder.reached(draft, timer)
            return
        call = calls.named(draft, timer.removeprefix(STOP_TIMER))
        if call is not None:
            self.stop(draft, call, {"timer": timer, "waited_s": calls.waited_s(draft, call)})

    def _end(self, draft: Draft, call: Document, data: Document, how: str, codes: Document, *, waits: bool) -> None:
        state = how if waits or how == "cancelled" else "closed"
        done: Document = {**call, **codes, "state": state, "resolved": draft.moment.iso}
        calls.over(draft, done, waits=waits)
        timers.stop(draft, STOP_TIMER + call["name"])
        timers.stop(draft, ladder.TIMER + call["name"])
        duration_s = calls.since_raised_s(draft, call)
        draft.record(DONE_KINDS[how], call["call"], {**data, **calls.told(done), **codes, "duration_s": duration_s})
        if calls.stop_of(call) == calls.STOPPED:
            stand.released(draft, self._running, data)
