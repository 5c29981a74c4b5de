"""A wish to stop waiting that is never lost.

Asked for by any thread, taken by the one thread that waits in `poll` on a file descriptor.
"""

from __future__ import annotations

import os
from threading import Lock


class Cancel:
    """Remember that somebody asked, and make `fd` readable while it is so.

    The memory outlives `close` and `open`: who asks while the device is closed ends the first wait after opening.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._asked = False
        self._fd: int | None = None

    def open(self) -> int:
        """Return the descriptor to wait on.  Raises OSError if the process has no descriptor left."""
        with self._lock:
            if self._fd is None:
                self._fd = os.eventfd(int(self._asked), os.EFD_CLOEXEC | os.EFD_NONBLOCK)
            return self._fd

    def ask(self) -> None:
        """End the wait under way or the next one.  Never blocks, never raises."""
        with self._lock:
            if not self._asked and self._fd is not None:
                os.eventfd_write(self._fd, 1)
            self._asked = True

    def take(self) -> bool:
        """Tell whether somebody asked since the last call, and forget it."""
        with self._lock:
            asked, self._asked = self._asked, False
            if asked and self._fd is not None:
                os.eventfd_read(self._fd)
            return asked

    def close(self) -> None:
        """Give the descriptor back."""
        with self._lock:
            if self._fd is not None:
                os.close(self._fd)
                self._fd = None
