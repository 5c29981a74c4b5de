"""What every device on a serial line has in common: open, wait, cut into frames, decode, close.

A driver adds its settings, its framing, and what one frame means.  Knows no device.
"""

from __future__ import annotations

import math
import time
from abc import abstractmethod
from typing import TYPE_CHECKING, Generic, TypeVar

from drivers.contract import DeviceGoneError, Driver, Noise, Signal
from drivers.framing import Garbage
from drivers.port import Port, PortSettings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.framing import Frame, Framing

SettingsT = TypeVar("SettingsT", bound=PortSettings)


class SerialDriver(Driver, Generic[SettingsT]):
    """Template of a serial driver.

    The bytes of a half frame are never joined with what comes after the port was opened again: they are a Noise.
    """

    def __init__(self, settings: SettingsT) -> None:
        self.settings = settings
        self._port = Port(settings)
        self._framing = self._make_framing()
        self._kept: list[Signal] = []

    def open(self) -> None:
        """Open the port and send the device its greeting; a half frame from before becomes a Noise."""
        self._kept += self._half_frame()
        self._port.open()
        self._greet()

    def read(self, timeout_s: float) -> Sequence[Signal]:
        """Return what the device said; at a loss the half frame first, and DeviceGoneError on the next call."""
        if self._kept:
            kept, self._kept = self._kept, []
            return kept
        try:
            return self._read_signals(time.monotonic() + timeout_s)
        except DeviceGoneError:
            if half_frame := self._half_frame():
                return half_frame
            raise

    def cancel(self) -> None:
        """End the read under way or the next one."""
        self._port.cancel()

    def close(self) -> None:
        """Let the port go; a half frame is kept for the next `open`."""
        self._port.close()

    def feed(self, data: bytes) -> list[Signal]:
        """Return what the device said with `data` and the half frame before it.  Needs no open port."""
        found = self._framing.feed(data)
        signals = (Noise(cut.raw, cut.reason) if isinstance(cut, Garbage) else self._decode(cut) for cut in found)
        return [signal for signal in signals if signal is not None]

    @abstractmethod
    def _make_framing(self) -> Framing:
        """Return the framing that `settings` ask for."""

    @abstractmethod
    def _decode(self, frame: Frame) -> Signal | None:
        """Say what one frame means; None if it says nothing at all.  Never raises."""

    def _greet(self) -> None:
        """Send what the device must hear after opening.  Raises DeviceGoneError."""

    def _due(self) -> float:
        """When `_tick` wants to be called next, monotonic seconds; never, for a driver that only listens."""
        return math.inf

    def _tick(self) -> list[Signal]:
        """Do what is due (send a request, blink a lamp) and set the next `_due`.  Raises DeviceGoneError."""
        return []

    def _read_signals(self, deadline: float) -> list[Signal]:
        """Read until a signal is complete, the deadline or a cancel; meanwhile do what is due."""
        while True:
            until = min(deadline, self._due())
            data = self._port.read(max(0.0, until - time.monotonic()))
            signals = self.feed(data) if data else []
            if signals or self._port.cancelled:
                return signals
            now = time.monotonic()
            if self._due() <= now and (signals := self._tick()):
                return signals
            if not data and now >= deadline:
                return []

    def _half_frame(self) -> list[Signal]:
        rest = self._framing.flush()
        return [Noise(rest, "half a frame: the port was lost or closed before its end")] if rest else []
