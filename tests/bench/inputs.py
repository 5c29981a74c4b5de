"""Inputs as device readers make them, for a recorder that is driven by hand."""

from __future__ import annotations

from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING

from agent.signals import Input
from drivers.contract import Reading, Scan
from tests.bench.station import GAUGE, SCANNER

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.runtime.clock import Clock

GOOD = "12.345"


def work(clock: Clock) -> Iterator[Input]:
    """One unit after the other: unit, its part's lot, its measurement.  Each passes; four facts in three signals."""
    for number in count(1):
        yield Input(SCANNER, _scan(f"SN{number:010}"), clock.now())
        yield Input(SCANNER, _scan(f"4711-A/L{number:06}"), clock.now())
        yield Input(GAUGE, Reading(b"01A+00012.345\r", GOOD, Decimal(GOOD), "mm"), clock.now())


def _scan(code: str) -> Scan:
    return Scan(code.encode() + b"\r", code)
