"""A gauge or balance that sends lines of text, described by the station file.

A regular expression says where value, unit and stability stand; requests are settings too.  What is not a plain
decimal number (`NaN`, `inf`, exponents, digit groups) is Noise, whatever the expression lets through.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from drivers.contract import DeviceSettings, Noise, Signal
from drivers.framing import LINE_ENDS, Delimited
from drivers.gauges.asking import NUMBER, AskedGauge, GaugeSettings, Words

if TYPE_CHECKING:
    from drivers.framing import Frame, Framing

WIRE = "latin-1"
"""How requests and the terminator in the settings become bytes: one character, one byte."""

GROUPS = {"value", "unit", "stable"}
PLAIN = re.compile(NUMBER)


class TextGaugeSettings(GaugeSettings):
    """Keys of a `text-gauge`."""

    pattern: str = Field(
        default=r" *(?P<value>[+-]?[0-9]+(\.[0-9]+)?) *(?P<unit>[A-Za-z%]+) *",
        description="Regular expression that matches the whole line, with the named group value, and where it says "
        "them unit and stable; default number and unit.",
    )
    unit: str = Field(default="", description="Unit, where the pattern has no group unit; default none.")
    stable: str = Field(
        default="ST", description="Text of the group stable that means stable, all else is not; default ST."
    )
    decimal_comma: bool = Field(default=False, description="The number has a comma for a point; default false.")
    request: str = Field(default="", description="Asks for a value; default none: it cannot be asked.")
    start: str = Field(default="", description="Starts a stream; default none: the gauge sends by itself.")
    stop: str = Field(default="", description="Stops the stream at the end; default none.")
    terminator: str = Field(default="", description="Characters after each value; default empty: CR, LF or CR LF.")
    encoding: Literal["ascii", "latin-1", "utf-8"] = Field(
        default="ascii", description="Encoding of the lines: ascii, latin-1 or utf-8; default ascii."
    )
    max_length: int = Field(default=256, gt=0, le=4096, description="Longest line, bytes; default 256.")

    @field_validator("pattern")
    @classmethod
    def _has_groups(cls, pattern: str) -> str:
        try:
            groups = set(re.compile(pattern).groupindex)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if "value" not in groups:
            raise ValueError("named group missing: (?P<value>...)")
        if unknown := groups - GROUPS:
            raise ValueError(f"unknown group {', '.join(sorted(unknown))}: there are value, unit and stable")
        return pattern

    @field_validator("request", "start", "stop", "terminator")
    @classmethod
    def _one_byte_each(cls, text: str) -> str:
        try:
            text.encode(WIRE)
        except UnicodeEncodeError as error:
            raise ValueError(f"{text!r} holds a character above U+00FF, which is no single byte") from error
        return text

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        if self.mode in ("poll", "ask") and not self.request:
            raise ValueError(f'mode "{self.mode}" needs `request`')
        if bool(self.unit) == ("unit" in re.compile(self.pattern).groupindex):
            raise ValueError("the unit comes either from the group unit of `pattern` or from `unit`: give one of them")
        return self


class TextGauge(AskedGauge[TextGaugeSettings]):
    """Gives one Reading a line that matches."""

    Settings: ClassVar[type[DeviceSettings]] = TextGaugeSettings

    def __init__(self, settings: TextGaugeSettings) -> None:
        super().__init__(settings)
        self._pattern = re.compile(settings.pattern)
        self._seven_bits = settings.encoding == "ascii"

    def _make_words(self) -> Words:
        request, start, stop = self.settings.request, self.settings.start, self.settings.stop
        return Words(request=request.encode(WIRE), start=start.encode(WIRE), stop=stop.encode(WIRE))

    def _make_framing(self) -> Framing:
        terminator = self.settings.terminator.encode(WIRE)
        return Delimited((terminator,) if terminator else LINE_ENDS, self.settings.max_length)

    def _meaning(self, frame: Frame) -> Signal:
        try:
            match = self._pattern.fullmatch(frame.body.decode(self.settings.encoding))
        except UnicodeError:
            return Noise(frame.raw, f"not {self.settings.encoding} text")
        if match is None:
            return Noise(frame.raw, "line does not match the pattern")
        said = match.groupdict()
        text, unit = said["value"] or "", said.get("unit", self.settings.unit)
        plain = text.replace(",", ".") if self.settings.decimal_comma else text
        if not PLAIN.fullmatch(plain.encode()) or (self.settings.decimal_comma and "." in text):
            return Noise(frame.raw, f"{text!r} is no plain decimal number")
        if not unit:
            return Noise(frame.raw, "a value without a unit")
        return self._value(frame, text, plain, unit, stable=said.get("stable", self.settings.stable))

    def _value(self, frame: Frame, text: str, plain: str, unit: str, *, stable: str | None) -> Signal:
        is_stable = stable == self.settings.stable
        return replace(self._reading(frame, plain.encode(), unit, stable=is_stable), text=text)
