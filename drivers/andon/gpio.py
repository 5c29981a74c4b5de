"""Buttons and lamps on the pins of a single-board computer or an industrial PC: libgpiod 2.

Edges come from the kernel with its own time stamps.  What the outputs do when the process is killed is the chip's
affair: most keep their last level, so `safe` is only kept by an orderly end.  Taking the lines never lets the line run.
"""

from __future__ import annotations

import errno
import math
import select
import time
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

import gpiod
from gpiod.line import Bias, Direction, Edge, Value
from pydantic import Field, model_validator

from drivers.cancel import Cancel
from drivers.contract import (
    DeviceBusyError,
    DeviceError,
    DeviceGoneError,
    DeviceSettings,
    Driver,
    DriverUnusableError,
    Indication,
    Lamp,
    Lamps,
    Noise,
    Signal,
)
from drivers.inputs import Input, InputName, InputSettings, Level, pair
from drivers.outputs import Part, Stack, StackSettings, wired

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from gpiod import EdgeEvent, LineRequest, LineSettings

CONSUMER = "lineside"
"""Name under which `gpioinfo` shows our lines."""

MISSING = {errno.ENOENT, errno.ENXIO, errno.ENODEV}
FORBIDDEN = {errno.EACCES, errno.EPERM}

GPIO_ERRORS = (OSError, ValueError, gpiod.RequestReleasedError)
"""What gpiod lets through: a line that does not exist gives ValueError or, by name, FileNotFoundError."""

BIASES = {
    "as-is": Bias.AS_IS,
    "pull-up": Bias.PULL_UP,
    "pull-down": Bias.PULL_DOWN,
    "disabled": Bias.DISABLED,
}

Line = int | str
"""A line of the chip: its number or its name."""


class GpioInputSettings(InputSettings):
    """Keys of a `[device.inputs.NAME]` table of `gpio`."""

    line: Line = Field(description="Number or name of the line on the chip, as `gpioinfo` shows it.")
    pair: Line | None = Field(
        default=None,
        description="Line of the button's other contact, which is closed when this one is open; both alike is a broken "
        "wire; default none.",
    )
    bias: Literal["as-is", "pull-up", "pull-down", "disabled"] = Field(
        default="pull-up",
        description="Resistor in the chip: as-is, pull-up, pull-down or disabled; default pull-up.",
    )
    active_low: bool = Field(
        default=True, description="true: a closed contact pulls the line low (wired to ground); default true."
    )


class GpioSettings(StackSettings, DeviceSettings):
    """Keys of `gpio`."""

    chip: str = Field(default="/dev/gpiochip0", pattern="^/", description="Chip of the lines; default /dev/gpiochip0.")
    inputs: dict[InputName, GpioInputSettings] = Field(
        default={}, description="Inputs by name, each a table [device.inputs.NAME]; default none."
    )
    lamps: dict[Lamp, Line] = Field(default={}, description="Colour -> line; default none.")
    horn: Line | None = Field(default=None, description="Line of the horn; default none.")
    stop: Line | None = Field(default=None, description="Line that is on while the line is stopped; default none.")
    run: Line | None = Field(default=None, description="Line that is on only while the line may run; default none.")
    lamps_active_low: bool = Field(
        default=False, description="true: an output is on while its line is low, lamps and all others; default false."
    )

    @property
    def outputs(self) -> dict[Part, Line]:
        """Line of each part."""
        return wired(self.lamps, self.horn, self.stop, self.run)

    @model_validator(mode="after")
    def _one_use_each(self) -> GpioSettings:
        used: list[Line] = list(self.outputs.values())
        used += [line for one in self.inputs.values() for line in (one.line, one.pair) if line is not None]
        if not used:
            raise ValueError("no line is used: give inputs, lamps, horn, stop or run")
        for line in used:
            if used.count(line) > 1:
                raise ValueError(f"line {line!r} is used twice")
            if isinstance(line, int) and line < 0:
                raise ValueError(f"line {line} is no line: they count from 0")
        return self


