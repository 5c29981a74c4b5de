"""A Mitutoyo Digimatic gauge behind an interface that passes its 13 nibbles on (line as the interface has it).

Two forms are read: "hex", 13 hexadecimal digits and a line end (`FFFF801234530` CR), and "nibbles", 13 bytes of 0x00
to 0x0F and nothing else.  Both in the order of the gauge: `FFFF`, sign (0 or 8), six decimal digits, decimal places,
unit.  Source: FIELD.md, section 3, and the manuals of Mitutoyo QM-Height and LSM-6200.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from drivers.contract import DeviceSettings, Noise, Signal
from drivers.framing import Frame, Garbage
from drivers.gauges.asking import AskedGauge, GaugeSettings, Words

if TYPE_CHECKING:
    from drivers.framing import Framing

VALUE = re.compile(rb"FFFF([08])([0-9]{6})([0-5])([0-7])")

UNITS = {
    b"0": ("mm", ""), b"1": ("in", ""),
    b"2": ("mm", "above"), b"3": ("mm", "inside"), b"4": ("mm", "below"),
    b"5": ("in", "above"), b"6": ("in", "inside"), b"7": ("in", "below"),
}  # fmt: skip
"""Last nibble -> unit, verdict.  Source: 2 to 7 from the manual of the LSM-6200 only, hence the setting `judged`."""

PLAIN = (b"0", b"1")

HEADER = b"\x0f\x0f\x0f\x0f"
FRAME_LENGTH = 13
LONGEST_GARBAGE = 64
"""Bytes given out as one piece."""


class DigimaticSettings(GaugeSettings):
    """Keys of a `digimatic`."""

    form: Literal["hex", "nibbles"] = Field(
        default="hex",
        description='"hex": 13 hexadecimal digits and CR, LF or CR LF; "nibbles": 13 bytes of 0 to 15; default hex.',
    )
    judged: bool = Field(
        default=False, description="The gauge sends its verdict with the unit (digits 2 to 7); default false."
    )
    request: str = Field(
        default="", description="What makes the interface ask the gauge (REQ), ASCII; default none: it cannot be asked."
    )

    @model_validator(mode="after")
    def _can_be_asked(self) -> Self:
        if self.mode in ("poll", "ask") and not self.request:
            raise ValueError(f'mode "{self.mode}" needs `request`: what makes the interface ask the gauge')
        if not self.request.isascii():
            raise ValueError(f"request: {self.request!r} is not ASCII")
        return self


class Digimatic(AskedGauge[DigimaticSettings]):
    """Gives one Reading a value: text of sign, all six digits and point."""

    Settings: ClassVar[type[DeviceSettings]] = DigimaticSettings

    def _make_words(self) -> Words:
        return Words(request=self.settings.request.encode("ascii"))

    def _make_framing(self) -> Framing:
        return Nibbles() if self.settings.form == "nibbles" else super()._make_framing()

    def _meaning(self, frame: Frame) -> Signal:
        match = VALUE.fullmatch(frame.body.upper())
        if match is None or not (self.settings.judged or match[4] in PLAIN):
            return Noise(frame.raw, "not FFFF, sign, six digits, decimal places (0 to 5) and unit (0 mm, 1 inch)")
        unit, judged = UNITS[match[4]]
        whole = len(match[2]) - int(match[3])
        digits = match[2][:whole] + b"." + match[2][whole:] if int(match[3]) else match[2]
        return self._reading(frame, (b"-" if match[1] == b"8" else b"+") + digits, unit, judged=judged)


class Nibbles:
    """Frames of 13 bytes that begin with four of 0x0F; a body is written as hexadecimal digits.

    No digit of a value is 0x0F, so that one inside a frame begins the next.  What is between frames comes as Garbage,
    in pieces of 64 bytes.
    """

    def __init__(self) -> None:
        self._buffer = b""

    def feed(self, data: bytes) -> list[Frame | Garbage]:
        """Return what `data` completes, in order."""
        self._buffer += data
        found: list[Frame | Garbage] = []
        while cut := self._cut():
            found.append(cut)
        return found

    def flush(self) -> bytes:
        """Return the bytes of the half frame, if any, and begin anew."""
        rest, self._buffer = self._buffer, b""
        return rest

    def _cut(self) -> Frame | Garbage | None:
        """Take the next piece from the buffer, if it is complete."""
        start = self._buffer.find(HEADER)
        if start < 0:
            return self._garbage(LONGEST_GARBAGE) if len(self._buffer) >= LONGEST_GARBAGE + len(HEADER) else None
        if start > 0:
            return self._garbage(min(start, LONGEST_GARBAGE))
        broken = self._buffer.find(HEADER[:1], len(HEADER), FRAME_LENGTH)
        if broken > 0:
            return self._garbage(1 if broken == len(HEADER) else broken)
        if len(self._buffer) < FRAME_LENGTH:
            return None
        raw, self._buffer = self._buffer[:FRAME_LENGTH], self._buffer[FRAME_LENGTH:]
        if max(raw) > max(HEADER):
            return Garbage(raw, "a byte that is no nibble")
        return Frame(raw, "".join(f"{nibble:X}" for nibble in raw).encode("ascii"))

    def _garbage(self, length: int) -> Garbage:
        raw, self._buffer = self._buffer[:length], self._buffer[length:]
        return Garbage(raw, "no 13 nibbles that begin with FFFF")
