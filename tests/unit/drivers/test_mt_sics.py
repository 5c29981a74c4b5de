"""The weights, the serial number, and the requests; further frames in tests/data/mt-sics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.contract import Ask, Noise, Reading
from drivers.gauges.mt_sics import MtSics, MtSicsSettings

if TYPE_CHECKING:
    from decimal import Decimal

SETTINGS = MtSicsSettings(name="balance", driver="mt-sics", port="/dev/none")


@given(st.decimals(-99999, 99999, places=4), st.booleans(), st.sampled_from(["g", "kg", "pcs", "%"]))
def test_every_weight_is_told_exactly(number: Decimal, stable: bool, unit: str) -> None:  # noqa: FBT001  hypothesis passes it
    """Text as sent, value without rounding, minus zero included."""
    frame = f"S {'S' if stable else 'D'} {number!s:>10} {unit}\r\n".encode()
    assert MtSics(SETTINGS).feed(frame) == [Reading(frame, str(number), number, unit, stable)]


@given(
    st.binary(min_size=1, max_size=20).filter(
        lambda body: not {*b"\r\n"} & {*body} and not body.startswith((b"I4 A", b"S "))
    )
)
def test_nothing_else_is_a_weight(body: bytes) -> None:
    """`S ` may say that the balance is overloaded, too: the captures have that."""
    (signal,) = MtSics(SETTINGS).feed(body + b"\r")
    assert isinstance(signal, Noise)
    assert signal.raw == body + b"\r"


def test_the_serial_number_is_asked_for_at_open_and_goes_with_each_weight(cable: Any) -> None:
    balance = MtSics(SETTINGS.model_copy(update={"port": cable.port}))
    balance.open()
    assert cable.heard(4) == b"I4\r\n"
    cable.say(b'I4 A "1234"\r\nS S     100.00 g\r\n')
    (reading,) = balance.read(10)
    assert isinstance(reading, Reading)
    assert reading.gauge == "1234"
    balance.close()


def test_an_ask_waits_for_the_serial_number_and_is_not_lost(cable: Any) -> None:
    balance = MtSics(SETTINGS.model_copy(update={"port": cable.port, "mode": "ask"}))
    balance.open()
    balance.show(Ask())
    assert cable.heard(4) == b"I4\r\n"
    assert balance.read(0.02) == []
    assert cable.pending() == b""
    cable.say(b'I4 A "1234"\r\n')
    assert balance.read(0.02) == []
    assert cable.heard(4) == b"SI\r\n"
    assert cable.pending() == b""
    balance.close()


def test_a_stream_waits_for_the_serial_number_and_comes_back_after_power_on(cable: Any) -> None:
    """One command at a time; a balance that was switched off and on has forgotten the stream."""
    balance = MtSics(SETTINGS.model_copy(update={"port": cable.port, "mode": "stream"}))
    balance.open()
    assert cable.heard(4) == b"I4\r\n"
    assert balance.read(0.02) == []
    assert cable.pending() == b""
    for _ in range(2):
        cable.say(b'I4 A "1234"\r\n')
        assert balance.read(0.05) == []
        assert cable.heard(5) == b"SIR\r\n"
        cable.say(b"S D     100.00 g\r\n")
        assert len(balance.read(10)) == 1
    balance.close()
    assert cable.heard(4) == b"SI\r\n"


@pytest.mark.parametrize("request_word", ["S", "SI"])
def test_the_request_is_the_one_of_the_settings(cable: Any, request_word: str) -> None:
    more = {"port": cable.port, "identify": False, "request": request_word}
    balance = MtSics(SETTINGS.model_copy(update=more))
    balance.open()
    balance.show(Ask())
    expected = request_word.encode() + b"\r\n"
    assert cable.heard(len(expected)) == expected
    balance.close()


def test_zero_tare_and_reset_are_no_requests() -> None:
    for word in ("Z", "T", "@"):
        with pytest.raises(ValidationError, match="request"):
            MtSicsSettings(name="balance", driver="mt-sics", port="/dev/none", request=word)  # type: ignore[arg-type]
