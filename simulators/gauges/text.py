"""A gauge of no known make: number, blank, unit, CR LF.  `READ` asks, `RUN` and `HALT` start and stop a stream."""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.gauges.asked import AskedGauge

if TYPE_CHECKING:
    from decimal import Decimal


class Text(AskedGauge):
    """Knows READ, RUN and HALT."""

    unit = "Nm"

    def number(self, number: Decimal) -> str:
        """Write the number as it is."""
        return f"{number:f}"

    def frame(self) -> bytes:
        """Write number and unit; the gauge tells nothing of its state."""
        return f"{self.number(self.shown)} {self.unit}\r\n".encode("ascii")

    def answer(self, command: bytes) -> None:
        """Send the value, start or stop the stream."""
        if command in (b"RUN", b"HALT"):
            self.streaming = command == b"RUN"
        elif command == b"READ":
            self.transmit()
