"""Cut a stream of bytes into frames that end with a terminator.

Bytes in, frames out.  Knows nothing of ports, time and what the frames mean; half a frame is simply not yet a frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

CR = b"\r"
LF = b"\n"
LINE_ENDS = (CR, LF, CR + LF)
"""Every way in which devices end a line; one line gives one frame with any of them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame: `body` without terminator, `raw` as received."""

    raw: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class Garbage:
    """Bytes that cannot be a frame, and why."""

    raw: bytes
    reason: str


class Framing(Protocol):
    """Cuts a stream into frames; how the stream is split between calls makes no difference."""

    def feed(self, data: bytes) -> list[Frame | Garbage]:
        """Return what `data` completes, in order.  Never raises."""

    def flush(self) -> bytes:
        """Return the bytes of the half frame, if any, and begin anew."""


class Delimited:
    """Frames that end with the first of `terminators` to be complete; a body has at most `max_length` bytes.

    A frame is given out as soon as a terminator is complete, so that no reader waits for a byte that may never come.
    If one more byte makes a longer terminator (CR, then LF), that byte is swallowed; when it comes in a later `feed`
    it is missing in `raw`.  Apart from that, how the stream was split between calls makes no difference.
    A body that is too long comes as Garbage in pieces of `max_length` + 1 bytes up to the next terminator.
    Holds at most `max_length` bytes and a terminator between calls.
    """

    def __init__(self, terminators: tuple[bytes, ...], max_length: int) -> None:
        if not terminators or not all(terminators):
            raise ValueError("terminators: at least one, and none of them empty")
        self._terminators = terminators
        self._max_length = max_length
        self._window = max_length + max(map(len, terminators))
        self._buffer = b""
        self._ended_by = b""
        self._in_garbage = False

    def feed(self, data: bytes) -> list[Frame | Garbage]:
        """Return what `data` completes, in order."""
        buffer = self._buffer + data
        start = self._swallowed(buffer, 0)
        found: list[Frame | Garbage] = []
        while start < len(buffer):
            end, terminator = self._first_end(buffer, start)
            if terminator:
                following = self._after(buffer, end, terminator)
                found.append(self._closed(buffer[start:following], end - start - len(terminator)))
                start = following
            elif len(buffer) - start >= self._window:
                end = start + self._max_length + 1
                found.append(self._too_long(buffer[start:end]))
                self._in_garbage = True
                start = end
            else:
                break
        self._buffer = buffer[start:]
        return found

    def flush(self) -> bytes:
        """Return the bytes of the half frame, if any, and begin anew."""
        rest, self._buffer = self._buffer, b""
        self._ended_by = b""
        self._in_garbage = False
        return rest

    def _first_end(self, buffer: bytes, start: int) -> tuple[int, bytes]:
        """Where the first complete terminator ends, and the longest that ends there; (-1, b"") if there is none."""
        best, which = -1, b""
        limit = start + self._window
        for terminator in self._terminators:
            at = buffer.find(terminator, start, limit)
            if at < 0:
                continue
            end = at + len(terminator)
            if best < 0 or end < best or (end == best and len(terminator) > len(which)):
                best, which = end, terminator
                limit = end
        return best, which

    def _after(self, buffer: bytes, end: int, terminator: bytes) -> int:
        """Where the next frame begins, given that `terminator` ended one at `end`."""
        self._ended_by = terminator
        return self._swallowed(buffer, end)

    def _swallowed(self, buffer: bytes, at: int) -> int:
        """Step over the byte that makes the last terminator a longer one."""
        if not self._ended_by or at >= len(buffer):
            return at
        longer = self._ended_by + buffer[at : at + 1]
        self._ended_by = b""
        return at + 1 if longer in self._terminators else at

    def _closed(self, raw: bytes, body_length: int) -> Frame | Garbage:
        if self._in_garbage:
            self._in_garbage = False
            return Garbage(raw, "end of a frame that is too long")
        if body_length > self._max_length:
            return self._too_long(raw)
        return Frame(raw, raw[:body_length])

    def _too_long(self, raw: bytes) -> Garbage:
        return Garbage(raw, f"no end of frame within {self._max_length} bytes")
