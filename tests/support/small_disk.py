"""A small ext4 of its own on a loop device, to be filled, emptied, and made read-only."""

from __future__ import annotations

import os
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from types import TracebackType

SIZE_MB = 24


class SmallDisk:
    """Mounted at `folder` between `with` and its end.  Skips the test where it cannot be."""

    def __init__(self, where: Path, size_mb: int = SIZE_MB) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="lineside-disk-"))
        """Not below pytest's own folders: were this process killed, the next run could not clear them away."""
        self._size_bytes = size_mb * 1024 * 1024
        self._image = where / "disk.img"
        self._ballast = self.folder / "ballast"

    def __enter__(self) -> Self:
        if os.geteuid() != 0:
            pytest.skip("needs root: mounts a small disk")
        with self._image.open("wb") as image:
            image.truncate(self._size_bytes)
        options = ("-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0")
        subprocess.run(["mkfs.ext4", *options, str(self._image)], check=True, capture_output=True)
        self.mount()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        subprocess.run(["umount", "--lazy", str(self.folder)], check=True)
        self.folder.rmdir()

    def mount(self) -> None:
        mounted = subprocess.run(
            ["mount", "-o", "loop,errors=remount-ro", str(self._image), str(self.folder)],
            check=False,
            capture_output=True,
            text=True,
        )
        if mounted.returncode:
            pytest.skip(f"loop devices do not work here: {mounted.stderr.strip()}")

    def unmount(self) -> None:
        subprocess.run(["umount", str(self.folder)], check=True)

    def mend(self) -> None:
        """Check the unmounted file system, as a start of the machine does."""
        mended = subprocess.run(["e2fsck", "-p", "-f", str(self._image)], check=False, capture_output=True)
        assert mended.returncode in {0, 1}, mended.stdout

    def fill(self) -> None:
        """Leave no block, not even one that the file system had only set aside."""
        with self._ballast.open("ab", buffering=0) as ballast:
            size = -1
            while ballast.tell() > size:
                size = ballast.tell()
                with suppress(OSError):
                    while True:
                        ballast.write(bytes(4096))
                os.sync()

    def empty(self) -> None:
        self._ballast.unlink()

    def break_down(self) -> None:
        """Let the file system meet an error: it makes itself read-only, and nothing can be written any more."""
        subprocess.run(["mount", "-o", "remount,abort", str(self.folder)], check=False, capture_output=True)
        with suppress(OSError):
            (self.folder / "probe").write_bytes(b"x")
            pytest.skip("this kernel does not take ext4's option abort")
