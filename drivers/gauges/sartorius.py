"""A balance that speaks SBI (Sartorius; 9600 8O1 or as set).

A line has 16 characters with CR LF, `+   123.56 g  `, or 22 with a name of 6 in front.  Without a unit the weight is
not stable.  `Stat` lines are states, not values; so are lines with a word where the number stands.
Source: FIELD.md, section 3, and the manuals of Sartorius FB, Quintix, LE and WZA.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field

from drivers.contract import Condition, DeviceSettings, Noise, Signal
from drivers.gauges.asking import AskedGauge, GaugeSettings, Words

if TYPE_CHECKING:
    from drivers.framing import Frame

NAME_LENGTH = 6
SHORT, LONG = 14, 20
"""Characters of a line without CR LF."""

WEIGHT = re.compile(rb"([+ -]) *([0-9]+(?:\.[0-9]+)?) *")
SIGN_AND_DIGITS = 10
"""Sign, blanks and digits; a blank and three characters of unit follow."""

UNIT = re.compile(rb" ([A-Za-z%/]{1,3}) {0,2}")
NO_UNIT = b"    "

STATES = {
    "H": ("overload", "too much on the balance"),
    "HH": ("overload", "too much on the balance (checkweighing)"),
    "High": ("overload", "too much on the balance"),
    "L": ("underload", "too little on the balance; is the pan in place?"),
    "LL": ("underload", "too little on the balance (checkweighing)"),
    "Low": ("underload", "too little on the balance; is the pan in place?"),
    "C": ("calibrating", "calibration or adjustment"),
    "Cal.Ext.": ("calibrating", "external adjustment"),
    "Cal.Int.": ("calibrating", "internal adjustment"),
    "--": ("not-ready", "no final value yet"),
}

ERROR = re.compile(r"E[Rr][Rr] +([0-9]{2,3})")


class SartoriusSbiSettings(GaugeSettings):
    """Keys of a `sartorius-sbi`."""

    parity: Literal["N", "E", "O"] = Field(default="O", description="None, even or odd; default O.")
    names: tuple[str, ...] = Field(
        default=("N", "N1", "G", "G#", "Qnt"),
        description="Names of lines that are the measured value, where the balance sends names; others (tare, "
        "limits, statistics, ...) are never taken for it; default N, N1, G, G# and Qnt.",
    )


class SartoriusSbi(AskedGauge[SartoriusSbiSettings]):
    """Gives one Reading a weight; not stable and without a unit while the balance sends none."""

    Settings: ClassVar[type[DeviceSettings]] = SartoriusSbiSettings

    def _make_words(self) -> Words:
        return Words(request=b"\x1bP\r\n")

    def _meaning(self, frame: Frame) -> Signal:
        if len(frame.body) not in (SHORT, LONG):
            return Noise(frame.raw, f"not {SHORT} or {LONG} characters before the end of the line")
        name, line = frame.body[:-SHORT].decode("latin-1").strip(), frame.body[-SHORT:]
        if name in ("", "Stat") and (state := _state(line)):
            return Condition(frame.raw, state[0], active=True, detail=state[1])
        if name and name not in self.settings.names:
            return Noise(frame.raw, f"a line named {name!r}, which is not among the names of measured values")
        match, unit = WEIGHT.fullmatch(line[:SIGN_AND_DIGITS]), UNIT.fullmatch(line[SIGN_AND_DIGITS:])
        if match is None or (unit is None and line[SIGN_AND_DIGITS:] != NO_UNIT):
            return Noise(frame.raw, "not sign, weight and unit in their places")
        text = match[1].strip() + match[2]
        return self._reading(frame, text, unit[1].decode("ascii") if unit else "", stable=unit is not None)


def _state(line: bytes) -> tuple[str, str] | None:
    """Name and detail of the state that a line tells, if it tells one."""
    word = line.decode("latin-1").strip()
    if error := ERROR.fullmatch(word):
        return "error", f"the balance shows Err {error[1]}"
    return STATES.get(word.replace(" ", ""))
