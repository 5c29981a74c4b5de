"""An A&D balance with the standard format.

From the communication manual: header `ST`, `US` or `OL`, comma, sign and eight characters of number with zeros in
front, three characters of unit, CR LF.  `Q` and `SI` ask at once, `S` when stable, `SIR` repeats, `C` ends it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.gauges.asked import AskedGauge, padded

if TYPE_CHECKING:
    from decimal import Decimal


class AndBalance(AskedGauge):
    """Knows Q, S, SI, SIR and C."""

    unit = "g"

    def number(self, number: Decimal) -> str:
        """Sign and eight characters, zeros in front."""
        return ("-" if number.is_signed() else "+") + padded(f"{abs(number):f}", 8).replace(" ", "0")

    def frame(self) -> bytes:
        """Weight line, or the line out of range."""
        if self.state in ("over", "under"):
            return f"OL,{'+' if self.state == 'over' else '-'}9999999E+19\r\n".encode("ascii")
        header = "ST" if self.state == "stable" else "US"
        return f"{header},{self.number(self.shown)}{self.unit:>3}\r\n".encode("ascii")

    def answer(self, command: bytes) -> None:
        """Weigh, start or end the stream."""
        if command in (b"SIR", b"C"):
            self.streaming = command == b"SIR"
        if command in (b"Q", b"SI", b"SIR") or (command == b"S" and self.state != "moving"):
            self.transmit()
        elif command not in (b"S", b"C"):
            self.send(b"EC,E01\r\n")
