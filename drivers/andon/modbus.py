"""A Modbus input and output module: buttons, contacts, machine states, a stack light, the outputs that stop the line.

All inputs are polled, neighbours in one request.  Outputs are coils, or the bits of one register.  What stops the line
is written first, in requests of its own, and also before the module's watchdog is fed for the first time.
"""

from __future__ import annotations

import math
import time
from contextlib import suppress
from typing import TYPE_CHECKING, ClassVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.andon.modbus_inputs import REGISTER_BITS, Block, ModbusInputSettings, reads
from drivers.contract import DeviceError, DeviceSettings, Indication, Lamp, Lamps, Signal
from drivers.inputs import Fault, Input, InputName, Level, Threshold, pair
from drivers.modbus import AnswerError, ModbusSettings, RefusedError
from drivers.modbus_driver import ModbusDriver
from drivers.outputs import STOPPED, Part, Stack, StackSettings, shared, wired
from drivers.registers import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SHOW_S = 0.5
"""Longest wait of `show`, as the contract demands; what was not written until then is written by the next `read`."""

Answered = tuple[bytes, list[int]] | RefusedError
"""The frame and its values, or that the module refuses."""

REFUSED_RETRY_S = 1.0
"""How soon outputs are written again that the module refused to set."""

UNREADABLE = "no-reading"
"""Name of the condition that the module refuses to tell an input, or tells no number."""


