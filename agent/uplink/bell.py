"""Wake the one thread that waits for the broker, from any other thread."""

from __future__ import annotations

import os
import weakref
from contextlib import suppress


class Bell:
    """A file that becomes readable when somebody rings; so one wait is for the broker and for our own threads."""

    def __init__(self) -> None:
        self._file = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._rung = False
        weakref.finalize(self, os.close, self._file).atexit = False  # a thread that outlives us may still ring

    def ring(self) -> None:
        """End the present wait, or the next one.  Called by any thread; never blocks."""
        if not self._rung:
            self._rung = True
            os.eventfd_write(self._file, 1)

    def hush(self) -> None:
        """Be silent until the next ring.  Look for what was rung about afterwards: it was put there before."""
        with suppress(BlockingIOError):  # silent already
            os.eventfd_read(self._file)
        self._rung = False

    def fileno(self) -> int:
        """The file, for `select`."""
        return self._file
