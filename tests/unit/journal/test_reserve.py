"""The reserve beside the journal, and the note in its lock file."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from agent.events import Lane
from agent.journal.journal import JournalSettings
from agent.journal.lanes import LaneState
from agent.journal.lock import NOTE_BYTES, JournalLock
from agent.journal.reserve import Reserve
from tests.journals import facts, opened

if TYPE_CHECKING:
    from pathlib import Path

SIZE = 1_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def taken(path: Path) -> int:
    """Bytes that the reserve really takes from the disk."""
    file = path.with_name(path.name + ".reserve")
    return file.stat().st_blocks * 512 if file.exists() else 0


def test_an_open_journal_holds_its_reserve(path: Path) -> None:
    """Blocks, not a hole."""
    journal = opened(path, JournalSettings(reserve_bytes=SIZE))
    assert SIZE <= taken(path) < SIZE + 8192
    journal.close()


def test_it_is_given_up_once_and_taken_back(path: Path) -> None:
    journal = opened(path, JournalSettings(reserve_bytes=SIZE))
    assert journal.free_reserve()
    assert taken(path) == 0
    assert not journal.free_reserve()
    assert journal.restore_reserve()
    assert taken(path) >= SIZE
    assert journal.restore_reserve()
    journal.close()


def test_it_is_not_taken_back_while_there_is_not_room_for_two(path: Path) -> None:
    """Else the disk would be full again at once."""
    disk = os.statvfs(path.parent)
    reserve = Reserve(path, disk.f_bavail * disk.f_frsize // 2 + 10**9)
    assert not reserve.keep()
    assert taken(path) == 0


def test_without_its_reserve_a_journal_leaves_its_log_and_index_where_they_are(path: Path) -> None:
    """Their space is what the next start has on a full disk."""
    beside = [path.with_name(path.name + suffix) for suffix in ("-wal", "-shm")]
    journal = opened(path, JournalSettings(reserve_bytes=SIZE))
    assert journal.free_reserve()
    journal.close()
    assert all(file.exists() for file in beside)
    opened(path, JournalSettings(reserve_bytes=SIZE)).close()
    assert not any(file.exists() for file in beside)


def test_a_reserve_that_was_made_too_small_is_made_whole(path: Path) -> None:
    Reserve(path, SIZE // 2).keep()
    assert Reserve(path, SIZE).keep()
    assert taken(path) >= SIZE


def test_a_folder_that_takes_no_change_is_no_reserve(path: Path) -> None:
    """A read-only disk is told by the journal; the reserve only says no."""
    reserve = Reserve(path.parent / "none" / "journal.db", SIZE)
    assert not reserve.keep()
    assert not reserve.give_up()


def test_a_reserve_that_could_not_be_made_at_the_start_is_made_later(path: Path) -> None:
    journal = opened(path, JournalSettings(reserve_bytes=SIZE))
    path.with_name(path.name + ".reserve").unlink()
    journal.tidy()
    assert taken(path) >= SIZE
    journal.close()


# --- the note


def test_the_note_tells_the_next_process_how_far_it_was(path: Path) -> None:
    journal = opened(path)
    journal.append(facts(12), {})
    journal.append(facts(3, Lane.ANDON), {})
    journal.confirmed(Lane.WORK, 5)
    journal.settle()
    lock = JournalLock(path)
    journal.close()
    lock.acquire()
    book = lock.before.book
    assert lock.before.epoch == journal.epoch
    assert lock.before.clean
    assert (book[Lane.WORK].last, book[Lane.WORK].confirmed, book[Lane.ANDON].last) == (12, 5, 3)
    lock.release()


def test_the_note_fits_whatever_the_numbers(path: Path) -> None:
    """One sector, so that a power cut leaves the old one or the new one."""
    lock = JournalLock(path)
    lock.acquire()
    huge = 9_999_999_999_999
    book = dict.fromkeys(Lane, LaneState(first=huge, last=huge, confirmed=huge))
    lock.note("f" * 16, book, clean=False)
    lock.release()
    assert path.with_name(path.name + ".lock").stat().st_size == NOTE_BYTES
    lock.acquire()
    assert lock.before.book == book
    assert not lock.before.clean
    lock.release()


def test_a_process_that_is_killed_at_once_keeps_the_note(path: Path) -> None:
    """Taking the lock alone changes nothing of it."""
    journal = opened(path)
    journal.append(facts(12), {})
    journal.close()
    for _ in range(2):
        lock = JournalLock(path)
        lock.acquire()
        assert lock.before.book[Lane.WORK].last == 12
        lock.release()
