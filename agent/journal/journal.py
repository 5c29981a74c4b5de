"""Keep every fact: append, remember the station's memory, and note what has been delivered.

The writing side of one SQLite file.  Knows nothing of devices or MQTT.
"""

from __future__ import annotations

import secrets
import sqlite3
from threading import Lock
from typing import TYPE_CHECKING, Any

import orjson

from agent.events import LANE_OF, Lane, size_bytes
from agent.journal.errors import JournalWriteError
from agent.journal.lock import JournalLock
from agent.journal.reader import JournalReader
from agent.journal.schema import Translating, open_writer, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from agent.events import Event, Row


class Journal:
    """One station's journal.

    `append`, `settle` and `close` belong to one thread, the recorder's.  `sent` and `confirmed` may be called by any
    thread: they are kept in memory and written with the next `append` or `settle`; losing them in a crash only means
    that some events are sent again under the same number.

    `encode` turns an event, the epoch and its number into the finished row.
    """

    def __init__(self, path: Path, encode: Callable[[Event, str, int], Row]) -> None:
        self.path = path
        self.epoch = ""
        self._encode = encode
        self._lock = JournalLock(path)
        self._connection: sqlite3.Connection | None = None
        self._last: dict[Lane, int] = {}
        self._marks = _Marks()

    def open(self) -> None:
        """Take the lock, open the file, and prove that what is written can be read.

        Raises JournalHeldError, JournalPathError, JournalVersionError, JournalCorruptError or JournalWriteError.
        """
        self._lock.acquire()
        try:
            self._connection = open_writer(self.path)
            self._load(self._connection)
            self._prove(self._connection)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Write what is still in memory, and let the file go."""
        try:
            if self._connection is not None:
                self.settle()
        finally:
            connection, self._connection = self._connection, None
            if connection is not None:
                connection.close()
            self._lock.release()

    def append(self, events: Iterable[Event], documents: Mapping[str, dict[str, Any] | None]) -> None:
        """Write events and changed documents in one transaction, on disk when this returns.

        Raises JournalWriteError or JournalCorruptError; then nothing was written.
        """
        last = dict(self._last)
        rows: dict[Lane, list[Row]] = {}
        for event in events:
            lane = LANE_OF[event.kind]
            last[lane] += 1
            rows.setdefault(lane, []).append(self._encode(event, self.epoch, last[lane]))
        self._write(rows, last, documents)
        self._last = last

    def documents(self) -> dict[str, dict[str, Any]]:
        """The station's memory as last written."""
        with self.reader() as reader:
            return reader.documents()

    def sent(self, lane: Lane, sequence: int) -> None:
        """Note that the broker has all events of `lane` up to `sequence`."""
        self._marks.sent(lane, sequence)

    def confirmed(self, lane: Lane, sequence: int) -> None:
        """Note that whoever must confirm has all events of `lane` up to `sequence`."""
        self._marks.confirmed(lane, sequence)

    def settle(self) -> None:
        """Write new marks if there are any.  Raises JournalWriteError or JournalCorruptError."""
        if self._marks.pending:
            self._write({}, self._last, {})

    def reader(self) -> JournalReader:
        """A reading connection of its own, for one thread."""
        return JournalReader(self.path)

    def _write(
        self, rows: Mapping[Lane, list[Row]], last: Mapping[Lane, int], documents: Mapping[str, dict[str, Any] | None]
    ) -> None:
        connection = self._connection
        if connection is None:
            raise JournalWriteError(f"{self.path} is closed")
        bodies = {
            key: None if document is None else orjson.dumps(document).decode() for key, document in documents.items()
        }
        marks = self._marks.take()
        try:
            connection.execute("BEGIN IMMEDIATE")
            for lane, batch in rows.items():
                connection.executemany(f"INSERT INTO event_{lane} VALUES (?, ?, ?, ?, ?)", batch)  # noqa: S608  a lane's name is ours
                size = sum(size_bytes(row[4]) for row in batch)
                connection.execute(
                    "UPDATE lane SET last_seq = ?, bytes = bytes + ? WHERE name = ?", (last[lane], size, lane.value)
                )
            for lane, (sent, confirmed) in marks.items():
                connection.execute(
                    "UPDATE lane SET sent_seq = max(sent_seq, ?), confirmed_seq = max(confirmed_seq, ?) WHERE name = ?",
                    (sent, confirmed, lane.value),
                )
            for key, body in bodies.items():
                if body is None:
                    connection.execute("DELETE FROM state WHERE key = ?", (key,))
                else:
                    connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, body))
            connection.execute("COMMIT")
        except BaseException as error:
            self._marks.put_back(marks)
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, sqlite3.Error):
                raise translated(error, self.path) from error
            raise

    def _load(self, connection: sqlite3.Connection) -> None:
        with Translating(self.path):
            self.epoch = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0]
            self._last = {Lane(name): last for name, last in connection.execute("SELECT name, last_seq FROM lane")}

    def _prove(self, connection: sqlite3.Connection) -> None:
        """Write a random word and read it back through a second connection."""
        word = secrets.token_hex(8)
        with Translating(self.path):
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('self_test', ?)", (word,))
        with self.reader() as reader:
            found = reader.meta("self_test")
        if found != word:
            raise JournalWriteError(f"{self.path}: what was written cannot be read back; is the disk sound?")


class _Marks:
    """Watermarks not yet written: (sent, confirmed) a lane, 0 where nothing new is known."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._new: dict[Lane, tuple[int, int]] = {}

    @property
    def pending(self) -> bool:
        return bool(self._new)

    def sent(self, lane: Lane, sequence: int) -> None:
        self._raise(lane, sequence, 0)

    def confirmed(self, lane: Lane, sequence: int) -> None:
        self._raise(lane, 0, sequence)

    def take(self) -> dict[Lane, tuple[int, int]]:
        with self._lock:
            taken, self._new = self._new, {}
        return taken

    def put_back(self, marks: Mapping[Lane, tuple[int, int]]) -> None:
        for lane, (sent, confirmed) in marks.items():
            self._raise(lane, sent, confirmed)

    def _raise(self, lane: Lane, sent: int, confirmed: int) -> None:
        with self._lock:
            before = self._new.get(lane, (0, 0))
            self._new[lane] = (max(before[0], sent), max(before[1], confirmed))
