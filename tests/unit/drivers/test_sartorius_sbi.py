"""Weights by their places; further frames in tests/data/sartorius-sbi."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Ask, Noise, Reading
from drivers.gauges.sartorius import SartoriusSbi, SartoriusSbiSettings

SETTINGS = SartoriusSbiSettings(name="balance", driver="sartorius-sbi", port="/dev/none")


@given(st.decimals(0, 9999, places=3), st.sampled_from("+- "), st.sampled_from(["g  ", "kg ", "pcs", "   "]))
def test_every_weight_is_told_exactly(number: Decimal, sign: str, unit: str) -> None:
    """In 16 and in 22 characters; without a unit it is not stable."""
    line = f"{sign} {number!s:>8} {unit}\r\n"
    text = f"{sign}{number}".strip()
    for frame in (line.encode(), f"N     {line}".encode()):
        expected = Reading(frame, text, Decimal(text), unit.strip(), stable=bool(unit.strip()))
        assert SartoriusSbi(SETTINGS).feed(frame) == [expected]


@given(st.integers(0, 13))
def test_a_weight_that_lost_a_character_is_noise(lost: int) -> None:
    line = b"+   123.56 g  "
    (signal,) = SartoriusSbi(SETTINGS).feed(line[:lost] + line[lost + 1 :] + b"\r\n")
    assert isinstance(signal, Noise)


def test_the_names_of_values_are_settings() -> None:
    settings = SETTINGS.model_copy(update={"names": ("T1",)})
    tare, net = SartoriusSbi(settings).feed(b"T1    +    10.00 g  \r\nN     +   123.56 g  \r\n")
    assert isinstance(tare, Reading)
    assert isinstance(net, Noise)


def test_the_request_is_print(cable: Any) -> None:
    balance = SartoriusSbi(SETTINGS.model_copy(update={"port": cable.port, "parity": "N"}))
    balance.open()
    balance.show(Ask())
    assert cable.heard(4) == b"\x1bP\r\n"
    balance.close()


def test_the_line_is_9600_8o1() -> None:
    assert (SETTINGS.baudrate, SETTINGS.bytesize, SETTINGS.parity, SETTINGS.stopbits) == (9600, 8, "O", 1)
