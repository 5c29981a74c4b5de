"""A journal that an older version left behind: it opens, and its backlog goes out as it was written.

`tests/data/journal/v1.db` was made by the first version's own code: 124 events in five lanes, documents, and marks;
`v2.db` by that of schema version 2: 134 events, one of them in quarantine, and 12 saved from an older epoch.
"""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from agent.events import LANES, Kind, Lane, digest
from agent.journal import verify
from agent.journal.journal import JournalSettings
from agent.journal.links import What
from agent.journal.schema import VERSION
from agent.journal.trace import Tracer
from tests.journals import ask, events_of, fact, given_up, kept, opened, read_all, salvaged, tidied

FIRST_VERSION = Path(__file__).parents[2] / "data" / "journal" / "v1.db"
SECOND_VERSION = FIRST_VERSION.with_name("v2.db")
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


# --- version 2


@pytest.fixture
def second(tmp_path: Path) -> Path:
    return Path(shutil.copy(SECOND_VERSION, tmp_path / "second.db"))


def test_the_second_fixture_is_of_version_2() -> None:
    assert ask(SECOND_VERSION, "PRAGMA user_version") == [(2,)]


def test_everything_of_version_2_is_there_after_the_upgrade(second: Path) -> None:
    """Backlog and what was saved byte for byte, quarantine, memory and marks."""
    before = {lane: kept(SECOND_VERSION, lane) for lane in LANES}
    saved = ask(SECOND_VERSION, "SELECT epoch, lane, seq, body FROM salvage")
    journal = opened(second)
    assert ask(second, "PRAGMA user_version") == [(VERSION,)]
    assert {lane: read_all(journal, lane) for lane in LANES} == {lane: list(before[lane].values()) for lane in LANES}
    assert ask(second, "SELECT epoch, lane, seq, body FROM salvage") == saved
    assert len(saved) == 12
    assert ask(second, "SELECT lane, seq FROM quarantine") == [("work", 25)]
    assert set(journal.documents()) == {"operator", "operation"}
    with journal.reader() as reader:
        state = reader.lanes()[Lane.WORK]
    assert (state.last, state.sent, state.confirmed) == (50, 30, 20)
    journal.close()


@pytest.mark.parametrize(("old", "last"), [(FIRST_VERSION, 60), (SECOND_VERSION, 50)])
def test_the_chain_begins_behind_the_old_backlog(tmp_path: Path, old: Path, last: int) -> None:
    """The first new event carries the hash of the last old one; the old ones are never rewritten."""
    path = Path(shutil.copy(old, tmp_path / "old.db"))
    before = kept(old, Lane.WORK)
    journal = opened(path)
    journal.append([fact(), fact()], {})
    journal.close()
    after = kept(path, Lane.WORK)
    assert {seq: body for seq, body in after.items() if seq <= last} == before
    assert json.loads(after[last + 1])["prevhash"] == digest(before[last].encode())
    proof = next(one for one in verify.journal(path) if one.lane is Lane.WORK)
    assert (proof.chained, proof.last, proof.broken) == (last + 1, last + 2, None)


@pytest.mark.parametrize("old", [FIRST_VERSION, SECOND_VERSION])
def test_an_old_backlog_is_forgotten_and_still_proved(tmp_path: Path, old: Path) -> None:
    """Whatever the rules of retention take of it, the rest is proved as far as it can be."""
    path = Path(shutil.copy(old, tmp_path / "old.db"))
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 15_000, Lane.WORK: 9_000}))
    journal.append([fact(lane) for lane in LANES for _ in range(5)], {})
    tidied(journal)
    assert [proof for proof in verify.journal(path) if proof.broken] == []
    journal.close()


def test_an_old_backlog_can_be_traced(second: Path) -> None:
    journal = opened(second)
    journal.close()
    with Tracer(second) as tracer:
        assert tracer.recognise("SN5") == [What.UNIT]
        assert tracer.story(What.UNIT, "SN5").parts == (("P0", "L2", ""), ("P1", "L2", ""), ("P2", "L2", ""))