class Gpio(Driver):
    """Gives a Contact for each input after opening, and then for each change; shows the mapped outputs.

    `request_lines` is gpiod's own.
    """

    Settings: ClassVar[type[DeviceSettings]] = GpioSettings

    def __init__(self, settings: GpioSettings, request_lines: Callable[..., LineRequest] = gpiod.request_lines) -> None:
        self.settings = settings
        self._request_lines = request_lines
        self._cancel = Cancel()
        self._poll = select.poll()
        self._request: LineRequest | None = None
        self._inputs = {
            name: Input(name, one.model_copy(update={"debounce_s": 0.0})) for name, one in settings.inputs.items()
        }
        self._outputs = settings.outputs
        self._stack = Stack(self._outputs, settings.blink_s, settings.safe)
        self._levels: dict[Line, bool] = {}
        self._names: dict[int, Line] = {}
        self._seen = 0
        self._owed: list[Signal] = []

    def open(self) -> None:
        """Take the lines, the outputs in their safe state but the line stopped, and look at all inputs."""
        self.close()
        try:
            request = self._request_lines(
                self.settings.chip,
                config=dict(self._config()),
                consumer=CONSUMER,
                output_values=self._values(self._stack.first_levels()),
            )
        except GPIO_ERRORS as error:
            raise self._not_opened(error) from error
        self._request = request
        self._names = dict(zip(request.offsets, request.lines, strict=True))
        self._poll = select.poll()
        self._poll.register(self._cancel.open(), select.POLLIN)
        self._poll.register(request.fd, select.POLLIN)
        self._begin(request)

    def read(self, timeout_s: float) -> Sequence[Signal]:
        """Wait for edges; meanwhile blink and let the delays of the inputs elapse."""
        deadline = time.monotonic() + timeout_s
        request = self._require_open()
        try:
            while True:
                signals = self._tick(time.monotonic())
                until = -math.inf if signals else min(deadline, self._due())
                ready = self._poll.poll(max(0, math.ceil((until - time.monotonic()) * 1000)) if not signals else 0)
                if any(fd == request.fd for fd, _ in ready):
                    signals += self._edges(request)
                if self._cancel.take() or signals or time.monotonic() >= deadline:
                    return signals
        except GPIO_ERRORS as error:
            raise self._lost(error) from error

    def cancel(self) -> None:
        """End the read under way or the next one."""
        self._cancel.ask()

    def show(self, indication: Indication) -> None:
        """Light and darken the lamps, sound the horn, stop the line or let it run."""
        if not isinstance(indication, Lamps):
            return
        now = time.monotonic()
        self._require_open()
        self._stack.show(indication, now)
        try:
            self._light(self._stack.changes(now))
        except GPIO_ERRORS as error:
            raise self._lost(error) from error

    def close(self) -> None:
        """Leave the outputs in their safe state, and let the lines go."""
        request = self._request
        if request is not None:
            with suppress(*GPIO_ERRORS):
                self._light(self._stack.at_rest())
            self._request = None
            with suppress(*GPIO_ERRORS):
                request.release()
        self._cancel.close()

    def _config(self) -> dict[Line, LineSettings]:
        config: dict[Line, LineSettings] = {}
        for one in self.settings.inputs.values():
            for line in (one.line, one.pair):
                if line is not None:
                    config[line] = gpiod.LineSettings(
                        direction=Direction.INPUT,
                        edge_detection=Edge.BOTH,
                        bias=BIASES[one.bias],
                        active_low=one.active_low,
                        debounce_period=timedelta(seconds=one.debounce_s),
                    )
        lamp = gpiod.LineSettings(direction=Direction.OUTPUT, active_low=self.settings.lamps_active_low)
        return config | dict.fromkeys(self._outputs.values(), lamp)

    def _begin(self, request: LineRequest) -> None:
        self._stack.forget()
        self._stack.written(self._stack.first_levels())
        self._seen = 0
        for one in self._inputs.values():
            one.restart()
        try:
            self._owed = self._looked(request)
        except GPIO_ERRORS as error:
            raise self._lost(error) from error

    def _looked(self, request: LineRequest) -> list[Signal]:
        """Return what the lines say about all inputs now."""
        lines = [line for one in self.settings.inputs.values() for line in (one.line, one.pair) if line is not None]
        if lines:
            values = request.get_values(lines)
            self._levels = {line: value is Value.ACTIVE for line, value in zip(lines, values, strict=True)}
        now = time.monotonic()
        raw = " ".join(f"{line}={int(level)}" for line, level in self._levels.items()).encode()
        told: list[Signal] = []
        for name, one in self._inputs.items():
            told += one.sampled(self._level(name), raw, now)
        return told

    def _edges(self, request: LineRequest) -> list[Signal]:
        told: list[Signal] = []
        for event in request.read_edge_events():
            lost, self._seen = event.global_seqno - self._seen - 1, event.global_seqno
            if lost > 0:
                told.append(Noise(b"", f"{lost} edges came faster than they were read; the inputs are looked at again"))
            told += self._edge(event)
            if lost > 0:
                told += self._looked(request)
        return told

    def _edge(self, event: EdgeEvent) -> list[Signal]:
        line = self._names[event.line_offset]
        rising = event.event_type is event.Type.RISING_EDGE
        self._levels[line] = rising
        raw = f"{line}={int(rising)} at {event.timestamp_ns}".encode()
        told: list[Signal] = []
        for name, one in self.settings.inputs.items():
            if line in (one.line, one.pair):
                told += self._inputs[name].changed(self._level(name), raw, event.timestamp_ns / 1e9)
        return told

    def _level(self, name: str) -> Level:
        settings = self.settings.inputs[name]
        first = self._levels[settings.line]
        return first if settings.pair is None else pair(first, self._levels[settings.pair])

    def _due(self) -> float:
        delays = (one.due() for one in self._inputs.values())
        return min(self._stack.due(time.monotonic()), *delays, math.inf)

    def _tick(self, now: float) -> list[Signal]:
        told, self._owed = self._owed, []
        self._light(self._stack.changes(now))
        for one in self._inputs.values():
            told += one.elapsed(now)
        return told

    def _light(self, levels: Mapping[Part, bool]) -> None:
        if levels and self._request is not None:
            with self._stack.writing(levels):
                self._request.set_values(self._values(levels))

    def _values(self, levels: Mapping[Part, bool]) -> dict[Line, Value]:
        return {self._outputs[part]: Value.ACTIVE if level else Value.INACTIVE for part, level in levels.items()}

    def _require_open(self) -> LineRequest:
        if self._request is None:
            raise DeviceGoneError(f"{self._where}: the lines are not open; open them first")
        return self._request

    def _lost(self, error: Exception) -> DeviceGoneError:
        return DeviceGoneError(f"{self._where}: lost ({error}); is the chip still there? it is opened again by itself")

    def _not_opened(self, error: Exception) -> DeviceError:
        number = getattr(error, "errno", None)
        if number == errno.EBUSY:
            return DeviceBusyError(f"{self._where}: lines in use by {self._consumers()}; stop it")
        if number in FORBIDDEN:
            return DeviceGoneError(f"{self._where}: permission denied; add the user to group gpio")
        if number in MISSING and not Path(self.settings.chip).exists():
            return DeviceGoneError(f"{self._where}: no such chip; list the chips with: gpiodetect")
        if number in MISSING | {errno.ENOTTY}:
            return DriverUnusableError(f"{self._where}: no chip, or no line of such a name ({error}); see gpioinfo")
        return DriverUnusableError(f"{self._where}: refused ({error}); compare lines, bias and debounce with gpioinfo")

    def _consumers(self) -> str:
        """Return the names under which others use our lines, as far as the kernel tells."""
        found: set[str] = set()
        with suppress(*GPIO_ERRORS), gpiod.Chip(self.settings.chip) as chip:
            infos = (chip.get_line_info(line) for line in self._config())
            found = {f"{info.consumer or 'the kernel'} (line {info.offset})" for info in infos if info.used}
        return " and ".join(sorted(found)) or "somebody (see gpioinfo)"

    @property
    def _where(self) -> str:
        return f"{self.settings.name}: {self.settings.chip}"
