"""A serial port, local or over the network: bytes in, bytes out, a wait that can be ended.

The only user of pyserial.  Knows nothing of frames and devices.  Every error of the operating system and of pyserial
leaves here as DeviceGoneError or DeviceBusyError, with device, port and remedy in its message.
"""

from __future__ import annotations

import errno
import math
import select
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar, Literal, NamedTuple

import serial
from pydantic import Field, field_validator

from drivers import replay
from drivers.cancel import Cancel
from drivers.contract import DeviceBusyError, DeviceError, DeviceGoneError, DeviceSettings, DriverUnusableError
from drivers.holders import holders
from drivers.replay import ReplayLine

READ_SIZE = 4096
"""Bytes taken at once; the kernel's buffer for a terminal holds no more."""

WRITE_TIMEOUT_S = 0.5
"""Longest wait of `write`, as the contract of `Driver.show` demands."""

SLICE_S = 0.1
"""How soon rfc2217://, loop:// and replay: see a cancel or a time-out: they give no descriptor to wait on."""

URL_SCHEMES = ("hwgrep://", "loop://", replay.SCHEME, "rfc2217://", "socket://", "spy://")
WITHOUT_DESCRIPTOR = ("rfc2217://", "loop://", replay.SCHEME)
WITHOUT_WRITE_TIMEOUT = ("rfc2217://",)

MISSING = {errno.ENOENT, errno.ENXIO, errno.ENODEV}
FORBIDDEN = {errno.EACCES, errno.EPERM}
HELD = {errno.EAGAIN, errno.EBUSY}
NO_LINES = {errno.ENOTTY, errno.EINVAL, errno.EOPNOTSUPP}

PORT_ERRORS = (OSError, termios.error, ValueError, TypeError)
"""What pyserial lets through: SerialException is an OSError; line parameters give ValueError, a port that was closed
under a read TypeError, a port that hangs up while it is set up termios.error."""


class PortSettings(DeviceSettings):
    """Keys of every device on a serial line."""

    port: str = Field(
        description="Device file, best /dev/serial/by-id/..., or socket://HOST:PORT or rfc2217://HOST:PORT; or "
        "replay:FILE, a capture."
    )
    baudrate: int = Field(default=9600, gt=0, description="Bits a second; default 9600.")
    bytesize: Literal[5, 6, 7, 8] = Field(default=8, description="Data bits; default 8.")
    parity: Literal["N", "E", "O"] = Field(default="N", description="None, even or odd; default N.")
    stopbits: Literal[1, 2] = Field(default=1, description="Stop bits; default 1.")

    @field_validator("port")
    @classmethod
    def _full_path_or_known_url(cls, port: str) -> str:
        if not port.startswith(("/", *URL_SCHEMES)):
            known = ", ".join(URL_SCHEMES)
            raise ValueError(f"{port!r} is neither a full path such as /dev/serial/by-id/... nor one of {known}")
        if port.startswith(replay.SCHEME):
            replay.parse(port)
        return port


Line = serial.Serial | ReplayLine
Tap = Callable[[Literal["rx", "tx"], bytes], None]


class ModemLines(NamedTuple):
    """Levels of the four inputs of a serial port."""

    cts: bool
    dsr: bool
    dcd: bool
    ri: bool


