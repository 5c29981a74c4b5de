"""A Mark-10 force or torque gauge, or one that speaks its command language.

Number, blank, unit: `-18.78 lbFin`; the unit only where the gauge is set to send it.  Minus is tension or
counter-clockwise, unless the gauge is set to invert or omit it.  A gauge set to send by itself is read in mode
"stream"; the command for that differs between the series and is never sent.
Source: FIELD.md, section 3, and the guides of Mark-10 Series 4, Series 5 and BG.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from drivers.contract import DeviceSettings, Noise, Signal
from drivers.gauges.asking import NUMBER, AskedGauge, GaugeSettings, Words

if TYPE_CHECKING:
    from drivers.framing import Frame

VALUE = re.compile(rb"(" + NUMBER + rb")(?: +([A-Za-z]{1,8}))?")

REFUSALS = {
    b"*10": "illegal command",
    b"*11": "not applicable",
    b"*12": "invalid specifier",
    b"*22": "value too large",
}


class Mark10Settings(GaugeSettings):
    """Keys of a `mark-10`."""

    unit: str = Field(
        default="", description="Unit of a gauge that is set to send none; default none: it must send it."
    )


class Mark10(AskedGauge[Mark10Settings]):
    """Gives one Reading a value."""

    Settings: ClassVar[type[DeviceSettings]] = Mark10Settings

    def _make_words(self) -> Words:
        return Words(request=b"?\r\n")

    def _meaning(self, frame: Frame) -> Signal:
        if refusal := REFUSALS.get(frame.body):
            return Noise(frame.raw, f"the gauge refused a command: {refusal}")
        match = VALUE.fullmatch(frame.body)
        if match is None:
            return Noise(frame.raw, "not number, blank and unit")
        unit = match[2].decode("ascii") if match[2] else self.settings.unit
        if not unit:
            return Noise(frame.raw, "a value without a unit: let the gauge send it, or set `unit`")
        return self._reading(frame, match[1], unit)
