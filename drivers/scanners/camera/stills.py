"""Pictures in files: one file, or a folder into which a camera drops them.

A file is taken once, and again when it has changed.  Files that are there come in the order of their names, later ones
as they appear.  A file is taken only when it has rested for a moment: half a picture would be read as a whole one.
"""

from __future__ import annotations

import select
import time
from typing import TYPE_CHECKING, NamedTuple

from drivers.contract import DeviceGoneError, Noise
from drivers.scanners.camera.source import NOISE_BYTES, Source, picture_of

if TYPE_CHECKING:
    from pathlib import Path

    from drivers.scanners.camera.picture import Pixels

SUFFIXES = frozenset({".bmp", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"})

LOOK_S = 0.1
"""Between two looks at the folder."""

REST_S = 0.25
"""A file that was the same for so long is complete."""


class Version(NamedTuple):
    """A file as it was at one look."""

    path: Path
    changed_ns: int
    size: int


class Stills(Source):
    """The pictures in a folder, or one picture file.  What was taken is remembered over `close` and `open`."""

    still = True

    def __init__(self, name: str, path: Path, *, existing: bool) -> None:
        self._name = name
        self._path = path
        self._skip = not existing
        self._taken: set[Version] = set()
        self._resting: dict[Version, float] = {}
        self._ready: list[Version] = []
        self._cancel_fd = -1

    def open(self, cancel_fd: int) -> None:
        """Look at the folder for the first time.  Raises DeviceGoneError if there is none."""
        self._cancel_fd = cancel_fd
        there = self._look()
        if self._skip:
            self._taken, self._skip = set(there), False

    def take(self, timeout_s: float) -> Pixels | Noise | None:
        """The next picture; a file that is none is a Noise.  An empty folder is silence."""
        end = time.monotonic() + timeout_s
        while not self._ready:
            self._update(time.monotonic())
            if self._ready:
                break
            left = end - time.monotonic()
            if left <= 0 or self._cancelled(min(left, LOOK_S)):
                return None
        return self._picture(self._ready.pop(0))

    def close(self) -> None:
        """Forget what was half looked at."""
        self._resting, self._ready = {}, []

    def _update(self, now_s: float) -> None:
        there = self._look()
        self._taken &= set(there)
        new = [version for version in there if version not in self._taken]
        self._resting = {version: self._resting.get(version, now_s) for version in new}
        self._ready = [version for version in new if now_s - self._resting[version] >= REST_S]

    def _look(self) -> list[Version]:
        """The picture files that are there, by name."""
        try:
            if not self._path.is_dir():
                return [_version(self._path)]
            files = sorted(self._path.iterdir())
        except OSError as error:
            raise DeviceGoneError(
                f"{self._name}: {self._path}: {error.strerror}; is the path right, is the folder mounted?"
            ) from error
        return [version for file in files if _is_picture(file) and (version := _version_or_none(file))]

    def _picture(self, version: Version) -> Pixels | Noise:
        self._taken.add(version)
        try:
            data = version.path.read_bytes()
        except OSError as error:
            return Noise(b"", f"{version.path.name}: cannot be read ({error.strerror})")
        pixels = picture_of(data)
        if pixels is None:
            return Noise(data[:NOISE_BYTES], f"{version.path.name}: no picture that can be read")
        return pixels

    def _cancelled(self, timeout_s: float) -> bool:
        poll = select.poll()
        poll.register(self._cancel_fd, select.POLLIN)
        return bool(poll.poll(max(1, round(timeout_s * 1000))))


def _is_picture(path: Path) -> bool:
    """Whether the name says that `path` is a picture; names that begin with a dot are of files not yet finished."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def _version(path: Path) -> Version:
    status = path.stat()
    return Version(path, status.st_mtime_ns, status.st_size)


def _version_or_none(path: Path) -> Version | None:
    """None for a file that went between the look at the folder and the look at it."""
    try:
        return _version(path)
    except OSError:
        return None
