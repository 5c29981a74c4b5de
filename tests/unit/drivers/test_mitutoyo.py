"""The gauge's numbers; further frames in tests/data/mitutoyo."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.contract import Noise, Reading
from drivers.gauges.mitutoyo import Mitutoyo, MitutoyoSettings

SETTINGS = MitutoyoSettings(name="gauge", driver="mitutoyo", port="/dev/none")


@given(st.integers(0, 9_999_999), st.integers(1, 6), st.sampled_from("+-"))
def test_every_number_is_told_exactly(digits: int, decimals: int, sign: str) -> None:
    """Text as sent, value without rounding, minus zero included."""
    number = f"{digits:07d}"
    text = f"{sign}{number[:-decimals]}.{number[-decimals:]}"
    frame = f"01A{text}\r".encode()
    (reading,) = Mitutoyo(SETTINGS).feed(frame)
    assert reading == Reading(frame, text, Decimal(text), "mm")


@given(st.binary(max_size=20).filter(lambda body: b"\r" not in body))
def test_nothing_else_is_a_value(body: bytes) -> None:
    """Arbitrary bytes are noise, with all of them kept."""
    (signal,) = Mitutoyo(SETTINGS).feed(body + b"\r")
    assert isinstance(signal, Noise)
    assert signal.raw == body + b"\r"


def test_the_unit_is_mm_or_in() -> None:
    with pytest.raises(ValidationError, match="unit"):
        MitutoyoSettings.model_validate_json('{"name": "g", "driver": "mitutoyo", "port": "/dev/x", "unit": "cm"}')
