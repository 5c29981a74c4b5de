"""Thirteen nibbles in two forms; further frames in tests/data/digimatic."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from drivers.contract import Ask, Noise, Reading
from drivers.gauges.digimatic import Digimatic, DigimaticSettings

SETTINGS = DigimaticSettings(name="gauge", driver="digimatic", port="/dev/none")
NIBBLES = SETTINGS.model_copy(update={"form": "nibbles"})


def nibbles(text: str) -> bytes:
    return bytes(int(digit, 16) for digit in text)


@given(st.integers(0, 999_999), st.integers(0, 5), st.booleans(), st.sampled_from([("0", "mm"), ("1", "in")]))
def test_every_number_is_told_exactly(digits: int, places: int, minus: bool, unit: tuple[str, str]) -> None:  # noqa: FBT001  hypothesis passes it
    """In both forms the same; all six digits are kept."""
    text = f"FFFF{'8' if minus else '0'}{digits:06}{places}{unit[0]}"
    number = Decimal(digits).scaleb(-places) * (-1 if minus else 1)
    (line,) = Digimatic(SETTINGS).feed(text.encode() + b"\r")
    (raw,) = Digimatic(NIBBLES).feed(nibbles(text))
    assert isinstance(line, Reading)
    assert isinstance(raw, Reading)
    assert (line.text, line.value, line.unit) == (raw.text, raw.value, raw.unit)
    assert (line.value, line.unit) == (number, unit[1])
    assert line.text.replace(".", "") == f"{'-' if minus else '+'}{digits:06}"


PIECES = st.lists(
    st.one_of(
        st.just(nibbles("FFFF801234530")), st.binary(max_size=80), st.lists(st.integers(0, 15), max_size=30).map(bytes)
    ),
    max_size=6,
)


@given(PIECES, st.data())
def test_how_nibbles_are_split_makes_no_difference(pieces: list[bytes], data: st.DataObject) -> None:
    """Every byte comes out once, in order, the same in any split of the stream."""
    stream = b"".join(pieces)
    whole = Digimatic(NIBBLES)
    expected = whole.feed(stream)
    rest = whole._framing.flush()
    assert b"".join(signal.raw for signal in expected) + rest == stream
    split, told, at = Digimatic(NIBBLES), [], 0
    while at < len(stream):
        step = data.draw(st.integers(1, len(stream) - at))
        told += split.feed(stream[at : at + step])
        at += step
    assert told == expected
    assert split._framing.flush() == rest


@given(st.binary(max_size=100))
def test_a_value_after_anything_is_found(before: bytes) -> None:
    """At the latest the second of two values that come whole."""
    frame = nibbles("FFFF801234530")
    signals = Digimatic(NIBBLES).feed(before + frame + frame)
    assert isinstance(signals[-1], Reading)


@given(st.integers(0, 12))
def test_a_nibble_that_was_lost_is_noise(lost: int) -> None:
    """What is left of a value is never joined with the next."""
    frame = nibbles("FFFF801234530")
    signals = Digimatic(NIBBLES).feed(frame[:lost] + frame[lost + 1 :] + frame)
    assert [signal for signal in signals if isinstance(signal, Reading)] == [
        Reading(frame, "-012.345", Decimal("-12.345"), "mm")
    ]
    assert any(isinstance(signal, Noise) for signal in signals)


def test_the_request_is_the_one_of_the_settings(cable: Any) -> None:
    gauge = Digimatic(SETTINGS.model_copy(update={"port": cable.port, "request": "R\r"}))
    gauge.open()
    gauge.show(Ask())
    assert cable.heard(2) == b"R\r"
    gauge.close()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"mode": "poll"}, 'mode "poll" needs `request`'),
        ({"mode": "ask"}, "what makes the interface ask the gauge"),
        ({"request": "\xe9"}, "not ASCII"),
        ({"form": "bits"}, "form"),
    ],
)
def test_wrong_settings_say_what_is_wrong(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        DigimaticSettings(name="gauge", driver="digimatic", port="/dev/none", **more)
