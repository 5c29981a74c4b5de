"""The notifier's memory on disk: which events it has heard, what it must tell whom, and who does not take it.

One connection, used by all threads in turn.  No write-ahead log: with one, connections of several processes would have
to agree on check-points, and the few transactions here do not need it.  Knows no rules, no MQTT and no targets.
"""

from __future__ import annotations

import fcntl
import os
import sqlite3
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

from agent.notify.ledger import Ledger

if TYPE_CHECKING:
    from collections.abc import Iterator

APPLICATION_ID = 0x4C4E544E
"""Marks the file as a notifier's ("LNTN")."""

VERSION = 1

_TABLES = (
    """
    CREATE TABLE seen (
        station TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL, seq INTEGER NOT NULL, at REAL NOT NULL,
        PRIMARY KEY (station, epoch, lane, seq)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE open (
        station TEXT NOT NULL, thread TEXT NOT NULL, target TEXT NOT NULL, rule TEXT NOT NULL, urgent INTEGER NOT NULL,
        at REAL NOT NULL, PRIMARY KEY (station, thread, target)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE ended (
        station TEXT NOT NULL, thread TEXT NOT NULL, epoch TEXT NOT NULL, seq INTEGER NOT NULL, told TEXT NOT NULL,
        at REAL NOT NULL, PRIMARY KEY (station, thread)
    ) WITHOUT ROWID
    """,
    """
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, target TEXT NOT NULL, rule TEXT NOT NULL, station TEXT NOT NULL,
        thread TEXT NOT NULL, type TEXT NOT NULL, urgent INTEGER NOT NULL, gather INTEGER NOT NULL, heard REAL NOT NULL,
        fields TEXT NOT NULL, over TEXT NOT NULL DEFAULT '', tries INTEGER NOT NULL DEFAULT 0, done REAL, how TEXT
    )
    """,
    "CREATE INDEX waiting ON outbox (target, urgent DESC, tries, id) WHERE done IS NULL",
    "CREATE INDEX waiting_thread ON outbox (station, thread) WHERE done IS NULL",
    "CREATE INDEX done ON outbox (done) WHERE done IS NOT NULL",
    """
    CREATE TABLE target (
        name TEXT PRIMARY KEY, failing_since REAL, reason TEXT NOT NULL DEFAULT '', told INTEGER NOT NULL DEFAULT 0,
        sent REAL
    ) WITHOUT ROWID
    """,
    "CREATE TABLE count (name TEXT PRIMARY KEY, n INTEGER NOT NULL, last TEXT NOT NULL, at REAL NOT NULL)",
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
)


class StoreError(Exception):
    """The file cannot be read or written: tell it, and try again later."""


class StoreHeldError(StoreError):
    """Another notifier has the file: stop that one first."""


class StoreDamagedError(StoreError):
    """The file is damaged: begin again, and opening it will put it aside."""


class Store:
    """The file at `path` between `open` and `close`.  Made if it is not there; a damaged one is put aside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.aside: Path | None = None
        self.damaged = False
        self._lock = RLock()
        self._descriptor = -1
        self._connection: sqlite3.Connection | None = None

    def open(self) -> None:
        """Take the file for this process alone.  Raises StoreHeldError or StoreError."""
        self._hold()
        try:
            self._connection = self._opened()
        except StoreDamagedError:
            self.aside = self._put_aside()
            self._connection = self._opened()
            with self.transaction() as ledger:
                ledger.count("damaged", 1, f"put aside as {self.aside.name}", datetime.now(UTC).timestamp())

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @contextmanager
    def transaction(self) -> Iterator[Ledger]:
        """Everything within it, on disk when it ends, or nothing.  Raises StoreError."""
        with self._lock:
            connection = self._connection
            if connection is None:
                raise StoreError(f"{self.path} is closed")
            try:
                connection.execute("BEGIN IMMEDIATE")
                yield Ledger(connection)
                connection.execute("COMMIT")
            except sqlite3.Error as error:
                raise self._translated(error) from error
            finally:
                if connection.in_transaction:
                    with suppress(sqlite3.Error):  # rolled back by SQLite itself
                        connection.execute("ROLLBACK")

    def tidy(self) -> None:
        """Give free pages back to the disk."""
        with self._lock:
            if self._connection is not None:
                self._connection.execute("PRAGMA incremental_vacuum(2000)").fetchall()

    def _hold(self) -> None:
        try:
            descriptor = os.open(f"{self.path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise StoreError(
                f"{self.path}.lock cannot be made: {error.strerror}; "
                "the folder of notify.path must be there and writable"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise StoreHeldError(f"{self.path} is in use by another notifier; stop it first") from None
        self._descriptor = descriptor

    def _opened(self) -> sqlite3.Connection:
        try:
            connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False, timeout=5.0)
        except sqlite3.Error as error:
            raise StoreError(f"{self.path} cannot be opened: {error}") from error
        try:
            self._settle(connection)
        except sqlite3.Error as error:
            connection.close()
            raise self._translated(error) from error
        except StoreError:
            connection.close()
            raise
        return connection

    def _settle(self, connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = TRUNCATE")
        connection.execute("PRAGMA synchronous = FULL")
        if not connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            connection.execute("BEGIN IMMEDIATE")
            for table in _TABLES:
                connection.execute(table)
            connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.execute("COMMIT")
        if connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
            raise StoreError(f"{self.path} is an SQLite file of another program; set notify.path to a file of its own")
        if (version := connection.execute("PRAGMA user_version").fetchone()[0]) > VERSION:
            raise StoreError(f"{self.path} has version {version}, this Lineside knows {VERSION}; use the newer one")
        if (said := connection.execute("PRAGMA quick_check(1)").fetchone()[0]) != "ok":
            raise StoreDamagedError(f"{self.path} is damaged: {said}")

    def _put_aside(self) -> Path:
        aside = self.path.with_name(f"{self.path.name}.damaged-{datetime.now(UTC):%Y%m%dT%H%M%S}")
        self.path.replace(aside)
        journal = Path(f"{self.path}-journal")
        if journal.exists():
            journal.replace(f"{aside}-journal")
        return aside

    def _translated(self, error: sqlite3.Error) -> StoreError:
        name = getattr(error, "sqlite_errorname", "") or ""
        if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
            self.damaged = True
            return StoreDamagedError(f"{self.path} is damaged: {error}")
        return StoreError(f"{self.path} cannot be written: {error}")


def held(path: Path) -> bool:
    """Whether a notifier has the file now."""
    try:
        descriptor = os.open(f"{path}.lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def looking(path: Path) -> Iterator[Ledger]:
    """Read the file beside a running notifier; writes nothing.  Raises StoreError."""
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None, timeout=5.0)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be opened: {error}; has the notifier run yet?") from error
    try:
        connection.execute("BEGIN")
        yield Ledger(connection)
    except sqlite3.Error as error:
        raise StoreError(f"{path} cannot be read: {error}") from error
    finally:
        connection.close()
