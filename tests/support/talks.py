"""What a serial device of each driver says, for the suites that run on all of them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from drivers.contract import Contact, Reading, Scan, Signal


@dataclass(frozen=True)
class Talk:
    """One good frame, the signal it means, one frame of nonsense, and settings in which the driver only listens."""

    frame: bytes
    means: Signal
    nonsense: bytes
    settings: dict[str, Any]


ON_A_PTY = {"bytesize": 8, "parity": "N"}
"""A pseudo terminal takes neither 7 data bits nor parity; what they are by default each driver's own test tells."""

TALKS = {
    "and-balance": Talk(
        b"ST,NT,+  1.234kg\r",
        Reading(b"ST,NT,+  1.234kg\r", "+1.234", Decimal("1.234"), "kg"),
        b"ST,NT,+  1.2.4kg\r",
        ON_A_PTY,
    ),
    "digimatic": Talk(
        b"FFFF801234530\r",
        Reading(b"FFFF801234530\r", "-012.345", Decimal("-12.345"), "mm"),
        b"FFFF80123453A\r",
        {},
    ),
    "mahr": Talk(b"+12.345mm\r", Reading(b"+12.345mm\r", "+12.345", Decimal("12.345"), "mm"), b"+12.345\r", ON_A_PTY),
    "mark-10": Talk(b"-18.78 lbFin\r", Reading(b"-18.78 lbFin\r", "-18.78", Decimal("-18.78"), "lbFin"), b"*10\r", {}),
    "mitutoyo": Talk(b"01A+0000.123\r", Reading(b"01A+0000.123\r", "+0000.123", Decimal("0.123"), "mm"), b"01A?\r", {}),
    "mt-sics": Talk(
        b"S S     100.00 g\r",
        Reading(b"S S     100.00 g\r", "100.00", Decimal("100.00"), "g"),
        b"S S        NaN g\r",
        {"identify": False},
    ),
    "sartorius-sbi": Talk(
        b"+   123.56 g  \r",
        Reading(b"+   123.56 g  \r", "+123.56", Decimal("123.56"), "g"),
        b"+   123.5? g  \r",
        ON_A_PTY,
    ),
    "serial-box": Talk(b"stop=1\n", Contact(b"stop=1\n", "stop", active=True), b"stop?\n", {"query": ""}),
    "serial-scanner": Talk(b"SN01\r", Scan(b"SN01\r", "SN01"), b"\xff\r", {}),
    "sylvac": Talk(b"+12.345\r", Reading(b"+12.345\r", "+12.345", Decimal("12.345"), "mm"), b"ERR1\r", ON_A_PTY),
    "text-gauge": Talk(b"12.5 Nm\r", Reading(b"12.5 Nm\r", "12.5", Decimal("12.5"), "Nm"), b"12.5\r", {}),
}
"""Every driver that reads frames from a serial port."""
