"""A code reader on a serial line (USB virtual COM port, RS-232, or a converter on the network).

Knows prefix, suffix and symbology identifier; nothing of GS1, ISO/IEC 15434 or what a code is for: control characters
inside a code (GS, RS, EOT) are part of its text.
"""

from __future__ import annotations

import re
from typing import ClassVar

from pydantic import Field, field_validator

from drivers.contract import Answer, DeviceSettings, Indication, Noise, Scan, Signal, Verdict
from drivers.framing import LINE_ENDS, Delimited, Frame
from drivers.port import PortSettings
from drivers.serial_driver import SerialDriver

WIRE = "latin-1"
"""How prefix, suffix and answers in the settings become bytes: one character, one byte."""

SYMBOLOGY_IDENTIFIER = re.compile(r"\][A-Za-z][0-9A-Za-z]")
"""Flag, code character, modifier.  Source: ISO/IEC 15424."""


class SerialScannerSettings(PortSettings):
    """Keys of a `serial-scanner`."""

    prefix: str = Field(default="", description="Characters before each code; default none.")
    suffix: str = Field(default="", description="Characters after each code; default empty: CR, LF or CR LF.")
    encoding: str = Field(default="utf-8", description="Encoding of the codes' text; default utf-8.")
    symbology_identifier: bool = Field(
        default=False, description="The reader sends ISO/IEC 15424 identifiers (]C1, ]d2, ...); default false."
    )
    on_pass: str = Field(default="", description="Sent to the reader after a pass (good-read beep); default nothing.")
    on_refuse: str = Field(default="", description="Sent to the reader after a refusal; default nothing.")
    max_length: int = Field(default=4096, gt=0, description="Longest code with its prefix, in bytes; default 4096.")

    @field_validator("prefix", "suffix", "on_pass", "on_refuse")
    @classmethod
    def _one_byte_each(cls, text: str) -> str:
        try:
            text.encode(WIRE)
        except UnicodeEncodeError as error:
            raise ValueError(f"{text!r} holds a character above U+00FF, which is no single byte") from error
        return text

    @field_validator("encoding")
    @classmethod
    def _extends_ascii(cls, encoding: str) -> str:
        try:
            extends_ascii = b"]C1".decode(encoding) == "]C1"
        except (LookupError, UnicodeError):
            extends_ascii = False
        if not extends_ascii:
            raise ValueError(f"{encoding!r} is no known encoding that extends ASCII, such as utf-8 or latin-1")
        return encoding


class SerialScanner(SerialDriver[SerialScannerSettings]):
    """Gives one Scan a code; Noise for a frame without its prefix or not in its encoding.  Empty frames say nothing."""

    Settings: ClassVar[type[DeviceSettings]] = SerialScannerSettings
    has_lamps: ClassVar[bool] = False

    def show(self, indication: Indication) -> None:
        """Send the reader its good-read or bad-read command.  It has no stack light."""
        if not isinstance(indication, Answer):
            return
        passed = indication.verdict is Verdict.PASS
        command = self.settings.on_pass if passed else self.settings.on_refuse
        if command:
            self._port.write(command.encode(WIRE))

    def _make_framing(self) -> Delimited:
        suffix = self.settings.suffix.encode(WIRE)
        return Delimited((suffix,) if suffix else LINE_ENDS, self.settings.max_length)

    def _decode(self, frame: Frame) -> Signal | None:
        prefix = self.settings.prefix.encode(WIRE)
        if not frame.body:
            return None
        if not frame.body.startswith(prefix):
            return Noise(frame.raw, f"prefix {self.settings.prefix!r} is missing")
        try:
            text = frame.body[len(prefix) :].decode(self.settings.encoding)
        except UnicodeError:
            return Noise(frame.raw, f"not {self.settings.encoding} text")
        symbology = self._symbology(text)
        code = text[len(symbology) :]
        return Scan(frame.raw, code, symbology) if code else Noise(frame.raw, "no code in the frame")

    def _symbology(self, text: str) -> str:
        if not self.settings.symbology_identifier:
            return ""
        match = SYMBOLOGY_IDENTIFIER.match(text)
        return match[0] if match else ""
