"""A driver under test, with the settings of a device that is there, and what may be said of it."""

from __future__ import annotations

import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from drivers.contract import DeviceSettings, Driver

PLACES = ("port", "device", "chip", "source")
"""Settings that say where a device is."""

PATH = re.compile(r"([a-z]+:)?(/(?!/).*)")
"""A full path, with the word before it that says how it is meant (`replay:`)."""

NOWHERE = "/dev/lineside-no-such-device"


class Fault(Exception):  # noqa: N818  no error of a program: what a check found
    """The driver breaks the contract; the message says how."""


class NotApplicable(Exception):  # noqa: N818  the same
    """The check cannot be made on this device; the message says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A driver, and the settings of a device that is there."""

    driver: type[Driver]
    settings: DeviceSettings

    def made(self) -> Driver:
        """Return a driver for the device."""
        return self.driver(self.settings)

    def place(self) -> tuple[str, str, str]:
        """Return key, prefix and path of the device.  Raises NotApplicable where no path says where it is."""
        for key in PLACES:
            if match := PATH.fullmatch(str(getattr(self.settings, key, ""))):
                return key, match[1] or "", match[2]
        raise NotApplicable(f"none of the settings {', '.join(PLACES)} is a full path")

    def nowhere(self) -> Driver:
        """Return a driver for a device that is not there, at NOWHERE.  Raises NotApplicable."""
        key, prefix, _ = self.place()
        return self.driver(self.settings.model_copy(update={key: prefix + NOWHERE}))

    @contextmanager
    def opened(self) -> Iterator[Driver]:
        """The driver, open while the body runs.  Raises DeviceError."""
        driver = self.made()
        try:
            driver.open()
            yield driver
        finally:
            driver.close()
