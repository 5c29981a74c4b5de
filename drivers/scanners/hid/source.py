"""Where the events of a scanner come from: an event device held exclusively, or a named pipe that stands in for one.

Gives bytes; knows nothing of keys.  Every error of the operating system leaves here as DeviceGoneError or
DeviceBusyError, with device, path and remedy in its message.
"""

from __future__ import annotations

import errno
import fcntl
import math
import os
import select
import stat
import struct
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from typing import TYPE_CHECKING

from evdev import InputDevice, ecodes
from evdev.eventio import EvdevError

from drivers.cancel import Cancel
from drivers.contract import DeviceBusyError, DeviceError, DeviceGoneError
from drivers.holders import holders
from drivers.scanners.hid.events import EVENT
from drivers.scanners.keymaps import ENTER

if TYPE_CHECKING:
    from collections.abc import Collection

READ_SIZE = 64 * EVENT.size
"""Bytes taken at once; the kernel keeps 64 events of a keyboard.  Source: EVDEV_MIN_BUFFER_SIZE, drivers/input/evdev.c.
"""

EVIOCSCLOCKID = 0x400445A0
"""Choose the clock of the events' times.  Source: linux/input.h, _IOW('E', 0xa0, int)."""

MISSING = {errno.ENOENT, errno.ENXIO, errno.ENODEV}
FORBIDDEN = {errno.EACCES, errno.EPERM}
HELD = {errno.EAGAIN, errno.EBUSY}


class Source(ABC):
    """An open file that gives events.  `open`, `read`, `close` and the rest belong to one thread, `cancel` to any."""

    def __init__(self, name: str, path: str) -> None:
        self._where = f"{name}: {path}"
        self._path = path
        self._cancel = Cancel()
        self._poll = select.poll()
        self._fd: int | None = None
        self.cancelled = False
        """Whether the last `read` ended by a cancel."""

    def open(self) -> None:
        """Take the device for this process alone.  Does not wait.  Raises DeviceGoneError or DeviceBusyError."""
        self.close()
        try:
            self._fd = self._opened()
            self._poll = select.poll()
            self._poll.register(self._cancel.open(), select.POLLIN)
            self._poll.register(self._fd, select.POLLIN)
        except OSError as error:
            raise self._not_opened(error) from error

    def read(self, timeout_s: float) -> bytes:
        """Return what has come in, as soon as there is any; empty after `timeout_s` or `cancel`.

        What came in beside a cancel is kept for the next read.  Raises DeviceGoneError.
        """
        self.cancelled = False
        if self._fd is None:
            raise DeviceGoneError(f"{self._where}: not open; open it first")
        if not self._poll.poll(max(0, math.ceil(timeout_s * 1000))):
            return b""
        if self._cancel.take():
            self.cancelled = True
            return b""
        try:
            data = os.read(self._fd, READ_SIZE)
        except BlockingIOError:
            return b""
        except OSError as error:
            raise self._lost(str(error)) from error
        if not data:
            raise self._lost("it says no more")
        return data

    def cancel(self) -> None:
        """End the read under way, or the next one even if the device is opened only later.  Never blocks or raises."""
        self._cancel.ask()

    def close(self) -> None:
        """Let the device go; again is harmless.  Never raises."""
        self._fd = None
        with suppress(OSError):
            self._let_go()
        self._cancel.close()

    def held(self) -> Collection[int]:
        """Keys that are down now, where the device tells."""
        return ()

    def show_caps(self, *, on: bool) -> None:  # noqa: B027  a pipe has no lamp
        """Light or darken the Caps Lock lamp, where there is one: some scanners type by it."""

    @abstractmethod
    def _opened(self) -> int:
        """Open the device alone and return its descriptor.  Raises OSError."""

    @abstractmethod
    def _let_go(self) -> None:
        """Close the device; nothing, if it is not open.  Raises OSError."""

    def _lost(self, why: str) -> DeviceGoneError:
        return DeviceGoneError(f"{self._where}: lost ({why}); check cable and power, it is opened again by itself")

    def _not_opened(self, error: OSError) -> DeviceError:
        if error.errno in HELD:
            unknown = f"a process that this user may not see (as root: fuser -v {self._path})"
            return DeviceBusyError(f"{self._where}: in use by {' or '.join(self._others()) or unknown}; stop it")
        if error.errno in MISSING:
            return DeviceGoneError(f"{self._where}: no such device; plugged in? list with: ls /dev/input/by-id")
        if error.errno in FORBIDDEN:
            remedy = "add the user to group input, or give it the device by a udev rule"
            return DeviceGoneError(f"{self._where}: permission denied; {remedy}")
        return DeviceGoneError(f"{self._where}: does not open ({error}); is it the keyboard of a scanner?")

    def _others(self) -> list[str]:
        """Who has the device open, this process left out unless it is the only one: to be open is no grab."""
        known = holders(self._path)
        return [one for one in known if not one.startswith(f"pid {os.getpid()} ")] or known


class EventDevice(Source):
    """A scanner that is a keyboard.

    Grabbed, so that codes type into no console, and so that nobody else switches its Caps Lock lamp.
    """

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path)
        self._device: InputDevice[str] | None = None

    def held(self) -> Collection[int]:
        """Keys that are down now.  Raises DeviceGoneError."""
        if self._device is None:
            return ()
        try:
            return [int(key) for key in self._device.active_keys()]
        except OSError as error:
            raise self._lost(str(error)) from error

    def show_caps(self, *, on: bool) -> None:
        """Light or darken the Caps Lock lamp; a scanner without one is left as it is."""
        if self._device is not None:
            with suppress(OSError, EvdevError):
                self._device.set_led(ecodes.LED_CAPSL, int(on))

    def _opened(self) -> int:
        device = self._device = InputDevice(self._path)
        if ENTER not in device.capabilities().get(ecodes.EV_KEY, []):
            raise OSError(errno.EINVAL, "it has no Enter key; choose the path that ends in -event-kbd")
        device.grab()
        fcntl.ioctl(device.fd, EVIOCSCLOCKID, struct.pack("@i", time.CLOCK_MONOTONIC))
        self.show_caps(on=False)
        return device.fd

    def _let_go(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()


class Replay(Source):
    """A named pipe into which recorded events are written: for trials without the scanner, and for tests."""

    def __init__(self, name: str, path: str) -> None:
        super().__init__(name, path)
        self._pipe: int | None = None

    def _opened(self) -> int:
        self._pipe = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISFIFO(os.fstat(self._pipe).st_mode):
            raise OSError(errno.EINVAL, "not a named pipe; make one with mkfifo")
        fcntl.flock(self._pipe, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return self._pipe

    def _let_go(self) -> None:
        pipe, self._pipe = self._pipe, None
        if pipe is not None:
            os.close(pipe)
