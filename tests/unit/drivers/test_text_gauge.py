"""The expression and what it may say; requests and streams are told in test_asked_gauge."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from drivers.contract import Noise, Reading
from drivers.gauges.text import TextGauge, TextGaugeSettings

if TYPE_CHECKING:
    from decimal import Decimal


def settings(**more: Any) -> TextGaugeSettings:
    document = {"name": "gauge", "driver": "text-gauge", "port": "/dev/none", **more}
    return TypeAdapter(TextGaugeSettings).validate_json(json.dumps(document))


@given(st.decimals(-9999, 9999, places=3), st.booleans())
def test_every_number_is_told_exactly(number: Decimal, comma: bool) -> None:  # noqa: FBT001  hypothesis passes it
    """Text as sent, comma or point."""
    text = str(number).replace(".", ",") if comma else str(number)
    gauge = TextGauge(settings(decimal_comma=comma, pattern=r"(?P<value>\S+) (?P<unit>\S+)"))
    frame = f"{text} bar\r".encode()
    assert gauge.feed(frame) == [Reading(frame, text, number, "bar")]


@pytest.mark.parametrize(
    "text",
    ["NaN", "sNaN", "inf", "-Infinity", "1e5", "1E+5", "1_000", "1 000", "1,5", ".5", "5.", "0x10", "\u0665", ""],
)
def test_what_is_no_plain_number_is_noise_whatever_the_expression(text: str) -> None:
    gauge = TextGauge(settings(pattern="(?P<value>.*)", unit="bar", encoding="utf-8"))
    (signal,) = gauge.feed(b"?\r" if not text else text.encode() + b"\r")
    assert isinstance(signal, Noise)
    assert "no plain decimal number" in signal.reason


def test_a_group_stable_that_says_nothing_is_not_stable() -> None:
    gauge = TextGauge(settings(pattern="(?:(?P<stable>ST),)?(?P<value>[0-9]+)", unit="g"))
    readings = [signal for signal in gauge.feed(b"ST,12\r13\r") if isinstance(signal, Reading)]
    assert [(reading.text, reading.stable) for reading in readings] == [("12", True), ("13", False)]


def test_text_in_another_encoding_is_noise() -> None:
    gauge = TextGauge(settings(encoding="utf-8", pattern="(?P<value>[0-9]+) (?P<unit>.+)"))
    good, bad = gauge.feed("1 \u00b5m\r".encode() + b"1 \xb5m\r")
    assert isinstance(good, Reading)
    assert good.unit == "\u00b5m"
    assert bad == Noise(b"1 \xb5m\r", "not utf-8 text")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"pattern": "("}, "not a regular expression"),
        ({"pattern": "(?P<unit>.+)"}, r"missing: \(\?P<value>\.\.\.\)"),
        ({"pattern": "(?P<value>.)(?P<unit>.)(?P<weight>.)"}, "unknown group weight"),
        ({"pattern": "(?P<value>.)"}, "give one of them"),
        ({"unit": "mm"}, "give one of them"),
        ({"encoding": "klingon"}, "encoding"),
        ({"terminator": "\u2029"}, r"above U\+00FF"),
    ],
)
def test_wrong_settings_say_what_is_wrong(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**more)
