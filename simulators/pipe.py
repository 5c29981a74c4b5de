"""One direction of one connection: bytes in, later bytes out."""

from __future__ import annotations

import socket
import struct
from collections import deque
from contextlib import suppress

CHUNK_BYTES = 65_536
WAITING_CHUNKS = 256
"""Beyond this many chunks nothing more is read: a slow network has little room."""

FOREVER_S = 3600.0
RESET = struct.pack("ii", 1, 0)


class Pipe:
    """Bytes from `source` to `target`; None is an end that was never there.  Times are monotonic seconds."""

    def __init__(self, source: socket.socket | None, target: socket.socket | None) -> None:
        self.source = source
        self.target = target
        self.closed = source is None
        self.broken = False
        self.stuck = False
        self._held = False
        self._waiting: deque[tuple[float, bytes]] = deque()
        if source is not None:
            source.setblocking(False)

    @property
    def wants_more(self) -> bool:
        """Whether to read from the source."""
        return not self.closed and len(self._waiting) < WAITING_CHUNKS

    @property
    def empty(self) -> bool:
        """Whether everything has been passed on."""
        return not self._waiting

    def wait_s(self, now_s: float) -> float:
        """Seconds until something may be passed on."""
        if not self._waiting or self._held:
            return FOREVER_S
        return max(0.0, self._waiting[0][0] - now_s)

    def take(self, due_s: float, *, keep: bool) -> None:
        """Read what is there; it may go on at `due_s`, or never if it is not to be kept."""
        if self.source is None:
            return
        try:
            data = self.source.recv(CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.closed = True
        elif keep:
            self._waiting.append((due_s, data))

    def give(self, now_s: float, *, byte_wise: bool, held: bool) -> None:
        """Pass on what is due, unless it is held back."""
        self._held, self.stuck = held, False
        while self._waiting and not held and not self.broken and self._waiting[0][0] <= now_s:
            due_s, data = self._waiting.popleft()
            sent = self._send(data[:1] if byte_wise else data)
            if sent < len(data):
                self._waiting.appendleft((due_s, data[sent:]))
            if not sent:
                return

    def _send(self, data: bytes) -> int:
        if self.target is None:
            return len(data)
        try:
            return self.target.send(data)
        except BlockingIOError:
            self.stuck = True
        except OSError:
            self.broken = True
        return 0


def end(one: socket.socket, *, reset: bool = False) -> None:
    """Close the connection, or reset it: then what is under way is gone too."""
    if reset:
        with suppress(OSError):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    one.close()
