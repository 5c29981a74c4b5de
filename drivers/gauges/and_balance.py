"""A balance or indicator that sends the A&D standard format (2400 7E1 as delivered, or 9600 8N1).

Header, where sent a second one (net, gross, or the comparator's verdict), number, unit: `ST,NT,+  1.234kg`.  `ST` and
`QT` (pieces) are stable, `US` is not, `OL` is out of range.
Source: FIELD.md, section 3, and the manuals of A&D GC, GX-A, EJ, FZ-iWP and MC-K.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drivers.contract import Condition, DeviceSettings, Noise, Signal
from drivers.gauges.asking import AskedGauge, GaugeSettings, Words

if TYPE_CHECKING:
    from drivers.framing import Frame

SECOND = rb"(?:,(GS|NT|LO|OK|HI|--))?"
WEIGHT = re.compile(rb"(ST|QT|US)" + SECOND + rb",([+-]?) *([0-9]+(?:\.[0-9]+)?),? *([A-Za-z%]{1,3}) *")
OUT_OF_RANGE = re.compile(rb"OL" + SECOND + rb"(?:,([+-]?)[ -~]*)?")
REFUSAL = re.compile(rb"EC,(E[0-9]{2})")

VERDICTS = {b"LO": "below", b"OK": "inside", b"HI": "above"}


class AndBalanceSettings(GaugeSettings):
    """Keys of an `and-balance`."""

    baudrate: int = Field(default=2400, gt=0, description="Bits a second; default 2400.")
    bytesize: Literal[5, 6, 7, 8] = Field(default=7, description="Data bits; default 7.")
    parity: Literal["N", "E", "O"] = Field(default="E", description="None, even or odd; default E.")
    request: Literal["Q", "S"] = Field(
        default="Q", description='"Q": the weight at once, stable or not; "S": the next stable weight; default Q.'
    )


class AndBalance(AskedGauge[AndBalanceSettings]):
    """Gives one Reading a weight or piece count, with the comparator's verdict."""

    Settings: ClassVar[type[DeviceSettings]] = AndBalanceSettings

    def _make_words(self) -> Words:
        return Words(request=self.settings.request.encode() + b"\r\n", start=b"SIR\r\n", stop=b"C\r\n")

    def _meaning(self, frame: Frame) -> Signal:
        if match := WEIGHT.fullmatch(frame.body):
            stable, judged = match[1] != b"US", VERDICTS.get(match[2], "")
            return self._reading(frame, match[3] + match[4], match[5].decode("ascii"), stable=stable, judged=judged)
        if match := OUT_OF_RANGE.fullmatch(frame.body):
            name = "underload" if match[2] == b"-" else "overload"
            return Condition(frame.raw, name, active=True, detail="out of the weighing range (OL)")
        if match := REFUSAL.fullmatch(frame.body):
            return Noise(frame.raw, f"the balance cannot do the command ({match[1].decode('ascii')})")
        return Noise(frame.raw, "not header, weight and unit of the A&D standard format")
