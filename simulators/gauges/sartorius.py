"""A Sartorius balance that speaks SBI in lines of 16 characters, or 22 with a name in front.

From the operating manual: position 1 sign, 2 blank, 3 to 10 weight with blanks in front, 11 blank, 12 to 14 unit (blank
while not stable), CR LF; `High` and `Low` out of range, in 22 characters behind `Stat`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.gauges.asked import AskedGauge, padded

if TYPE_CHECKING:
    from decimal import Decimal

ESC = b"\x1b"


class Sartorius(AskedGauge):
    """Knows ESC P; `named` makes its lines 22 characters long."""

    unit = "g"
    named = False

    def number(self, number: Decimal) -> str:
        """Sign, blank, eight characters."""
        return ("-" if number.is_signed() else "+") + " " + padded(f"{abs(number):f}", 8)

    def frame(self) -> bytes:
        """Weight line, or the line of the state."""
        if self.state in ("over", "under"):
            name, line = "Stat", f"      {'High' if self.state == 'over' else 'Low ':<8}"
        else:
            name, line = "N", f"{self.number(self.shown)} {self.unit if self.state == 'stable' else '':<3}"
        return f"{f'{name:<6}' if self.named else ''}{line}\r\n".encode("ascii")

    def answer(self, command: bytes) -> None:
        """Print."""
        if command == ESC + b"P":
            self.transmit()
