"""Keep some disk space back, so that calls and the disk's own alarm still fit when the disk is full."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Reserve:
    """A file of `size_bytes` beside the journal that is given up when the disk is full."""

    def __init__(self, journal: Path, size_bytes: int) -> None:
        self._path = journal.with_name(journal.name + ".reserve")
        self._size_bytes = size_bytes

    @property
    def is_kept(self) -> bool:
        """Whether the space is taken, as far as the disk tells."""
        try:
            return self._path.stat().st_size >= self._size_bytes
        except OSError:
            return False

    def give_up(self) -> bool:
        """Free the space; False if it was free already, or if the disk takes no change at all."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def keep(self) -> bool:
        """Take the space back; False while there is not twice as much."""
        if self.is_kept:
            return True
        try:
            disk = os.statvfs(self._path.parent)
            if disk.f_bavail * disk.f_frsize < 2 * self._size_bytes:
                return False
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
            try:
                os.posix_fallocate(descriptor, 0, self._size_bytes)
            finally:
                os.close(descriptor)
        except OSError:
            self.give_up()
            return False
        return True
