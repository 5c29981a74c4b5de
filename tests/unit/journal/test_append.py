"""Append: numbers without gaps, and all of a transaction or nothing of it."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING
from zlib import crc32

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.events import LANE_OF, LANES, Event, Kind, Lane, digest
from agent.journal.errors import JournalWriteError
from agent.journal.journal import Journal
from agent.journal.writer import INSERT_ROWS
from tests.unit.journal.facts import KIND_OF, SEEN, ask, encode, now, numbers, opened, sequences, work

if TYPE_CHECKING:
    from agent.events import Finished

REOPEN = None


@given(st.lists(st.lists(st.sampled_from(LANES), max_size=6) | st.just(REOPEN), max_size=12))
@settings(max_examples=40)
def test_each_lane_counts_without_gaps(history: list[list[Lane] | None]) -> None:
    """1, 2, 3, ... in every lane, however facts are mixed and however often the journal is opened again."""
    given_out: Counter[str] = Counter()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        journal = opened(path)
        for step in history:
            if step is REOPEN:
                journal.close()
                journal = opened(path)
            else:
                journal.append([Event(KIND_OF[lane], "", {}, SEEN) for lane in step], {})
                given_out.update(step)
        journal.close()
        for lane in LANES:
            assert sequences(path, lane) == numbers(given_out[lane])
        assert dict(ask(path, "SELECT name, last_seq FROM lane")) == {lane: given_out[lane] for lane in LANES}


@pytest.mark.parametrize("count", [1, INSERT_ROWS - 1, INSERT_ROWS, INSERT_ROWS + 1, 3 * INSERT_ROWS])
def test_a_group_of_any_size_is_written_whole(journal: Journal, path: Path, count: int) -> None:
    """In order and chained, the lane's book with it, however many go into the file by one statement."""
    journal.append([work(str(place)) for place in range(count)], {})
    rows = ask(path, "SELECT seq, body, crc FROM event_work ORDER BY seq")
    bodies = [orjson.loads(body) for _, body, _ in rows]
    heads = [digest(body.encode()) for _, body, _ in rows]
    assert [seq for seq, _, _ in rows] == numbers(count)
    assert [body["data"]["text"] for body in bodies] == [str(place) for place in range(count)]
    assert [body.get("prevhash", "") for body in bodies] == ["", *heads[:-1]]
    assert all(crc == crc32(body.encode()) for _, body, crc in rows)
    size = sum(len(body.encode()) for _, body, _ in rows)
    assert ask(path, "SELECT last_seq, last_hash, bytes FROM lane WHERE name = 'work'") == [(count, heads[-1], size)]


def test_a_fact_is_on_disk_when_append_returns(journal: Journal, path: Path) -> None:
    """Another program sees it at once, with its body as it was encoded."""
    journal.append([work("hello")], {})
    body = orjson.loads(ask(path, "SELECT body FROM event_work")[0][0])
    assert (body["data"], body["epoch"], body["sequence"]) == ({"text": "hello"}, journal.epoch, "1")


def test_the_view_shows_all_lanes(journal: Journal, path: Path) -> None:
    """The command line finds every fact in one place."""
    journal.append([Event(kind, "", {}, SEEN) for kind in Kind], {})
    found = ask(path, "SELECT lane, type FROM event")
    assert sorted(found) == sorted((LANE_OF[kind].value, kind.value) for kind in Kind)


def test_the_memory_is_what_was_written_last(journal: Journal) -> None:
    """A document replaces the one before it; None forgets it; others stay."""
    journal.append([], {"operator": {"operator": "1"}, "last": {"text": "a"}, "empty": {}})
    journal.append([work()], {"operator": None, "last": {"text": "b"}, "never": None})
    assert journal.documents() == {"last": {"text": "b"}, "empty": {}}


def test_the_memory_survives_a_restart(journal: Journal, path: Path) -> None:
    """The next process goes on where this one ended."""
    journal.append([work()], {"operation": {"parts": [{"lot": "µ\x00"}]}})
    journal.close()
    again = opened(path)
    assert again.documents() == {"operation": {"parts": [{"lot": "µ\x00"}]}}
    again.close()


def test_the_epoch_names_the_file(journal: Journal, path: Path, tmp_path: Path) -> None:
    """It stays with the file, and no other file has it."""
    epoch = journal.epoch
    journal.close()
    again, other = opened(path), opened(tmp_path / "other.db")
    assert again.epoch == epoch != other.epoch
    assert re.fullmatch("[0-9a-f]{16}", epoch)
    again.close()
    other.close()


class Unencodable:
    """Stands for a bug: a value that is no JSON."""


def bad(event: Event, epoch: str, sequence: int, previous: str) -> Finished:
    if event.data["text"] == "bad":
        raise ValueError("cannot be encoded")
    return encode(event, epoch, sequence, previous)


def test_a_fact_that_cannot_be_encoded_takes_nothing_with_it(path: Path) -> None:
    """Nothing of the transaction is written, no number is used up, and the next append works."""
    journal = Journal(path, bad, now)
    journal.open()
    journal.append([work("one")], {"last": {"n": 1}})
    with pytest.raises(ValueError, match="cannot be encoded"):
        journal.append([work("two"), work("three"), work("bad")], {"last": {"n": 2}})
    assert journal.documents() == {"last": {"n": 1}}
    journal.append([work("two")], {})
    assert sequences(path) == [1, 2]
    journal.close()


def test_a_document_that_cannot_be_encoded_takes_nothing_with_it(journal: Journal, path: Path) -> None:
    """Facts and memory are one: if the memory cannot be written, neither are the facts, and the next append works."""
    journal.sent(Lane.WORK, 1)
    with pytest.raises(TypeError):
        journal.append([work()], {"last": {"n": Unencodable()}})
    assert sequences(path) == []
    journal.append([work()], {"last": {"n": 1}})
    assert sequences(path) == [1]
    assert ask(path, "SELECT sent_seq FROM lane WHERE name = 'work'") == [(1,)]


def plain(event: Event, epoch: str, sequence: int, previous: str) -> Finished:
    del epoch, previous
    return (sequence, "type", "time", "", event.data["text"], None), b""


def test_a_row_that_sqlite_does_not_take_takes_nothing_with_it(path: Path) -> None:
    """An error in the middle of a transaction ends it: the next append works."""
    journal = Journal(path, plain, now)
    journal.open()
    with pytest.raises(UnicodeEncodeError):
        journal.append([work("one"), work("\ud800")], {})
    with pytest.raises(UnicodeEncodeError):
        journal.append([*[work("one")] * (2 * INSERT_ROWS - 1), work("\ud800")], {})
    journal.append([work("two")], {})
    assert ask(path, "SELECT seq, body FROM event_work") == [(1, "two")]
    journal.close()


def test_a_closed_journal_takes_nothing(journal: Journal) -> None:
    """The recorder hears that nothing was written."""
    journal.close()
    with pytest.raises(JournalWriteError, match="is closed"):
        journal.append([work()], {})


def test_closing_twice_is_closing_once(journal: Journal) -> None:
    """Whoever takes down may do it again."""
    journal.close()
    journal.close()


def test_a_lane_knows_its_bytes(journal: Journal) -> None:
    """Size is counted as the disk and the wire do: in UTF-8."""
    journal.append([work("plain"), work("\xff" * 100)], {})
    with journal.reader() as reader:
        chunk = reader.next(Lane.WORK, 0, 10, 10_000)
        assert chunk is not None
        assert reader.lanes()[Lane.WORK].size_bytes == sum(len(body.encode()) for body in chunk.bodies)
