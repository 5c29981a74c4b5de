"""Let one process at a time have a journal, and say which one has it."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from pathlib import Path

from agent.journal.errors import JournalHeldError, JournalPathError


class JournalLock:
    """An exclusive lock on `<journal>.lock`, given back by the kernel however the process ends.

    It lies beside the file itself, so that a symbolic link to a journal finds the same lock.
    """

    def __init__(self, journal: Path) -> None:
        self._path = Path(os.path.realpath(journal) + ".lock")
        self._journal = journal
        self._descriptor = -1

    def acquire(self) -> None:
        """Take the lock at once.  Raises JournalHeldError or JournalPathError."""
        try:
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o640)
        except OSError as error:
            raise JournalPathError(
                f"{self._path} cannot be made: {error.strerror}; the folder of journal.path must be there "
                f"and writable for this user (uid {os.getuid()})"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip()
            os.close(descriptor)
            raise JournalHeldError(f"{self._journal} is in use by {_process(holder)}; stop it first") from None
        self._descriptor = descriptor
        with suppress(OSError):  # a full disk: the lock holds all the same, only its owner stays unnamed
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the lock back.  The file stays: removing it would let two processes each lock a file of their own."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _process(pid: str) -> str:
    try:
        command = Path(f"/proc/{int(pid)}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except (OSError, ValueError):
        return f"process {pid or 'unknown'}"
    return f"process {pid} ({command})"
