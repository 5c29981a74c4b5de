"""Sets of reference data on disk: each as its newest whole document and the deltas behind it, compressed.

A set is written in the transaction of the event that tells of it.  Knows nothing of what the documents mean.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.journal.schema import Translating, open_reader

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

DELTA = "+"
"""Stands between the name of a set and the number of a delta."""

Bodies = dict[str, list[bytes]]
"""Set -> its whole document and its deltas, in order, as they were kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One document to keep: a whole set takes the place of all there was of it, a delta (from 1 on) stands behind."""

    name: str
    revision: str
    body: bytes
    loaded: str
    delta: int = 0

    def __call__(self, connection: sqlite3.Connection) -> None:
        """Write it, inside a transaction."""
        name = f"{self.name}{DELTA}{self.delta:09d}" if self.delta else self.name
        if not self.delta:
            connection.execute(
                "DELETE FROM reference WHERE name = ? OR substr(name, 1, ?) = ?",
                (self.name, len(self.name) + 1, self.name + DELTA),
            )
        connection.execute(
            "INSERT OR REPLACE INTO reference (name, revision, body, loaded) VALUES (?, ?, ?, ?)",
            (name, self.revision, self.body, self.loaded),
        )


def read(path: Path) -> Bodies:
    """Return all sets of a journal file, the damaged one aside too.  Raises JournalError."""
    bodies: Bodies = {}
    with Translating(path), closing(open_reader(path)) as connection:
        for name, body in connection.execute("SELECT name, body FROM reference ORDER BY name"):
            if isinstance(body, bytes):
                bodies.setdefault(name.partition(DELTA)[0], []).append(body)
    return bodies
