"""A Mitutoyo Digimatic gauge behind an interface that passes its 13 nibbles on.

From the gauges' data output specification: d1 to d4 F, d5 sign (0 plus, 8 minus), d6 to d11 the digits, the most
significant first, d12 decimal places, d13 unit (0 mm, 1 inch).  `R` is the interface's word for REQ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.gauges.asked import AskedGauge

if TYPE_CHECKING:
    from decimal import Decimal

DIGITS = 6
PLACES = 5


class Digimatic(AskedGauge):
    """Knows R; `nibbles` makes it send bytes of 0 to 15 in place of a line of hexadecimal digits."""

    nibbles = False

    def number(self, number: Decimal) -> str:
        """Sign, six digits, decimal places."""
        _, digits, exponent = number.as_tuple()
        places = -int(exponent)
        whole = "".join(map(str, digits)).zfill(DIGITS)
        if len(whole) > DIGITS or not 0 <= places <= PLACES:
            raise ValueError(f"{number} has more than {DIGITS} digits or {PLACES} decimal places")
        return f"{'8' if number.is_signed() else '0'}{whole}{places}"

    def frame(self) -> bytes:
        """Send the 13 nibbles; the gauge tells nothing of its state."""
        text = f"FFFF{self.number(self.shown)}{0 if self.unit == 'mm' else 1}"
        return bytes(int(digit, 16) for digit in text) if self.nibbles else text.encode("ascii") + b"\r"

    def answer(self, command: bytes) -> None:
        """Send the value."""
        if command == b"R":
            self.transmit()
