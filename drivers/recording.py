"""Record what a device and its driver say to each other.

Knows the port and the contract, and no driver: bytes of every serial driver are kept, of other devices the signals.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Literal

from drivers.capture import CaptureWriter, Header, What
from drivers.contract import DeviceError
from drivers.port import Port

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TextIO

    from drivers.contract import DeviceSettings, Driver, Signal

READ_S = 0.5
"""Longest wait of one read."""

AGAIN_S = 1.0
"""Wait before a lost device is opened again."""


class Recorder:
    """Writes a capture of one device to a file, and tells each signal and each loss as it is understood."""

    def __init__(
        self, driver: Driver, settings: DeviceSettings, file: TextIO, version: str, tell: Callable[[float, str], None]
    ) -> None:
        self._driver = driver
        self._settings = settings
        self._writer = CaptureWriter(file)
        self._version = version
        self._tell = tell
        self._begin = 0.0

    def record(self, seconds: float) -> None:
        """Record for so long; a device that is lost is opened again.

        Raises DeviceError if it does not open at the beginning.
        """
        table = self._settings.model_dump(mode="json", exclude_unset=True)
        self._writer.header(Header(self._settings.driver, table, self._version))
        self._begin = time.monotonic()
        Port.tap = self._passed
        try:
            self._driver.open()
            self._read_until(self._begin + seconds)
        finally:
            Port.tap = None
            self._driver.close()

    def _read_until(self, deadline: float) -> None:
        while (left := deadline - time.monotonic()) > 0:
            try:
                for signal in self._driver.read(min(left, READ_S)):
                    self._understood(signal)
            except DeviceError as error:
                self._lost(error)
                self._reopen(deadline)

    def _reopen(self, deadline: float) -> None:
        """Open the device again, as often as it takes."""
        self._driver.close()
        while (left := deadline - time.monotonic()) > 0:
            time.sleep(min(left, AGAIN_S))
            try:
                self._driver.open()
            except DeviceError:
                self._driver.close()
            else:
                return

    def _passed(self, way: Literal["rx", "tx"], data: bytes) -> None:
        self._writer.bytes(self._at(), What(way), data)

    def _understood(self, signal: Signal) -> None:
        at_s = self._at()
        self._writer.signal(at_s, signal)
        self._tell(at_s, str(signal))

    def _lost(self, error: DeviceError) -> None:
        at_s = self._at()
        self._writer.gone(at_s, str(error))
        self._tell(at_s, str(error))

    def _at(self) -> float:
        return time.monotonic() - self._begin
