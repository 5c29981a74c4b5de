"""Whatever comes down a serial line, a driver makes signals of it: no exception, no byte lost, none made up.

LINESIDE_FUZZ is the number of inputs for each driver and form; without it, as many as suit every day.
"""

from __future__ import annotations

import json
import os
from decimal import Decimal
from itertools import groupby
from operator import attrgetter
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from drivers import catalog
from drivers.contract import Condition, Noise, Reading, Signal
from drivers.framing import Delimited, Frame, Garbage
from drivers.serial_driver import SerialDriver
from tests.support.talks import TALKS

if TYPE_CHECKING:
    from random import Random

DAILY = 300
INPUTS = int(os.environ.get("LINESIDE_FUZZ", DAILY))
"""A failure among few is made small; among many it is told by its seed, which is much faster."""

SIGNALS = get_args(Signal)

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    **{name: (name, talk.settings) for name, talk in TALKS.items()},
    "digimatic nibbles": ("digimatic", {"form": "nibbles", "judged": True}),
    "text-gauge latin-1": (
        "text-gauge",
        {"pattern": "(?P<stable>.)(?P<value>.*?) *(?P<unit>.)", "encoding": "latin-1", "decimal_comma": True},
    ),
}
"""Driver and settings, beside the ones of its talk."""

GOOD = {
    "digimatic nibbles": [bytes(int(digit, 16) for digit in "FFFF801234530")],
    "mt-sics": [b"S D     100.02 g\r\n", b"S I\r\n", b"S +\r\n", b"ES\r\n", b'I4 A "B021002593"\r\n'],
    "sartorius-sbi": [b"N     +   123.56 g  \r\n", b"Stat        H       \r\n", b"Stat     Err  054   \r\n"],
    "sylvac": [b"-0.001<\r", b"ERR0\r", b"ERR3\r", b"SY203.2\r", b"OUT1\r"],
    "mahr": [b"+12.345 mm = <\r\n", b"ERR6\r\n"],
    "and-balance": [b"US,+00123.45  g\r\n", b"OL,-9999999E+19\r\n", b"ST,OK,+0001.235 kg\r\n", b"EC,E01\r\n"],
    "mark-10": [b"4.285 N\r\n", b"*22\r\n"],
}
"""Further frames to be spoilt, beside the one of the talk."""

WORDS = (b"NaN", b"inf", b"-Infinity", b"1e999", b"1_0", b"9" * 40, b"\xb2", b"\x00", b"\r", b"\n", b"\r\n", b",", b".")
"""What turns up in numbers of gauges that are not well."""


def made(form: str) -> SerialDriver[Any]:
    name, more = FORMS[form]
    cls: Any = catalog.load(name)
    document = {"name": "device-1", "driver": name, "port": "/dev/none", **more}
    driver = cls(TypeAdapter(cls.Settings).validate_json(json.dumps(document)))
    assert isinstance(driver, SerialDriver)
    return driver


def spoilt(frame: bytes, random: Random) -> bytes:
    """A good frame with some bytes changed, lost, put in, doubled, cut off, or their top bits set."""
    for _ in range(random.randrange(5)):
        at = random.randrange(len(frame) + 1)
        match random.choice(("change", "lose", "insert", "word", "double", "parity", "cut")):
            case "change":
                frame = frame[:at] + random.randbytes(1) + frame[at + 1 :]
            case "lose":
                frame = frame[:at] + frame[at + 1 :]
            case "insert":
                frame = frame[:at] + random.randbytes(random.randrange(4)) + frame[at:]
            case "word":
                frame = frame[:at] + random.choice(WORDS) + frame[at:]
            case "double":
                frame += frame[:at]
            case "parity":
                frame = bytes(byte | (byte.bit_count() % 2) << 7 for byte in frame)
            case _:
                frame = frame[:at]
    return frame


def stream(form: str, random: Random) -> list[bytes]:
    """What comes in, read after read: bytes of any kind, good frames, and spoilt ones."""
    name = FORMS[form][0]
    frames = [*([] if "nibbles" in form else [TALKS[name].frame, TALKS[name].nonsense]), *GOOD.get(form, [])]
    pieces = []
    for _ in range(random.randrange(7)):
        frame = random.choice(frames)
        pieces.append(random.choice((frame, spoilt(frame, random), random.randbytes(random.randrange(81)))))
    return pieces


@pytest.mark.parametrize("form", sorted(FORMS))
def test_whatever_comes_is_signals_that_hold_its_bytes(form: str) -> None:
    """No exception; no byte lost or made up; garbage is Noise; numbers finite and as sent; conditions in turn."""

    @settings(max_examples=INPUTS, deadline=None, suppress_health_check=list(HealthCheck), database=None)
    @given(st.randoms(use_true_random=INPUTS > DAILY))
    def check(random: Random) -> None:
        pieces = stream(form, random)
        cuts, rest = framed(form, pieces)
        driver = made(form)
        signals = [signal for piece in pieces for signal in driver.feed(piece)]
        assert are_in_order([raw for raw, _ in groupby(signals, attrgetter("raw"))], [cut.raw for cut in cuts])
        noise = [signal.raw for signal in signals if isinstance(signal, Noise)]
        assert are_in_order([cut.raw for cut in cuts if isinstance(cut, Garbage)], noise)
        assert driver._framing.flush() == rest
        check_each(signals)

    check()


def framed(form: str, pieces: list[bytes]) -> tuple[list[Frame | Garbage], bytes]:
    """What the driver's framing cuts, and the rest: together what came in.

    Only the second byte of a line end may be swallowed.
    """
    framing = made(form)._framing
    cuts = [cut for piece in pieces for cut in framing.feed(piece)]
    rest = framing.flush()
    kept, came = b"".join(cut.raw for cut in cuts) + rest, b"".join(pieces)
    if isinstance(framing, Delimited):
        kept, came = kept.replace(b"\n", b""), came.replace(b"\n", b"")
    assert kept == came
    return cuts, rest


def are_in_order(some: list[bytes], among: list[bytes]) -> bool:
    """Whether `some` are found in `among` in the same order."""
    rest = iter(among)
    return all(any(one == other for other in rest) for one in some)


def check_each(signals: list[Signal]) -> None:
    """Every signal is sound, and no condition begins twice or ends before it began."""
    active: set[str] = set()
    for signal in signals:
        assert isinstance(signal, SIGNALS)
        match signal:
            case Noise():
                assert signal.raw
                assert signal.reason
            case Condition():
                assert (signal.name in active) is not signal.active
                active ^= {signal.name}
            case Reading():
                assert not active
                assert signal.unit or not signal.stable
                assert signal.value.is_finite()
                assert Decimal(signal.text.replace(",", ".")) == signal.value
