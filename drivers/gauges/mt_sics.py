"""A balance that speaks MT-SICS (Mettler-Toledo; often 9600 8N1).

`S S     100.00 g` is a stable weight, `S D` one that still moves.  Neither zero, tare nor reset is ever sent: the
stream is ended by a request, which it gives way to.  Source: FIELD.md, section 3, and the MT-SICS reference manuals.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drivers.contract import Condition, DeviceSettings, Noise, Signal
from drivers.gauges.asking import NUMBER, AskedGauge, GaugeSettings, Words

if TYPE_CHECKING:
    from drivers.framing import Frame

WEIGHT = re.compile(rb"S ([SD]) +(" + NUMBER + rb") +([!-~]+)")
SERIAL_NUMBER = re.compile(rb'I4 A "([ !#-~]+)"')

STATES = {
    b"S I": ("not-ready", "busy, or it did not come to rest in time"),
    b"S +": ("overload", "too much on the balance"),
    b"S -": ("underload", "too little on the balance; is the pan in place?"),
}

REFUSALS = {
    b"ES": "the balance does not know the command (ES)",
    b"ET": "the balance got a damaged command (ET): are line settings and cable right?",
    b"EL": "the balance cannot do the command (EL)",
}


class MtSicsSettings(GaugeSettings):
    """Keys of an `mt-sics`."""

    request: Literal["S", "SI"] = Field(
        default="SI",
        description='"SI": the weight at once, stable or not; "S": the next stable weight, for which the balance may '
        "take longer than silence_s; default SI.",
    )
    stream: Literal["SIR", "SR"] = Field(
        default="SIR", description='"SIR": all weights; "SR": a stable weight after each change; default SIR.'
    )
    identify: bool = Field(
        default=True, description="Ask for the serial number at open and keep it with each value; default true."
    )


class MtSics(AskedGauge[MtSicsSettings]):
    """Gives one Reading a weight, with the balance's serial number."""

    Settings: ClassVar[type[DeviceSettings]] = MtSicsSettings

    def _make_words(self) -> Words:
        return Words(
            request=self.settings.request.encode() + b"\r\n",
            start=self.settings.stream.encode() + b"\r\n",
            stop=b"SI\r\n",
            identify=b"I4\r\n" if self.settings.identify else b"",
        )

    def _meaning(self, frame: Frame) -> Signal | None:
        if match := WEIGHT.fullmatch(frame.body):
            return self._reading(frame, match[2], match[3].decode("ascii"), stable=match[1] == b"S")
        if state := STATES.get(frame.body):
            return Condition(frame.raw, state[0], active=True, detail=state[1])
        if match := SERIAL_NUMBER.fullmatch(frame.body):
            self._is_called(match[1].decode("ascii"))
            return None
        return Noise(frame.raw, REFUSALS.get(frame.body, "not S, status, weight and unit"))
