"""A journal that the first version left behind: it opens, and its backlog goes out as it was written.

`tests/data/journal/v1.db` was made by the first version's own code: 124 events in five lanes, documents, and marks.
"""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from agent.events import LANES, Kind, Lane
from agent.journal.journal import JournalSettings
from agent.journal.schema import VERSION
from tests.journals import ask, events_of, fact, given_up, kept, opened, read_all, salvaged, tidied

FIRST_VERSION = Path(__file__).parents[2] / "data" / "journal" / "v1.db"
EPOCH = "455307697e1ebf2b"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(shutil.copy(FIRST_VERSION, tmp_path / "journal.db"))


def test_the_fixture_is_of_version_1() -> None:
    assert ask(FIRST_VERSION, "PRAGMA user_version") == [(1,)]


def test_the_backlog_is_delivered_byte_for_byte(path: Path) -> None:
    before = {lane: kept(FIRST_VERSION, lane) for lane in LANES}
    journal = opened(path)
    assert ask(path, "PRAGMA user_version") == [(VERSION,)]
    assert journal.epoch == EPOCH
    assert {lane: read_all(journal, lane) for lane in LANES} == {lane: list(before[lane].values()) for lane in LANES}
    journal.close()


def test_marks_memory_and_numbers_go_on(path: Path) -> None:
    documents = dict(ask(FIRST_VERSION, "SELECT key, body FROM state"))
    journal = opened(path)
    assert set(journal.documents()) == set(documents)
    with journal.reader() as reader:
        book = reader.lanes()
    assert (book[Lane.WORK].last, book[Lane.WORK].sent, book[Lane.WORK].confirmed) == (60, 40, 25)
    assert all(book[lane].size_bytes == sum(len(body.encode()) for body in kept(path, lane).values()) for lane in LANES)
    journal.append([fact()], {"new": {"n": 1}})
    assert list(kept(path, Lane.WORK)) == list(range(1, 62))
    journal.close()


def test_it_is_brought_up_once(path: Path) -> None:
    opened(path).close()
    before = ask(path, "SELECT sql FROM sqlite_master")
    opened(path).close()
    assert ask(path, "SELECT sql FROM sqlite_master") == before


def test_old_measurements_are_thinned_like_new_ones(path: Path) -> None:
    """Those that are no number, or out of limits, stay."""
    before = kept(FIRST_VERSION, Lane.MEASUREMENT)
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 25_000}))
    tidied(journal)
    (gap,) = events_of(path, Kind.JOURNAL_GAP)
    left = kept(path, Lane.MEASUREMENT)
    assert given_up(gap) == set(before) - set(left)
    assert all('"verdict":"fail"' in before[seq] or '"value":null' in before[seq] for seq in before if seq in left)
    assert sum(summary["n"] for summary in events_of(path, Kind.MEASUREMENT_SUMMARY)) == gap["count"]
    journal.close()


def test_a_damaged_one_is_saved_too(path: Path) -> None:
    """Its rows have no checksum: they are taken if they say themselves who they are."""
    before = {lane: kept(FIRST_VERSION, lane) for lane in LANES}
    whole = bytearray(path.read_bytes())
    place = whole.index(before[Lane.WORK][31].encode()) // 4096 * 4096
    whole[place : place + 8] = b"\xff" * 8
    path.write_bytes(whole)
    journal = opened(path)
    assert journal.damage is not None
    assert journal.damage.old_epoch == EPOCH
    tidied(journal)
    (told,) = events_of(path, Kind.JOURNAL_RECOVERED)
    found = salvaged(journal)[EPOCH]
    assert told["saved"] == {lane.value: len(found.get(lane, ())) for lane in LANES}
    for lane, rows in found.items():
        assert rows.items() <= before[lane].items()
    missing = {seq for first, last in told["missing"]["work"] for seq in range(first, last + 1)}
    assert missing | set(found[Lane.WORK]) == set(range(26, 61))
    assert 31 in missing
    assert len(told["missing"]["work"]) == 1, "a leaf of the tree is one range"
    assert all(first < second for first, second in pairwise(found[Lane.WORK]))
    journal.close()
