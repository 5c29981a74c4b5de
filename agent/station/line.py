"""Tell the other stations of the line what was done, and take their word for what they did.

Two stations that both did one operation of a unit are told as a conflict by each of the two, and never merged in
silence; the others learn of it by the hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import unitbook
from agent.station.alarms.alarms import Alarms
from agent.station.policy import Disposition

if TYPE_CHECKING:
    from agent.signals import LineProgress, Progress
    from agent.station.decision import Document, Draft
    from agent.station.rules import Rules

SHARED = "state/units"
"""Key of the document with this station's last steps, which is published."""

HEARD = "line"
"""Key of the document that tells how far each other station was heard."""

STATIONS = 200
"""Stations kept in mind, those heard last."""

DONE = ("done", "redone")
"""Words of a step that tell of an operation; the others are what became of the unit."""

STATUSES = {"ok", *Disposition} - {Disposition.USE_AS_IS}


class LineWork:
    """What goes on along the line, as this station sees it."""

    def __init__(self, rules: Rules) -> None:
        self._share = rules.line.share if rules.line else 0
        self._holds = rules.policies.conflict == "hold"
        self._alarms = Alarms(rules)

    def tell(self, draft: Draft, unit: str, operation: str, status: str) -> None:
        """Add a step of this station to what it publishes."""
        if not self._share:
            return
        before: Document = draft.get(SHARED) or {"epoch": f"{draft.moment.time_ns // 1_000_000:x}", "steps": []}
        steps = before["steps"]
        step = {
            "unit": unit,
            "operation": operation,
            "status": status,
            "sequence": steps[-1]["sequence"] + 1 if steps else 1,
            "time": draft.moment.iso,
        }
        draft.put(SHARED, {"epoch": before["epoch"], "steps": [*steps[1 - self._share :], step]})

    def hear(self, draft: Draft, progress: LineProgress) -> None:
        """Take what another station tells; what was heard before is no news, and what is late is late.

        A document without news makes nothing younger: the broker hands it out again at each connection, also when the
        station that wrote it is long gone.
        """
        heard = {**(draft.get(HEARD) or {})}
        before = heard.pop(progress.station, {})
        known = before.get("sequence", 0) if before.get("epoch") == progress.epoch else 0
        news = [step for step in progress.steps if step.sequence > known]
        if not news:
            return
        for step in news:
            self._take(draft, progress.station, step)
        told = [[step.unit, step.operation, step.status, step.sequence, step.time] for step in news]
        draft.record(
            Kind.LINE_HEARD, progress.station, {"station": progress.station, "epoch": progress.epoch, "steps": told}
        )
        moment = draft.moment
        heard[progress.station] = {
            "epoch": progress.epoch,
            "sequence": max(step.sequence for step in news),
            "time": moment.iso,
            "time_ns": moment.time_ns,
            "monotonic_ns": moment.monotonic_ns,
            "boot": moment.boot,
        }
        while len(heard) > STATIONS:
            del heard[next(iter(heard))]
        draft.put(HEARD, heard)

    def did(self, draft: Draft, unit: str, operation: str, *, again: bool) -> None:
        """Note that this station completed an operation."""
        entry = unitbook.look_up(draft, unit)
        before = unitbook.done(entry).get(operation)
        done = {**unitbook.done(entry), operation: unitbook.HERE}
        changes: Document = {"done": done, "time": draft.moment.iso}
        if entry.get("status") == Disposition.REWORK:
            changes |= {"status": "", "why": "", "at": ""}
        unitbook.note(draft, unit, **changes)
        self.tell(draft, unit, operation, "redone" if again else "done")
        if before not in (None, unitbook.HERE) and not again:
            self._conflict(draft, unit, operation, str(before), draft.moment.iso)

    def put_status(self, draft: Draft, unit: str, status: str, why: str, operation: str = "") -> None:
        """Note what became of a unit, here and for the stations after this one; releasing it ends a conflict."""
        entry = unitbook.look_up(draft, unit)
        known = "" if status == "ok" else status
        conflict = entry.get("conflict") if status == Disposition.HOLD else None
        unitbook.note(draft, unit, status=known, why=why, at=operation, time=draft.moment.iso, conflict=conflict)
        self.tell(draft, unit, operation if status == Disposition.REWORK else "", status)
        if conflict is None:
            self._settled(draft, unit, entry, status)

    def _take(self, draft: Draft, station: str, step: Progress) -> None:
        entry = unitbook.look_up(draft, step.unit)
        if step.status in DONE:
            before = unitbook.done(entry).get(step.operation)
            if before != unitbook.HERE or step.status == "redone":
                done = {**unitbook.done(entry), step.operation: station}
                mended: Document = {"status": "", "why": "", "at": ""} if _mends(entry, step) else {}
                unitbook.note(draft, step.unit, done=done, time=max(step.time, entry.get("time", "")), **mended)
            else:
                self._conflict(draft, step.unit, step.operation, station, step.time)
        elif step.status in STATUSES and _counts(entry, step):
            status = "" if step.status == "ok" else step.status
            why = f"says {station}" if status else ""
            settled: Document = {} if status == Disposition.HOLD else {"conflict": None}
            unitbook.note(draft, step.unit, status=status, why=why, at=step.operation, time=step.time, **settled)
            if settled:
                self._settled(draft, step.unit, entry, step.status)

    def _conflict(self, draft: Draft, unit: str, operation: str, station: str, time: str) -> None:
        entry = unitbook.look_up(draft, unit)
        if entry.get("conflict") == operation:
            return
        both: Document = {"unit": unit, "operation": operation, "station": station, "done_there": time}
        both["done_by"] = unitbook.done(entry).get(operation, "")
        reason = f"{operation} of {unit} was done by {station} too"
        draft.record(Kind.LINE_CONFLICT, unit, {**both, "reason": reason, "held": self._holds})
        self._alarms.conflict(draft, unit, {**both, "reason": reason}, active=True)
        if self._holds and entry.get("status") != Disposition.SCRAP:
            self.put_status(draft, unit, Disposition.HOLD, reason)
        unitbook.note(draft, unit, conflict=operation)

    def _settled(self, draft: Draft, unit: str, entry: Document, status: str) -> None:
        """End the alarm of a conflict that somebody has decided, here or at another station."""
        if entry.get("conflict"):
            self._alarms.conflict(draft, unit, {"now": status}, active=False)


def age_s(draft: Draft) -> float | None:
    """Seconds since any other station of the line was heard; None if none ever was."""
    ages = [_since_s(draft, one) for one in (draft.get(HEARD) or {}).values()]
    return min(ages, default=None)


def _since_s(draft: Draft, heard: Document) -> float:
    within = draft.moment.seconds_since(heard["monotonic_ns"], heard["boot"])
    return within if within is not None else max(0.0, (draft.moment.time_ns - heard["time_ns"]) / 1e9)


def _mends(entry: Document, step: Progress) -> bool:
    """Whether a completed operation ends a rework that was ordered before it."""
    return entry.get("status") == Disposition.REWORK and step.time >= str(entry.get("time", ""))


def _counts(entry: Document, step: Progress) -> bool:
    """Whether a status is taken: one that stops a unit always, one that lets it go only if it is newer."""
    return step.status in unitbook.HELD or step.time >= str(entry.get("time", ""))
