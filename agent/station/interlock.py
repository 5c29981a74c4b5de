"""Decide whether the work may go on: sign on, start, build in, measure, complete.

Knows the rules and the memory.  Doubt falls towards refusal.
"""

from __future__ import annotations

import math
import re
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from agent.events import Kind, raw_text
from agent.station import andon, devices
from agent.station.units import UnitMismatchError, convert

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

    from agent.station.codes import Meaning
    from agent.station.decision import Document, Draft
    from agent.station.rules import Characteristic, Operation, Rules
    from drivers.contract import Reading, Scan

OPERATOR = "operator"
"""Key of the document that tells who is signed on."""

OPERATION = "operation"
"""Key of the document of the open operation."""


class Judgement(StrEnum):
    """How a value stands to its limits; `none` where nobody asked."""

    PASS = "pass"  # noqa: S105  a judgement, no secret
    FAIL = "fail"
    NONE = "none"


def judge(value: Decimal, characteristic: Characteristic) -> Judgement:
    """Pass only what lies inside, both ends included; NaN lies nowhere."""
    inside = value.is_finite() and characteristic.low <= value <= characteristic.high
    return Judgement.PASS if inside else Judgement.FAIL


class Interlock:
    """The operations of one station, applied to what is scanned and measured."""

    def __init__(self, rules: Rules) -> None:
        self._operations = {operation.name: operation for operation in rules.operation}
        self._units = {operation.name: re.compile(operation.units) for operation in rules.operation}

    def scanned(self, draft: Draft, device: str, scan: Scan, meaning: Meaning) -> None:
        """Act on a scan whose meaning is known and is not a command."""
        act: Callable[[Draft, Document, Mapping[str, str]], None] = {
            "operator": self._badge,
            "unit": self._unit,
            "lot": self._lot,
        }[meaning.what]
        act(draft, scan_data(device, scan, meaning), meaning.groups)

    def measured(self, draft: Draft, device: str, reading: Reading) -> None:
        """Judge a value against the measurement that waits for this gauge, if any."""
        data: Document = {
            "gauge": device,
            "value": _number(reading.value),
            "text": reading.text,
            "unit": reading.unit,
            "stable": reading.stable,
            "raw": raw_text(reading.raw),
        }
        if reading.gauge:
            data["instrument"] = reading.gauge
        if reading.judged:
            data["instrument_verdict"] = reading.judged
        document = draft.get(OPERATION)
        characteristic = self._awaited(document, device) if document else None
        if document is None or characteristic is None:
            draft.record(Kind.MEASUREMENT_TAKEN, device, {**data, "verdict": Judgement.NONE})
            return
        data |= {"name": characteristic.name, "operation": document["operation"], **_who(draft)}
        try:
            value = convert(reading.value, reading.unit, characteristic.unit)
        except UnitMismatchError as error:
            _reject(draft, Kind.MEASUREMENT_REJECTED, document["unit"], data, f"{device}: {error}")
            return
        if not reading.stable:
            _reject(draft, Kind.MEASUREMENT_REJECTED, document["unit"], data, f"{device}: value is not stable yet")
        elif stop := andon.open_stop(draft):
            _reject(draft, Kind.MEASUREMENT_REJECTED, document["unit"], data, stop)
        else:
            self._judged(draft, document, characteristic, data, value)

    def sign_off(self, draft: Draft, data: Document) -> None:
        """End the operator's session; an open operation stays open."""
        document = draft.get(OPERATOR)
        if document is None:
            _reject(draft, Kind.COMMAND_REJECTED, "", data, "nobody is signed on")
            return
        draft.forget(OPERATOR)
        draft.record(Kind.OPERATOR_SIGNED_OFF, document["operator"], {**data, **document})
        draft.accept(f"{document['operator']} signed off")

    def abort(self, draft: Draft, data: Document) -> None:
        """End the open operation without completing it."""
        document = draft.get(OPERATION)
        if document is None:
            _reject(draft, Kind.COMMAND_REJECTED, "", data, "no operation is open")
            return
        draft.forget(OPERATION)
        draft.record(Kind.OPERATION_ABORTED, document["unit"], {**data, **_history(draft, document), **_who(draft)})
        draft.accept(f"{document['unit']}: {document['operation']} aborted")

    def _badge(self, draft: Draft, data: Document, groups: Mapping[str, str]) -> None:
        operator = groups["operator"]
        before = draft.get(OPERATOR)
        if before is not None and before["operator"] == operator:
            draft.record(Kind.SCAN_REPEATED, operator, data)
            draft.accept(f"{operator} is signed on")
            return
        if before is not None:
            draft.record(Kind.OPERATOR_SIGNED_OFF, before["operator"], {**data, **before, "relieved_by": operator})
        draft.put(OPERATOR, {"operator": operator, "since": draft.moment.iso})
        draft.record(Kind.OPERATOR_SIGNED_ON, operator, {**data, "operator": operator})
        draft.accept(f"{operator} signed on")

    def _unit(self, draft: Draft, data: Document, groups: Mapping[str, str]) -> None:
        unit = groups["unit"]
        data = {**data, "unit": unit, **_who(draft)}
        opened = draft.get(OPERATION)
        if opened is not None and opened["unit"] == unit:
            draft.record(Kind.SCAN_REPEATED, unit, data)
            draft.accept(f"{unit} is open: {opened['needs'][0]}")
            return
        operations = [operation for operation in self._operations.values() if self._is_for(operation, unit)]
        if reason := self._objection(draft, opened, operations, unit):
            _reject(draft, Kind.OPERATION_REJECTED, unit, data, reason)
            return
        operation = operations[0]
        started: Document = {
            "operation": operation.name,
            "unit": unit,
            "started": draft.moment.iso,
            "started_monotonic_ns": draft.moment.monotonic_ns,
            "started_boot": draft.moment.boot,
            "started_by": data.get("operator", ""),
            "parts": [],
            "measurements": [],
        }
        draft.record(Kind.OPERATION_STARTED, unit, {**data, "operation": operation.name})
        draft.accept(f"{unit}: {operation.name} started")
        self._proceed(draft, started)

    def _objection(self, draft: Draft, opened: Document | None, operations: list[Operation], unit: str) -> str | None:
        """Why `unit` may not be started now, or None."""
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

    def _lot(self, draft: Draft, data: Document, groups: Mapping[str, str]) -> None:
        part, lot = groups["part"], groups["lot"]
        document = draft.get(OPERATION)
        data = {**data, "part": part, "lot": lot, **_who(draft)}
        if document is None:
            _reject(draft, Kind.PART_REJECTED, "", data, "no unit is open: scan the unit first")
            return
        data |= {"unit": document["unit"], "operation": document["operation"]}
        operation = self._operations.get(document["operation"])
        missing = _parts_missing(operation, document) if operation else {}
        if stop := andon.open_stop(draft):
            reason = stop
        elif part not in missing:
            reason = f"part {part} does not belong to {document['operation']}"
        elif missing[part] == 0:
            reason = f"part {part} is complete"
        else:
            draft.record(Kind.PART_ACCEPTED, document["unit"], data)
            draft.accept(f"part {part} lot {lot} accepted")
            taken = {"part": part, "lot": lot, "time": draft.moment.iso}
            self._proceed(draft, {**document, "parts": [*document["parts"], taken]})
            return
        _reject(draft, Kind.PART_REJECTED, document["unit"], data, reason)

    def _judged(
        self, draft: Draft, document: Document, characteristic: Characteristic, data: Document, value: Decimal
    ) -> None:
        judgement = judge(value, characteristic)
        limits = {"low": float(characteristic.low), "high": float(characteristic.high)}
        taken = {
            "name": characteristic.name,
            "gauge": data["gauge"],
            "value": _number(value),
            "text": str(value),
            "unit": characteristic.unit,
            "verdict": judgement,
            "time": draft.moment.iso,
            **limits,
        }
        draft.record(
            Kind.MEASUREMENT_TAKEN,
            document["unit"],
            {**data, **limits, "judged": _number(value), "judged_unit": characteristic.unit, "verdict": judgement},
        )
        told = f"{characteristic.name} {value} {characteristic.unit}"
        if judgement is Judgement.FAIL:
            draft.record(Kind.DEFECT_RECORDED, document["unit"], {**taken, "defect": "out-of-limits", **_about(data)})
            draft.refuse(f"{told} is outside {characteristic.low} to {characteristic.high}")
        else:
            draft.accept(f"{told} is good")
        self._proceed(draft, {**document, "measurements": [*document["measurements"], taken]})

    def _proceed(self, draft: Draft, document: Document) -> None:
        """Keep the operation open with what it still needs, or complete it."""
        operation = self._operations.get(document["operation"])
        needs = _needs(operation, document) if operation else [f"abort: {document['operation']} is not in the rules"]
        if needs:
            draft.put(OPERATION, {**document, "needs": needs})
            return
        draft.forget(OPERATION)
        draft.record(Kind.OPERATION_COMPLETED, document["unit"], {**_history(draft, document), **_who(draft)})
        draft.accept(f"{document['unit']}: {document['operation']} complete")

    def _awaited(self, document: Document, gauge: str) -> Characteristic | None:
        operation = self._operations.get(document["operation"])
        missing = _measurements_missing(operation, document) if operation else []
        return next((characteristic for characteristic in missing if characteristic.gauge == gauge), None)

    def _is_for(self, operation: Operation, unit: str) -> bool:
        return self._units[operation.name].fullmatch(unit) is not None


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


