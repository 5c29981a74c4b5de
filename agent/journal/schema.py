"""The tables of a journal file, and the settings every connection to it needs.

A new file gets the present schema; an older one is brought up to it, its events untouched.
"""

from __future__ import annotations

import errno
import os
import secrets
import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from agent.events import LANES
from agent.journal.errors import (
    JournalCorruptError,
    JournalFullError,
    JournalPathError,
    JournalVersionError,
    JournalWriteError,
)

if TYPE_CHECKING:
    from pathlib import Path

    from agent.journal.errors import JournalError

APPLICATION_ID = 0x4C4E5344
"""Marks the file as a Lineside journal ("LNSD"), for `file` and for us."""

VERSION = 3
"""Schema version, kept in `user_version`."""

LOG_LIMIT_BYTES = 16 * 1024 * 1024
"""The write-ahead log is cut back to this after a check-point."""

_CORRUPT = (
    "SQLITE_CORRUPT",
    "SQLITE_NOTADB",
    "SQLITE_IOERR_SHORT_READ",
    "SQLITE_CONSTRAINT",
    "SQLITE_MISMATCH",
    "SQLITE_TOOBIG",
)
"""What SQLite says of a damaged file.  Our statements are fixed: what does not fit them was not written by them."""

_FULL = (errno.ENOSPC, errno.EDQUOT)
_BAD_SCHEMA = "SQLITE_ERROR"
"""No such table, unsupported file format and the like: exactly this, not an error whose name begins with it."""

NEWEST_IMAGINABLE = 1000
"""Schema versions above this are damage, not a newer Lineside."""

SMALLEST_BYTES = 512
"""A file that is shorter holds nothing; SQLite would take it for a new one.  Source: SQLite file format, 1.3.2."""

_MAGIC = b"SQLite format 3\x00"
_FORMATS = (1, 2)
"""What bytes 18 and 19 of a good file may be.  Source: SQLite file format, 1.3."""

_EVENT_TABLE = """
CREATE TABLE event_{lane} (
    seq INTEGER PRIMARY KEY, type TEXT NOT NULL, time TEXT NOT NULL, subject TEXT NOT NULL, body TEXT NOT NULL,
    crc INTEGER
)
"""

_ADDED_IN_2 = (
    """
    CREATE TABLE quarantine (
        id INTEGER PRIMARY KEY, lane TEXT NOT NULL, seq INTEGER NOT NULL, type TEXT NOT NULL, time TEXT NOT NULL,
        body TEXT NOT NULL, code INTEGER NOT NULL, reason TEXT NOT NULL, retry INTEGER NOT NULL DEFAULT 0
    )
    """,
    """
    CREATE TABLE salvage (
        epoch TEXT NOT NULL, lane TEXT NOT NULL, seq INTEGER NOT NULL, body TEXT NOT NULL,
        PRIMARY KEY (epoch, lane, seq)
    ) WITHOUT ROWID
    """,
)

_ADDED_IN_3 = (
    """
    CREATE TABLE anchor (
        lane TEXT NOT NULL, seq INTEGER NOT NULL, hash TEXT NOT NULL, PRIMARY KEY (lane, seq)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE link (
        what TEXT NOT NULL, name TEXT NOT NULL, lane INTEGER NOT NULL, block INTEGER NOT NULL, places TEXT NOT NULL,
        PRIMARY KEY (what, name, lane, block)
    ) WITHOUT ROWID
    """,
    "CREATE TABLE reference (name TEXT PRIMARY KEY, revision TEXT NOT NULL, body TEXT NOT NULL, loaded TEXT NOT NULL)",
)

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
        bytes INTEGER NOT NULL, budget_bytes INTEGER NOT NULL,
        first_seq INTEGER NOT NULL DEFAULT 1, thinned_seq INTEGER NOT NULL DEFAULT 0,
        chained_seq INTEGER NOT NULL DEFAULT 1, last_hash TEXT NOT NULL DEFAULT '',
        linked_seq INTEGER NOT NULL DEFAULT 0
    ) WITHOUT ROWID
    """,
    *_ADDED_IN_2,
    *_ADDED_IN_3,
    "CREATE TABLE state (key TEXT PRIMARY KEY, body TEXT NOT NULL) WITHOUT ROWID",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)


def open_writer(path: Path) -> sqlite3.Connection:
    """Open the one writing connection, making or upgrading the file.

    Raises JournalPathError, JournalVersionError, JournalCorruptError or JournalWriteError.
    """
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise JournalPathError(f"{path} cannot be opened: {error}; is its folder writable for this user?") from error
    try:
        with Translating(path):
            _check_header(path)
            if _pragma(connection, "user_version") == 0 and _pragma(connection, "application_id") == 0:
                _make(connection)
            _settle(connection, path)
            sync_folder(path.parent)
    except BaseException:  # whatever it is, the file is let go; then it goes on
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
    """Turns SQLite's errors inside `with` into the journal's own; what is read and makes no sense is damage too."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Nothing to set up."""

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        """Raise JournalPathError, JournalCorruptError or JournalWriteError in place of SQLite's error."""
        if isinstance(error, sqlite3.Error):
            raise translated(error, self._path) from error
        if isinstance(error, (ValueError, TypeError)):
            raise JournalCorruptError(f"{self._path} is damaged: {error}") from error
        if isinstance(error, OSError):
            kind = JournalFullError if error.errno in _FULL else JournalWriteError
            raise kind(f"{self._path} cannot be written: {error.strerror}") from error


