"""Dry contacts and lamps on the modem lines of any serial port: CTS, DSR, DCD, RI in; RTS, DTR out.

The lines are polled: the kernel's wait for their change cannot be ended.  When the port is closed, also by the death of
the process, the kernel drops RTS and DTR: a lamp on them goes dark, and one that is `inverted` lights up.  Opening a
port raises both for a moment before the first level is set.  So of the outputs that stop the line only those are taken
whose idle line means stop, and a relay on them must be too slow for that moment.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import Field, field_validator, model_validator

from drivers.contract import DeviceSettings, Driver, Indication, Lamp, Lamps, Noise, Signal
from drivers.inputs import Input, InputName, InputSettings, Level, pair
from drivers.outputs import RUN, STOP, BlinkSettings, Part, Stack, shared, wired
from drivers.port import ModemLines, Port, PortSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

LineIn = Literal["cts", "dsr", "dcd", "ri"]
LineOut = Literal["rts", "dtr"]

WITHOUT_LINES = "socket://"
"""A plain socket carries bytes only; pyserial says of its lines that they are on."""


class LineInputSettings(InputSettings):
    """Keys of a `[device.inputs.NAME]` table of `serial-lines`."""

    line: LineIn = Field(description="Where the contact is wired: cts, dsr, dcd or ri.")
    pair: LineIn | None = Field(
        default=None,
        description="Line of the button's other contact, which is closed when this one is open; both alike is a broken "
        "wire; default none.",
    )


class SerialLinesSettings(PortSettings, BlinkSettings):
    """Keys of `serial-lines`."""

    inputs: dict[InputName, LineInputSettings] = Field(
        default={}, description="Inputs by name, each a table [device.inputs.NAME]; default none."
    )
    lamps: dict[Lamp, LineOut] = Field(default={}, description="Colour -> rts or dtr; default none.")
    horn: LineOut | None = Field(default=None, description="Line of the horn, rts or dtr; default none.")
    stop: LineOut | None = Field(
        default=None,
        description="Line of what is on while the line is stopped, rts or dtr; must be in inverted; default none.",
    )
    run: LineOut | None = Field(
        default=None, description="Line of what is on only while the line may run, rts or dtr; default none."
    )
    inverted: tuple[Part, ...] = Field(
        default=(),
        description="Parts (lamps, horn, stop) wired so that they are on while their line is off, and so also when the "
        "agent is gone; default none.",
    )
    supply: LineOut | None = Field(
        default=None, description="Line that is kept on as the supply of the contacts: rts or dtr; default none."
    )
    poll_s: float = Field(
        default=0.02, ge=0.005, le=1, description="Time between two looks at the lines, s; default 0.02."
    )

    @property
    def outputs(self) -> dict[Part, LineOut]:
        """Line of each part."""
        return wired(self.lamps, self.horn, self.stop, self.run)

    @field_validator("port")
    @classmethod
    def _carries_lines(cls, port: str) -> str:
        if port.startswith(WITHOUT_LINES):
            raise ValueError(f"{port}: a plain socket carries no modem lines; use rfc2217://HOST:PORT")
        return port

    @model_validator(mode="after")
    def _one_use_each(self) -> SerialLinesSettings:
        if shared(self.outputs) or self.supply in self.outputs.values():
            raise ValueError("two of lamps, horn, stop, run and supply share one line: a port has only rts and dtr")
        wired = [line for one in self.inputs.values() for line in (one.line, one.pair) if line]
        if len(set(wired)) < len(wired):
            raise ValueError("two inputs share one line: each of cts, dsr, dcd and ri is one contact")
        return self

    @model_validator(mode="after")
    def _stops_when_idle(self) -> SerialLinesSettings:
        if (self.stop and STOP not in self.inverted) or (self.run and RUN in self.inverted):
            raise ValueError(
                "both lines are off when the agent is gone, and the line must be stopped then: "
                "name stop in inverted, or use run, which must not be in it"
            )
        return self


class SerialLines(Driver):
    """Gives a Contact for each input after opening, and then for each change; shows the mapped outputs."""

    Settings: ClassVar[type[DeviceSettings]] = SerialLinesSettings

    def __init__(self, settings: SerialLinesSettings) -> None:
        self.settings = settings
        self._port = Port(settings)
        self._inputs = {name: Input(name, one) for name, one in settings.inputs.items()}
        self._outputs = settings.outputs
        self._stack = Stack(self._outputs, settings.blink_s)
        self._poll_at = math.inf

    def open(self) -> None:
        """Open the port with all lamps dark and the line stopped.

        Raises DriverUnusableError for a port without modem lines.
        """
        for one in self._inputs.values():
            one.restart()
        self._stack.forget()
        self._port.drive(**self._lines(self._stack.first_levels()))
        self._port.open()
        self._port.lines()
        self._poll_at = time.monotonic() if self._inputs else math.inf

    def read(self, timeout_s: float) -> Sequence[Signal]:
        """Look at the lines at each `poll_s`, and blink."""
        deadline = time.monotonic() + timeout_s
        while True:
            signals = self._tick(time.monotonic())
            until = time.monotonic() if signals else min(deadline, self._due())
            data = self._port.read(max(0.0, until - time.monotonic()))
            if data:
                signals.append(Noise(data, "bytes on a port that is used for its lines only"))
            if signals or self._port.cancelled or time.monotonic() >= deadline:
                return signals

    def cancel(self) -> None:
        """End the read under way or the next one."""
        self._port.cancel()

    def close(self) -> None:
        """Let the port go; the kernel drops RTS and DTR."""
        self._port.close()

    def show(self, indication: Indication) -> None:
        """Light and darken the lamps, sound the horn, stop the line or let it run."""
        if isinstance(indication, Lamps):
            now = time.monotonic()
            self._stack.show(indication, now)
            self._drive(now)

    def _due(self) -> float:
        return min(self._poll_at, self._stack.due(time.monotonic()))

    def _tick(self, now: float) -> list[Signal]:
        self._drive(now)
        if self._poll_at > now:
            return []
        self._poll_at = max(self._poll_at + self.settings.poll_s, now)
        return self._sampled(self._port.lines(), time.monotonic())

    def _sampled(self, lines: ModemLines, now: float) -> list[Signal]:
        """Return what `lines`, seen at `now`, say about the inputs."""
        raw = " ".join(f"{name}={int(on)}" for name, on in lines._asdict().items()).encode()
        told: list[Signal] = []
        for name, one in self._inputs.items():
            told += one.sampled(self._level(name, lines), raw, now)
        return told

    def _level(self, name: str, lines: ModemLines) -> Level:
        settings = self.settings.inputs[name]
        first: bool = getattr(lines, settings.line)
        return pair(first, getattr(lines, settings.pair)) if settings.pair else first

    def _drive(self, now: float) -> None:
        if changes := self._stack.changes(now):
            lines = self._lines(self._stack.first_levels() | self._stack.known() | changes)
            with self._stack.writing(changes):
                self._port.drive(**lines)

    def _lines(self, levels: Mapping[Part, bool]) -> dict[LineOut, bool]:
        """Return RTS and DTR for these parts, which are all that are wired."""
        lines: dict[LineOut, bool] = {"rts": False, "dtr": False}
        for part, line in self._outputs.items():
            lines[line] = levels[part] != (part in self.settings.inverted)
        if self.settings.supply:
            lines[self.settings.supply] = True
        return lines
