"""Weights, pieces and requests; further frames in tests/data/and-balance."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Ask, Condition, Reading
from drivers.gauges.and_balance import AndBalance, AndBalanceSettings

SETTINGS = AndBalanceSettings(name="balance", driver="and-balance", port="/dev/none")


@given(st.decimals(-9999, 9999, places=2), st.sampled_from(["ST", "US", "QT"]), st.sampled_from(["  g", " kg", " PC"]))
def test_every_weight_is_told_exactly(number: Decimal, header: str, unit: str) -> None:
    """Zeros in front are kept, as sent."""
    text = f"{'-' if number.is_signed() else '+'}{abs(number):0>8}"
    frame = f"{header},{text}{unit}\r\n".encode()
    expected = Reading(frame, text, Decimal(text), unit.strip(), stable=header != "US")
    assert AndBalance(SETTINGS).feed(frame) == [expected]


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20))
def test_nothing_behind_ol_is_a_value(rest: str) -> None:
    signals = AndBalance(SETTINGS).feed(f"OL,{rest}\r\n".encode())
    assert [type(signal) for signal in signals] == [Condition]


@pytest.mark.parametrize("request_word", ["Q", "S"])
def test_asking_and_streaming(cable: Any, request_word: str) -> None:
    more = {"port": cable.port, "mode": "stream", "bytesize": 8, "parity": "N", "request": request_word}
    balance = AndBalance(SETTINGS.model_copy(update=more))
    balance.open()
    assert cable.heard(5) == b"SIR\r\n"
    cable.say(b"ST,+00123.45  g\r\n")
    assert len(balance.read(10)) == 1
    balance.show(Ask())
    assert cable.heard(3) == request_word.encode() + b"\r\n"
    balance.close()
    assert cable.heard(3) == b"C\r\n"


def test_the_line_is_2400_7e1() -> None:
    assert (SETTINGS.baudrate, SETTINGS.bytesize, SETTINGS.parity, SETTINGS.stopbits) == (2400, 7, "E", 1)