class Port:
    """One serial port, held exclusively where the operating system can (device files, not network ports).

    `open`, `read`, `write` and `close` belong to one thread, `cancel` to any.  What passes is told to `tap`, if any.
    """

    tap: ClassVar[Tap | None] = None
    """Hears what every port of this process receives and sends; for `lineside record`."""

    def __init__(self, settings: PortSettings) -> None:
        self._settings = settings
        self._cancel = Cancel()
        self._line: Line | None = None
        self._poll = select.poll()
        self.cancelled = False
        """Whether the last `read` ended by a cancel."""
        self._driven: tuple[bool, bool] | None = None

    def open(self) -> None:
        """Open and throw away what came in before.

        Does not wait for a device file; for a network port 5 s at most, and over rfc2217:// for its two negotiations
        3 s more each (`?timeout=SECONDS` in the URL shortens them).  Raises DeviceGoneError or DeviceBusyError.
        """
        self.close()
        try:
            self._line = self._opened_line()
            self._poll = self._watching(self._line)
            if isinstance(self._line, serial.Serial):
                _hurry(self._line)
        except PORT_ERRORS as error:
            raise self._not_opened(error) from error

    def read(self, timeout_s: float) -> bytes:
        """Return what has come in, as soon as there is any; empty after `timeout_s` or `cancel`.

        What came in beside a cancel is kept for the next read.  Raises DeviceGoneError.
        """
        line = self._require_open()
        self.cancelled = False
        try:
            slices = self._settings.port.startswith(WITHOUT_DESCRIPTOR)
            data = self._read_in_slices(line, timeout_s) if slices else self._read_when_ready(line, timeout_s)
        except PORT_ERRORS as error:
            raise self._lost(error) from error
        if data and Port.tap is not None:
            Port.tap("rx", data)
        return data

    def write(self, data: bytes) -> None:
        """Send all of `data`.

        Waits 0.5 s at most; over rfc2217:// 5 s, which is pyserial's own limit for a network that has stopped.
        Raises DeviceGoneError also when the device does not take the bytes in time: some of them may have been sent.
        """
        line = self._require_open()
        try:
            line.write(data)
        except PORT_ERRORS as error:
            raise self._lost(error) from error
        if Port.tap is not None:
            Port.tap("tx", data)

    def lines(self) -> ModemLines:
        """Return the levels of the modem lines.  Raises DriverUnusableError if the port has none, DeviceGoneError."""
        line = self._require_open()
        try:
            return ModemLines(line.cts, line.dsr, line.cd, line.ri)
        except PORT_ERRORS as error:
            raise self._without_lines(error) from error

    def drive(self, *, rts: bool, dtr: bool) -> None:
        """Set the levels of RTS and DTR; before `open`: have them so from the moment the port is open.

        Raises DriverUnusableError if the port has no such lines, DeviceGoneError.
        """
        self._driven = (rts, dtr)
        if self._line is not None:
            try:
                self._line.rts, self._line.dtr = rts, dtr
            except PORT_ERRORS as error:
                raise self._without_lines(error) from error

    def cancel(self) -> None:
        """End the read under way, or the next one even if the port is opened only later.  Never blocks or raises."""
        self._cancel.ask()

    def close(self) -> None:
        """Let the port go; again is harmless.  Never raises."""
        line, self._line = self._line, None
        if line is not None:
            with suppress(*PORT_ERRORS):
                line.close()
        self._cancel.close()

    def _opened_line(self) -> Line:
        settings = self._settings
        if settings.port.startswith(replay.SCHEME):
            return ReplayLine(replay.parse(settings.port), SLICE_S)
        line = serial.serial_for_url(
            settings.port,
            baudrate=settings.baudrate,
            bytesize=settings.bytesize,
            parity=settings.parity,
            stopbits=settings.stopbits,
            timeout=SLICE_S if settings.port.startswith(WITHOUT_DESCRIPTOR) else 0,
            write_timeout=None if settings.port.startswith(WITHOUT_WRITE_TIMEOUT) else WRITE_TIMEOUT_S,
            exclusive=None if "://" in settings.port else True,
            do_not_open=True,
        )
        if self._driven is not None:
            line.rts, line.dtr = self._driven
        line.open()
        return line

    def _watching(self, line: Line) -> select.poll:
        poll = select.poll()
        poll.register(self._cancel.open(), select.POLLIN)
        if not self._settings.port.startswith(WITHOUT_DESCRIPTOR):
            poll.register(line.fileno(), select.POLLIN)
        return poll

    def _read_when_ready(self, line: Line, timeout_s: float) -> bytes:
        ready = self._poll.poll(max(0, math.ceil(timeout_s * 1000)))
        if not ready:
            return b""
        if self._cancel.take():
            self.cancelled = True
            return b""
        return line.read(READ_SIZE)

    def _read_in_slices(self, line: Line, timeout_s: float) -> bytes:
        deadline = time.monotonic() + timeout_s
        while not self._cancel.take():
            if data := line.read(1):
                return data + line.read(line.in_waiting)
            if time.monotonic() >= deadline:
                return b""
        self.cancelled = True
        return b""

    def _require_open(self) -> Line:
        if self._line is None:
            raise DeviceGoneError(f"{self._where}: the port is not open; open it first")
        return self._line

    def _lost(self, error: Exception) -> DeviceGoneError:
        return DeviceGoneError(f"{self._where}: lost ({error}); check cable and power, it is opened again by itself")

    def _without_lines(self, error: Exception) -> DeviceError:
        if getattr(error, "errno", None) not in NO_LINES:
            return self._lost(error)
        return DriverUnusableError(f"{self._where}: has no modem lines ({error}); use a port with CTS, DSR, RTS, DTR")

    def _not_opened(self, error: Exception) -> DeviceError:
        number = getattr(error, "errno", None)
        if number in HELD:
            return DeviceBusyError(f"{self._where}: in use by {self._holders()}; stop it")
        if self._settings.port.startswith(replay.SCHEME):
            return DeviceGoneError(f"{self._where}: does not play ({error}); name a file that `lineside record` wrote")
        if number in MISSING:
            return DeviceGoneError(f"{self._where}: no such port; plugged in? list with: ls /dev/serial/by-id")
        if number in FORBIDDEN:
            return DeviceGoneError(f"{self._where}: permission denied; add the user to group dialout")
        if "://" in self._settings.port:
            return DeviceGoneError(f"{self._where}: no answer ({error}); is it switched on, is the address right?")
        return DeviceGoneError(f"{self._where}: does not open ({error}); is it a serial port with these parameters?")

    def _holders(self) -> str:
        unknown = f"a process that this user may not see (as root: fuser -v {self._settings.port})"
        return " and ".join(holders(self._settings.port)) or unknown

    @property
    def _where(self) -> str:
        return f"{self._settings.name}: {self._settings.port}"


def _hurry(line: serial.Serial) -> None:
    """Ask the USB converter not to hold bytes back (FTDI: 16 ms by default); a port that cannot is left as it is.

    Source: ASYNC_LOW_LATENCY in the manual page setserial(8).
    """
    with suppress(*PORT_ERRORS, AttributeError, NotImplementedError):
        line.set_low_latency_mode(True)
