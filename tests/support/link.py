"""A network cable between agent and broker that can be held at a chosen byte.

With it a test acts in the middle of a drain, however fast the machine is.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from threading import Condition, Thread
from typing import TYPE_CHECKING, Self

from tests.support.eventually import PATIENCE_S

if TYPE_CHECKING:
    from types import TracebackType

CHUNK_BYTES = 4096


class Link:
    """Passes connections to `port` on to `broker_port` between `with` and its end."""

    def __init__(self, broker_port: int) -> None:
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._change = Condition()
        self._left: int | None = None
        self._held = False
        self._over = False
        self._sockets: list[socket.socket] = []
        self._threads: list[Thread] = []

    def hold_after(self, size: int) -> None:
        """Let so many bytes more through to the broker, and then none until `release`."""
        with self._change:
            self._left, self._held = size, False

    def wait_until_held(self) -> None:
        """Return when the agent wants to send more than was let through."""
        with self._change:
            assert self._change.wait_for(lambda: self._held, PATIENCE_S), "the agent has not sent that much"

    def release(self) -> None:
        """Let everything through again."""
        with self._change:
            self._left = None
            self._change.notify_all()

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._change:
            self._over = True
        self.release()
        for one in (self._listener, *self._sockets):
            _end(one)
        for thread in self._threads:
            thread.join(PATIENCE_S)
        for one in (self._listener, *self._sockets):
            one.close()

    def _begin(self, work: object, *arguments: object) -> None:
        thread = Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                agent, _ = self._listener.accept()
                self._connect(agent)

    def _connect(self, agent: socket.socket) -> None:
        self._sockets.append(agent)
        try:
            broker = socket.create_connection(("127.0.0.1", self._broker_port))
        except OSError:
            _end(agent)
            return
        self._sockets.append(broker)
        self._begin(self._pump, agent, broker, True)
        self._begin(self._pump, broker, agent, False)

    def _pump(self, source: socket.socket, target: socket.socket, up: bool) -> None:  # noqa: FBT001  a thread's argument
        with suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                if up:
                    self._pass(len(data))
                target.sendall(data)
        _end(source)
        _end(target)

    def _pass(self, size: int) -> None:
        with self._change:
            if self._left is None:
                return
            self._left -= size
            if self._left < 0:
                self._held = True
                self._change.notify_all()
                self._change.wait_for(lambda: self._left is None or self._over)


def _end(one: socket.socket) -> None:
    with suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)
