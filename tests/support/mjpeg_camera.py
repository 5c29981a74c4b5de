"""A network camera on this machine: MJPEG over HTTP, under the test's hand."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import Self

BOUNDARY = "frame"


class MjpegCamera:
    """Listens on a free port; `show` sends a picture to the client that is connected, `hang_up` ends its stream.

    `head` is what it answers before the first picture, `length` whether each part tells its length.
    """

    def __init__(self, head: str | None = None, *, length: bool = True) -> None:
        self._head = head or f"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary={BOUNDARY}\r\n\r\n"
        self._length = length
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)
        self._connected = threading.Event()
        self._line: socket.socket | None = None
        self.request = b""

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/video.mjpg"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        self.hang_up()

    def show(self, picture: bytes) -> None:
        """Send one picture; waits for the client first."""
        length = f"Content-Length: {len(picture)}\r\n" if self._length else ""
        head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\n{length}\r\n"
        self._client().sendall(head.encode() + picture + b"\r\n")
        if not self._length:
            self._client().sendall(f"--{BOUNDARY}\r\n".encode())

    def hang_up(self) -> None:
        line, self._line = self._line, None
        self._connected.clear()
        if line is not None:
            line.close()

    def _client(self) -> socket.socket:
        assert self._connected.wait(30)
        assert self._line is not None
        return self._line

    def _serve(self) -> None:
        while True:
            try:
                line, _ = self._listener.accept()
            except OSError:
                return
            self.request = line.recv(65536)
            line.sendall(self._head.encode())
            self._line = line
            self._connected.set()
