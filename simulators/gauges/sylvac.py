"""A Sylvac gauge on a duplex Opto-RS cable.

From the cable's manual: sign, digits, point, digits, CR; `ERR0` sensor, `ERR1` command, `ERR3` range; at power-on its
identification.  `?` and `PRI` ask for the value, `OUT1` and `OUT0` start and stop continuous output and are echoed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.gauges.asked import AskedGauge, padded

if TYPE_CHECKING:
    from decimal import Decimal

    from simulators.pty_line import PtyLine

IDENTIFICATION = b"SY203.2\r"


class Sylvac(AskedGauge):
    """Knows ?, PRI, OUT0 and OUT1; `power` switches it off and on."""

    def __init__(self, name: str, line: PtyLine) -> None:
        super().__init__(name, line)
        self.verbs["power"] = self.power

    def power(self, _rest: str = "") -> None:
        """Switch off and on: a stream is over, the identification is sent."""
        self.streaming = False
        self.send(IDENTIFICATION)

    def number(self, number: Decimal) -> str:
        """Sign and number; the display has seven digits."""
        return f"{number:+f}" if padded(f"{abs(number):f}", 8) else ""

    def frame(self) -> bytes:
        """Value, or the error of the state."""
        if self.state == "stable":
            return self.number(self.shown).encode("ascii") + b"\r"
        return b"ERR0\r" if self.state == "moving" else b"ERR3\r"

    def answer(self, command: bytes) -> None:
        """Send the value, or switch continuous output."""
        if command in (b"?", b"PRI"):
            self.transmit()
        elif command in (b"OUT0", b"OUT1"):
            self.send(command + b"\r")
            self.streaming = command == b"OUT1"
        else:
            self.send(b"ERR1\r")
