"""A code reader that types like a keyboard (USB or Bluetooth HID), read as an event device of Linux.

The reader's codes type into no console: the device is held exclusively.  What was pressed is kept as the raw bytes of
each signal, one stroke after the other: `+` or `-` for down or up, then the key's number in hexadecimal (`+2a+1e-1e-2a`
is a capital A on a us keyboard), `!` where strokes were lost.  Strokes between two scans (the release of the key that
ended one), repeats and times are not kept.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, ClassVar

from drivers.contract import DeviceGoneError, DeviceSettings, Driver, Signal
from drivers.scanners.hid.collector import Collector
from drivers.scanners.hid.events import EventStream
from drivers.scanners.hid.settings import REPLAY, HidScannerSettings
from drivers.scanners.hid.source import EventDevice, Replay, Source

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["HidScanner", "HidScannerSettings"]

CUT = "half a scan: the scanner was lost or closed before its end"


class HidScanner(Driver):
    """Gives one Scan a code.

    Half a scan is a Noise and never joined with the next; so is a scan with a key that means nothing in the layout.
    """

    Settings: ClassVar[type[DeviceSettings]] = HidScannerSettings

    def __init__(self, settings: HidScannerSettings) -> None:
        self.settings = settings
        self._source = _source(settings)
        self._events = EventStream()
        self._collector = Collector(settings, self._source.held)
        self._heard_s = -math.inf
        self._caps = False
        self._kept: list[Signal] = []

    def open(self) -> None:
        """Take the device; half a scan from before becomes a Noise."""
        self._kept += self._collector.flush(CUT)
        self._events = EventStream()
        self._source.open()
        self._collector.start()
        self._caps = False

    def read(self, timeout_s: float) -> Sequence[Signal]:
        """Return what was scanned; at a loss half a scan first, and DeviceGoneError on the next call."""
        if self._kept:
            kept, self._kept = self._kept, []
            return kept
        try:
            return self._read_signals(time.monotonic() + timeout_s)
        except DeviceGoneError:
            if half := self._collector.flush(CUT):
                return half
            raise

    def cancel(self) -> None:
        """End the read under way or the next one."""
        self._source.cancel()

    def close(self) -> None:
        """Let the device go; half a scan is kept for the next `open`."""
        self._source.close()

    def feed(self, data: bytes) -> list[Signal]:
        """Return what the events in `data` complete.  Needs no open device."""
        signals = self._collector.feed(self._events.feed(data))
        if self._collector.caps != self._caps:
            self._caps = self._collector.caps
            self._source.show_caps(on=self._caps)
        return signals

    def _read_signals(self, deadline: float) -> list[Signal]:
        while True:
            until = min(deadline, self._due())
            data = self._source.read(until - time.monotonic())
            if data:
                self._heard_s = time.monotonic()
            signals = self.feed(data) if data else []
            if signals or self._source.cancelled:
                return signals
            now = time.monotonic()
            if not data and now >= self._due() and (half := self._collector.flush()):
                return half
            if not data and now >= deadline:
                return []

    def _due(self) -> float:
        """When a scan in the making is given up, monotonic seconds."""
        return self._heard_s + self.settings.silence_s if self._collector.half else math.inf


def _source(settings: HidScannerSettings) -> Source:
    if settings.device.startswith(REPLAY):
        return Replay(settings.name, settings.device.removeprefix(REPLAY))
    return EventDevice(settings.name, settings.device)
