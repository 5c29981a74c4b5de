"""A network camera that sends MJPEG over HTTP: always its newest picture.

Speaks HTTP/1.0, so that the answer is not in chunks.  Basic authentication where the address has a user and a password.
"""

from __future__ import annotations

import base64
import select
import socket
import ssl
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from drivers.contract import DeviceGoneError, Noise
from drivers.scanners.camera.multipart import END_OF_HEADERS, Multipart, boundary_of
from drivers.scanners.camera.source import NOISE_BYTES, Source, picture_of

if TYPE_CHECKING:
    from drivers.scanners.camera.picture import Pixels

OPEN_S = 4.5
"""For connecting and for the head of the answer together: `Driver.open` may take 5 s."""

SILENT_S = 5.0
"""A stream that gives no picture for so long is lost: cameras send some a second."""

READ_SIZE = 262_144
MAX_AT_ONCE = 64
"""Reads without a look at the clock: a sender faster than we are must not hold us for ever."""

MAX_HEAD = 65_536
OK = "200"
PORTS = {"http": 80, "https": 443}


class Mjpeg(Source):
    """One stream.  Pictures that came while the last one was decoded are dropped, but for the newest."""

    still = False

    def __init__(self, name: str, address: str) -> None:
        self._url = urlsplit(address)
        self._where = f"{name}: {without_password(address)}"
        self._socket: socket.socket | None = None
        self._parts = Multipart(b"")
        self._newest: bytes | None = None
        self._poll = select.poll()
        self._last_s = 0.0

    def open(self, cancel_fd: int) -> None:
        """Ask for the stream and read the head of the answer.  Raises DeviceGoneError."""
        self.close()
        try:
            self._ask(time.monotonic() + OPEN_S)
        except (OSError, ValueError) as error:
            raise DeviceGoneError(
                f"{self._where}: no stream ({error}); is it switched on, are address and path right?"
            ) from error
        self._poll = select.poll()
        self._poll.register(cancel_fd, select.POLLIN)
        self._poll.register(self._require_open(), select.POLLIN)
        self._last_s = time.monotonic()

    def take(self, timeout_s: float) -> Pixels | Noise | None:
        """The newest picture, as soon as there is one.  Raises DeviceGoneError."""
        end = time.monotonic() + timeout_s
        while True:
            self._receive()
            if self._newest is not None:
                data, self._newest = self._newest, None
                pixels = picture_of(data)
                return Noise(data[:NOISE_BYTES], "no picture that can be read") if pixels is None else pixels
            now = time.monotonic()
            if now - self._last_s > SILENT_S:
                raise self._lost(f"no picture for {SILENT_S:g} s")
            if now >= end or self._cancelled(end - now):
                return None

    def close(self) -> None:
        """Hang up."""
        line, self._socket = self._socket, None
        if line is not None:
            with suppress(OSError):
                line.close()
        self._newest = None

    def _ask(self, deadline_s: float) -> None:
        """Send the request; the first bytes of the stream may come with the head of the answer."""
        self._socket = line = self._connected()
        line.sendall(self._request())
        head = b""
        while (end := END_OF_HEADERS.search(head)) is None:
            line.settimeout(max(0.01, deadline_s - time.monotonic()))
            data = line.recv(READ_SIZE)
            if not data or len(head) > MAX_HEAD:
                raise ValueError("it hung up without an answer" if not data else "the answer is no HTTP")
            head += data
        self._parts = Multipart(_boundary(head[: end.start()].decode("latin-1")))
        self._keep(head[end.end() :])
        line.setblocking(False)

    def _connected(self) -> socket.socket:
        host, port = self._url.hostname or "", self._url.port or PORTS[self._url.scheme]
        line = socket.create_connection((host, port), OPEN_S / 2)
        if self._url.scheme == "https":
            return ssl.create_default_context().wrap_socket(line, server_hostname=host)
        return line

    def _request(self) -> bytes:
        url = self._url
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        lines = [f"GET {path} HTTP/1.0", f"Host: {url.netloc.rpartition('@')[2]}", "Connection: close"]
        if url.username is not None:
            login = f"{unquote(url.username)}:{unquote(url.password or '')}".encode()
            lines.append(f"Authorization: Basic {base64.b64encode(login).decode('ascii')}")
        return "\r\n".join([*lines, "", ""]).encode("latin-1", "replace")

    def _receive(self) -> None:
        """Take what has come in, and of that the newest picture."""
        line = self._require_open()
        for _ in range(MAX_AT_ONCE):
            try:
                data = line.recv(READ_SIZE)
            except (BlockingIOError, ssl.SSLWantReadError):
                return
            except OSError as error:
                raise self._lost(str(error)) from error
            if not data:
                raise self._lost("it hung up")
            self._keep(data)

    def _keep(self, data: bytes) -> None:
        if parts := self._parts.feed(data):
            self._newest = parts[-1]
            self._last_s = time.monotonic()

    def _cancelled(self, timeout_s: float) -> bool:
        """Wait for bytes, the end of time or a cancel; tell whether it was the last."""
        ready = dict(self._poll.poll(max(1, round(min(timeout_s, SILENT_S) * 1000))))
        return bool(ready) and self._require_open().fileno() not in ready

    def _require_open(self) -> socket.socket:
        if self._socket is None:
            raise DeviceGoneError(f"{self._where}: not open; open it first")
        return self._socket

    def _lost(self, why: str) -> DeviceGoneError:
        return DeviceGoneError(f"{self._where}: lost ({why}); check camera and network, it is opened again by itself")


def _boundary(head: str) -> bytes:
    """The boundary that the head of the answer names.  Raises ValueError, with what the camera said instead."""
    status, *fields = head.splitlines() or [""]
    words = status.split(maxsplit=2)
    if len(words) < 2 or words[1] != OK:  # noqa: PLR2004  protocol and number
        raise ValueError(f"it answers {status[:80]!r}")
    headers = {name.strip().lower(): value.strip() for name, _, value in (field.partition(":") for field in fields)}
    told = headers.get("content-type", "")
    boundary = boundary_of(told)
    if boundary is None:
        raise ValueError(f"it sends {told[:80]!r} and no MJPEG (multipart/x-mixed-replace)")
    return boundary


def without_password(address: str) -> str:
    """The address as it may stand in a message."""
    url = urlsplit(address)
    return url._replace(netloc=url.netloc.rpartition("@")[2]).geturl()