def translated(error: sqlite3.Error, path: Path) -> JournalError:
    """Turn SQLite's error into the journal's word for what to do next."""
    name = getattr(error, "sqlite_errorname", "") or ""
    if name.startswith(_CORRUPT) or name == _BAD_SCHEMA or "decode to UTF-8" in str(error):
        return JournalCorruptError(f"{path} is damaged: {error}")
    if name.startswith("SQLITE_CANTOPEN") and not path.exists():
        return JournalPathError(f"{path}: no such file")
    if name.startswith(("SQLITE_CANTOPEN", "SQLITE_PERM")):
        return JournalPathError(f"{path} cannot be opened: {error}; is its folder writable for this user?")
    kind = JournalFullError if name == "SQLITE_FULL" else JournalWriteError
    return kind(f"{path} cannot be written: {error}")


def _make(connection: sqlite3.Connection) -> None:
    if connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
        return
    connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("BEGIN IMMEDIATE")
    for table in _TABLES:
        connection.execute(table)
    connection.executemany(
        "INSERT INTO lane (name, last_seq, sent_seq, confirmed_seq, bytes, budget_bytes) VALUES (?, 0, 0, 0, 0, 0)",
        [(lane.value,) for lane in LANES],
    )
    connection.execute("INSERT INTO meta VALUES ('epoch', ?)", (secrets.token_hex(8),))
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")


def _settle(connection: sqlite3.Connection, path: Path) -> None:
    version = _pragma(connection, "user_version")
    if _is_ours(connection) and (_pragma(connection, "application_id") != APPLICATION_ID or not _imaginable(version)):
        raise JournalCorruptError(f"{path} is damaged: its header makes no sense")
    if _pragma(connection, "application_id") != APPLICATION_ID:
        raise JournalVersionError(f"{path} is an SQLite file of another program; set journal.path to a file of its own")
    if version > VERSION:
        raise JournalVersionError(
            f"{path} has schema version {version}, this Lineside knows {VERSION}; use the newer one"
        )
    if version < VERSION:
        from agent.journal.migrate import bring_up  # noqa: PLC0415  costs 25 MB, needed once

        bring_up(connection, version, VERSION, {2: _ADDED_IN_2, 3: _ADDED_IN_3})
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA busy_timeout = 5000")
    connection.execute("PRAGMA temp_store = MEMORY")
    connection.execute("PRAGMA secure_delete = OFF")
    connection.execute(f"PRAGMA journal_size_limit = {LOG_LIMIT_BYTES}")
    connection.execute("PRAGMA wal_autocheckpoint = 0")


def _check_header(path: Path) -> None:
    """Raise ValueError for what SQLite would take for a new file, or for one that is read-only for ever."""
    header = b""
    with suppress(OSError), path.open("rb") as file:
        header = file.read(SMALLEST_BYTES)
    if 0 < len(header) < SMALLEST_BYTES:
        raise ValueError("file is not a database")
    if header.startswith(_MAGIC) and not (header[18] in _FORMATS and header[19] in _FORMATS):
        raise ValueError("its header makes no sense")


def _is_ours(connection: sqlite3.Connection) -> bool:
    """Whether it has the tables of a journal, whatever its header says."""
    rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    return {f"event_{lane}" for lane in LANES} <= {name for (name,) in rows}


def _imaginable(version: int) -> bool:
    return 0 < version <= NEWEST_IMAGINABLE


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


def _quoted(path: Path) -> str:
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")


def sync_folder(folder: Path) -> None:
    """Make new names of files survive a power cut too.  Raises OSError."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
