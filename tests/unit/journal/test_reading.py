"""Reading: in order, in bounded chunks, and without leaving a trace."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.events import LANES, Event, Kind, Lane, Moment, batch
from agent.journal.errors import JournalCorruptError, JournalError, JournalPathError
from agent.journal.reader import JournalReader, LaneState, Seen
from tests.unit.journal.facts import SEEN, numbers, opened, texts, work

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.journal.journal import Journal

MANY = 10_000
HUGE = 1_000_000


@pytest.fixture
def reader(journal: Journal) -> Iterator[JournalReader]:
    """A reader of a journal with ten facts of different sizes, one of them not ASCII."""
    journal.append([work("x" * 10 * n) for n in range(9)] + [work("\xff" * 300)], {})
    with journal.reader() as one:
        yield one


def test_facts_come_in_order_behind_a_number(reader: JournalReader) -> None:
    """The chunk says which numbers it holds."""
    chunk = reader.next(Lane.WORK, 4, 3, HUGE)
    assert chunk is not None
    assert (chunk.first, chunk.last, len(chunk.bodies)) == (5, 7, 3)
    assert all(f'"sequence":"{n}"' in body for n, body in zip(numbers(3, 5), chunk.bodies, strict=True))


def test_the_end_is_none(reader: JournalReader) -> None:
    """Nothing behind the last one, nothing in an empty lane."""
    assert reader.next(Lane.WORK, 10, MANY, HUGE) is None
    assert reader.next(Lane.ANDON, 0, MANY, HUGE) is None


def test_one_fact_comes_however_large_it_is(reader: JournalReader) -> None:
    """A limit below one fact does not stop the lane."""
    chunk = reader.next(Lane.WORK, 0, MANY, 1)
    assert chunk is not None
    assert (chunk.first, chunk.last) == (1, 1)


@given(max_bytes=st.integers(0, 6000), max_events=st.integers(1, 12))
@settings(max_examples=30)
def test_every_fact_comes_once_within_the_bounds(max_bytes: int, max_events: int) -> None:
    """Chunk after chunk covers the lane without gap or repetition; a chunk of several fits the bound as a batch."""
    found = []
    after = 0
    while chunk := shared_reader().next(Lane.WORK, after, max_events, max_bytes):
        assert len(chunk.bodies) == chunk.last - chunk.first + 1 <= max_events
        assert len(chunk.bodies) == 1 or texts(chunk.bodies) <= max_bytes
        found += numbers(len(chunk.bodies), chunk.first)
        after = chunk.last
    assert found == numbers(10)


_SHARED: list[JournalReader] = []


def shared_reader() -> JournalReader:
    return _SHARED[0]


@pytest.fixture(autouse=True)
def _share(request: pytest.FixtureRequest) -> Iterator[None]:
    """Lend one reader to all examples of a property: hypothesis makes no fixture for each."""
    if request.node.originalname in {
        "test_every_fact_comes_once_within_the_bounds",
        "test_messages_hold_every_fact_once_and_untouched",
        "test_messages_joined_in_one_step_hold_the_checked_facts_untouched",
    }:
        _SHARED.append(request.getfixturevalue("reader"))
        yield
        _SHARED.clear()
    else:
        yield


def test_a_chunk_is_as_full_as_it_may_be(reader: JournalReader) -> None:
    """A bound that just fits takes all, one byte less takes one fact less."""
    every = reader.next(Lane.WORK, 0, MANY, HUGE)
    assert every is not None
    just = texts(every.bodies)
    assert reader.next(Lane.WORK, 0, MANY, just) == every
    fewer = reader.next(Lane.WORK, 0, MANY, just - 1)
    assert fewer is not None
    assert fewer.last == 9


def test_a_lane_tells_how_far_it_is(journal: Journal) -> None:
    """Numbers given, acknowledged, confirmed; depth is what nobody has confirmed."""
    journal.append([work()] * 5, {})
    journal.sent(Lane.WORK, 4)
    journal.confirmed(Lane.WORK, 3)
    journal.settle()
    with journal.reader() as reader:
        states = reader.lanes()
    assert set(states) == set(LANES)
    work_state = states[Lane.WORK]
    assert (work_state.last, work_state.sent, work_state.confirmed, work_state.depth) == (5, 4, 3, 2)
    assert states[Lane.ANDON] == LaneState()


def test_the_age_of_the_oldest_can_be_told(journal: Journal) -> None:
    """When it was seen, on the wall and since boot."""
    later = Moment(SEEN.time_ns + 10**9, SEEN.monotonic_ns + 10**9, synced=True, boot="b008")
    journal.append([work(), Event(Kind.SCAN_REPEATED, "", {}, later)], {})
    with journal.reader() as reader:
        assert reader.oldest(Lane.WORK, 0) == Seen(1_795_255_200_123_000_000, 42_000_000_007, "b007")
        assert reader.oldest(Lane.WORK, 1) == Seen(1_795_255_201_123_000_000, 43_000_000_007, "b008")
        assert reader.oldest(Lane.WORK, 2) is None


def test_a_reader_sees_what_was_written_after_it_was_opened(journal: Journal) -> None:
    """Its transactions are short: none holds an old picture."""
    with journal.reader() as reader:
        assert reader.next(Lane.WORK, 0, 1, 1) is None
        journal.append([work()], {})
        assert reader.next(Lane.WORK, 0, 1, 1) is not None


def test_a_reader_in_the_middle_does_not_stop_the_writer(journal: Journal) -> None:
    """Reading and writing never wait for each other."""
    journal.append([work()] * 3, {})
    with journal.reader() as reader:
        rows = reader._connection.execute("SELECT seq FROM event_work")
        assert rows.fetchone() == (1,)
        journal.append([work()], {})
        assert rows.fetchall() == [(2,), (3,)]


@pytest.mark.parametrize("wish", ["", "PRAGMA query_only = 0"])
def test_a_reader_cannot_write(reader: JournalReader, wish: str) -> None:
    """Not by mistake, and not by asking for it."""
    reader._connection.execute(wish)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader._connection.execute("DELETE FROM event_work")


def test_the_last_reader_leaves_the_files_as_they_are(journal: Journal, path: Path, tmp_path: Path) -> None:
    """After a power cut somebody may look at the files without changing what recovery will find."""
    journal.append([work("kept")], {})
    scene = tmp_path / "scene"
    scene.mkdir()
    for file in (path, path.with_name("journal.db-wal")):
        shutil.copy(file, scene)
    before = {file.name: file.read_bytes() for file in scene.iterdir()}
    with JournalReader(scene / "journal.db") as reader:
        assert reader.next(Lane.WORK, 0, 1, 1) is not None
    assert {name: (scene / name).read_bytes() for name in before} == before


def test_a_closed_journal_can_be_read(journal: Journal, path: Path) -> None:
    """The command line works while the agent does not run."""
    journal.append([work()], {"last": {"n": 1}})
    journal.close()
    with JournalReader(path) as reader:
        assert (reader.documents(), reader.meta("epoch")) == ({"last": {"n": 1}}, journal.epoch)
        assert reader.meta("no such word") is None


def test_a_path_with_odd_characters_is_a_path(tmp_path: Path) -> None:
    """`?`, `#` and `%` in a name are no options of SQLite."""
    folder = tmp_path / "a?mode=rw#%41"
    folder.mkdir()
    journal = opened(folder / "j %.db")
    journal.append([work()], {})
    with journal.reader() as reader:
        assert reader.lanes()[Lane.WORK].last == 1
    journal.close()


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """No empty journal comes into being by looking for one."""
    with pytest.raises(JournalPathError, match=r"none\.db: no such file"):
        JournalReader(tmp_path / "none.db")
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """Bytes that are no database are the journal's word for damage, not SQLite's."""
    file = tmp_path / "journal.db"
    file.write_bytes(b"this is no database" * 1000)
    with pytest.raises(JournalCorruptError, match="is damaged"), JournalReader(file) as reader:
        reader.lanes()


def test_reading_from_a_closed_reader_is_told(reader: JournalReader) -> None:
    """Also a slip of ours comes in the journal's words."""
    reader.close()
    with pytest.raises(JournalError):
        reader.documents()


