"""The tables of a journal file, and the settings every connection to it needs.

A new file gets the present schema; an older one is brought up to it, its events untouched.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from typing import TYPE_CHECKING

from agent.events import LANES
from agent.journal.errors import JournalCorruptError, JournalPathError, JournalVersionError, JournalWriteError

if TYPE_CHECKING:
    from pathlib import Path

    from agent.journal.errors import JournalError

APPLICATION_ID = 0x4C4E5344
"""Marks the file as a Lineside journal ("LNSD"), for `file` and for us."""

VERSION = 1
"""Schema version, kept in `user_version`."""

LOG_LIMIT_BYTES = 16 * 1024 * 1024
"""The write-ahead log is cut back to this after a check-point."""

_CORRUPT = {"SQLITE_CORRUPT", "SQLITE_NOTADB"}

_EVENT_TABLE = """
CREATE TABLE event_{lane} (
    seq INTEGER PRIMARY KEY, type TEXT NOT NULL, time TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL
)
"""

_TABLES = (
    *(_EVENT_TABLE.format(lane=lane) for lane in LANES),
    "CREATE VIEW event AS "  # noqa: S608  lane names are ours
    + " UNION ALL ".join(
        f"SELECT '{lane}' AS lane, seq, type, time, subject, body FROM event_{lane}"  # noqa: S608  the same
        for lane in LANES
    ),
    """
    CREATE TABLE lane (
        name TEXT PRIMARY KEY, last_seq INTEGER NOT NULL, sent_seq INTEGER NOT NULL, confirmed_seq INTEGER NOT NULL,
        bytes INTEGER NOT NULL, budget_bytes INTEGER NOT NULL
    ) WITHOUT ROWID
    """,
    "CREATE TABLE state (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the one writing connection, making or upgrading the file.

    Raises JournalPathError, JournalVersionError, JournalCorruptError or JournalWriteError.
    """
    fresh = not path.exists()
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise JournalPathError(f"{path} cannot be opened: {error}; is its folder writable for this user?") from error
    try:
        if _pragma(connection, "user_version") == 0 and _pragma(connection, "application_id") == 0:
            _make(connection)
        _settle(connection, path)
        if fresh:
            _sync_folder(path.parent)
    except sqlite3.Error as error:
        connection.close()
        raise translated(error, path) from error
    except JournalVersionError:
        connection.close()
        raise
    return connection


def open_reader(path: Path) -> sqlite3.Connection:
    """Open a connection that can neither write nor check-point, not even on close (the file is opened read-only)."""
    connection = sqlite3.connect(
        f"file:{_quoted(path)}?mode=ro", uri=True, isolation_level=None, check_same_thread=False
    )
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA query_only = 1")
    return connection


class Translating:
    """Turns SQLite's errors inside `with` into the journal's own."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise JournalPathError, JournalCorruptError or JournalWriteError in place of SQLite's error."""
        if isinstance(error, sqlite3.Error):
            raise translated(error, self._path) from error


def translated(error: sqlite3.Error, path: Path) -> JournalError:
    """Turn SQLite's error into the journal's word for what to do next."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name in _CORRUPT or name.startswith("SQLITE_CORRUPT"):
        return JournalCorruptError(f"{path} is damaged: {error}")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM")):
        return JournalPathError(f"{path} cannot be opened: {error}; is its folder writable for this user?")
    return JournalWriteError(f"{path} cannot be written: {error}")


def _make(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    for table in _TABLES:
        connection.execute(table)
    connection.executemany("INSERT INTO lane VALUES (?, 0, 0, 0, 0, 0)", [(lane.value,) for lane in LANES])
    connection.execute("INSERT INTO meta VALUES ('epoch', ?)", (secrets.token_hex(8),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _settle(connection: sqlite3.Connection, path: Path) -> None:
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise JournalVersionError(f"{path} is an SQLite file of another program; set journal.path to a file of its own")
    if (version := _pragma(connection, "user_version")) != VERSION:
        raise JournalVersionError(
            f"{path} has schema version {version}, this Lineside knows {VERSION}; use the newer one"
        )
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT_BYTES}")


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def _sync_folder(folder: Path) -> None:
    """Make the new file's name survive a power cut too."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
