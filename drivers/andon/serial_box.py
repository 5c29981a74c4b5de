r"""An andon button box whose microcontroller speaks lines of text over a serial port.

By default it says `red=1` for a button that is pressed and `red=0` for one let go, is told `red=1\n` to light a lamp,
and answers `?\n` with the state of all inputs.  Repeated reports of one state are passed on: the station knows what is
new.  A box whose controller restarts when its port is opened must report its inputs by itself once it runs.
"""

from __future__ import annotations

import re
from string import Formatter
from typing import ClassVar

from pydantic import Field, field_validator

from drivers.contract import Contact, DeviceSettings, Indication, Lamp, Lamps, Noise, Signal
from drivers.framing import LINE_ENDS, Delimited, Frame
from drivers.port import PortSettings
from drivers.serial_driver import SerialDriver

MAX_LENGTH = 256
"""Bytes of a line; boxes send a name and a state."""

GROUPS = {"input", "state"}
PLACES = {"lamp", "level"}


class SerialBoxSettings(PortSettings):
    """Keys of a `serial-box`."""

    pattern: str = Field(
        default=r"^(?P<input>\w+)=(?P<state>[01])$",
        description="Regular expression of an input line, with the named groups input and state.",
    )
    active: str = Field(default="1", description="State text that means pressed; default 1.")
    output: str = Field(
        default="{lamp}={level}\n", description="What sets a lamp: {lamp} is its output name, {level} is 1 or 0."
    )
    lamps: dict[Lamp, str] = Field(
        default={lamp: lamp.value for lamp in Lamp},
        description="Colour -> output name, for the lamps the box has; default red, yellow, green and blue.",
    )
    query: str = Field(
        default="?\n", description="Sent at open so that the box reports its inputs; default ? and LF; empty: not sent."
    )

    @field_validator("pattern")
    @classmethod
    def _has_groups(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groupindex
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        if missing := GROUPS - set(groups):
            raise ValueError("named group missing: " + ", ".join(f"(?P<{name}>...)" for name in sorted(missing)))
        return pattern

    @field_validator("output")
    @classmethod
    def _has_places(cls, output: str) -> str:
        places = {name for _, name, _, _ in Formatter().parse(output) if name is not None}
        if missing := PLACES - places:
            raise ValueError("place missing: " + ", ".join(f"{{{name}}}" for name in sorted(missing)))
        if unknown := places - PLACES:
            raise ValueError("unknown place: " + ", ".join(f"{{{name}}}" for name in sorted(unknown)))
        output.format(lamp="red", level="1")
        return output

    @field_validator("lamps")
    @classmethod
    def _one_lamp_an_output(cls, lamps: dict[Lamp, str]) -> dict[Lamp, str]:
        if len(set(lamps.values())) < len(lamps):
            raise ValueError("two colours share one output")
        return lamps


class SerialBox(SerialDriver[SerialBoxSettings]):
    """Gives one Contact a line; shows the mapped lamps, sending only those that changed since the port was opened."""

    Settings: ClassVar[type[DeviceSettings]] = SerialBoxSettings

    def __init__(self, settings: SerialBoxSettings) -> None:
        super().__init__(settings)
        self._pattern = re.compile(settings.pattern)
        self._shown: dict[str, str] = {}

    def show(self, indication: Indication) -> None:
        """Light and darken the lamps.  The box has nothing to show an Answer with."""
        if not isinstance(indication, Lamps):
            return
        wanted = {name: str(int(lamp in indication.lit)) for lamp, name in self.settings.lamps.items()}
        changed = {name: level for name, level in wanted.items() if self._shown.get(name) != level}
        if changed:
            lines = (self.settings.output.format(lamp=name, level=level) for name, level in changed.items())
            self._port.write("".join(lines).encode())
            self._shown = wanted

    def _make_framing(self) -> Delimited:
        return Delimited(LINE_ENDS, MAX_LENGTH)

    def _greet(self) -> None:
        self._shown = {}
        if self.settings.query:
            self._port.write(self.settings.query.encode())

    def _decode(self, frame: Frame) -> Signal | None:
        if not frame.body:
            return None
        try:
            match = self._pattern.search(frame.body.decode())
        except UnicodeDecodeError:
            return Noise(frame.raw, "not utf-8 text")
        if match is None or not match["input"] or match["state"] is None:
            return Noise(frame.raw, "line does not match the pattern")
        return Contact(frame.raw, match["input"], active=match["state"] == self.settings.active)
