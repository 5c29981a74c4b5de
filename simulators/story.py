"""A shift in a minute: what the operator of the demonstration's station does, again and again.

Sign on, scan a unit, scan the part lot, measure; now and then a value out of limits, a blocked lot, a code that nobody
knows, a unit that only the lead may let pass, a press that is too hot for a while, a call that is heard by the next
one, and a pull of the cord that nobody resets in time.  Matches the rules of `demo.toml` and the data of
`demo_reference.json`.  Knows nothing of what the agent makes of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING

from simulators.gauge import values
from simulators.report import say
from simulators.scanner import scanned
from simulators.stand_in import Wait

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

    from simulators.button import ButtonBox
    from simulators.gauge import Gauge
    from simulators.scanner import Scanner

OPERATORS = ("OP-4711", "OP-0815")
INPUTS = ("quality", "cord", "key", "running", "overheated")
"""Inputs of the button box: a quality call, the cord, the key that resets both; contacts of the drive and the press."""

CALL_S = 1.5
"""Of a call, so long nothing else happens: it comes to its first level, and the line to its fixed position."""

PART = "4711-A"
BLOCKED_LOT = "LOT66666"
LEAD = "OP-4700"
REASON = "CMD:reason:cut and checked by eye"
BESIDE = 5_000_000_000
"""Serial numbers from here on are of units that are worked on, or refused, while a call is open."""

UNCUT = 9_000_000_000
"""Serial numbers from here on are of the product that must have been cut before."""

NOMINAL = Decimal("12.345")
SIGMA_MM = 0.004
TOLERANCE_MM = Decimal("0.015")
TOO_LARGE = Decimal("12.500")
AGAIN_AFTER_S = 3.0
UNITS_A_SHIFT = 12


@dataclass(frozen=True, slots=True)
class Station:
    """The three devices of the demonstration, and how long the operator takes between two hand movements."""

    scanner: Scanner
    gauge: Gauge
    box: ButtonBox
    pace_s: float = 0.25


def shifts(station: Station, random: Random, first_serial: int) -> Iterator[Wait]:
    """Work for ever.  Serial numbers count up from `first_serial` and never come twice."""
    serial = first_serial
    station.box.press("running")
    while True:
        for operator in OPERATORS:
            yield from _scan(station, operator)
            for turn in range(UNITS_A_SHIFT):
                yield from _unit(station, random, serial)
                yield from _trouble(station, random, serial, turn)
                serial += 1
            say("shift", device="operator", operator=operator, units=UNITS_A_SHIFT)


def _unit(station: Station, random: Random, serial: int) -> Iterator[Wait]:
    """One unit from its scan to its good value; every fourth gets a blocked lot first, or a value out of limits."""
    yield from _scan(station, f"SN{serial:010d}")
    yield from _build_in_and_measure(station, random, serial)


def _build_in_and_measure(station: Station, random: Random, serial: int) -> Iterator[Wait]:
    if serial % 4 == 2:  # noqa: PLR2004  every fourth, not the same as below
        yield from _scan(station, f"{PART}/{BLOCKED_LOT}")
    yield from _scan(station, f"{PART}/LOT{serial // 50:05d}")
    if serial % 4 == 1:
        station.gauge.value(str(TOO_LARGE))
        yield Wait(station.pace_s * 2)
    station.gauge.value(str(_good(random)))
    yield Wait(station.pace_s * 2)


def _trouble(station: Station, random: Random, serial: int, turn: int) -> Iterator[Wait]:
    """What else happens at a line, each at its turn."""
    match turn % 4:
        case 0:
            yield from _scan(station, f"HTTPS://EXAMPLE.COM/{turn}")
            station.box.press("overheated")
        case 1:
            yield from _let_pass(station, random, UNCUT + serial % 1_000_000_000)
            station.box.release("overheated")
        case 2:
            yield from _press(station, "quality")
            yield from _unit(station, random, BESIDE + serial % 1_000_000_000)  # the work goes on meanwhile
            yield Wait(CALL_S - 2 * station.pace_s)
            yield from _press(station, "key")
        case _:
            station.box.release("running")
            yield from _press(station, "cord")
            yield Wait(CALL_S)
            for again in range(2):
                yield from _scan(station, f"SN{BESIDE + serial % 1_000_000_000 + again:010d}")  # nothing passes now
            yield from _press(station, "key")
            station.box.press("running")
            yield Wait(station.pace_s)


def _let_pass(station: Station, random: Random, serial: int) -> Iterator[Wait]:
    """A unit that nobody has said was cut: refused, until the lead's badge and a reason let it pass."""
    for code in (f"SN{serial:010d}", LEAD, REASON):
        yield from _scan(station, code)
    yield from _build_in_and_measure(station, random, serial)


def _press(station: Station, button: str) -> Iterator[Wait]:
    station.box.press(button)
    yield Wait(station.pace_s)
    station.box.release(button)
    yield Wait(station.pace_s)


def _scan(station: Station, code: str) -> Iterator[Wait]:
    yield from scanned(station.scanner, code, AGAIN_AFTER_S)
    yield Wait(station.pace_s)


def _good(random: Random) -> Decimal:
    """A value inside the limits of `demo.toml`."""
    return next(value for value in values(random, NOMINAL, SIGMA_MM) if abs(value - NOMINAL) <= TOLERANCE_MM)
