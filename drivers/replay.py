"""A serial line on which a recorded capture is played: what was received then is received now, at its times.

`replay:/path/to/file?speed=10&end=gone` in place of a port.  What the driver sends is taken and forgotten: the
recorded answers come at their times, whatever was asked.  Knows no driver.
"""

from __future__ import annotations

import errno
import math
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from drivers import capture
from drivers.capture import What

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEME = "replay:"
ENDS = ("silence", "gone", "loop")

HELP = "write replay:/full/path, then if wanted ?speed=1 (0: as fast as it is read) and &end=silence, gone or loop"


@dataclass(frozen=True, slots=True)
class Recording:
    """Which capture, how many times as fast (0: without waiting), and what comes after its end."""

    path: Path
    speed: float = 1.0
    end: str = "silence"


def parse(port: str) -> Recording:
    """Return what the `port` of a `[[device]]` table asks for.  Raises ValueError with a remedy."""
    path, _, query = port.removeprefix(SCHEME).partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    if not path.startswith("/"):
        raise ValueError(f"{port!r} names no full path: {HELP}")
    if unknown := options.keys() - {"speed", "end"}:
        raise ValueError(f"{port!r} has the unknown option {min(unknown)!r}: {HELP}")
    try:
        speed = float(options.get("speed", "1"))
    except ValueError:
        speed = math.nan
    if not 0 <= speed < math.inf:
        raise ValueError(f"speed {options['speed']!r} is no number from 0 up: {HELP}")
    end = options.get("end", "silence")
    if end not in ENDS:
        raise ValueError(f"end {end!r} is none of {', '.join(ENDS)}: {HELP}")
    return Recording(Path(unquote(path)), speed, end)


class _NoLine:
    """A modem line of a capture: there is none."""

    def __get__(self, line: object, kind: type | None = None) -> bool:
        raise OSError(errno.ENOTTY, "a replayed capture has no modem lines")


class ReplayLine:
    """What drivers/port.py takes for an open serial line.  Waits as long as it is told to at construction, at most.

    A chunk that was received at once then is received at once now.  Opening raises OSError or CaptureError.
    """

    cts = _NoLine()
    dsr = _NoLine()
    cd = _NoLine()
    ri = _NoLine()

    def __init__(self, recording: Recording, wait_s: float) -> None:
        self._recording = recording
        self._wait_s = wait_s
        self._header = capture.header_of(recording.path)
        self._begin = time.monotonic()
        self._chunks = self._received()
        self._next = next(self._chunks, None)
        self._rest = b""
        self.rts = self.dtr = False

    @property
    def in_waiting(self) -> int:
        """Bytes that can be read at once."""
        return len(self._rest)

    def read(self, size: int) -> bytes:
        """Return up to `size` bytes of one chunk, once its time has come.  Raises OSError at the end, if so asked."""
        if not self._rest:
            self._wait_for_chunk()
        data, self._rest = self._rest[:size], self._rest[size:]
        return data

    def write(self, _data: bytes) -> None:
        """Take it, and do nothing: the capture cannot answer."""

    def fileno(self) -> int:
        """Raise: there is nothing that could be waited on."""
        raise OSError(errno.EBADF, "a replayed capture has no descriptor")

    def close(self) -> None:
        """Let the file go."""
        self._chunks = iter(())
        self._next = None

    def _received(self) -> Iterator[tuple[float, bytes]]:
        lines = capture.lines_of(self._recording.path)
        return ((line.at_s, line.data) for line in lines if line.what is What.RX)

    def _wait_for_chunk(self) -> None:
        if self._next is None:
            self._end()
            return
        at_s, data = self._next
        due = self._begin + (at_s / self._recording.speed if self._recording.speed else 0.0)
        wait_s = due - time.monotonic()
        if wait_s > self._wait_s:
            time.sleep(self._wait_s)
            return
        time.sleep(max(0.0, wait_s))
        self._rest, self._next = data, next(self._chunks, None)

    def _end(self) -> None:
        if self._recording.end == "gone":
            raise OSError(errno.EIO, f"{self._recording.path} is at its end")
        time.sleep(self._wait_s)
        if self._recording.end == "loop":
            self._begin = time.monotonic()
            self._chunks = self._received()
            self._next = next(self._chunks, None)
