"""A Sylvac gauge on an Opto-RS cable (4800 7E2).

The frame carries no unit: it is a setting.  Foot switch, key and request all bring the same frame.  A duplex gauge
echoes commands, which says nothing.  Source: FIELD.md, section 3, and the manuals of Sylvac Opto-RS and UniCal.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drivers.contract import Condition, DeviceSettings, Noise, Signal
from drivers.gauges.asking import VERDICTS, AskedGauge, GaugeSettings, Words

if TYPE_CHECKING:
    from drivers.framing import Frame

VALUE = re.compile(rb"([+ -]?) *([0-9]+\.[0-9]+) *([=<>])?")
NAME = re.compile(rb"SY ?[0-9]+[ -~]*")
ECHOES = {b"?", b"OUT0", b"OUT1"}

STATES = {
    b"ERR0": ("sensor-error", "moved too fast, or the scale is dirty or too far away (ERR0)"),
    b"ERR3": ("out-of-range", "measuring range exceeded (ERR3)"),
}

REFUSALS = {
    b"ERR1": "the gauge does not know the command (ERR1)",
    b"ERR2": "the gauge got a damaged command (ERR2): are parity and baud rate right?",
}


class SylvacSettings(GaugeSettings):
    """Keys of a `sylvac`."""

    baudrate: int = Field(default=4800, gt=0, description="Bits a second; default 4800.")
    bytesize: Literal[5, 6, 7, 8] = Field(default=7, description="Data bits; default 7.")
    parity: Literal["N", "E", "O"] = Field(default="E", description="None, even or odd; default E.")
    stopbits: Literal[1, 2] = Field(default=2, description="Stop bits; default 2.")
    unit: Literal["mm", "in"] = Field(
        default="mm", description="Unit the gauge is switched to, which it does not send; mm or in, default mm."
    )


class Sylvac(AskedGauge[SylvacSettings]):
    """Gives one Reading a value; its name is the identification that the gauge sends at power-on."""

    Settings: ClassVar[type[DeviceSettings]] = SylvacSettings

    def _make_words(self) -> Words:
        return Words(request=b"?\r", start=b"OUT1\r", stop=b"OUT0\r")

    def _meaning(self, frame: Frame) -> Signal | None:
        if match := VALUE.fullmatch(frame.body):
            text = match[1].strip() + match[2]
            return self._reading(frame, text, self.settings.unit, judged=VERDICTS.get(match[3], ""))
        if state := STATES.get(frame.body):
            return Condition(frame.raw, state[0], active=True, detail=state[1])
        if NAME.fullmatch(frame.body):
            self._is_called(frame.body.decode("ascii"))
            return None
        if frame.body.upper() in ECHOES:
            return None
        return Noise(frame.raw, REFUSALS.get(frame.body, "not sign, number and point"))
