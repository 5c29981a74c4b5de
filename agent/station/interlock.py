"""Decide whether the work may go on: start, build in, measure, tick, complete.

Knows the rules and the memory, and asks the rooms beside it what the data says.  Doubt falls towards refusal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from agent.events import Kind, raw_text
from agent.station import andon, components, defects, devices, sampling, shifts, steps, unitbook
from agent.station.admission import Admission, again, finished
from agent.station.defects import Defects
from agent.station.line import LineWork
from agent.station.measuring import Judgement, judge, limits_of, reading_data, take
from agent.station.overrides import Overrides
from agent.station.people import OPERATOR, People, signed_on, who
from agent.station.policy import Disposition
from agent.station.products import route_of
from agent.station.reference import Set
from agent.station.units import UnitMismatchError, convert

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.signals import LineProgress
    from agent.station.codes import Meaning
    from agent.station.decision import Document, Draft
    from agent.station.examination import Examination
    from agent.station.rules import Rules
    from agent.station.steps import Need
    from agent.station.work import Characteristic, Operation
    from drivers.contract import Contact, Reading, Scan

__all__ = ["OPERATION", "OPERATOR", "Interlock", "Judgement", "judge", "scan_data"]

OPERATION = "operation"
"""Key of the document of the open operation."""

CONCERNED = "concerned"
"""Key of the document that tells which unit was spoken of last, for what is said of it when none is open."""

NOBODY: Mapping[str, Document] = {}
"""No override was given."""


class Interlock:
    """The operations of one station, applied to what is scanned and measured."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._policies = rules.policies
        self._operations = {operation.name: operation for operation in rules.operation}
        self._units = {operation.name: re.compile(operation.units) for operation in rules.operation}
        self._people = People(rules)
        self._admission = Admission(rules)
        self._overrides = Overrides(rules.policies, self._people)
        self._line = LineWork(rules)
        self._defects = Defects(rules, self._people, self._overrides, self._line)
        self._shifts = shifts.Shifts(rules)
        self._keeps_book = bool(rules.interlock or rules.line or rules.defect or rules.authority)

    def turn(self, draft: Draft) -> None:
        """Notice what the clock alone has brought about."""
        self._shifts.turn(draft, (draft.get(OPERATION) or {}).get("unit", ""))

    def scanned(self, draft: Draft, device: str, scan: Scan, meaning: Meaning) -> None:
        """Act on a scan whose meaning is known and is not a command."""
        data, groups = scan_data(device, scan, meaning), dict(meaning.groups)
        if meaning.what == "operator":
            self._badge(draft, data, groups["operator"])
        elif meaning.what == "unit":
            self._unit(draft, data, groups["unit"], NOBODY)
        else:
            self._component(draft, data, groups, NOBODY)

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
                self._step(draft, "tick", text, data)
            case "shift-change", "":
                self._shifts.card(draft, (draft.get(OPERATION) or {}).get("unit", ""), data)
            case "defect", _:
                self._defects.card(draft, data, text, self._about(draft))
            case _, "" if word in {*Disposition}:
                self._dispose(draft, data, Disposition(word), self._about(draft), {})
            case _:
                return False
        return True

    def pressed(self, draft: Draft, device: str, contact: Contact) -> None:
        """Tick the step that a button stands for, if its operation is open."""
        opened = draft.get(OPERATION)
        operation = self._operations.get(opened["operation"]) if opened else None
        for step in operation.step if operation and contact.active else ():
            if step.kind == "tick" and (step.device, step.input) == (device, contact.input):
                data: Document = {"device": device, "input": contact.input, "raw": raw_text(contact.raw)}
                self._step(draft, "tick", step.name, data)

    def signalled(self, draft: Draft, signal: str, contact: Contact) -> None:
        """Take a machine signal that has changed as the step that waits for it, if any."""
        opened = draft.get(OPERATION)
        waiting = [need for need in self._due(opened) if need.kind == "await"] if opened else []
        if any(need.what == signal and need.active == contact.active for need in waiting):
            self._step(draft, "await", signal, {"signal": signal, "active": contact.active})

    def heard(self, draft: Draft, progress: LineProgress) -> None:
        """Take the word of another station of the line."""
        self._line.hear(draft, progress)

    def measured(self, draft: Draft, device: str, reading: Reading) -> None:
        """Judge a value against the measurement that waits for this gauge, if any."""
        data = reading_data(device, reading)
        document = draft.get(OPERATION)
        characteristic = self._awaited(document, device) if document else None
        if document is None or characteristic is None:
            draft.record(Kind.MEASUREMENT_TAKEN, device, {**data, "verdict": Judgement.NONE})
            return
        unit = document["unit"]
        limits, source = limits_of(draft, document, characteristic)
        data |= {"name": characteristic.name, "operation": document["operation"], **source, **who(draft)}
        try:
            value = convert(reading.value, reading.unit, limits.unit)
        except UnitMismatchError as error:
            draft.reject(Kind.MEASUREMENT_REJECTED, unit, data, f"{device}: {error}")
            return
        if not reading.stable:
            draft.reject(Kind.MEASUREMENT_REJECTED, unit, data, f"{device}: value is not stable yet")
        elif reason := _stopped(draft, unit):
            draft.reject(Kind.MEASUREMENT_REJECTED, unit, data, reason)
        else:
            taken = take(draft, unit, characteristic.name, limits, data=data, value=value)
            if taken["verdict"] == Judgement.FAIL and self._books(draft):
                defects.noted(draft, unit)
            self._proceed(draft, {**document, "measurements": [*document["measurements"], taken]})

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
                self._component(draft, resume["data"], resume["groups"], granted)
            case _:
                self._dispose(draft, resume["data"], Disposition(resume["disposition"]), resume["about"], granted)

    def _abort(self, draft: Draft, data: Document, why: str) -> None:
        """End the open operation without completing it; where only a question is open, withdraw that."""
        withdrawn = self._overrides.withdraw(draft, "aborted")
        document = draft.get(OPERATION)
        if document is not None:
            self._end(draft, document, {**data, "reason": why} if why else data)
            draft.accept(f"{document['unit']}: {document['operation']} aborted")
        elif withdrawn:
            draft.accept("the question is withdrawn")
        else:
            draft.reject(Kind.COMMAND_REJECTED, "", data, "no operation is open")

    def _end(self, draft: Draft, document: Document, data: Document) -> None:
        draft.forget(OPERATION)
        draft.record(Kind.OPERATION_ABORTED, document["unit"], {**data, **_history(draft, document), **who(draft)})

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
            self._end(draft, opened, {**data, "reason": "scrap"})

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
        if opened is None and self._books(draft):
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
        if self._books(draft) and operation.name in finished(
            draft.reference, entry := unitbook.look_up(draft, unit), unit
        ):
            more["again"] = "rework" if again(operation, draft.reference, product, entry) else "unchecked"
        draft.record(Kind.OPERATION_STARTED, unit, {**told, **more})
        draft.accept(f"{unit}: {operation.name} started")
        if bill is not None:
            started["bom"] = bill
        if skipped := sampling.not_due(draft, operation):
            started["skipped"] = skipped
        self._proceed(draft, {**started, **more, **_kept(found)})

    def _fitting(self, draft: Draft, unit: str) -> list[Operation]:
        """The operations that a unit may be here for; the route tells which where several fit."""
        fitting = [one for one in self._operations.values() if self._units[one.name].fullmatch(unit) is not None]
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
        if stop := andon.open_stop(draft):
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

    def _component(
        self, draft: Draft, data: Document, groups: Mapping[str, str], granted: Mapping[str, Document]
    ) -> None:
        scanned = data
        part, lot = groups["part"], groups.get("lot", "")
        document = draft.get(OPERATION)
        told = {key: groups[key] for key in ("serial", "expiry") if groups.get(key)}
        data = {**data, "part": part, "lot": lot, **told, **who(draft)}
        self._overrides.withdraw(draft, f"part {part} was scanned")
        if document is None:
            draft.reject(Kind.PART_REJECTED, "", data, "no unit is open: scan the unit first")
            return
        data |= {"unit": document["unit"], "operation": document["operation"]}
        if reason := self._unwanted(draft, document, groups):
            draft.reject(Kind.PART_REJECTED, document["unit"], data, reason)
            return
        found = components.examine(draft, self._policies, groups, document, granted)
        data |= found.told()
        if found.refusal:
            draft.reject(Kind.PART_REJECTED, document["unit"], data, found.refusal)
        elif found.asked:
            resume: Document = {"act": "component", "data": scanned, "groups": dict(groups), "granted": dict(granted)}
            self._overrides.ask(draft, document["unit"], found.asked, data, resume)
        else:
            self._built_in(draft, document, data, found, {"part": part, "lot": lot, **told})

    def _unwanted(self, draft: Draft, document: Document, groups: Mapping[str, str]) -> str | None:
        """Why a component is not asked for now, or None."""
        part = groups["part"]
        operation = self._operations.get(document["operation"])
        wanted = {one.number: one for one in steps.parts_of(operation, document)} if operation else {}
        stepped = {one.part for one in operation.step} if operation else set()
        if reason := _stopped(draft, document["unit"]):
            return reason
        if operation is None or (part not in wanted and part not in stepped):
            return f"part {part} does not belong to {document['operation']}"
        left = steps.needs(operation, document)
        if not _is_scan(left, part):
            return f"part {part} is complete"
        if not _is_scan(due := steps.due(operation, left), part):
            return f"not yet: first {due[0].words}"
        if part in wanted and wanted[part].serial and not groups.get("serial"):
            return f"part {part} needs a serial number; this label tells none"
        return None

    def _built_in(
        self, draft: Draft, document: Document, data: Document, found: Examination, piece: dict[str, str]
    ) -> None:
        draft.record(Kind.PART_ACCEPTED, document["unit"], data)
        number_told = f"lot {piece['lot']}" if piece["lot"] else f"serial {piece.get('serial', '')}"
        draft.accept(f"part {piece['part']} {number_told} accepted")
        if "serial" in piece:
            components.use(draft, piece["part"], piece["serial"], document["unit"])
        kept = _kept(found)
        document = {
            **document,
            "parts": [*document["parts"], {**piece, "time": draft.moment.iso}],
            **{key: [*document.get(key, []), *added] for key, added in kept.items()},
        }
        operation = self._operations.get(document["operation"])
        if operation is not None:
            document = sampling.with_lot(draft, operation, document, piece["part"], piece["lot"])
        self._proceed(draft, document)

    def _step(self, draft: Draft, kind: str, what: str, data: Document) -> None:
        """Take a step that is ticked, or that a machine has done."""
        document = draft.get(OPERATION)
        if document is None:
            draft.reject(Kind.STEP_REJECTED, "", {**data, "step": what}, "no unit is open: scan the unit first")
            return
        about = {"unit": document["unit"], "operation": document["operation"], **who(draft)}
        due = self._due(document)
        need = next((one for one in due if (one.kind, one.what) == (kind, what)), None)
        reason = _stopped(draft, document["unit"])
        if need is None:
            first = f": first {due[0].words}" if due else ""
            reason = reason or f"{what} is not asked for now{first}"
        if reason or need is None:
            draft.reject(Kind.STEP_REJECTED, document["unit"], {**data, "step": what, **about}, reason or "")
            return
        draft.record(Kind.STEP_DONE, document["unit"], {**data, "step": need.step, "kind": kind, **about})
        draft.accept(f"{need.step} is done")
        taken = {"step": need.step, "time": draft.moment.iso, **who(draft)}
        self._proceed(draft, {**document, "steps": [*document.get("steps", []), taken]})

    def _proceed(self, draft: Draft, document: Document) -> None:
        """Keep the operation open with what it still needs, or complete it."""
        operation = self._operations.get(document["operation"])
        if operation is None:
            draft.put(OPERATION, {**document, "needs": [f"abort: {document['operation']} is not in the rules"]})
            return
        if left := steps.needs(operation, document):
            draft.put(OPERATION, {**document, "needs": [need.words for need in left]})
            return
        draft.forget(OPERATION)
        draft.record(Kind.OPERATION_COMPLETED, document["unit"], {**_history(draft, document), **who(draft)})
        draft.accept(f"{document['unit']}: {document['operation']} complete")
        sampling.count(draft, operation, document)
        if self._books(draft):
            draft.put(CONCERNED, {"unit": document["unit"], "operation": document["operation"]})
            self._line.did(draft, document["unit"], operation.name, again=document.get("again") == "rework")

    def _books(self, draft: Draft) -> bool:
        """Whether somebody will ask what was done to a unit here."""
        return self._keeps_book or any(draft.reference.has(which) for which in (Set.UNITS, Set.ROUTES, Set.PRODUCTS))

    def _due(self, document: Document) -> list[Need]:
        operation = self._operations.get(document["operation"])
        return steps.due(operation, steps.needs(operation, document)) if operation else []

    def _awaited(self, document: Document, gauge: str) -> Characteristic | None:
        """The characteristic that is to be measured next with a gauge."""
        operation = self._operations.get(document["operation"])
        declared = {one.name: one for one in operation.measurement} if operation else {}
        wanted = [declared[need.what] for need in self._due(document) if need.kind == "measure"]
        return next((one for one in wanted if one.gauge == gauge), None)


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


def _is_scan(left: list[Need], part: str) -> bool:
    return any(need.kind == "scan" and need.what == part for need in left)


def _stopped(draft: Draft, unit: str) -> str | None:
    """Why nothing may be done to the open unit, or None."""
    return andon.open_stop(draft) or unitbook.held(draft, unit)


def _kept(found: Examination) -> dict[str, Any]:
    """What an operation carries along to its last fact: doubts that were let pass, and who answered for others."""
    told = found.told()
    return {key: told[key] for key in ("flags", "overrides") if key in told}


def _history(draft: Draft, document: Document) -> Document:
    """The whole operation as it goes into its last fact."""
    keys = ("operation", "unit", "started", "started_by", "parts", "measurements")
    told: dict[str, Any] = {key: document[key] for key in keys}
    more = ("product", "again", "steps", "skipped", "flags", "overrides")
    told |= {key: document[key] for key in more if document.get(key)}
    told["ended"] = draft.moment.iso
    told["duration_s"] = draft.moment.seconds_since(document["started_monotonic_ns"], document["started_boot"])
    return told
