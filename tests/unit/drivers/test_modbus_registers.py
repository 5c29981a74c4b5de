"""Numbers in registers: exact, in every order, and refused when they are none."""

from __future__ import annotations

import math
import struct
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.registers import NumberSettings, number, text

FORMATS = {"int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "float32": "f", "float64": "d"}
WHOLE = {
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
}


def settings(**more: Any) -> NumberSettings:
    return NumberSettings(**more)


def registers(kind: str, value: float) -> list[int]:
    raw = struct.pack(">" + FORMATS[kind], value)
    return list(struct.unpack(f">{len(raw) // 2}H", raw))


def test_ten_as_a_big_endian_float() -> None:
    """Source: FIELD.md, section 3."""
    ten = number([0x4120, 0x0000], settings(type="float32"))
    assert (ten, text(ten)) == (Decimal(10), "10")


@pytest.mark.parametrize(
    ("word_order", "byte_order", "words"),
    [
        ("big", "big", [0x4145, 0x851F]),
        ("little", "big", [0x851F, 0x4145]),
        ("big", "little", [0x4541, 0x1F85]),
        ("little", "little", [0x1F85, 0x4541]),
    ],
)
def test_all_four_orders_of_a_float(word_order: str, byte_order: str, words: list[int]) -> None:
    """12.345 as ABCD, CDAB, BADC and DCBA."""
    value = number(words, settings(type="float32", word_order=word_order, byte_order=byte_order))
    assert text(value) == "12.345"


@pytest.mark.parametrize("kind", WHOLE)
@given(data=st.data())
def test_whole_numbers_are_exact_with_any_scale(kind: str, data: st.DataObject) -> None:
    """Scaling is decimal: 12345 at 0.001 is 12.345 and nothing near it."""
    value = data.draw(st.integers(*WHOLE[kind]))
    places = data.draw(st.integers(0, 6))
    scaled = number(registers(kind, value), settings(type=kind, scale=Decimal(1).scaleb(-places)))
    assert scaled == Decimal(value).scaleb(-places)
    assert Decimal(text(scaled)) == scaled


@given(value=st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_a_float32_is_the_shortest_decimal_that_means_it(value: float) -> None:
    told = number(registers("float32", value), settings(type="float32"))
    assert as_float32(float(told)) == value
    digits = len(told.normalize().as_tuple().digits)
    assert [n for n in range(1, digits) if as_float32(float(f"{value:.{n}g}")) == value] == []


def as_float32(value: float) -> float:
    try:
        return float(struct.unpack(">f", struct.pack(">f", value))[0])
    except OverflowError:
        return math.inf


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_a_float64_comes_back_as_it_was(value: float) -> None:
    told = number(registers("float64", value), settings(type="float64"))
    assert float(text(told)) == value


@given(kind=st.sampled_from(sorted(FORMATS)), data=st.data())
def test_any_registers_are_a_number_or_none(kind: str, data: st.DataObject) -> None:
    """ValueError is the only error, and a number is always finite."""
    one = settings(type=kind, scale=Decimal("0.25"), offset=Decimal(-40))
    words = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=one.registers, max_size=one.registers))
    try:
        assert number(words, one).is_finite()
    except ValueError as error:
        assert str(error)  # noqa: PT017  the message is what is promised


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_what_is_not_finite_is_no_number(kind: str, value: float) -> None:
    with pytest.raises(ValueError, match="is no number"):
        number(registers(kind, value), settings(type=kind))


def test_a_sensor_that_says_it_is_broken_has_no_value() -> None:
    with pytest.raises(ValueError, match="-32768 means no value"):
        number([0x8000], settings(type="int16", invalid=(-32768,)))


def test_an_offset_is_added_after_scaling() -> None:
    """A 4-20 mA input as 0 to 16000: 8000 at 0.001 and 4 are 12."""
    assert number([8000], settings(scale=Decimal("0.001"), offset=Decimal(4))) == 12


def test_scale_zero_is_refused() -> None:
    with pytest.raises(ValidationError, match="scale 0"):
        settings(scale=Decimal(0))
