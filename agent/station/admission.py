"""Decide whether an operation may start on a unit: who, which unit, which order, with which means.

Knows what the plant says and what the station remembers.  Says why not; never does anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.station import unitbook
from agent.station.examination import LINE, OWN, STATION, Examination
from agent.station.people import signed_on
from agent.station.policy import Check, Disposition, Policy
from agent.station.products import Products, route_of
from agent.station.reference import Set

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.decision import Document, Draft
    from agent.station.reference import Product, Reference
    from agent.station.rules import Rules
    from agent.station.work import Operation


class Admission:
    """The conditions under which an operation of this station starts."""

    def __init__(self, rules: Rules) -> None:
        self._policies = rules.policies
        self._asks_by_name = any(rules.policies.of(check) not in {Policy.AUTO, Policy.OFF} for check in Check)
        self.products = Products()

    def examine(self, draft: Draft, operation: Operation, unit: str, granted: Mapping[str, Document]) -> Examination:
        """Return what the data says of starting `operation` on `unit` now."""
        found = Examination(draft, self._policies, granted)
        entry = unitbook.look_up(draft, unit)
        complete = finished(draft.reference, entry, unit)
        if not (draft.reference.revisions or self._asks_by_name):
            _status(found, operation, unit, entry, complete)  # the one rule that looks at what is known here
            return found
        fitting = self.products.fitting(draft.reference, unit)
        product = draft.reference.products.get(fitting[0]) if len(fitting) == 1 else None
        if operation.operator:
            _person(found, operation)
        _unit(found, unit, fitting)
        _product(found, operation, unit, fitting, product)
        _status(found, operation, unit, entry, complete)
        _route(found, operation, unit, product, complete)
        _done(found, operation, unit, product, entry)
        _instruction(found, operation, product)
        for gauge in dict.fromkeys(one.gauge for one in operation.measurement):
            _gauge(found, gauge)
        return found

    def bill(self, found: Examination, operation: Operation, unit: str) -> list[Document] | None:
        """The components that the unit's product asks for here; None where the station file alone knows."""
        if not found.holds(Check.COMPONENT, Set.PRODUCTS):
            return None
        product = self.products.of(found.reference, unit)
        if product is None:
            found.doubt(Check.COMPONENT, Set.PRODUCTS, f"nobody knows the parts of unit {unit}")
            return None
        here = [one for one in product.components if one.operation == operation.name]
        wanted = {one.part: one.quantity for one in here}
        for step in operation.step:
            if here and step.kind == "scan" and step.times > wanted.get(step.part, 0):
                why = f"step {step.name} scans part {step.part} more often than product {product.number} has it"
                found.wrong(Check.COMPONENT, Set.PRODUCTS, why)
                return None
        found.good(Check.COMPONENT, Set.PRODUCTS)
        return [{"part": one.part, "quantity": one.quantity, "serial": one.serial} for one in here] or None


def finished(reference: Reference, entry: Document, unit: str) -> dict[str, str]:
    """Operation -> who says that it is complete: the plant's list, this station, or another one."""
    known = reference.units.get(unit)
    return {**dict.fromkeys(known.done if known else (), str(Set.UNITS)), **unitbook.done(entry)}


def again(operation: Operation, reference: Reference, product: Product | None, entry: Document) -> bool:
    """Whether an operation that is complete may be done again: by rule, and because rework was ordered."""
    route = route_of(reference, product)
    allowed = operation.rework or (route is not None and operation.name in route.rework)
    return allowed and entry.get("status") == Disposition.REWORK


def _person(found: Examination, operation: Operation) -> None:
    badge = signed_on(found.draft)
    known = found.reference.operators.get(badge)
    has = found.reference.has(Set.OPERATORS)
    if found.holds(Check.OPERATOR, Set.OPERATORS):
        if has and known is None:
            found.wrong(Check.OPERATOR, Set.OPERATORS, f"operator {badge} is not known")
            return
        found.good(Check.OPERATOR, Set.OPERATORS)
    if not found.holds(Check.QUALIFICATION, Set.OPERATORS):
        return
    until = known.qualifications.get(operation.name) if known else None
    today = found.day()
    if not has:
        found.good(Check.QUALIFICATION, Set.OPERATORS)
    elif until is None:
        found.wrong(Check.QUALIFICATION, Set.OPERATORS, f"operator {badge} is not qualified for {operation.name}")
    elif until and today is None:
        found.doubt(Check.QUALIFICATION, Set.OPERATORS, "the clock is not set: nobody knows the day")
    elif until and today is not None and until < today:
        found.wrong(
            Check.QUALIFICATION, Set.OPERATORS, f"operator {badge}: qualification for {operation.name} ended {until}"
        )
    else:
        found.good(Check.QUALIFICATION, Set.OPERATORS)


def _unit(found: Examination, unit: str, fitting: list[str]) -> None:
    if not found.holds(Check.UNIT, Set.UNITS, Set.PRODUCTS):
        return
    which = Set.UNITS if unit in found.reference.units or not found.reference.has(Set.PRODUCTS) else Set.PRODUCTS
    if len(fitting) > 1:
        found.wrong(Check.UNIT, which, f"unit {unit} fits the products {' and '.join(fitting[:2])}")
    elif not fitting and (found.reference.has(Set.UNITS) or found.reference.has(Set.PRODUCTS)):
        found.wrong(Check.UNIT, which, f"unit {unit} is not known, and no product admits it")
    else:
        found.good(Check.UNIT, which)