@given(max_bytes=st.integers(0, 6000), max_events=st.integers(1, 12), checked=st.integers(0, 10))
@settings(max_examples=60)
def test_messages_hold_every_fact_once_and_untouched(max_bytes: int, max_events: int, checked: int) -> None:
    """Whether facts were checked before or are checked now, the messages of a lane are its bodies, in order."""
    reader = shared_reader()
    reader._checked = {Lane.WORK: checked}
    every = reader.next(Lane.WORK, 0, MANY, HUGE)
    assert every is not None
    found: list[str] = []
    after = 0
    while message := reader.message(Lane.WORK, after, max_events, max_bytes):
        bodies = every.bodies[after : message.last]
        assert (message.first, message.events) == (after + 1, len(bodies))
        assert message.events <= max_events
        assert message.events == 1 or len(message.payload) <= max_bytes
        assert message.payload.decode() == (batch(bodies) if len(bodies) > 1 else bodies[0])
        found += bodies
        after = message.last
    assert found == list(every.bodies)


@given(
    max_bytes=st.integers(0, 6000), max_events=st.integers(1, 12), checked=st.integers(0, 10), number=st.integers(1, 4)
)
@settings(max_examples=60)
def test_messages_joined_in_one_step_hold_the_checked_facts_untouched(
    max_bytes: int, max_events: int, checked: int, number: int
) -> None:
    """None reaches beyond what was checked, and none is larger than allowed."""
    reader = shared_reader()
    reader._checked = {Lane.WORK: checked}
    every = reader.next(Lane.WORK, 0, MANY, HUGE)
    assert every is not None
    after = 0
    while messages := reader.joined(Lane.WORK, after, max_events, max_bytes, number):
        assert len(messages) <= number
        assert reader.may_join(Lane.WORK, after)
        for message in messages:
            bodies = every.bodies[after : message.last]
            assert (message.first, message.events) == (after + 1, len(bodies))
            assert 1 < message.events <= max_events
            assert len(message.payload) <= max_bytes
            assert message.payload.decode() == batch(bodies)
            after = message.last
    assert after <= checked


def test_several_messages_in_one_step_end_where_a_number_is_missing(journal: Journal) -> None:
    """What was given up is not joined over: the piece with the hole is left to whoever looks closer."""
    journal.append([work(f"{number}") for number in range(100)], {})
    with journal.reader() as reader:
        reader._checked = {Lane.WORK: 100}
        with closing(sqlite3.connect(journal.path)) as other, other:
            other.execute("DELETE FROM event_work WHERE seq = 35")
        messages = reader.joined(Lane.WORK, 0, 10, HUGE, 5)
    assert [(message.first, message.last) for message in messages] == [(1, 10), (11, 20), (21, 30)]
