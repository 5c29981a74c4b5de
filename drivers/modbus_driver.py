"""What every Modbus device has in common: ask when due, tell what failed, and know when the device is gone.

A driver adds its settings, what it asks, and what the answers mean.  Knows no device, no frame and no library.
"""

from __future__ import annotations

import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from drivers.contract import DeviceGoneError, Driver, Noise, Signal
from drivers.modbus import AnswerError, Bus, ModbusSettings, RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

TRIES = 3
"""Failed requests in a row after which the device counts as gone."""

SettingsT = TypeVar("SettingsT", bound=ModbusSettings)


class ModbusDriver(Driver, Generic[SettingsT]):
    """Template of a Modbus device: ask when due, tell failed requests as Noise, and be gone after the third in a row.

    A read that is due takes as long as its requests, `timeout_s` each at most, also beyond its own time-out.
    """

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings
        self._bus = Bus(settings)
        self._failures = 0
        self._gone: DeviceGoneError | None = None
        self._refusals: set[str] = set()

    def open(self) -> None:
        """Open the port; the device itself is asked by the first read."""
        self._failures = 0
        self._gone = None
        self._refusals = set()
        self._bus.open()
        self._start(time.monotonic())

    def read(self, timeout_s: float) -> Sequence[Signal]:
        """Ask the device whenever it is due, until it says something, the time is over, or a cancel."""
        deadline = time.monotonic() + timeout_s
        while True:
            if self._gone:
                raise self._gone
            signals = self._asked(time.monotonic()) if self._due() <= time.monotonic() else []
            if not signals:
                self._bus.wait(min(deadline, self._due()))
            signals = self._bus.told() + signals
            if self._bus.cancelled() or signals or time.monotonic() >= deadline:
                return signals

    def cancel(self) -> None:
        """End the read under way or the next one, after the request under way."""
        self._bus.cancel()

    def close(self) -> None:
        """Let the port go."""
        self._bus.close()

    @abstractmethod
    def _start(self, now: float) -> None:
        """The port was opened: begin anew."""

    @abstractmethod
    def _due(self) -> float:
        """When `_tick` wants to be called next, monotonic seconds."""

    @abstractmethod
    def _tick(self, now: float) -> list[Signal]:
        """Ask what is due and set the next `_due`.  Raises AnswerError, DeviceGoneError."""

    def _asked(self, now: float) -> list[Signal]:
        try:
            signals = self._tick(now)
        except AnswerError as error:
            return self._failed(error)
        self._failures = 0
        return signals

    def _failed(self, error: AnswerError) -> list[Signal]:
        self._failures += 1
        if self._failures >= TRIES:
            self._gone = self._lost(error.reason)
        return [Noise(error.raw, error.reason)]

    def _lost(self, reason: str) -> DeviceGoneError:
        where = f"{self.settings.name}: {self.settings.port} unit {self.settings.unit_id}"
        remedy = "check power, wiring, unit_id, baudrate and parity; it is asked again by itself"
        return DeviceGoneError(f"{where}: {self._failures} requests failed, the last with: {reason}; {remedy}")

    def _refused(self, error: RefusedError) -> None:
        """Tell each refusal once after opening."""
        if error.reason not in self._refusals:
            self._refusals.add(error.reason)
            self._bus.tell(Noise(error.raw, error.reason))
