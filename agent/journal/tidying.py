"""Keep the house in order, one bounded piece at a time: budgets, salvage, old events, the log, checks, free pages.

Works when the recorder has nothing else to do, or when it must.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from agent.events import LANES, NS_PER_S, Event, Kind
from agent.journal import links, retention, saving, scrub
from agent.journal.schema import Translating
from agent.journal.writer import PAGE_BYTES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from agent.events import Lane, Moment
    from agent.journal.lanes import LaneState
    from agent.journal.salvage import Salvage
    from agent.journal.writer import Book, Writer

SECONDS_A_DAY = 86_400

CHECKPOINT_BYTES = 4 * 1024 * 1024
"""The log is checked into the file, when there is nothing else to do, once about this much was written."""

CHECKPOINT_LATEST_BYTES = 12 * 1024 * 1024
"""The log is checked into the file at the latest here, whatever else there is to do."""

VACUUM_PAGES = 256
"""Free pages given back to the disk in one piece of tidying."""


class Tidying:
    """The housekeeping of one journal."""

    def __init__(self, writer: Writer, now: Callable[[], Moment], keep_days: float) -> None:
        self._writer = writer
        self._now = now
        self._keep = timedelta(seconds=keep_days * SECONDS_A_DAY)

    @property
    def urgent(self) -> bool:
        """Whether it should not wait: a lane is over its budget, the log is long, or the index is far behind."""
        writer = self._writer
        crowded = writer.log_bytes > CHECKPOINT_LATEST_BYTES or any(one.over_budget for one in writer.book.values())
        return crowded or self._must_link

    @property
    def _must_link(self) -> bool:
        return any(links.behind(state) > links.LATEST_EVENTS for state in self._writer.book.values())

    def breathe(self) -> None:
        """Check the log in before it is so long that a scan would wait for it, while nobody does just now.

        Raises JournalWriteError or JournalCorruptError.
        """
        if self._writer.log_bytes > CHECKPOINT_BYTES:
            self._check_point()

    def step(self) -> bool:
        """Do one bounded piece; True if there is more to do.  Raises JournalWriteError or JournalCorruptError."""
        self._writer.must_be_in_place()
        urgent = self.urgent
        if self._writer.log_bytes > CHECKPOINT_LATEST_BYTES:
            self._check_point()
        if self._make_room() or self._save_more() or self._forget_old():
            return True
        if self._writer.log_bytes > CHECKPOINT_BYTES:
            self._check_point()
        if not urgent or self._must_link:
            return self._link() or self._scrub() or self._give_back()
        return self._give_back()

    def _make_room(self) -> bool:
        crowded = [lane for lane in reversed(LANES) if self._writer.book[lane].over_budget]
        return any(self._retain(lane, partial(_make_room, lane=lane, moment=self._now())) for lane in crowded)

    def _forget_old(self) -> bool:
        """Only while the clock is to be trusted: a clock in the future would forget everything."""
        moment = self._now()
        if not moment.synced:
            return False
        now = datetime.fromtimestamp(moment.time_ns / NS_PER_S, UTC)
        before = (now - self._keep).strftime("%Y-%m-%dT%H:%M:%S")
        for lane, state in self._writer.book.items():
            with Translating(self._writer.path):
                until = retention.old_until(self._writer.connection, lane, state, before)
            if until:
                return self._retain(lane, partial(_forget, lane=lane, until=until))
        return False

    def _retain(self, lane: Lane, piece: Callable[[sqlite3.Connection, LaneState], retention.Done | None]) -> bool:
        """Do one piece of retention in one transaction with the events that tell of it; False if it found nothing."""
        found = False

        def work(connection: sqlite3.Connection, book: Book) -> None:
            nonlocal found
            before = book[lane]
            done = piece(connection, before)
            if done is not None:
                found = True
                book[lane] = done.state
                self._writer.wrote(before.size_bytes - done.state.size_bytes)
                self._writer.record(connection, book, done.events)

        with Translating(self._writer.path):
            self._writer.commit(work)
        return found

    def _save_more(self) -> bool:
        """Save one more piece of the damaged file; at the end, tell what was saved."""
        writer, salvage = self._writer, self._writer.salvage
        if salvage is None:
            return False
        left: Salvage | None = salvage

        def work(connection: sqlite3.Connection, book: Book) -> None:
            nonlocal left
            left = reached = saving.step(salvage, writer.path.parent, connection)
            if reached.done:
                told = {**saving.result(reached, connection), "new_epoch": writer.epoch}
                writer.record(connection, book, [Event(Kind.JOURNAL_RECOVERED, reached.epoch, told, self._now())])
                left = reached.following
            if left is None:
                connection.execute("DELETE FROM meta WHERE key = 'salvage'")
            else:
                connection.execute("INSERT OR REPLACE INTO meta VALUES ('salvage', ?)", (left.to_json(),))

        writer.commit(work)
        writer.salvage = left
        writer.wrote(saving.STEP_BYTES)
        return True

    def _link(self) -> bool:
        """Put one more piece of a lane into the index of what events name."""
        writer = self._writer
        lane = links.due(writer.book)
        if lane is None:
            return False

        def work(connection: sqlite3.Connection, book: Book) -> None:
            book[lane] = links.add(connection, lane, book[lane])

        with Translating(writer.path):
            writer.commit(work)
        writer.wrote(links.PIECE_BYTES)
        return True

    def _check_point(self) -> None:
        """Check the log into the file.  Only this connection ever does: several that do may damage the file."""
        with Translating(self._writer.path):
            self._writer.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        self._writer.log_bytes = 0

    def _scrub(self) -> bool:
        """Check one piece of what waits to be delivered."""
        writer = self._writer
        with Translating(writer.path):
            return scrub.step(writer.connection, writer.path, writer.book, writer.checked)

    def _give_back(self) -> bool:
        """Give free pages back to the disk."""
        connection = self._writer.connection
        with Translating(self._writer.path):
            free = int(connection.execute("PRAGMA freelist_count").fetchone()[0])
            if free < VACUUM_PAGES:
                return False
            connection.executescript(f"PRAGMA incremental_vacuum({VACUUM_PAGES})")  # `execute` frees one page only
        self._writer.wrote(VACUUM_PAGES * PAGE_BYTES)
        return True


def _make_room(
    connection: sqlite3.Connection, state: LaneState, *, lane: Lane, moment: Moment
) -> retention.Done | None:
    return retention.make_room(connection, lane, state, moment)


def _forget(connection: sqlite3.Connection, state: LaneState, *, lane: Lane, until: int) -> retention.Done:
    return retention.forget(connection, lane, state, until)
