"""Decide whether work may start, and what badges and cards do; what is done to an open operation is `work`.

Knows the rules and the memory, and asks the rooms beside it what the data says.  Doubt falls towards refusal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.events import Kind, raw_text
from agent.station import devices, sampling, shifts, unitbook
from agent.station.admission import Admission, again, finished
from agent.station.andon import calls
from agent.station.defects import Defects
from agent.station.line import LineWork
from agent.station.openwork import CONCERNED, OPERATION, OpenWork, kept
from agent.station.overrides import Overrides
from agent.station.people import OPERATOR, People, signed_on, who
from agent.station.policy import Disposition
from agent.station.products import route_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.signals import LineProgress
    from agent.station.codes import Meaning
    from agent.station.decision import Document, Draft
    from agent.station.examination import Examination
    from agent.station.rules import Rules
    from agent.station.work import Operation
    from drivers.contract import Scan

NOBODY: Mapping[str, Document] = {}
"""No override was given."""


class Interlock:
    """The operations of one station: what may start, and what cards and badges do.  `work` is the one that is open."""

    def __init__(self, rules: Rules) -> None:
        self._admitted = [(operation, re.compile(operation.units).fullmatch) for operation in rules.operation]
        self._people = People(rules)
        self._admission = Admission(rules)
        self._overrides = Overrides(rules.policies, self._people)
        self._line = LineWork(rules)
        self._defects = Defects(rules, self._people, self._overrides, self._line)
        self._shifts = shifts.Shifts(rules)
        self.work = OpenWork(rules, self._overrides, self._line)

    def turn(self, draft: Draft) -> None:
        """Notice what the clock alone has brought about."""
        if self._shifts.by_clock:
            self._shifts.turn(draft, (draft.get(OPERATION) or {}).get("unit", ""))

    def scanned(self, draft: Draft, device: str, scan: Scan, meaning: Meaning) -> None:
        """Act on a scan whose meaning is known and is not a command."""
        data, groups = scan_data(device, scan, meaning), dict(meaning.groups)
        if meaning.what == "operator":
            self._badge(draft, data, groups["operator"])
        elif meaning.what == "unit":
            self._unit(draft, data, groups["unit"], NOBODY)
        else:
            self.work.component(draft, data, groups, NOBODY)

    def card(self, draft: Draft, word: str, text: str, data: Document) -> bool:
        """Act on a command card, `word` and what follows its colon.  Returns False if it is none of these."""
        match word, text:
            case "sign-off", "":
                self._overrides.withdraw(draft, "signed off")
                self._people.sign_off(draft, data)
            case "abort", _:
                self._abort(draft, data, text)
            case "reason", _:
                if (answered := self._overrides.reason(draft, data, text)) is not None:
                    self._resume(draft, *answered)
            case "tick", _:
                self.work.step(draft, "tick", text, data)
            case "shift-change", "":
                self._shifts.card(draft, (draft.get(OPERATION) or {}).get("unit", ""), data)
            case "defect", _:
                self._defects.card(draft, data, text, self._about(draft))
            case _, "" if word in {*Disposition}:
                self._dispose(draft, data, Disposition(word), self._about(draft), {})
            case _:
                return False
        return True

    def awaits(self, draft: Draft, badge: str) -> bool:
        """Whether a question is open that this person may answer."""
        return self._overrides.awaits(draft, badge)

    def heard(self, draft: Draft, progress: LineProgress) -> None:
        """Take the word of another station of the line."""
        self._line.hear(draft, progress)

    def _badge(self, draft: Draft, data: Document, operator: str) -> None:
        if self._overrides.badge(draft, data, operator):
            return
        self._overrides.withdraw(draft, f"{operator} signed on")
        self._people.sign_on(draft, data, operator)

    def _resume(self, draft: Draft, resume: Document, given: dict[str, Document]) -> None:
        """Do what was asked for; all else that it needs is looked at anew."""
        granted = {**resume.get("granted", {}), **given}
        match resume["act"]:
            case "unit":
                self._unit(draft, resume["data"], resume["unit"], granted)
            case "component":
                self.work.component(draft, resume["data"], resume["groups"], granted)
            case _:
                self._dispose(draft, resume["data"], Disposition(resume["disposition"]), resume["about"], granted)

    def _abort(self, draft: Draft, data: Document, why: str) -> None:
        """End the open operation without completing it; where only a question is open, withdraw that."""
        withdrawn = self._overrides.withdraw(draft, "aborted")
        document = draft.get(OPERATION)
        if document is not None:
            self.work.end(draft, document, {**data, "reason": why} if why else data)
            draft.accept(f"{document['unit']}: {document['operation']} aborted")
        elif withdrawn:
            draft.accept("the question is withdrawn")
        else:
            draft.reject(Kind.COMMAND_REJECTED, "", data, "no operation is open")

    def _about(self, draft: Draft) -> Document:
        """The unit that a card speaks of: the open one, else the one that was scanned last."""
        opened = draft.get(OPERATION)
        if opened is not None:
            return {"unit": opened["unit"], "operation": opened["operation"]}
        return dict(draft.get(CONCERNED) or {})

    def _dispose(
        self, draft: Draft, data: Document, disposition: Disposition, about: Document, granted: dict[str, Document]
    ) -> None:
        opened = draft.get(OPERATION)
        decided = self._defects.dispose(draft, data, disposition, about=about, granted=granted)
        if decided and disposition is Disposition.SCRAP and opened and opened["unit"] == about["unit"]:
            self.work.end(draft, opened, {**data, "reason": "scrap"})

    def _unit(self, draft: Draft, data: Document, unit: str, granted: Mapping[str, Document]) -> None:
        scanned, data = data, {**data, "unit": unit, **who(draft)}
        opened = draft.get(OPERATION)
        self._overrides.withdraw(draft, f"unit {unit} was scanned")
        if opened is not None and opened["unit"] == unit:
            if reason := unitbook.held(draft, unit):
                draft.reject(Kind.OPERATION_REJECTED, unit, data, reason)
                return
            draft.record(Kind.SCAN_REPEATED, unit, data)
            draft.accept(f"{unit} is open: {opened['needs'][0]}")
            return
        operations = self._fitting(draft, unit)
        if opened is None and self.work.books(draft):
            draft.put(CONCERNED, {"unit": unit})
        if reason := self._objection(draft, opened, operations, unit):
            draft.reject(Kind.OPERATION_REJECTED, unit, data, reason)
            return
        operation = operations[0]
        found = self._admission.examine(draft, operation, unit, granted)
        bill = self._admission.bill(found, operation, unit)
        told = {**data, "operation": operation.name, **found.told()}
        if found.refusal:
            draft.reject(Kind.OPERATION_REJECTED, unit, told, found.refusal)
        elif found.asked:
            resume: Document = {"act": "unit", "data": scanned, "unit": unit, "granted": dict(granted)}
            self._overrides.ask(draft, unit, found.asked, told, resume)
        else:
            self._start(draft, operation, unit, told=told, found=found, bill=bill)

    def _start(
        self,
        draft: Draft,
        operation: Operation,
        unit: str,
        *,
        told: Document,
        found: Examination,
        bill: list[Document] | None,
    ) -> None:
        started: Document = {
            "operation": operation.name,
            "unit": unit,
            "started": draft.moment.iso,
            "started_monotonic_ns": draft.moment.monotonic_ns,
            "started_boot": draft.moment.boot,
            "started_by": signed_on(draft),
            "parts": [],
            "measurements": [],
        }
        more: Document = {}
        if product := self._admission.products.of(draft.reference, unit):
            more["product"] = product.number
        if self.work.books(draft) and operation.name in finished(
            draft.reference, entry := unitbook.look_up(draft, unit), unit
        ):
            more["again"] = "rework" if again(operation, draft.reference, product, entry) else "unchecked"
        draft.record(Kind.OPERATION_STARTED, unit, {**told, **more})
        draft.accept(f"{unit}: {operation.name} started")
        if bill is not None:
            started["bom"] = bill
        if skipped := sampling.not_due(draft, operation):
            started["skipped"] = skipped
        self.work.proceed(draft, {**started, **more, **kept(found)})

    def _fitting(self, draft: Draft, unit: str) -> list[Operation]:
        """The operations that a unit may be here for; the route tells which where several fit."""
        fitting = [operation for operation, admits in self._admitted if admits(unit)]
        if len(fitting) < 2:  # noqa: PLR2004  nothing to choose from
            return fitting
        entry = unitbook.look_up(draft, unit)
        if entry.get("status") == Disposition.REWORK:
            wanted = entry.get("at")
        else:
            route = route_of(draft.reference, self._admission.products.of(draft.reference, unit))
            complete = finished(draft.reference, entry, unit)
            wanted = next((one for one in route.operations if one not in complete), None) if route else None
        return [one for one in fitting if one.name == wanted] or fitting

    def _objection(self, draft: Draft, opened: Document | None, operations: list[Operation], unit: str) -> str | None:
        """Why `unit` may not be started now whatever the data says, or None."""
        if stop := calls.open_stop(draft):
            return stop
        if opened is not None:
            return f"{opened['unit']} is still open: finish or abort it first"
        if len(operations) != 1:
            return f"unit {unit} fits {len(operations)} operations of this station: {[one.name for one in operations]}"
        if operations[0].operator and draft.get(OPERATOR) is None:
            return "nobody is signed on: scan your badge first"
        for characteristic in operations[0].measurement:
            if reason := devices.lost(draft, characteristic.gauge):
                return f"{characteristic.gauge} does not work: {reason}"
        return None


def scan_data(device: str, scan: Scan, meaning: Meaning | None) -> Document:
    """What every scan's fact tells: device, rule, text, symbology identifier and raw bytes.

    Of a label that was read also its elements, and whether control characters were missing.
    """
    data: Document = {
        "device": device,
        "rule": meaning.rule if meaning else "",
        "text": scan.text,
        "symbology": scan.symbology,
        "raw": raw_text(scan.raw),
    }
    if meaning and meaning.elements:
        data["elements"] = dict(meaning.elements)
    if meaning and meaning.nonconforming:
        data["nonconforming"] = True
    return data
