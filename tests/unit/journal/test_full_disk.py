"""A full disk: nothing is half written, and all goes on when there is room again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from agent.events import Lane
from agent.journal.errors import JournalWriteError
from tests.unit.journal.facts import ask, numbers, opened, sequences, work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.journal.journal import Journal

LIMITED = """
import json, resource, signal, sys
from pathlib import Path
from agent.events import Lane
from agent.journal.errors import JournalWriteError
from tests.unit.journal.facts import opened, work

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = Path(sys.argv[1])
journal = opened(path)

def room(size):
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))

def fill():
    written = 0
    try:
        while written < 1000:
            journal.append([work("x" * 2000), work("x" * 2000)], {"last": {"n": written + 2}})
            written += 2
    except JournalWriteError as error:
        return written, str(error)

room(400_000)
written, error = fill()
journal.sent(Lane.WORK, 1)
refused = fill()
kept = journal.documents()
room(resource.RLIM_INFINITY)
journal.append([work("after")], {})
journal.close()
print(json.dumps([written, error, refused[0], kept]))
"""


def test_a_file_that_may_not_grow_refuses_whole_transactions(path: Path) -> None:
    """The kernel itself refuses: what was refused is not there, what was written is, and the rest goes on."""
    script = [sys.executable, "-c", LIMITED, str(path)]
    ran = subprocess.run(script, capture_output=True, text=True, check=True, timeout=60)
    written, error, refused, kept = json.loads(ran.stdout)
    assert written > 0
    assert refused == 0
    assert "cannot be written" in error
    assert kept == {"last": {"n": written}}
    assert sequences(path) == numbers(written + 1)
    assert ask(path, "SELECT sent_seq FROM lane WHERE name = 'work'") == [(1,)]
    assert ask(path, "PRAGMA integrity_check") == [("ok",)]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 1 MiB."""
    if os.geteuid() != 0:
        pytest.skip("needs root: mounts a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], check=False)
    if mount.returncode:
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def fill(journal: Journal) -> int:
    """Append until it is refused; return how many facts were written."""
    for written in range(1000):
        try:
            journal.append([work("x" * 2000)], {"last": {"n": written + 1}})
        except JournalWriteError:
            return written
    raise AssertionError("the disk is too large")


@pytest.mark.root
def test_a_full_disk_refuses_until_there_is_room(small_disk: Path) -> None:
    """ENOSPC is a refusal like any other; freeing space is all it takes."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"\0" * 500_000)
    path = small_disk / "journal.db"
    journal = opened(path)
    written = fill(journal)
    with pytest.raises(JournalWriteError, match="full"):
        journal.append([work("x" * 2000)], {"last": {"n": 0}})
    assert journal.documents() == {"last": {"n": written}}
    ballast.unlink()
    journal.append([work("after")], {})
    assert sequences(path) == numbers(written + 1)
    journal.close()


@pytest.mark.root
@pytest.mark.parametrize("free_bytes", [0, 8192])
def test_a_journal_cannot_be_opened_on_a_full_disk(small_disk: Path, free_bytes: int) -> None:
    """The agent says so at the start instead of refusing the first scan, and is not in its own way afterwards."""
    (small_disk / "ballast").write_bytes(b"\0" * (1024 * 1024 - free_bytes))
    with pytest.raises(JournalWriteError):
        opened(small_disk / "journal.db")
    (small_disk / "ballast").unlink()
    journal = opened(small_disk / "journal.db")
    journal.append([work()], {})
    with journal.reader() as reader:
        assert reader.lanes()[Lane.WORK].last == 1
    journal.close()
