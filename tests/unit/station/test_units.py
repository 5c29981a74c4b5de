"""Units: exact factors, and no guess where there is none."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.station.units import UnitMismatchError, convert


@pytest.mark.parametrize(
    ("value", "unit", "wanted", "result"),
    [
        ("1", "in", "mm", "25.4"),
        ("25.4", "mm", "in", "1"),
        ("0.4861", "in", "mm", "12.34694"),
        ("12345", "um", "mm", "12.345"),
        ("12345", "µm", "mm", "12.345"),
        ("12345", "\u03bcm", "mm", "12.345"),
        ("1", "m", "cm", "100"),
        ("1", "kg", "g", "1000"),
        ("1", "lb", "g", "453.59237"),
        ("16", "oz", "lb", "1"),
        ("1", "kgF", "N", "9.80665"),
        ("1", "kN", "N", "1000"),
    ],
)
def test_a_value_is_converted_exactly(value: str, unit: str, wanted: str, result: str) -> None:
    """No binary fraction comes between a gauge and a limit."""
    assert convert(Decimal(value), unit, wanted) == Decimal(result)


@pytest.mark.parametrize(("unit", "wanted"), [("mm", "g"), ("mm", "Nm"), ("", "mm"), ("MM", "mm"), ("N", "kg")])
def test_what_does_not_belong_together_is_refused(unit: str, wanted: str) -> None:
    """A unit that is not in the table, or of another quantity, is not converted."""
    with pytest.raises(UnitMismatchError, match=f"'{unit}' cannot be turned into '{wanted}'"):
        convert(Decimal(1), unit, wanted)


@given(st.text(max_size=5), st.decimals(allow_nan=True))
def test_the_same_unit_needs_no_table(unit: str, value: Decimal) -> None:
    """A plant's own unit (degrees, counts) works as long as gauge and limit agree; the value is not touched."""
    assert convert(value, unit, unit) is value
