"""A Mitutoyo gauge behind a USB-ITN or VCP input tool (9600 8N1).

The frame carries no unit and no error: the unit is a setting, and what is not a value is Noise.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field

from drivers.contract import DeviceSettings, Noise, Reading, Signal
from drivers.framing import CR, Delimited, Frame
from drivers.port import PortSettings
from drivers.serial_driver import SerialDriver

VALUE = re.compile(rb"01A([+-](?=[0-9.]{8}\Z)[0-9]+\.[0-9]+)")
"""`01A`, sign, number of 8 characters: `01A+0000.123` mm, `01A+00.12345` inch.  Source: FIELD.md, section 3."""

MAX_LENGTH = 64
"""Bytes; a value has 12, the rest is room to show what came instead."""


class MitutoyoSettings(PortSettings):
    """Keys of a `mitutoyo`."""

    unit: Literal["mm", "in"] = Field(
        default="mm", description="Unit the gauge is switched to, which it does not send; mm or in, default mm."
    )


class Mitutoyo(SerialDriver[MitutoyoSettings]):
    """Gives one Reading each time the gauge's DATA key, the foot switch or the host asks for it."""

    Settings: ClassVar[type[DeviceSettings]] = MitutoyoSettings

    def _make_framing(self) -> Delimited:
        return Delimited((CR,), MAX_LENGTH)

    def _decode(self, frame: Frame) -> Signal:
        match = VALUE.fullmatch(frame.body)
        if match is None:
            return Noise(frame.raw, "not 01A, sign and number of 8 characters")
        text = match[1].decode("ascii")
        return Reading(frame.raw, text, Decimal(text), self.settings.unit)
