"""The one connection that writes: transactions, numbers, and the book of lanes as last written.

Knows what a transaction must hold together.  Knows nothing of damage, budgets or days.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from agent.events import LANE_OF, LANES, digest
from agent.journal import lanes, scrub
from agent.journal.errors import JournalCorruptError, JournalWriteError
from agent.journal.marks import Marks, forget_salvaged
from agent.journal.quarantine import Quarantine
from agent.journal.reader import JournalReader
from agent.journal.salvage import Salvage
from agent.journal.schema import Translating, open_writer, translated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from agent.events import Event, Finished, Lane, Moment
    from agent.journal.lanes import LaneState
    from agent.journal.lock import JournalLock

    Encode = Callable[[Event, str, int, str], Finished]
    Book = dict[Lane, LaneState]
    Work = Callable[[sqlite3.Connection, Book], None]

PAGE_BYTES = 4096
LOG_OVERHEAD = 2
"""Bytes that go into the log for each byte of events, about: a page is written again as it fills."""

ROW_VALUES = 6
"""Values of one event in its table."""

INSERT_ROWS = 50
"""Events that go into the file by one statement: SQLite takes them in quicker than as many statements' one by one.

Few enough that the texts, just hashed, are still near the processor when SQLite copies them.
"""

_ROW = f"({', '.join('?' * ROW_VALUES)})"
_INSERT = {lane: f"INSERT INTO event_{lane} VALUES {_ROW}" for lane in LANES}  # noqa: S608  a lane's name is ours
_INSERT_SEVERAL = {
    lane: f"INSERT OR FAIL INTO event_{lane} VALUES {', '.join([_ROW] * INSERT_ROWS)}"  # noqa: S608  the same
    for lane in LANES
}
"""FAIL: SQLite need not be able to undo the one statement, because whatever fails, the whole transaction is undone."""


class Writer:
    """Belongs to one thread, but for `marks` and `quarantine`, which any may fill: they wait for the next transaction.

    `log_bytes` is about what was written since the log was last checked into the file.
    """

    def __init__(
        self,
        path: Path,
        lock: JournalLock,
        encode: Encode,
        now: Callable[[], Moment],
        budget_bytes: Mapping[Lane, int],
    ) -> None:
        self.path = path
        self.epoch = ""
        self.book: Book = {}
        self.checked: scrub.Checked = {}
        self.salvage: Salvage | None = None
        self.marks = Marks()
        self.quarantine = Quarantine()
        self.log_bytes = 0
        self._lock = lock
        self._encode = encode
        self._now = now
        self._budget_bytes = budget_bytes
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    @property
    def connection(self) -> sqlite3.Connection:
        """The open connection.  Raises JournalWriteError while there is none."""
        if self._connection is None:
            raise JournalWriteError(f"{self.path} is closed")
        return self._connection

    @property
    def is_open(self) -> bool:
        """Whether there is a connection."""
        return self._connection is not None

    def attach(self) -> None:
        """Open the file and read the book.  Raises JournalError."""
        self.forget()
        self._connection = connection = open_writer(self.path)
        with Translating(self.path):
            self.epoch = str(connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
            row = connection.execute("SELECT value FROM meta WHERE key = 'salvage'").fetchone()
            self.salvage = Salvage.from_json(row[0]) if row else None
            self.book = {
                lane: replace(state, budget_bytes=self._budget_bytes.get(lane, 0))
                for lane, state in lanes.load(connection).items()
            }
            lanes.check_edges(connection, self.book)
            self.checked = scrub.begin(self.book)
            self.quarantine.load(connection)
        self._file = _file_at(self.path)
        if self.marks.begin(self.epoch):
            self.quarantine.take()  # orders about the events of another file
        self.log_bytes = 0

    def must_be_in_place(self) -> None:
        """Check that the open file still has its name: what is written to another is gone with the process.

        Raises JournalCorruptError.
        """
        if self._file != _file_at(self.path):
            raise JournalCorruptError(f"{self.path} was moved, deleted or replaced while in use")

    def detach(self) -> None:
        """Let the file go."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def forget(self) -> None:
        """Let the file go, and what was known of it."""
        self.detach()
        self.book = {}
        self.salvage = None

    def commit(self, work: Work, *, noted: bool = True) -> None:
        """Do `work` on the file and a copy of the book in one transaction, together with the marks that wait.

        `noted`: note beside the file how far it is; else `note` is still to be called.  Raises JournalWriteError,
        JournalCorruptError, or what `work` raised; then nothing was written.
        """
        connection = self.connection
        book = dict(self.book)
        marks = self.marks.take()
        asked = self.quarantine.take()
        try:
            connection.execute("BEGIN IMMEDIATE")
            book.update(lanes.marked(book, marks.lanes))
            forget_salvaged(connection, marks)
            self.record(connection, book, self.quarantine.obey(connection, asked, self._now))
            work(connection, book)
            book.update(lanes.marked(book, marks.lanes))
            for lane, state in book.items():
                if state is not self.book[lane]:
                    lanes.save(connection, lane, state)
            connection.execute("COMMIT")
        except BaseException as error:  # whatever it is, nothing stays half written; then it goes on
            self.marks.put_back(marks)
            self.quarantine.put_back(asked)
            self._undo(connection)
            if isinstance(error, sqlite3.Error):
                raise translated(error, self.path) from error
            raise
        self.book = book
        self.log_bytes += LOG_OVERHEAD * PAGE_BYTES
        if noted:
            self.note(clean=False)

    def prove(self) -> None:
        """Write a random word and read it back through a second connection.  Raises JournalError."""
        word = secrets.token_hex(8)

        def work(connection: sqlite3.Connection, book: Book) -> None:
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('self_test', ?)", (word,))
            for lane, state in book.items():
                lanes.save(connection, lane, state)

        self.commit(work)
        with JournalReader(self.path) as reader:
            found = reader.meta("self_test")
        if found != word:
            raise JournalWriteError(f"{self.path}: what was written cannot be read back; is the disk sound?")

    def record(self, connection: sqlite3.Connection, book: Book, events: Iterable[Event]) -> None:
        """Number and insert events, inside a transaction."""
        for lane, several in _by_lane(events).items():
            book[lane] = self._insert(connection, lane, book[lane], several)

    def delivered(self, book: Book) -> Book:
        """The book as it will be with the marks that wait."""
        return {**book, **lanes.marked(book, self.marks.peek())}

    def owes_salvage(self, lane: Lane) -> bool:
        """Whether events of `lane` that belong to an older journal are still to be saved or confirmed."""
        if self.salvage is not None:
            return True
        with Translating(self.path):
            query = "SELECT 1 FROM salvage WHERE lane = ? LIMIT 1"
            return self.connection.execute(query, (lane.value,)).fetchone() is not None

    def wrote(self, size_in_bytes: int) -> None:
        """Count what goes into the log."""
        self.log_bytes += LOG_OVERHEAD * size_in_bytes

    def note(self, *, clean: bool, lasting: bool = False) -> None:
        """Note beside the file how far it is."""
        self._lock.note(self.epoch, self.book, clean=clean, lasting=lasting)

    def _insert(self, connection: sqlite3.Connection, lane: Lane, state: LaneState, events: list[Event]) -> LaneState:
        """Finish and insert events, each with the hash of the one before it; return how the lane is then."""
        encode, epoch, last, head, size_bytes = self._encode, self.epoch, state.last, state.head, 0
        for at in range(0, len(events), INSERT_ROWS):
            values: list[int | str | None] = []
            for event in events[at : at + INSERT_ROWS]:
                last += 1
                row, body = encode(event, epoch, last, head)
                values += row
                head = digest(body)
                size_bytes += len(body)
            if len(values) == INSERT_ROWS * ROW_VALUES:
                connection.execute(_INSERT_SEVERAL[lane], values)
            else:
                connection.executemany(_INSERT[lane], zip(*[iter(values)] * ROW_VALUES, strict=True))
        self.wrote(size_bytes)
        return replace(state, last=last, head=head, size_bytes=state.size_bytes + size_bytes)

    def _undo(self, connection: sqlite3.Connection) -> None:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _by_lane(events: Iterable[Event]) -> dict[Lane, list[Event]]:
    found: dict[Lane, list[Event]] = defaultdict(list)
    for event in events:
        found[LANE_OF[event.kind]].append(event)
    return found


def _file_at(path: Path) -> tuple[int, int] | None:
    """What tells one file from another of the same name; None if there is none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
