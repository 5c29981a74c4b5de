"""Find finished events in the bytes of a damaged file, by their beginning and by the checksum behind them.

Knows how an event begins and ends on the disk.  Knows nothing of pages, lanes or what is done with what is found.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from zlib import crc32

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PIECE_BYTES = 1024 * 1024
LONGEST_BODY_BYTES = 64 * 1024

_START = b'{"specversion":"1.0"'
_END = b"}}"
"""Data is the last member of every event, and an object."""

_CHECKSUM_BYTES = (4, 6, 3, 2, 1)
"""Lengths in which SQLite stores a whole number below 2**32, likeliest first.  Source: SQLite file format, 2.1."""


def piece(path: Path, offset: int) -> bytes | None:
    """A piece of the file from `offset` on, long enough for an event that begins in its first PIECE_BYTES.

    None behind the end, or where the disk gives nothing back.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, PIECE_BYTES + LONGEST_BODY_BYTES, offset) or None
        finally:
            os.close(descriptor)
    except OSError:
        return None


def bodies(content: bytes) -> Iterator[bytes]:
    """The whole events that begin in the first PIECE_BYTES of `content`."""
    start = content.find(_START)
    while 0 <= start < PIECE_BYTES:
        if (body := _finished(content, start)) is not None:
            yield body
        start = content.find(_START, start + 1)


def _finished(content: bytes, start: int) -> bytes | None:
    """The event that begins at `start`, if it is followed by its checksum."""
    limit = min(len(content), start + LONGEST_BODY_BYTES)
    checksum, done = 0, start
    end = content.find(_END, start, limit)
    while end >= 0:
        stop = end + len(_END)
        checksum = crc32(content[done:stop], checksum)
        done = stop
        if any(int.from_bytes(content[stop : stop + size]) == checksum for size in _CHECKSUM_BYTES):
            return content[start:stop]
        end = content.find(_END, end + 1, limit)
    return None
