"""Check events against their checksums ahead of their delivery, piece by piece, while there is nothing else to do.

What was checked once since the file was opened is sent as it lies there, many events in one piece of work.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from zlib import crc32

from agent.events import LANES, Lane
from agent.journal.errors import JournalCorruptError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from pathlib import Path

    from agent.journal.lanes import LaneState

PIECE_EVENTS = 500
"""Events checked in one piece; a shorter backlog is checked as it is sent."""

Checked = dict[Lane, int]
"""Lane -> the number up to which nothing unconfirmed was found damaged.  Written by the journal's thread alone."""


def must_be_sound(path: Path, sequence: int, body: str, crc: int | None) -> None:
    """Check that `body` is what was written as number `sequence`; rows of the first version have no checksum.

    Raises JournalCorruptError.
    """
    if crc is not None and not (crc == crc32(body.encode()) and f'"sequence":"{sequence}"' in body):
        raise JournalCorruptError(f"{path} is damaged: the checksum of event {sequence} is wrong")


def begin(book: Mapping[Lane, LaneState]) -> Checked:
    """What counts as checked when a file was opened: what will not be sent again."""
    return {lane: state.confirmed for lane, state in book.items()}


def step(connection: sqlite3.Connection, path: Path, book: Mapping[Lane, LaneState], checked: Checked) -> bool:
    """Check one piece of the most urgent backlog; False if there is none.  Raises JournalCorruptError."""
    for lane in LANES:
        if book[lane].last - checked[lane] < PIECE_EVENTS:
            continue
        query = f"SELECT seq, body, crc FROM event_{lane} WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608  a lane's name is ours
        rows = connection.execute(query, (checked[lane], PIECE_EVENTS)).fetchall()
        for row in rows:
            must_be_sound(path, *row)
        checked[lane] = rows[-1][0] if rows else book[lane].last
        return True
    return False
