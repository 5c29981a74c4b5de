"""A Mark-10 force gauge.

From the user's guide: `?` asks for the displayed reading; it comes as sign, number, blank, unit, CR LF.  Anything else
unknown is `*10`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.gauges.asked import AskedGauge, padded

if TYPE_CHECKING:
    from decimal import Decimal


class Mark10(AskedGauge):
    """Knows ?."""

    unit = "lbFin"

    def number(self, number: Decimal) -> str:
        """Minus where it is so, and the number, at most five digits."""
        return f"{number:f}" if padded(f"{abs(number):f}", 6) else ""

    def frame(self) -> bytes:
        """Number and unit."""
        return f"{self.number(self.shown)} {self.unit}\r\n".encode("ascii")

    def answer(self, command: bytes) -> None:
        """Send the reading."""
        if command == b"?":
            self.transmit()
        else:
            self.send(b"*10\r\n")