class WatchdogSettings(BaseModel):
    """Keys of the `[device.watchdog]` table: what is written so that the module knows the agent is at work."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    address: int = Field(ge=0, le=65535, description="Holding register to write.")
    value: int = Field(default=1, ge=0, le=65535, description="What is written; default 1.")
    toggle: bool = Field(default=False, description="true: value and 0 in turn; default false: always value.")
    every_s: float = Field(default=1.0, ge=0.1, le=60, description="Time between two writes, s; default 1.")


class ModbusIoSettings(ModbusSettings, StackSettings):
    """Keys of a `modbus-io`."""

    inputs: dict[InputName, ModbusInputSettings] = Field(
        default={}, description="Inputs by name, each a table [device.inputs.NAME]; default none."
    )
    poll_s: float = Field(
        default=0.05, ge=0.005, le=60, description="Time between two readings of all inputs, s; default 0.05."
    )
    lamps: dict[Lamp, int] = Field(
        default={}, description="Colour -> coil (bit, with lamp_register), for the lamps there are; default none."
    )
    horn: int | None = Field(
        default=None, ge=0, le=65535, description="Coil (bit, with lamp_register) of the horn; default none."
    )
    stop: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Coil (bit, with lamp_register) that is on while the line is stopped; default none.",
    )
    run: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Coil (bit, with lamp_register) that is on only while the line may run; default none.",
    )
    lamp_register: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Holding register whose bits are the outputs; all its other bits are written 0; default none: "
        "they are coils.",
    )
    watchdog: WatchdogSettings | None = Field(
        default=None, description="Table [device.watchdog], for a module that falls to a safe state; default none."
    )

    @property
    def outputs(self) -> dict[Part, int]:
        """Coil or bit of each part."""
        return wired(self.lamps, self.horn, self.stop, self.run)

    @model_validator(mode="after")
    def _one_output_each(self) -> ModbusIoSettings:
        if shared(self.outputs):
            raise ValueError("two of lamps, horn, stop and run share one output")
        most = 65535 if self.lamp_register is None else REGISTER_BITS - 1
        if wrong := [place for place in self.outputs.values() if not 0 <= place <= most]:
            raise ValueError(f"output {wrong[0]} is not within 0 to {most}")
        return self


class ModbusIo(ModbusDriver[ModbusIoSettings]):
    """Gives a Contact for each input after opening, and then for each change; shows the mapped outputs.

    An input that the module refuses to tell is unknown: Condition `no-reading`, and its safe reading.
    """

    Settings: ClassVar[type[DeviceSettings]] = ModbusIoSettings

    def __init__(self, settings: ModbusIoSettings) -> None:
        super().__init__(settings)
        self._inputs = {name: Input(name, one) for name, one in settings.inputs.items()}
        self._thresholds = {name: Threshold(one) for name, one in settings.inputs.items()}
        self._reads = reads(block for one in settings.inputs.values() for block in one.blocks)
        self._outputs = settings.outputs
        self._stack = Stack(self._outputs, settings.blink_s, settings.safe)
        self._is_open = False
        self._retry_at = -math.inf
        self._poll_at = self._beat_at = math.inf
        self._beats = 0

    def show(self, indication: Indication) -> None:
        """Stop the line or let it run, light the lamps, sound the horn; what takes longer than 0.5 s is for `read`."""
        if not isinstance(indication, Lamps):
            return
        now = time.monotonic()
        self._stack.show(indication, now)
        if self._bus.must_settle:
            return
        with suppress(AnswerError, RefusedError):
            self._write(self._stack.changes(now), now + SHOW_S)

    def close(self) -> None:
        """Leave the outputs in their safe state, if the module still answers, and let the port go."""
        if self._is_open and not self._gone:
            with suppress(AnswerError, RefusedError, DeviceError):
                self._write(self._stack.at_rest(), time.monotonic() + SHOW_S)
        self._is_open = False
        super().close()

    def _start(self, now: float) -> None:
        for one in self._inputs.values():
            one.restart()
        self._stack.forget()
        self._is_open = True
        self._retry_at = -math.inf
        self._poll_at = now if self._reads else math.inf
        self._beat_at = now if self.settings.watchdog else math.inf

    def _due(self) -> float:
        return min(self._poll_at, self._beat_at, max(self._stack.due(time.monotonic()), self._retry_at))

    def _tick(self, now: float) -> list[Signal]:
        if max(self._stack.due(now), self._retry_at) <= now:
            self._light(now)
        if self._beat_at <= now:
            self._beat(now)
        if self._poll_at > now:
            return []
        self._poll_at = max(self._poll_at + self.settings.poll_s, now)
        return self._polled()

    def _light(self, now: float) -> None:
        self._retry_at = now + self.settings.poll_s
        try:
            self._write(self._stack.changes(now), math.inf)
        except RefusedError as error:
            self._retry_at = now + REFUSED_RETRY_S
            self._refused(error)
        else:
            self._retry_at = -math.inf

    def _beat(self, now: float) -> None:
        watchdog = self.settings.watchdog
        if watchdog is None:
            return
        self._beat_at = now + watchdog.every_s
        self._beats += 1
        value = 0 if watchdog.toggle and self._beats % 2 == 0 else watchdog.value
        try:
            self._bus.write_register(watchdog.address, value)
        except RefusedError as error:
            self._refused(error)

    def _polled(self) -> list[Signal]:
        answers: dict[Block, Answered] = {}
        for request, blocks in self._reads.items():
            try:
                answer: Answered = self._bus.read(*request)
            except RefusedError as error:
                self._refused(error)
                answer = error
            answers |= {block: _part(answer, request, block) for block in blocks}
        now = time.monotonic()
        signals: list[Signal] = []
        for name, one in self._inputs.items():
            raw, level = self._level(name, [answers[block] for block in self.settings.inputs[name].blocks])
            signals += one.sampled(level, raw, now)
        return signals

    def _level(self, name: str, answers: list[Answered]) -> tuple[bytes, Level]:
        values: list[int] = []
        raw = b""
        for answer in answers:
            if isinstance(answer, RefusedError):
                return answer.raw, Fault(UNREADABLE, answer.reason)
            raw += answer[0]
            values += answer[1]
        level_of = self._beyond if self.settings.inputs[name].has_threshold else self._closed
        return raw, level_of(name, values)

    def _closed(self, name: str, values: list[int]) -> Level:
        settings = self.settings.inputs[name]
        if settings.bit is not None:
            bits = [settings.bit] if settings.pair is None else [settings.bit, settings.pair]
            values = [values[0] >> bit & 1 for bit in bits]
        return pair(bool(values[0]), bool(values[1])) if len(values) > 1 else bool(values[0])

    def _beyond(self, name: str, registers: list[int]) -> Level:
        try:
            value = number(registers, self.settings.inputs[name])
        except ValueError as error:
            return Fault(UNREADABLE, str(error))
        return self._thresholds[name].level(value)

    def _write(self, levels: Mapping[Part, bool], until: float) -> None:
        """Write the levels; what was written counts even if the rest fails.  Raises what the bus raises."""
        if not levels:
            return
        if self.settings.lamp_register is not None:
            self._write_bits(self.settings.lamp_register, levels, until)
            return
        for parts in self._requests(levels):
            left_s = until - time.monotonic()
            if left_s <= 0:
                return
            with self._stack.writing({part: levels[part] for part in parts}):
                self._bus.write_coils(self._outputs[parts[0]], [levels[part] for part in parts], left_s)

    def _requests(self, parts: Iterable[Part]) -> list[list[Part]]:
        """Return the parts as they are written: a lamp that the module refuses must not keep the line from stopping."""
        places = {self._outputs[part]: part for part in parts}
        stopping = {place: part for place, part in places.items() if part in STOPPED}
        others = {place: part for place, part in places.items() if part not in STOPPED}
        return neighbours(stopping) + neighbours(others)

    def _write_bits(self, register: int, levels: Mapping[Part, bool], until: float) -> None:
        on = self._stack.known() | dict(levels)
        value = sum(1 << self._outputs[part] for part, level in on.items() if level)
        with self._stack.writing(levels):
            self._bus.write_register(register, value, until - time.monotonic())


def _part(answer: Answered, request: Block, block: Block) -> Answered:
    """Return the values of one block out of the answer to a request."""
    if isinstance(answer, RefusedError):
        return answer
    raw, values = answer
    begin = block.address - request.address
    return raw, values[begin : begin + block.size]


def neighbours(places: Mapping[int, Part]) -> list[list[Part]]:
    """Return the parts, those with neighbouring outputs together."""
    groups: list[list[Part]] = []
    last = -1
    for place in sorted(places):
        if not groups or place != last + 1:
            groups.append([])
        groups[-1].append(places[place])
        last = place
    return groups
