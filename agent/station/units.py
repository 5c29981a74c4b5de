"""Convert a value from the unit a gauge sends to the unit a characteristic is declared in.

Exact factors only; what is not in the table is not converted.
"""

from __future__ import annotations

from decimal import Decimal

_FACTORS: dict[str, tuple[str, Decimal]] = {
    "um": ("length", Decimal("0.001")),
    "µm": ("length", Decimal("0.001")),  # U+00B5 micro sign
    "\u03bcm": ("length", Decimal("0.001")),  # Greek mu, as some gauges and keyboards write it
    "mm": ("length", Decimal(1)),
    "cm": ("length", Decimal(10)),
    "m": ("length", Decimal(1000)),
    "in": ("length", Decimal("25.4")),
    "mg": ("mass", Decimal("0.001")),
    "g": ("mass", Decimal(1)),
    "kg": ("mass", Decimal(1000)),
    "lb": ("mass", Decimal("453.59237")),
    "oz": ("mass", Decimal("28.349523125")),
    "mN": ("force", Decimal("0.001")),
    "N": ("force", Decimal(1)),
    "kN": ("force", Decimal(1000)),
    "kgF": ("force", Decimal("9.80665")),
    "lbF": ("force", Decimal("4.4482216152605")),
}
"""Unit -> (quantity, exact multiple of the quantity's base unit).

Source: international yard and pound agreement of 1959; standard acceleration 9.80665 m/s2.
"""


class UnitMismatchError(Exception):
    """The value's unit cannot be turned into the wanted one: refuse the value."""


def convert(value: Decimal, unit: str, wanted: str) -> Decimal:
    """Return `value`, given in `unit`, in `wanted`.  Raises UnitMismatchError."""
    if unit == wanted:
        return value
    have, want = _FACTORS.get(unit), _FACTORS.get(wanted)
    if have is None or want is None or have[0] != want[0]:
        raise UnitMismatchError(f"unit {unit!r} cannot be turned into {wanted!r}")
    return value * have[1] / want[1]
