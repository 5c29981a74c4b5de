r"""An andon button box whose microcontroller speaks lines of text over a serial port.

By default it says `red=1` for a button that is pressed and `red=0` for one let go, is told `red=1\n` to light a lamp,
and answers `?\n` with the state of all inputs.  Repeated reports of one state are passed on: the station knows what is
new.  A box whose controller restarts when its port is opened says so with its `ready` line: it is asked again then, and
told all its lamps.

`stop=1` stops the line, `run=1` lets it run, if the box has such outputs.  The box must begin with `stop` on and `run`
off, and fall back to it when `heartbeat` does not come: the agent cannot speak for it before it has started.
"""

from __future__ import annotations

import math
import re
import time
from contextlib import suppress
from string import Formatter
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator, model_validator

from drivers.contract import Contact, DeviceError, DeviceSettings, Indication, Lamp, Lamps, Noise, Signal
from drivers.framing import LINE_ENDS, Delimited, Frame
from drivers.outputs import Part, Stack, StackSettings, shared, wired
from drivers.port import PortSettings
from drivers.serial_driver import SerialDriver

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_LENGTH = 256
"""Bytes of a line; boxes send a name and a state."""

GROUPS = {"input", "state"}
PLACES = {"lamp", "level"}


class SerialBoxSettings(PortSettings, StackSettings):
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
    horn: str = Field(default="", description="Output name of the horn; default empty: the box has none.")
    stop: str = Field(
        default="", description="Output name of what is on while the line is stopped; default empty: the box has none."
    )
    run: str = Field(
        default="", description="Output name of what is on only while the line may run; default empty: it has none."
    )
    query: str = Field(
        default="?\n", description="Sent at open so that the box reports its inputs; default ? and LF; empty: not sent."
    )
    ready: str = Field(
        default="",
        description="Regular expression of the line a box sends when it has started: it is asked for its inputs and "
        "told all its lamps again; default empty: it sends none.",
    )
    heartbeat: str = Field(
        default="",
        description="Sent every heartbeat_s while the agent reads the box, so that the box can fall to a safe state "
        "when it no longer comes; default empty: not sent.",
    )
    heartbeat_s: float = Field(default=1.0, ge=0.1, le=60, description="Time between two heartbeats, s; default 1.")

    @property
    def outputs(self) -> dict[Part, str]:
        """The box's name of each part."""
        return wired(self.lamps, self.horn or None, self.stop or None, self.run or None)

    @field_validator("pattern", "ready")
    @classmethod
    def _is_pattern(cls, pattern: str) -> str:
        try:
            re.compile(pattern)
        except re.error as error:
            raise ValueError(f"not a regular expression: {error}") from error
        return pattern

    @field_validator("pattern")
    @classmethod
    def _has_groups(cls, pattern: str) -> str:
        groups = re.compile(pattern).groupindex
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

    @model_validator(mode="after")
    def _one_output_each(self) -> SerialBoxSettings:
        if shared(self.outputs):
            raise ValueError("two of lamps, horn, stop and run share one output")
        return self


class SerialBox(SerialDriver[SerialBoxSettings]):
    """Gives one Contact a line; shows the mapped outputs, sending only what changed."""

    Settings: ClassVar[type[DeviceSettings]] = SerialBoxSettings

    def __init__(self, settings: SerialBoxSettings) -> None:
        super().__init__(settings)
        self._pattern = re.compile(settings.pattern)
        self._ready = re.compile(settings.ready) if settings.ready else None
        self._outputs = settings.outputs
        self._stack = Stack(self._outputs, settings.blink_s, settings.safe)
        self._restarted = False
        self._beat_at = math.inf

    def show(self, indication: Indication) -> None:
        """Stop the line or let it run, light and darken the lamps, sound the horn.

        The box has nothing to show an Answer with.
        """
        if not isinstance(indication, Lamps):
            return
        now = time.monotonic()
        self._stack.show(indication, now)
        self._send(self._stack.changes(now))

    def close(self) -> None:
        """Leave the outputs in their safe state, and let the port go."""
        with suppress(DeviceError):
            self._send(self._stack.at_rest())
        super().close()

    def _make_framing(self) -> Delimited:
        return Delimited(LINE_ENDS, MAX_LENGTH)

    def _greet(self) -> None:
        self._stack.forget()
        self._restarted = False
        self._beat_at = time.monotonic() if self.settings.heartbeat else math.inf
        self._ask()

    def _due(self) -> float:
        if self._restarted:
            return -math.inf
        return min(self._beat_at, self._stack.due(time.monotonic()))

    def _tick(self) -> list[Signal]:
        now = time.monotonic()
        if self._restarted:
            self._restarted = False
            self._stack.unknown()
            self._ask()
        self._send(self._stack.changes(now))
        if now >= self._beat_at:
            self._beat_at = now + self.settings.heartbeat_s
            self._port.write(self.settings.heartbeat.encode())
        return []

    def _ask(self) -> None:
        if self.settings.query:
            self._port.write(self.settings.query.encode())

    def _send(self, levels: Mapping[Part, bool]) -> None:
        if levels:
            template = self.settings.output
            lines = (template.format(lamp=self._outputs[part], level=int(on)) for part, on in levels.items())
            with self._stack.writing(levels):
                self._port.write("".join(lines).encode())

    def _decode(self, frame: Frame) -> Signal | None:
        if not frame.body:
            return None
        try:
            line = frame.body.decode()
        except UnicodeDecodeError:
            return Noise(frame.raw, "not utf-8 text")
        if self._ready and self._ready.search(line):
            self._restarted = True
            return None
        match = self._pattern.search(line)
        if match is None or not match["input"] or match["state"] is None:
            return Noise(frame.raw, "line does not match the pattern")
        return Contact(frame.raw, match["input"], active=match["state"] == self.settings.active)
