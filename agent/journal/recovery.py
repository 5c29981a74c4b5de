"""Put a damaged journal aside and a new one in its place; a kill or a power cut at any instruction loses neither.

Knows files and their names.  What is saved from the damaged one is `salvage`'s.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

from agent.journal import chain
from agent.journal.salvage import Salvage
from agent.journal.schema import Translating, open_writer, sync_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_SUFFIXES = ("", "-wal")


def aside_name(path: Path) -> Path:
    """A free name beside the journal for the damaged one: `<name>.damaged-<UTC time>`."""
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    aside = path.with_name(f"{path.name}.damaged-{stamp}")
    number = 1
    while any(_part(aside, suffix).exists() for suffix in _SUFFIXES):
        number += 1
        aside = path.with_name(f"{path.name}.damaged-{stamp}-{number}")
    return aside


def replace(path: Path, salvage: Salvage, documents: Mapping[str, dict[str, Any]]) -> None:
    """Make a new journal with the memory `documents`, and let it take the damaged one's place.

    Raises JournalWriteError, JournalPathError or OSError; then `finish_replacing` or another try goes on.
    """
    _discard_successor(path)
    _make_successor(_successor(path), salvage, documents)
    sync_folder(path.parent)
    _take_place(path, path.with_name(salvage.aside))


def finish_replacing(path: Path) -> bool:
    """Finish or undo what was interrupted: a new journal takes its place only where the old one is aside already.

    Returns whether it took it.  Raises OSError.
    """
    salvage = None if path.exists() else _salvage_of(_successor(path))
    if salvage is not None:
        _take_place(path, path.with_name(salvage.aside))
    _discard_successor(path)
    return salvage is not None


def _take_place(path: Path, aside: Path) -> None:
    """Rename the file and its log aside, then the new one into its place; each name lasts before the next changes."""
    for suffix in _SUFFIXES:
        with suppress(FileNotFoundError):
            _part(path, suffix).rename(_part(aside, suffix))
    _part(path, "-shm").unlink(missing_ok=True)
    sync_folder(path.parent)
    _successor(path).rename(path)
    sync_folder(path.parent)


def _make_successor(new: Path, salvage: Salvage, documents: Mapping[str, dict[str, Any]]) -> None:
    """Make the new journal ready, whole and checked into one file."""
    with closing(open_writer(new)) as connection, Translating(new):
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT OR REPLACE INTO meta VALUES ('salvage', ?)", (salvage.to_json(),))
        connection.executemany(
            "INSERT OR REPLACE INTO state VALUES (?, ?)",
            [(key, orjson.dumps(document).decode()) for key, document in documents.items()],
        )
        chain.begin(connection, salvage.hashes)
        connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()


def _salvage_of(new: Path) -> Salvage | None:
    """The order of what to save that a new journal holds; None unless it was made ready."""
    try:
        with closing(sqlite3.connect(f"{new.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            row = connection.execute("SELECT value FROM meta WHERE key = 'salvage'").fetchone()
            return Salvage.from_json(row[0]) if row else None
    except (sqlite3.Error, ValueError, TypeError):
        return None


def _discard_successor(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        _part(_successor(path), suffix).unlink(missing_ok=True)


def _successor(path: Path) -> Path:
    return _part(path, ".new")


def _part(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
