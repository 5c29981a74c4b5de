"""Let one process at a time have a journal, and remember beside the file how far it had got.

The note beside the file is what shows that commits are missing: a write-ahead log that was deleted, an old copy that
was put back.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from agent.events import Lane
from agent.journal.errors import JournalCorruptError, JournalHeldError, JournalPathError
from agent.journal.lanes import LaneState

if TYPE_CHECKING:
    from collections.abc import Mapping

NOTE_BYTES = 512


@dataclass(frozen=True, slots=True)
class Note:
    """What the last process knew: the epoch, how far each lane was (first, last and confirmed), how it ended."""

    epoch: str = ""
    book: Mapping[Lane, LaneState] = field(default_factory=dict)
    clean: bool = True

    @property
    def empty(self) -> bool:
        """Whether it knows of no event."""
        return not any(state.last for state in self.book.values())

    def must_be_there(self, path: Path) -> None:
        """Check that there is a file, if events were written to one.  Raises JournalCorruptError."""
        if not (path.is_file() and path.stat().st_size) and not self.empty:
            raise JournalCorruptError(f"{path} is {'empty' if path.exists() else 'gone'}; it held events")

    def must_fit(self, path: Path, epoch: str, book: Mapping[Lane, LaneState], *, successor: bool) -> None:
        """Check that it is the same file, or its `successor`, and that the numbers given are in it.

        Raises JournalCorruptError.
        """
        unused = not any(state.last for state in book.values())
        if self.epoch not in {"", epoch} and not (unused and (successor or self.empty)):
            raise JournalCorruptError(
                f"{path} has epoch {epoch}, and {self.epoch} was in use: an old copy was put back"
            )
        for lane, state in self.book.items():
            if self.epoch == epoch and state.last > book[lane].last:
                raise JournalCorruptError(
                    f"{path} lacks events: lane {lane} ends at {book[lane].last}, {state.last} was written; "
                    "its log was lost, or an old copy was put back"
                )


class JournalLock:
    """An exclusive lock on `<journal>.lock`, given back by the kernel however the process ends.

    It lies beside the file itself, so that a symbolic link to a journal finds the same lock.
    """

    def __init__(self, journal: Path) -> None:
        self._path = Path(os.path.realpath(journal) + ".lock")
        self._journal = journal
        self._descriptor = -1
        self.before = Note()

    def acquire(self) -> None:
        """Take the lock at once; read the note of the process before.  Raises JournalHeldError or JournalPathError."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise JournalPathError(
                f"{self._path} cannot be made: {error.strerror}; the folder of journal.path must be there "
                f"and writable for this user (uid {os.getuid()})"
            ) from error
        holder, _, note = os.pread(descriptor, NOTE_BYTES, 0).partition(b"\n")
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            name = _process(holder.decode("ascii", "replace").strip())
            raise JournalHeldError(f"{self._journal} is in use by {name}; stop it first") from None
        self._descriptor = descriptor
        self.before = _read(note)
        self._write(note)

    def note(self, epoch: str, book: Mapping[Lane, LaneState], *, clean: bool, lasting: bool = False) -> None:
        """Write how far the journal is; `lasting`: through a power cut too.

        Called after each commit, so it never runs ahead of the disk; one that cannot be written is behind, no more.
        """
        heads = {lane.value: (state.first, state.last, state.confirmed) for lane, state in book.items()}
        self._write(orjson.dumps({"epoch": epoch, "lanes": heads, "clean": clean}))
        if lasting:
            with suppress(OSError):
                os.fsync(self._descriptor)

    def release(self) -> None:
        """Give the lock back.  The file stays: removing it would let two processes each lock a file of their own."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _write(self, note: bytes) -> None:
        with suppress(OSError):
            os.pwrite(self._descriptor, (f"{os.getpid()}\n".encode() + note.rstrip()).ljust(NOTE_BYTES), 0)


def read_note(journal: Path) -> Note:
    """The note beside a journal, as whoever has it wrote it last; an empty one where there is none."""
    try:
        content = Path(os.path.realpath(journal) + ".lock").read_bytes()
    except OSError:
        return Note()
    return _read(content[:NOTE_BYTES].partition(b"\n")[2])


def _read(note: bytes) -> Note:
    try:
        known = orjson.loads(note.strip())
        book = {
            Lane(lane): LaneState(first=int(first), last=int(last), confirmed=int(confirmed))
            for lane, (first, last, confirmed) in known["lanes"].items()
        }
        return Note(str(known["epoch"]), book, bool(known["clean"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return Note()


def _process(pid: str) -> str:
    try:
        command = Path(f"/proc/{int(pid)}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (OSError, ValueError):
        return f"process {pid or 'unknown'}"
    return f"process {pid} ({command})"
