"""A Mahr Millimar with the Opto-RS protocol.

From the operating manual: `?` CR asks, the value comes with its unit and CR LF; with the tolerance on, a blank and `=`,
`<` or `>` follow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.gauges.asked import AskedGauge, padded

if TYPE_CHECKING:
    from decimal import Decimal


class Mahr(AskedGauge):
    """Knows ?; out of range is out of its tolerance."""

    def number(self, number: Decimal) -> str:
        """Sign and number, at most seven digits."""
        return f"{number:+f}" if padded(f"{abs(number):f}", 8) else ""

    def frame(self) -> bytes:
        """Value, unit and, out of tolerance, on which side."""
        sign = {"over": " >", "under": " <"}.get(self.state, "")
        return f"{self.number(self.shown)} {self.unit}{sign}\r\n".encode("ascii")

    def answer(self, command: bytes) -> None:
        """Send the value."""
        if command == b"?":
            self.transmit()
