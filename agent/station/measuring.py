"""Judge a value against the limits of the characteristic that it was taken for.

Knows limits and units.  Knows nothing of what the operation needs next.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

from agent.events import Kind, raw_text
from agent.station.reference import Set

if TYPE_CHECKING:
    from decimal import Decimal

    from agent.station.decision import Document, Draft
    from agent.station.work import Characteristic
    from drivers.contract import Reading


class Judgement(StrEnum):
    """How a value stands to its limits; `none` where nobody asked."""

    PASS = "pass"  # noqa: S105  a judgement, no secret
    FAIL = "fail"
    NONE = "none"


class Limits(Protocol):
    """Limits, both ends included, in `unit`."""

    @property
    def unit(self) -> str: ...  # noqa: D102  told above
    @property
    def low(self) -> Decimal: ...  # noqa: D102
    @property
    def high(self) -> Decimal: ...  # noqa: D102


def judge(value: Decimal, limits: Limits) -> Judgement:
    """Pass only what lies inside, both ends included; NaN lies nowhere."""
    inside = value.is_finite() and limits.low <= value <= limits.high
    return Judgement.PASS if inside else Judgement.FAIL


def limits_of(draft: Draft, document: Document, characteristic: Characteristic) -> tuple[Limits, Document]:
    """The limits that hold for an open operation, and what the fact tells of where they are from.

    The product's own limits come before those in the station file.
    """
    product = draft.reference.products.get(document.get("product", ""))
    own = next((one for one in product.limits if one.characteristic == characteristic.name), None) if product else None
    if own is None:
        return characteristic, {}
    return own, {"limits": {"set": str(Set.PRODUCTS), "revision": draft.reference.revisions[Set.PRODUCTS].revision}}


def reading_data(device: str, reading: Reading) -> Document:
    """What every value's fact tells."""
    data: Document = {
        "gauge": device,
        "value": number(reading.value),
        "text": reading.text,
        "unit": reading.unit,
        "stable": reading.stable,
        "raw": raw_text(reading.raw),
    }
    if reading.gauge:
        data["instrument"] = reading.gauge
    if reading.judged:
        data["instrument_verdict"] = reading.judged
    return data


def take(draft: Draft, unit: str, name: str, limits: Limits, *, data: Document, value: Decimal) -> Document:
    """Judge `value`, already in the unit of the limits; record it, and its defect where it has one.

    Returns what the operation remembers of it.
    """
    judgement = judge(value, limits)
    bounds = {"low": float(limits.low), "high": float(limits.high)}
    text = str(value)
    taken: Document = {
        "name": name,
        "gauge": data["gauge"],
        "value": data["value"] if text == data["text"] else number(value),
        "text": text,
        "unit": limits.unit,
        "verdict": judgement,
        "time": draft.moment.iso,
        **bounds,
    }
    told = {**data, **bounds, "judged": taken["value"], "judged_unit": limits.unit, "verdict": judgement}
    draft.record(Kind.MEASUREMENT_TAKEN, unit, told)
    words = f"{name} {text} {limits.unit}"
    if judgement is Judgement.FAIL:
        about: Document = {key: data[key] for key in ("operation", "operator") if key in data}
        draft.record(Kind.DEFECT_RECORDED, unit, {**taken, "defect": "out-of-limits", **about})
        draft.refuse(f"{words} is outside {limits.low} to {limits.high}")
    else:
        draft.accept(f"{words} is good")
    return taken


def number(value: Decimal) -> float | None:
    """`value` as JSON can hold it; None for NaN and what is too large.  The text as sent stands beside it."""
    told = float(value) if value.is_finite() else math.nan
    return told if math.isfinite(told) else None
