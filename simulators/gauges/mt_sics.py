"""A Mettler-Toledo balance that speaks MT-SICS.

From the reference manual: a weight is `S`, blank, `S` (stable) or `D` (dynamic), blank, ten characters of number,
blank, unit, CR LF; `S I` cannot be done now, `S +` and `S -` out of range, `ES` unknown command.  A balance that is
switched on sends `I4 A` with its serial number.  `SIR` repeats until the next request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.gauges.asked import AskedGauge, padded

if TYPE_CHECKING:
    from decimal import Decimal

    from simulators.pty_line import PtyLine

SERIAL_NUMBER = "B021002593"


class MtSics(AskedGauge):
    """Knows S, SI, SIR, SR and I4; `power` switches it off and on."""

    unit = "g"

    def __init__(self, name: str, line: PtyLine) -> None:
        super().__init__(name, line)
        self.verbs["power"] = self.power

    def power(self, _rest: str = "") -> None:
        """Switch off and on: a stream is over, the serial number is sent."""
        self.streaming = False
        self._identify()

    def number(self, number: Decimal) -> str:
        """Ten characters, blanks in front."""
        return padded(f"{number:f}", 10)

    def frame(self) -> bytes:
        """Weight line, or the line of the state."""
        if self.state in ("over", "under"):
            return b"S +\r\n" if self.state == "over" else b"S -\r\n"
        status = "S" if self.state == "stable" else "D"
        return f"S {status} {self.number(self.shown)} {self.unit}\r\n".encode("ascii")

    def answer(self, command: bytes) -> None:
        """Weigh, stream, or tell the serial number."""
        self.streaming = command in (b"SIR", b"SR") or (self.streaming and command == b"I4")
        if command == b"I4":
            self._identify()
        elif command == b"S" and self.state == "moving":
            self.send(b"S I\r\n")
        elif command in (b"S", b"SI", b"SIR", b"SR"):
            self.transmit()
        else:
            self.send(b"ES\r\n")

    def _identify(self) -> None:
        self.send(f'I4 A "{SERIAL_NUMBER}"\r\n'.encode("ascii"))