def _product(found: Examination, operation: Operation, unit: str, fitting: list[str], product: Product | None) -> None:
    if not found.holds(Check.PRODUCT, Set.PRODUCTS):
        return
    if fitting and operation.products and not set(fitting) & set(operation.products):
        found.wrong(
            Check.PRODUCT, Set.PRODUCTS, f"unit {unit} is product {fitting[0]}, which {operation.name} is not for"
        )
    elif product is None:
        found.doubt(Check.PRODUCT, Set.PRODUCTS, f"nobody knows which product unit {unit} is")
    else:
        found.good(Check.PRODUCT, Set.PRODUCTS)


def _status(found: Examination, operation: Operation, unit: str, entry: Document, complete: dict[str, str]) -> None:
    """Hold and scrap stop a unit; rework sends it back to where its defect was found, or to what is done already."""
    if not found.holds(Check.STATUS, Set.UNITS, OWN):
        return
    known = found.reference.units.get(unit)
    if reason := unitbook.why_held(unit, entry):
        found.wrong(Check.STATUS, OWN, reason)
    elif known is not None and known.status != "ok":
        why = f": {known.reason}" if known.reason else ""
        found.wrong(Check.STATUS, Set.UNITS, f"unit {unit} is {_word(known.status)}{why}")
    elif _elsewhere(operation, entry, complete):
        found.wrong(Check.STATUS, OWN, f"unit {unit} is to be reworked at {entry.get('at')}")
    elif found.holds(Check.STATUS, Set.UNITS):
        found.good(Check.STATUS, Set.UNITS)


def _elsewhere(operation: Operation, entry: Document, complete: dict[str, str]) -> bool:
    if entry.get("status") != Disposition.REWORK:
        return False
    return operation.name != entry.get("at") and operation.name not in complete


def _word(status: str) -> str:
    return "on hold" if status == "hold" else status


def _route(
    found: Examination, operation: Operation, unit: str, product: Product | None, complete: dict[str, str]
) -> None:
    if not found.holds(Check.ROUTE, Set.ROUTES):
        return
    route = route_of(found.reference, product)
    if route is None:
        found.doubt(Check.ROUTE, Set.ROUTES, f"nobody knows the route of unit {unit}")
        return
    if operation.name not in route.operations:
        found.wrong(Check.ROUTE, Set.ROUTES, f"{operation.name} is not in route {route.name} of unit {unit}")
        return
    before = route.operations[: route.operations.index(operation.name)]
    open_ones = [one for one in before if one not in complete]
    if not open_ones:
        found.good(Check.ROUTE, Set.ROUTES)
        return
    why = f"unit {unit}: {open_ones[0]} is not done"
    told = [which for which in (Set.UNITS, LINE) if found.age_s(which) is not None]
    fresh = [which for which in told if not found.is_stale(which)]
    if fresh:
        found.wrong(Check.ROUTE, fresh[0], why)
    else:
        found.doubt(Check.ROUTE, told[0] if told else STATION, f"{why}, as far as is known")


def _done(
    found: Examination,
    operation: Operation,
    unit: str,
    product: Product | None,
    entry: Document,
) -> None:
    if not found.holds(Check.DONE, Set.UNITS, Set.ROUTES):
        return
    by = finished(found.reference, entry, unit).get(operation.name)
    if by is None:
        if found.reference.has(Set.UNITS):
            found.good(Check.DONE, Set.UNITS)
    elif not again(operation, found.reference, product, entry):
        which = {str(Set.UNITS): Set.UNITS, unitbook.HERE: OWN}.get(by, LINE)
        where = f" by {by}" if which == LINE else ""
        found.wrong(Check.DONE, which, f"unit {unit}: {operation.name} is done already{where}")


def _instruction(found: Examination, operation: Operation, product: Product | None) -> None:
    if not (found.is_set(Check.INSTRUCTION) or operation.instruction):
        return
    if not found.holds(Check.INSTRUCTION, Set.PRODUCTS):
        return
    wanted = product.instructions.get(operation.name) if product else None
    if wanted is None:
        found.doubt(Check.INSTRUCTION, Set.PRODUCTS, f"nobody knows which work instruction {operation.name} needs")
    elif wanted != operation.instruction:
        here = operation.instruction or "none"
        found.wrong(
            Check.INSTRUCTION, Set.PRODUCTS, f"{operation.name} needs work instruction {wanted}; here hangs {here}"
        )
    else:
        found.good(Check.INSTRUCTION, Set.PRODUCTS)


def _gauge(found: Examination, gauge: str) -> None:
    if not found.holds(Check.CALIBRATION, Set.GAUGES):
        return
    known = found.reference.gauges.get(gauge)
    today = found.day()
    if not found.reference.has(Set.GAUGES):
        found.good(Check.CALIBRATION, Set.GAUGES)
    elif known is None:
        found.wrong(Check.CALIBRATION, Set.GAUGES, f"gauge {gauge} is not in the list of gauges")
    elif today is None:
        found.doubt(Check.CALIBRATION, Set.GAUGES, "the clock is not set: nobody knows the day")
    elif known.due < today:
        found.wrong(Check.CALIBRATION, Set.GAUGES, f"calibration of {gauge} ended {known.due}")
    else:
        found.good(Check.CALIBRATION, Set.GAUGES)
