"""Open the file of a journal, and begin a new one where it is damaged.

Knows what makes a file the journal's own: its note, its epoch, its numbers.  Knows nothing of what is written to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.events import Kind, Lane
from agent.journal import recovery, salvage
from agent.journal.errors import (
    JournalCorruptError,
    JournalError,
    JournalFullError,
    JournalPathError,
    JournalVersionError,
    JournalWriteError,
)
from agent.journal.lock import Note
from agent.journal.reader import JournalReader
from agent.journal.schema import Translating

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from agent.journal.lock import JournalLock
    from agent.journal.reserve import Reserve
    from agent.journal.writer import Writer


@dataclass(frozen=True, slots=True)
class Damage:
    """What became of a damaged journal: why, where it is now, and the epochs before and after."""

    reason: str
    aside: str
    old_epoch: str
    new_epoch: str


class Opening:
    """Belongs to the recorder's thread, but for `suspicion`, which any may set.

    `damage` and `shortage` are to be told; `unproven`: nothing was written yet, and read back.
    """

    def __init__(self, path: Path, lock: JournalLock, writer: Writer, reserve: Reserve) -> None:
        self._path = path
        self._lock = lock
        self._writer = writer
        self._reserve = reserve
        self.damage: Damage | None = None
        self.suspicion = ""
        self.shortage = ""
        self.unproven = False

    def begin(self) -> None:
        """Open the file, a new one if it is damaged, and prove it, on a full disk as well as may be.

        Raises JournalPathError, JournalVersionError or JournalWriteError.
        """
        try:
            self._begin()
            self._reserve.keep()
        except (JournalWriteError, JournalPathError) as error:
            self._begin_short(error)

    def start_anew(self, reason: str, documents: Mapping[str, dict[str, Any]] | None = None) -> None:
        """Put the file aside and begin a new one, as `Journal.start_anew` says."""
        self.suspicion = reason
        known = self._lock.before = self._known()
        self._writer.forget()
        with Translating(self._path):
            if not recovery.finish_replacing(self._path):
                todo, found = salvage.begin(self._path, recovery.aside_name(self._path), reason, known)
                recovery.replace(self._path, todo, found if documents is None else documents)
            self._lock.before = Note()
        self._attach()
        self.suspicion = ""

    def prove(self) -> None:
        """Write a word and read it back; until that worked, `unproven` says so.  Raises JournalError."""
        self.unproven = True
        self._writer.prove()
        self.unproven = False

    def _begin(self) -> None:
        """Open the file and prove it; begin a new one if it is damaged."""
        try:
            with Translating(self._path):
                recovery.finish_replacing(self._path)
            self._lock.before.must_be_there(self._path)
            self._attach()
            self.prove()
        except JournalCorruptError as error:
            if not self._lock.before.epoch and "not a database" in str(error):
                raise JournalVersionError(
                    f"{self._path} is no journal; set journal.path to a file of its own"
                ) from error
            self.start_anew(str(error))
            self.prove()

    def _begin_short(self, error: JournalError) -> None:
        """Begin on a full disk: with the reserve; without, with what can be read."""
        self.shortage = str(error)
        try:
            if not self._reserve.give_up():
                raise error
            self._begin()
        except JournalFullError:
            if not self._writer.is_open:
                raise

    def _attach(self) -> None:
        """Open the file, and let the note beside it name its epoch before a number of it is given."""
        try:
            self._writer.attach()
            successor = self._writer.salvage is not None
            self._lock.before.must_fit(self._path, self._writer.epoch, self._writer.book, successor=successor)
            with JournalReader(self._path, self._writer.checked) as reader:
                reader.documents()
        except JournalError:
            self._writer.forget()
            raise
        self._writer.note(clean=False, lasting=True)
        self.damage = self._untold_damage()

    def _known(self) -> Note:
        """What is known of the file without looking into it."""
        return (
            Note(self._writer.epoch, self._writer.delivered(self._writer.book))
            if self._writer.book
            else self._lock.before
        )

    def _untold_damage(self) -> Damage | None:
        """The damage that this file was begun after, while something is left to save and no event tells of it."""
        todo = self._writer.salvage
        if todo is None:
            return None
        query = f"SELECT 1 FROM event_{Lane.ALARM} WHERE type = ? LIMIT 1"  # noqa: S608  a lane's name is ours
        with Translating(self._path):
            told = self._writer.connection.execute(query, (Kind.JOURNAL_DAMAGED,)).fetchone()
        aside = str(self._path.with_name(todo.aside))
        return None if told else Damage(todo.reason, aside, todo.epoch, self._writer.epoch)
