"""The other end of an MQTT 5 connection that says only what the test tells it to, byte for byte."""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Thread
from typing import TYPE_CHECKING, Self

from simulators.broker import free_port

if TYPE_CHECKING:
    from types import TracebackType

WELCOME = bytes([0x20, 0x03, 0x00, 0x00, 0x00])
"""CONNACK: no session, success, no properties.  Source: MQTT 5.0, 3.2."""
SESSION_TAKEN_OVER = bytes([0xE0, 0x01, 0x8E])
"""DISCONNECT with its reason.  Source: MQTT 5.0, 3.14."""


class ScriptedBroker:
    """Answers every CONNECT with `words`, and closes when the client does."""

    def __init__(self, words: bytes) -> None:
        self.port = free_port()
        self.dials = 0
        self._words = words
        self._listener = socket.create_server(("127.0.0.1", self.port))
        self._thread = Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.dials += 1
                with client, suppress(OSError):
                    client.recv(4096)
                    client.sendall(self._words)
                    while client.recv(4096):
                        pass
