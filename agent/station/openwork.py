"""Do the operation that is open: build in, measure, tick, and complete it when nothing more is needed.

Knows what the operation needs and what the data says of a component.  Knows nothing of how an operation is started.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.events import Kind, raw_text
from agent.station import components, defects, sampling, steps, unitbook
from agent.station.andon import calls
from agent.station.measuring import Judgement, limits_of, reading_data, take
from agent.station.people import who
from agent.station.reference import Set
from agent.station.units import UnitMismatchError, convert

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from agent.station.decision import Document, Draft
    from agent.station.examination import Examination
    from agent.station.line import LineWork
    from agent.station.overrides import Overrides
    from agent.station.rules import Rules
    from agent.station.steps import Need
    from agent.station.work import Characteristic, Operation
    from drivers.contract import Contact, Reading

OPERATION = "operation"
"""Key of the document of the open operation."""

CONCERNED = "concerned"
"""Key of the document that tells which unit was spoken of last, for what is said of it when none is open."""

OF_UNITS = frozenset((Set.UNITS, Set.ROUTES, Set.PRODUCTS))
"""Sets by which somebody asks what was done to a unit."""


class OpenWork:
    """The operation that is open at one station."""

    def __init__(self, rules: Rules, overrides: Overrides, line: LineWork) -> None:
        self._operations = {operation.name: operation for operation in rules.operation}
        self._characteristics = {
            operation.name: {one.name: one for one in operation.measurement} for operation in rules.operation
        }
        self._policies = rules.policies
        self._overrides = overrides
        self._line = line
        self._known: tuple[Document, Sequence[Need]] = {}, ()
        self._keeps_book = bool(rules.interlock or rules.line or rules.defect or rules.authority)

    def component(
        self, draft: Draft, data: Document, groups: Mapping[str, str], granted: Mapping[str, Document]
    ) -> None:
        """Build a component in, if nothing is known against it but what `granted` answers for."""
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
        elif reason := stopped(draft, unit):
            draft.reject(Kind.MEASUREMENT_REJECTED, unit, data, reason)
        else:
            taken = take(draft, unit, characteristic.name, limits, data=data, value=value)
            if taken["verdict"] == Judgement.FAIL and self.books(draft):
                defects.noted(draft, unit)
            self.proceed(draft, {**document, "measurements": [*document["measurements"], taken]})

    def pressed(self, draft: Draft, device: str, contact: Contact) -> None:
        """Tick the step that a button stands for, if its operation is open."""
        opened = draft.get(OPERATION)
        operation = self._operations.get(opened["operation"]) if opened else None
        for step in operation.step if operation and contact.active else ():
            if step.kind == "tick" and (step.device, step.input) == (device, contact.input):
                data: Document = {"device": device, "input": contact.input, "raw": raw_text(contact.raw)}
                self.step(draft, "tick", step.name, data)

    def signalled(self, draft: Draft, signal: str, contact: Contact) -> None:
        """Take a machine signal that has changed as the step that waits for it, if any."""
        opened = draft.get(OPERATION)
        waiting = [need for need in self.due(opened) if need.kind == "await"] if opened else []
        if any(need.what == signal and need.active == contact.active for need in waiting):
            self.step(draft, "await", signal, {"signal": signal, "active": contact.active})

    def step(self, draft: Draft, kind: str, what: str, data: Document) -> None:
        """Take a step that is ticked, or that a machine has done."""
        document = draft.get(OPERATION)
        if document is None:
            draft.reject(Kind.STEP_REJECTED, "", {**data, "step": what}, "no unit is open: scan the unit first")
            return
        about = {"unit": document["unit"], "operation": document["operation"], **who(draft)}
        due = self.due(document)
        need = next((one for one in due if (one.kind, one.what) == (kind, what)), None)
        reason = stopped(draft, document["unit"])
        if need is None:
            first = f": first {due[0].words}" if due else ""
            reason = reason or f"{what} is not asked for now{first}"
        if reason or need is None:
            draft.reject(Kind.STEP_REJECTED, document["unit"], {**data, "step": what, **about}, reason or "")
            return
        draft.record(Kind.STEP_DONE, document["unit"], {**data, "step": need.step, "kind": kind, **about})
        draft.accept(f"{need.step} is done")
        taken = {"step": need.step, "time": draft.moment.iso, **who(draft)}
        self.proceed(draft, {**document, "steps": [*document.get("steps", []), taken]})

    def proceed(self, draft: Draft, document: Document) -> None:
        """Keep the operation open with what it still needs, or complete it."""
        operation = self._operations.get(document["operation"])
        if operation is None:
            draft.put(OPERATION, {**document, "needs": [f"abort: {document['operation']} is not in the rules"]})
            return
        if left := steps.needs(operation, document):
            opened = {**document, "needs": [need.words for need in left]}
            draft.put(OPERATION, opened)
            self._known = opened, left
            return
        draft.forget(OPERATION)
        draft.record(Kind.OPERATION_COMPLETED, document["unit"], {**_history(draft, document), **who(draft)})
        draft.accept(f"{document['unit']}: {document['operation']} complete")
        sampling.count(draft, operation, document)
        if self.books(draft):
            draft.put(CONCERNED, {"unit": document["unit"], "operation": document["operation"]})
            self._line.did(draft, document["unit"], operation.name, again=document.get("again") == "rework")

    def end(self, draft: Draft, document: Document, data: Document) -> None:
        """End the operation without completing it."""
        draft.forget(OPERATION)
        draft.record(Kind.OPERATION_ABORTED, document["unit"], {**data, **_history(draft, document), **who(draft)})

    def books(self, draft: Draft) -> bool:
        """Whether somebody will ask what was done to a unit here."""
        return self._keeps_book or not OF_UNITS.isdisjoint(draft.reference.revisions)

    def due(self, document: Document) -> Sequence[Need]:
        """What may be done now."""
        operation = self._operations.get(document["operation"])
        return steps.due(operation, self._needs(operation, document)) if operation else ()

    def _needs(self, operation: Operation, document: Document) -> Sequence[Need]:
        """What is still to do; known of the document that was put last, since documents never change."""
        known, left = self._known
        return left if known is document else steps.needs(operation, document)

    def _unwanted(self, draft: Draft, document: Document, groups: Mapping[str, str]) -> str | None:
        """Why a component is not asked for now, or None."""
        part = groups["part"]
        operation = self._operations.get(document["operation"])
        if reason := stopped(draft, document["unit"]):
            return reason
        if operation is None:
            return f"part {part} does not belong to {document['operation']}"
        wanted = steps.by_number(operation, document)
        left = self._needs(operation, document)
        if not _is_scan(due := steps.due(operation, left), part):
            if part not in wanted and all(one.part != part for one in operation.step):
                return f"part {part} does not belong to {document['operation']}"
            return f"not yet: first {due[0].words}" if _is_scan(left, part) else f"part {part} is complete"
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
        carried = kept(found)
        document = {
            **document,
            "parts": [*document["parts"], {**piece, "time": draft.moment.iso}],
            **{key: [*document.get(key, []), *added] for key, added in carried.items()},
        }
        operation = self._operations.get(document["operation"])
        if operation is not None:
            document = sampling.with_lot(draft, operation, document, piece["part"], piece["lot"])
        self.proceed(draft, document)

    def _awaited(self, document: Document, gauge: str) -> Characteristic | None:
        """The characteristic that is to be measured next with a gauge."""
        declared = self._characteristics.get(document["operation"], {})
        for need in self.due(document):
            if need.kind == "measure" and declared[need.what].gauge == gauge:
                return declared[need.what]
        return None


def _is_scan(left: Sequence[Need], part: str) -> bool:
    for need in left:  # noqa: SIM110  asked at each scan, and a loop is twice as quick
        if need.what == part and need.kind == "scan":
            return True
    return False


def stopped(draft: Draft, unit: str) -> str | None:
    """Why nothing may be done to the open unit, or None."""
    return calls.open_stop(draft) or unitbook.held(draft, unit)


def kept(found: Examination) -> dict[str, Any]:
    """What an operation carries along to its last fact: doubts that were let pass, and who answered for others."""
    told = found.told()
    return {key: told[key] for key in ("flags", "overrides") if key in told} if told else told


def _history(draft: Draft, document: Document) -> Document:
    """The whole operation as it goes into its last fact."""
    keys = ("operation", "unit", "started", "started_by", "parts", "measurements")
    told: dict[str, Any] = {key: document[key] for key in keys}
    more = ("product", "again", "steps", "skipped", "flags", "overrides")
    told |= {key: document[key] for key in more if document.get(key)}
    told["ended"] = draft.moment.iso
    told["duration_s"] = draft.moment.seconds_since(document["started_monotonic_ns"], document["started_boot"])
    return told
