"""Opening: one writer a file, the settings that make a promise of it, and clear words where it cannot be had."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agent.journal.errors import (
    JournalCorruptError,
    JournalError,
    JournalHeldError,
    JournalPathError,
    JournalVersionError,
)
from agent.journal.journal import Journal
from agent.journal.schema import APPLICATION_ID, VERSION
from tests.unit.journal.facts import ask, encode, now, opened, sequences, work

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys
from pathlib import Path
from agent.events import Envelope
from agent.journal.journal import Journal
Journal(Path(sys.argv[1]), Envelope("/a").finish, None).open()
print("open", flush=True)
sys.stdin.read()
"""


def pragma(journal: Journal, name: str) -> object:
    return journal._writer.connection.execute(f"PRAGMA {name}").fetchone()[0]


# --- what every journal is


@pytest.mark.parametrize("again", [False, True], ids=["new", "opened again"])
def test_every_commit_reaches_the_disk(journal: Journal, path: Path, *, again: bool) -> None:
    """WAL with an fsync a transaction, whoever made the file."""
    if again:
        journal.close()
        journal.open()
    assert (pragma(journal, "journal_mode"), pragma(journal, "synchronous")) == ("wal", 2)
    assert ask(path, "PRAGMA journal_mode") == [("wal",)]


def test_the_file_can_give_space_back(journal: Journal) -> None:
    """Incremental vacuum is really on: it must be, before the first table is made, or it never will be."""
    journal.append([work("x" * 4000) for _ in range(100)], {})
    assert pragma(journal, "auto_vacuum") == 2
    pages = int(str(pragma(journal, "page_count")))
    journal._writer.connection.execute("DELETE FROM event_work")
    journal._writer.connection.executescript("PRAGMA incremental_vacuum")
    assert int(str(pragma(journal, "page_count"))) < pages / 2


def test_the_file_says_what_it_is(journal: Journal, path: Path) -> None:
    """`file` and the next version know it by its application identifier and schema version."""
    del journal
    assert ask(path, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert ask(path, "PRAGMA user_version") == [(VERSION,)]


def test_opening_proves_the_disk(journal: Journal, path: Path) -> None:
    """Each opening writes a new word and has read it back."""
    first = ask(path, "SELECT value FROM meta WHERE key = 'self_test'")
    journal.close()
    journal.open()
    assert ask(path, "SELECT value FROM meta WHERE key = 'self_test'") != first


def test_opening_changes_no_fact(journal: Journal, path: Path) -> None:
    """A restart leaves what is written as it is."""
    journal.append([work("kept")], {})
    before = ask(path, "SELECT * FROM event")
    journal.close()
    journal.open()
    assert ask(path, "SELECT * FROM event") == before


def test_a_file_that_was_only_begun_is_finished(path: Path) -> None:
    """A power cut while the file was made leaves nothing that needs a hand."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
    journal = opened(path)
    journal.append([work()], {})
    assert pragma(journal, "auto_vacuum") == 2
    journal.close()


def test_an_empty_file_becomes_a_journal(path: Path) -> None:
    """`touch` does no harm."""
    path.touch()
    opened(path).close()
    assert sequences(path) == []


# --- one at a time


def test_a_second_agent_in_this_process_is_refused(journal: Journal, path: Path) -> None:
    """It hears which process has the journal; the first goes on."""
    with pytest.raises(JournalHeldError, match=rf"in use by process {os.getpid()} \(.*\); stop it first"):
        Journal(path, encode, now).open()
    journal.append([work()], {})


def test_a_second_agent_in_another_process_is_refused_while_the_first_lives(path: Path) -> None:
    """The message names the process; when that is killed, the journal is free without a hand."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"open\n"
        with pytest.raises(JournalHeldError, match=rf"process {holder.pid} \(.*python"):
            opened(path)
        holder.kill()
        holder.wait()
        opened(path).close()


def test_a_refused_agent_leaves_the_lock_alone(journal: Journal, path: Path) -> None:
    """A third one is refused too, and told the same."""
    del journal
    for _ in range(2):
        with pytest.raises(JournalHeldError, match=f"process {os.getpid()}"):
            opened(path)


def test_a_closed_journal_can_be_opened_again(journal: Journal, path: Path) -> None:
    """Closing gives the lock back."""
    journal.close()
    opened(path).close()


def test_a_failed_opening_gives_the_lock_back(tmp_path: Path) -> None:
    """Whoever mends the file can open it in the same process."""
    file = tmp_path / "journal.db"
    file.write_bytes(b"no database" * 1000)
    for _ in range(2):
        with pytest.raises(JournalVersionError):
            opened(file)
    file.unlink()
    opened(file).close()


# --- where it cannot be had


def foreign(path: Path, *statements: str) -> bytes:
    """Make an SQLite file of another program, and return its bytes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path.read_bytes()


@pytest.mark.parametrize(
    "statements",
    [
        ["CREATE TABLE song (title TEXT)"],
        ["CREATE TABLE song (title TEXT)", "PRAGMA user_version = 1"],
        ["CREATE TABLE song (title TEXT)", "PRAGMA application_id = 7"],
        ["PRAGMA application_id = 7"],
    ],
    ids=["plain", "with a version", "with an identifier", "empty with an identifier"],
)
def test_another_programs_file_is_left_alone(path: Path, statements: list[str]) -> None:
    """Not a byte of it is changed, and the message says what to do."""
    before = foreign(path, *statements)
    with pytest.raises(JournalVersionError, match=r"another program; set journal\.path"):
        opened(path)
    assert path.read_bytes() == before


def test_a_newer_journal_is_left_alone(journal: Journal, path: Path) -> None:
    """An older Lineside does not guess what a newer one wrote."""
    journal.close()
    before = foreign(path, f"PRAGMA user_version = {VERSION + 1}")
    with pytest.raises(JournalVersionError, match=f"schema version {VERSION + 1}, this Lineside knows {VERSION}"):
        opened(path)
    assert path.read_bytes() == before


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    """The message names the folder's key and the user who must be able to write."""
    with pytest.raises(
        JournalPathError, match=rf"journal\.path must be there and writable for this user \(uid {os.getuid()}\)"
    ):
        opened(tmp_path / "none" / "journal.db")


def test_a_folder_in_the_place_of_the_file_is_told(path: Path) -> None:
    """No traceback for a path that ends too early."""
    path.mkdir()
    with pytest.raises(JournalPathError, match="cannot be opened"):
        opened(path)


def test_a_file_in_the_place_of_the_folder_is_told(path: Path) -> None:
    """The same from the other side."""
    path.touch()
    with pytest.raises(JournalPathError, match="Not a directory"):
        opened(path / "journal.db")


def test_a_damaged_file_is_put_aside_and_a_new_one_begun(journal: Journal, path: Path) -> None:
    """The agent works on, and has something to tell."""
    journal.append([work("x" * 500) for _ in range(200)], {})
    journal.close()
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xa5" * 4096 + whole[4196:])
    again = opened(path)
    assert again.damage is not None
    assert "is damaged" in again.damage.reason
    assert again.epoch != journal.epoch
    again.close()


def test_every_error_of_the_journal_has_one_root() -> None:
    """A caller that cannot do better catches one name."""
    kinds = (JournalCorruptError, JournalHeldError, JournalPathError, JournalVersionError)
    assert all(issubclass(kind, JournalError) for kind in kinds)