def _number(value: Decimal) -> float | None:
    """`value` as JSON can hold it; None for NaN and what is too large.  The text as sent stands beside it."""
    number = float(value) if value.is_finite() else math.nan
    return number if math.isfinite(number) else None


def _reject(draft: Draft, kind: Kind, subject: str, data: Document, reason: str) -> None:
    draft.record(kind, subject, {**data, "reason": reason})
    draft.refuse(reason)


def _who(draft: Draft) -> Document:
    document = draft.get(OPERATOR)
    return {"operator": document["operator"]} if document else {}


def _about(data: Document) -> Document:
    return {key: data[key] for key in ("operation", "operator") if key in data}


def _history(draft: Draft, document: Document) -> Document:
    """The whole operation as it goes into its last fact."""
    told: dict[str, Any] = {
        key: document[key] for key in ("operation", "unit", "started", "started_by", "parts", "measurements")
    }
    told["ended"] = draft.moment.iso
    told["duration_s"] = draft.moment.seconds_since(document["started_monotonic_ns"], document["started_boot"])
    return told


def _parts_missing(operation: Operation, document: Document) -> dict[str, int]:
    scanned = [taken["part"] for taken in document["parts"]]
    return {part.number: part.quantity - scanned.count(part.number) for part in operation.part}


def _measurements_missing(operation: Operation, document: Document) -> list[Characteristic]:
    good = {taken["name"] for taken in document["measurements"] if taken["verdict"] == Judgement.PASS}
    return [characteristic for characteristic in operation.measurement if characteristic.name not in good]


def _needs(operation: Operation, document: Document) -> list[str]:
    """What is still to do, in the operator's words."""
    parts = [
        f"scan part {number}" + (f" ({count} times)" if count > 1 else "")
        for number, count in _parts_missing(operation, document).items()
        if count > 0
    ]
    return parts + [f"measure {one.name} with {one.gauge}" for one in _measurements_missing(operation, document)]
