"""A serial line without hardware: a pseudo terminal behind a path that stays the same.

The simulator holds the master end; the agent opens the path as it would open `/dev/ttyUSB0`.
Knows nothing of frames or devices.
"""

from __future__ import annotations

import os
import select
import tty
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

CHUNK_BYTES = 4096


class PtyLine:
    """One pseudo terminal in raw mode, reachable by the symbolic link `link` while it is plugged.

    Its own slave end stays open, so that the line lives on while the agent is away: bytes sent then wait in the
    terminal until the agent opens it and flushes them, or until the line is full.
    """

    def __init__(self, link: Path) -> None:
        self.link = link
        self._ends: tuple[int, int] | None = None

    @property
    def plugged(self) -> bool:
        """Whether the device is there."""
        return self._ends is not None

    def fileno(self) -> int:
        """File descriptor to wait on for bytes from the agent.  Raises ValueError when unplugged."""
        if self._ends is None:
            raise ValueError(f"{self.link} is unplugged")
        return self._ends[0]

    def plug(self) -> None:
        """Make a new terminal and let the link point to it.  Nothing happens when it is plugged already."""
        if self._ends is not None:
            return
        master, slave = os.openpty()
        tty.setraw(slave)
        os.set_blocking(master, False)
        self.link.parent.mkdir(parents=True, exist_ok=True)
        fresh = self.link.with_name(f".{self.link.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(os.ttyname(slave))
        fresh.replace(self.link)
        self._ends = (master, slave)

    def unplug(self) -> None:
        """Pull the cable: the link goes, and whoever has the terminal open sees it hang up."""
        if self._ends is None:
            return
        self.link.unlink(missing_ok=True)
        for end in self._ends:
            os.close(end)
        self._ends = None

    def write(self, raw: bytes, timeout_s: float = 2.0) -> bool:
        """Send bytes; False if the device is unplugged or nobody made room for `timeout_s` (the rest is lost)."""
        if self._ends is None:
            return False
        rest = memoryview(raw)
        while rest:
            with suppress(BlockingIOError):
                rest = rest[os.write(self._ends[0], rest) :]
                continue
            if not select.select([], [self._ends[0]], [], timeout_s)[1]:
                return False
        return True

    def read(self, timeout_s: float = 0.0) -> bytes:
        """Return what the agent has sent, waiting up to `timeout_s` for the first byte; empty if nothing came."""
        if self._ends is None or not select.select([self._ends[0]], [], [], timeout_s)[0]:
            return b""
        try:
            return os.read(self._ends[0], CHUNK_BYTES)
        except BlockingIOError:
            return b""

    def __enter__(self) -> Self:
        self.plug()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.unplug()
