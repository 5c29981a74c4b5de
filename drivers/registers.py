"""Make of Modbus registers the number that they hold.

Knows types, orders of bytes and words, and scales; nothing of ports and requests.
"""

from __future__ import annotations

import math
import struct
from decimal import Context, Decimal, Inexact
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Sequence

FORMATS = {"int16": ">h", "uint16": ">H", "int32": ">i", "uint32": ">I", "float32": ">f", "float64": ">d"}
"""Type -> how `struct` spells it."""

EXACT = Context(prec=80, traps=[Inexact])
"""Enough for the 17 digits of a float64, a scale and an offset of 12 digits each, and the zeros between them."""

PLAIN_DIGITS = 20
"""A number with more zeros than this is written with an exponent."""

FLOAT32_DIGITS = 9
"""Significant decimal digits that tell any two float32 apart.  Source: IEEE 754-2008, 5.12.2."""


class NumberSettings(BaseModel):
    """Keys that say how a number lies in its registers."""

    type: Literal["int16", "uint16", "int32", "uint32", "float32", "float64"] = Field(
        default="int16", description="int16, uint16, int32, uint32, float32 or float64; default int16."
    )
    word_order: Literal["big", "little"] = Field(
        default="big", description="big: the high word is in the first register; little: in the last; default big."
    )
    byte_order: Literal["big", "little"] = Field(
        default="big", description="Order of the two bytes in a register; the standard's is big; default big."
    )
    scale: Decimal = Field(
        default=Decimal(1), max_digits=12, description="The number is multiplied by this; default 1."
    )
    offset: Decimal = Field(
        default=Decimal(0), max_digits=12, description="Added to the number after scaling; default 0."
    )
    invalid: tuple[int, ...] = Field(
        default=(),
        description="Whole numbers, before scaling, that mean no value (such as -32768 for a broken sensor); "
        "default none.",
    )

    @model_validator(mode="after")
    def _scale_is_something(self) -> NumberSettings:
        if not self.scale:
            raise ValueError("scale 0 makes every value the same: give the factor from registers to unit")
        return self

    @property
    def registers(self) -> int:
        """How many registers the number takes."""
        return struct.calcsize(FORMATS[self.type]) // 2


def number(registers: Sequence[int], settings: NumberSettings) -> Decimal:
    """Return the scaled number in `registers`, exactly.  Raises ValueError with the reason if they hold none."""
    ordered = registers if settings.word_order == "big" else list(reversed(registers))
    raw = b"".join(register.to_bytes(2, settings.byte_order) for register in ordered)
    (value,) = struct.unpack(FORMATS[settings.type], raw)
    if not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    if value in settings.invalid:
        raise ValueError(f"{value} means no value, by the settings")
    exact = _shortest(value) if settings.type == "float32" else Decimal(repr(value))
    try:
        scaled = EXACT.multiply(exact, settings.scale)
        return EXACT.add(scaled, settings.offset) if settings.offset else scaled
    except Inexact as error:
        raise ValueError(f"{value} with this scale and offset has too many digits") from error


def text(value: Decimal) -> str:
    """Write a number without exponent, unless that would be mostly zeros; `Decimal` reads the same value from it."""
    return format(value, "f") if -PLAIN_DIGITS <= value.adjusted() <= PLAIN_DIGITS else str(value)


def _shortest(value: float) -> Decimal:
    """Return the shortest decimal that a float32 holds as exactly this value."""
    for digits in range(1, FLOAT32_DIGITS):
        written = f"{value:.{digits}g}"
        if abs(float(written)) < math.inf and _as_float32(float(written)) == value:
            return Decimal(written)
    return Decimal(f"{value:.{FLOAT32_DIGITS}g}")


def _as_float32(value: float) -> float:
    try:
        (rounded,) = struct.unpack(">f", struct.pack(">f", value))
    except OverflowError:
        return math.inf
    return float(rounded)
