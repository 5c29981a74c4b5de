"""A Mahr gauge: Millimar or MarConnect Opto-RS (9600 7E2).

Number, unit, and `=`, `<` or `>` where the gauge's own tolerance is on.  Where warning limits are on too, their sign
comes second and is left to the raw bytes.  Several features in one line are Noise: nobody told which one is meant.
Source: FIELD.md, section 3, and the manuals of Mahr Millimar C1208 and C1202.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drivers.contract import Condition, DeviceSettings, Noise, Signal
from drivers.gauges.asking import VERDICTS, AskedGauge, GaugeSettings, Words

if TYPE_CHECKING:
    from drivers.framing import Frame

VALUE = re.compile(rb" *([+-]?) *([0-9]+(?:\.[0-9]+)?) *(mm|um|inch|in|deg|rad) *([=<>])?(?: *[=<>])? *")
ERROR = re.compile(rb" *(ERR[0-9]{1,2}) *")


class MahrSettings(GaugeSettings):
    """Keys of a `mahr`."""

    bytesize: Literal[5, 6, 7, 8] = Field(default=7, description="Data bits; default 7.")
    parity: Literal["N", "E", "O"] = Field(default="E", description="None, even or odd; default E.")
    stopbits: Literal[1, 2] = Field(default=2, description="Stop bits; default 2.")


class Mahr(AskedGauge[MahrSettings]):
    """Gives one Reading a value, with the gauge's own verdict."""

    Settings: ClassVar[type[DeviceSettings]] = MahrSettings

    def _make_words(self) -> Words:
        return Words(request=b"?\r")

    def _meaning(self, frame: Frame) -> Signal:
        if match := VALUE.fullmatch(frame.body):
            judged = VERDICTS.get(match[4], "")
            return self._reading(frame, match[1] + match[2], match[3].decode("ascii"), judged=judged)
        if match := ERROR.fullmatch(frame.body):
            detail = f"the gauge sends {match[1].decode('ascii')} in place of a value"
            return Condition(frame.raw, "error", active=True, detail=detail)
        return Noise(frame.raw, "not number and unit (mm, um, inch, deg, rad)")
