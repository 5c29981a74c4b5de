"""Keep every fact: append, remember the station's memory, note what has been delivered, survive damage.

The writing side of one SQLite file.  Knows nothing of devices or MQTT.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

from agent.journal import orders
from agent.journal.lock import JournalLock
from agent.journal.opening import Opening
from agent.journal.reader import JournalReader
from agent.journal.reserve import Reserve
from agent.journal.tidying import Tidying
from agent.journal.writer import Writer

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from agent.events import Event, Lane, Moment
    from agent.journal.opening import Damage
    from agent.journal.quarantine import Quarantine
    from agent.journal.references import Kept
    from agent.journal.writer import Book, Encode


@dataclass(frozen=True, slots=True)
class JournalSettings:
    """How much is kept.  Budgets in bytes a lane, 0 or absent: no end; days for confirmed events; reserve in bytes."""

    budget_bytes: Mapping[Lane, int] = field(default_factory=dict)
    keep_days: float = 30.0
    reserve_bytes: int = 4 * 1024 * 1024


class Journal:
    """One station's journal.

    `append`, `tidy`, `start_anew` and `close` belong to one thread, the recorder's.  `sent`, `confirmed` and `suspect`
    may be called by any thread: marks are kept in memory and written with the next `append` or `tidy`; losing them in a
    crash only means that some events are sent again under the same number.

    `encode` turns an event, the epoch, its number and the hash of the event before it into the finished row and the
    bytes of its body; `now` tells the moment.
    """

    def __init__(
        self,
        path: Path,
        encode: Encode,
        now: Callable[[], Moment],
        settings: JournalSettings | None = None,
    ) -> None:
        settings = settings or JournalSettings()
        self.path = path
        self._lock = JournalLock(path)
        self._reserve = Reserve(path, settings.reserve_bytes)
        self._writer = Writer(path, self._lock, encode, now, settings.budget_bytes)
        self._opening = Opening(path, self._lock, self._writer, self._reserve)
        self._tidying = Tidying(self._writer, now, settings.keep_days)
        self._now = now

    @property
    def epoch(self) -> str:
        """Names the file: made with it, and with the next one when this is damaged."""
        return self._writer.epoch

    @property
    def quarantine(self) -> Quarantine:
        """Events that the broker refused: orders from any thread, carried out with the next transaction."""
        return self._writer.quarantine

    @property
    def damage(self) -> Damage | None:
        """What became of a damaged journal, as long as nobody has taken it over to tell it."""
        return self._opening.damage

    def take_damage(self) -> Damage | None:
        """The same, for whoever tells it."""
        damage, self._opening.damage = self._opening.damage, None
        return damage

    def take_shortage(self) -> str:
        """That the disk is full, for whoever tells it: opening took the reserve, or found none and could only read."""
        shortage, self._opening.shortage = self._opening.shortage, ""
        return shortage

    @property
    def suspicion(self) -> str:
        """Why the file is taken for damaged: a new one is to be begun.  Empty: it is sound, as far as is known."""
        return self._opening.suspicion

    def open(self) -> None:
        """Take the lock, open the file, and prove that what is written can be read.

        A damaged file, or one that lacks commits, is put aside and a new one begun: `damage` tells.  On a full disk the
        reserve is given up; where none is left, the file is opened all the same, and proved when there is room:
        `take_shortage` tells.  Raises JournalHeldError, JournalPathError, JournalVersionError or JournalWriteError.
        """
        self._lock.acquire()
        try:
            self._opening.begin()
        except BaseException:  # whatever ends the opening, even Ctrl-C, the lock is given back; then it goes on
            self._writer.forget()
            self._lock.release()
            raise

    def close(self) -> None:
        """Write what is still in memory, and let the file go.

        On a full disk its log and index stay: others would take their space, and leave the next start none.
        """
        try:
            if self._writer.is_open:
                self.settle()
        finally:
            with ExitStack() as parts:
                parts.callback(self._lock.release)
                if self._writer.is_open:
                    try:
                        if not self._reserve.is_kept:  # SQLite tidies up behind its last connection, if that may write
                            parts.enter_context(self.reader()).lanes()
                    finally:
                        self._writer.detach()
                        self._writer.note(clean=True)

    def append(
        self,
        events: Iterable[Event],
        documents: Mapping[str, dict[str, Any] | None],
        references: Iterable[Kept] = (),
        *,
        noted: bool = True,
    ) -> None:
        """Write events, changed documents and sets of reference data in one transaction, on disk when this returns.

        With `noted` false, `note` is still to be called, once nobody waits for it.  Raises JournalWriteError or
        JournalCorruptError; then nothing was written.
        """
        if self._opening.unproven:
            self._opening.prove()

        def work(connection: sqlite3.Connection, book: Book) -> None:
            self._writer.record(connection, book, events)
            for key, document in documents.items():
                if document is None:
                    connection.execute("DELETE FROM state WHERE key = ?", (key,))
                else:
                    body = orjson.dumps(document).decode()
                    connection.execute("INSERT OR REPLACE INTO state VALUES (?, ?)", (key, body))
            for kept in references:
                kept(connection)
                self._writer.wrote(len(kept.body))

        self._writer.commit(work, noted=noted)

    def note(self) -> None:
        """Note beside the file how far it is: a file that is behind its note has lost commits."""
        self._writer.note(clean=False)

    def documents(self) -> dict[str, dict[str, Any]]:
        """The station's memory as last written."""
        with self.reader() as reader:
            return reader.documents()

    def sent(self, lane: Lane, sequence: int, epoch: str = "") -> None:
        """Note that the broker has all events of `lane` up to `sequence`; of another epoch: nothing."""
        self._writer.marks.sent(lane, sequence, epoch)

    def confirmed(self, lane: Lane, sequence: int, epoch: str = "") -> None:
        """Note that whoever must confirm has all events of `lane` up to `sequence`; of another epoch: nothing."""
        self._writer.marks.confirmed(lane, sequence, epoch)

    def salvaged(self, epoch: str, lane: Lane, sequence: int) -> None:
        """Note that events saved from an older `epoch` are confirmed up to `sequence`: they may go."""
        self._writer.marks.salvaged(epoch, lane, sequence)

    def suspect(self, reason: str) -> None:
        """Say that the file is damaged, as a reader found: the recorder will begin a new one."""
        self._opening.suspicion = reason

    def reader(self) -> JournalReader:
        """A reading connection of its own, for one thread."""
        return JournalReader(self.path, self._writer.checked)

    def delivered(self, book: Book) -> Book:
        """The book as it will be with the marks that wait."""
        return self._writer.delivered(book)

    def has_delivered(self, lane: Lane) -> bool:
        """Whether all events of `lane` are confirmed, those saved from an older journal included."""
        state = self.delivered(self._writer.book)[lane]
        return state.confirmed >= state.last and not self._writer.owes_salvage(lane)

    def progress(self) -> tuple[int, int]:
        """Events that wait for their confirmation, and events confirmed so far, of all lanes."""
        book = self.delivered(self._writer.book).values()
        return sum(state.depth for state in book), sum(state.confirmed for state in book)

    def settle(self) -> None:
        """Write marks and quarantine orders, if any.  Raises JournalWriteError or JournalCorruptError."""
        if self._writer.marks.pending or self.quarantine.pending:
            self._writer.commit(lambda _connection, _book: None)

    @property
    def log_bytes(self) -> int:
        """Size of the write-ahead log on disk, bytes."""
        try:
            return self.path.with_name(self.path.name + "-wal").stat().st_size
        except FileNotFoundError:
            return 0

    @property
    def crowded(self) -> bool:
        """Whether `tidy` should not wait: a lane is over its budget, or the log is long."""
        return self._tidying.urgent

    def breathe(self) -> None:
        """Use a moment in which nothing waits to be recorded.  Raises JournalWriteError or JournalCorruptError."""
        self._tidying.breathe()

    def tidy(self) -> bool:
        """Do one bounded piece of housekeeping; True if there is more to do.

        Raises JournalWriteError or JournalCorruptError.
        """
        self._take_orders()
        more = self._tidying.step()
        if not more:
            self._reserve.keep()
        return more

    def start_anew(self, reason: str, documents: Mapping[str, dict[str, Any]] | None = None) -> None:
        """Put the file aside and begin a new one with a new epoch; `documents` is the memory, if it is known better.

        What can be read of the old one is saved by `tidy`, piece by piece.  Raises JournalError; then the journal is
        closed and suspect: call it again.
        """
        self._opening.start_anew(reason, documents)

    def free_reserve(self) -> bool:
        """Give the reserve up, so that what is urgent fits on a full disk; False if it was given up before."""
        return self._reserve.give_up()

    def restore_reserve(self) -> bool:
        """Take the reserve back; False while the disk has no room for it."""
        return self._reserve.keep()

    def _take_orders(self) -> None:
        """Carry out what the command line left, together with the marks that wait."""
        left = orders.collect(self.path)
        for order in [order for _, several in left for order in several]:
            self.quarantine.put(order)
        if left or self.quarantine.pending or self._writer.marks.are_old(self._now().monotonic_ns):
            self.settle()
        for file, _ in left:
            with suppress(OSError):  # carried out once more, then: harmless
                file.unlink()
