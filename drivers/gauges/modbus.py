"""A gauge or sensor that keeps its value in Modbus registers: asked at an interval, or only when told to.

The registers carry no unit and no sign of stillness: the unit is a setting, and every value counts as stable.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field, model_validator

from drivers.contract import Ask, DeviceSettings, Indication, Noise, Reading, Signal
from drivers.modbus import ModbusSettings, RefusedError
from drivers.modbus_driver import ModbusDriver
from drivers.registers import NumberSettings, number, text

TABLE_SIZE = 65536
"""Registers of one kind.  Source: Modbus application protocol 1.1b3, 4.4."""


class ModbusGaugeSettings(ModbusSettings, NumberSettings):
    """Keys of a `modbus-gauge`."""

    table: Literal["holding", "input"] = Field(
        default="holding", description="Kind of register: holding (function 3) or input (function 4); default holding."
    )
    address: int = Field(
        ge=0, le=65535, description="Address of the first register as it is sent, from 0: 40001 in a manual is 0 here."
    )
    unit: str = Field(description="Unit of the scaled value, which the registers do not tell.")
    poll_s: float = Field(
        default=1.0, ge=0, le=3600, description="Time between two values, s; 0: only when asked; default 1."
    )

    @model_validator(mode="after")
    def _ends_in_the_table(self) -> ModbusGaugeSettings:
        if self.address + self.registers > TABLE_SIZE:
            raise ValueError(f"address {self.address}: a {self.type} there ends beyond register 65535")
        return self


class ModbusGauge(ModbusDriver[ModbusGaugeSettings]):
    """Gives one Reading each `poll_s` and each time it is asked; Noise, told once, while the registers hold none."""

    Settings: ClassVar[type[DeviceSettings]] = ModbusGaugeSettings
    has_lamps: ClassVar[bool] = False

    def __init__(self, settings: ModbusGaugeSettings) -> None:
        super().__init__(settings)
        self._next = math.inf
        self._asked_for = False
        self._no_value: Noise | None = None

    def show(self, indication: Indication) -> None:
        """Take a value with the next `read`, if asked to.  It has no lamps."""
        if isinstance(indication, Ask):
            self._asked_for = True

    def _start(self, now: float) -> None:
        self._next = now if self.settings.poll_s else math.inf
        self._asked_for = False
        self._no_value = None

    def _due(self) -> float:
        return -math.inf if self._asked_for else self._next

    def _tick(self, now: float) -> list[Signal]:
        settings = self.settings
        if settings.poll_s:
            self._next = max(self._next + settings.poll_s, now)
        try:
            raw, registers = self._bus.read(settings.table, settings.address, settings.registers)
        except RefusedError as error:
            asked_for, self._asked_for = self._asked_for, False
            return self._told(Noise(error.raw, error.reason), again=asked_for)
        asked_for, self._asked_for = self._asked_for, False
        try:
            value = number(registers, settings)
        except ValueError as error:
            return self._told(Noise(raw, f"{error} ({words(registers)})"), again=asked_for)
        self._no_value = None
        written = text(value)
        return [Reading(raw, written, Decimal(written), settings.unit)]

    def _told(self, noise: Noise, *, again: bool) -> list[Signal]:
        """Tell once that there is no value, until that changes; always to somebody who asked."""
        known, self._no_value = self._no_value, noise
        changed = known is None or known.reason != noise.reason
        return [noise] if changed or again else []


def words(registers: list[int]) -> str:
    """Write registers as a manual does."""
    return "registers " + " ".join(f"{register:#06x}" for register in registers)
