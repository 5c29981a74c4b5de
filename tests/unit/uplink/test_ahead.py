"""Reading ahead: the same messages in the same order, and never a word about a journal that is not asked about."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from agent.events import Lane
from agent.journal.errors import JournalError
from agent.uplink import ahead as ahead_module
from agent.uplink.ahead import Place, ReadAhead
from tests.journals import facts, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.journal.journal import Journal
    from agent.journal.reader import JournalReader, Message

COUNT = 400
MOST = 10
ONE = ahead_module.BLOCK_BYTES
"""So large may a message be that one is a block."""


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(opened(tmp_path / "journal.db")) as one:
        one.append(facts(COUNT), {})
        one._writer.checked[Lane.WORK] = COUNT
        yield one


@pytest.fixture
def rings() -> list[None]:
    return []


@pytest.fixture
def ahead(journal: Journal, rings: list[None]) -> Iterator[ReadAhead]:
    """Opened; a test takes the steps of its thread."""
    one = ReadAhead(journal, lambda: rings.append(None))
    one.open()
    yield one
    one.close()


def place(journal: Journal, after: int = 0, lane: Lane = Lane.WORK, most_bytes: int = ONE) -> Place:
    return Place(journal.epoch, lane, after, MOST, most_bytes)


def plainly(reader: JournalReader, after: int) -> Message | None:
    return reader.message(Lane.WORK, after, MOST, ONE)


@pytest.mark.parametrize("in_a_block", [1, 3, 7])
def test_what_is_read_ahead_is_what_would_be_read(journal: Journal, ahead: ReadAhead, in_a_block: int) -> None:
    """Message by message to the end of the lane, with no other question than the first."""
    most_bytes = ONE // in_a_block
    ahead.ask(place(journal, most_bytes=most_bytes))
    ahead.step()
    after = 0
    with journal.reader() as reader:
        while after < COUNT:
            wanted = place(journal, after, most_bytes=most_bytes)
            message = ahead.take(wanted)
            if message is None:
                assert ahead.coming
                ahead.step()
                continue
            assert message == plainly(reader, after)
            after = message.last
        wanted = place(journal, after, most_bytes=most_bytes)
        assert ahead.take(wanted) is None
        assert ahead.coming
        ahead.step()
        assert ahead.take(wanted) is None
        assert not ahead.coming


def test_who_waits_is_woken_and_nobody_else(journal: Journal, ahead: ReadAhead, rings: list[None]) -> None:
    """A ring costs the forwarder a round; only one that waits for the answer needs it."""
    ahead.ask(place(journal))
    ahead.step()
    assert rings == []
    assert ahead.take(place(journal)) is not None
    assert ahead.take(place(journal, MOST)) is None
    assert ahead.coming
    ahead.step()
    assert rings == [None]
    assert ahead.take(place(journal, MOST)) is not None


def test_an_urgent_lane_is_not_served_and_disturbs_nothing(journal: Journal, ahead: ReadAhead) -> None:
    """The forwarder asks for calls before each message of a backlog: that costs the backlog nothing."""
    ahead.ask(place(journal))
    ahead.step()
    assert ahead.take(place(journal, lane=Lane.ANDON)) is None
    assert not ahead.coming
    assert ahead.take(place(journal)) is not None


def test_after_going_back_the_old_answer_is_not_taken_for_the_new_one(journal: Journal, ahead: ReadAhead) -> None:
    """A broken connection sends the lane back; what was read for the place before is of no use any more."""
    ahead.ask(place(journal, 100))
    ahead.ask(place(journal, 0))
    ahead.step()
    assert ahead.take(place(journal, 0)) is None
    ahead.ask(place(journal, 0))
    ahead.step()
    message = ahead.take(place(journal, 0))
    assert message is not None
    assert message.first == 1


def test_nothing_comes_from_another_journal_than_the_one_asked_about(journal: Journal, ahead: ReadAhead) -> None:
    """The same numbers mean something else there."""
    ahead.ask(place(journal))
    ahead.step()
    assert ahead.take(place(journal)) is not None
    before = place(journal, MOST)
    journal.start_anew("a test says so")
    ahead.step()
    assert ahead.take(before) is None
    assert ahead.take(place(journal)) is None
    assert not ahead.coming


def test_a_journal_that_cannot_be_read_gives_an_empty_answer(journal: Journal, rings: list[None]) -> None:
    """The forwarder meets the error itself, and knows what to do."""

    def broken() -> JournalReader:
        raise JournalError("a test says so")

    ahead = ReadAhead(journal, lambda: rings.append(None))
    journal.reader = broken  # type: ignore[method-assign]
    ahead.open()
    ahead.ask(place(journal))
    ahead.step()
    assert ahead.take(place(journal)) is None
    assert not ahead.coming
    ahead.close()


def test_without_the_worker_nothing_is_asked_or_awaited(journal: Journal, rings: list[None]) -> None:
    ahead = ReadAhead(journal, lambda: rings.append(None))
    ahead.ask(place(journal))
    assert ahead.take(place(journal)) is None
    assert not ahead.coming


def test_a_worker_in_trouble_is_not_waited_for(
    journal: Journal, ahead: ReadAhead, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever asked reads for itself, and takes up what comes late only where it fits."""
    monkeypatch.setattr(ahead_module, "PATIENCE_S", 0.0)
    ahead.ask(place(journal))
    assert ahead.take(place(journal)) is None
    assert not ahead.coming
    ahead.step()
    assert ahead.take(place(journal, MOST)) is None
    ahead.ask(place(journal, MOST))
    ahead.step()
    assert ahead.take(place(journal, MOST)) is not None


def test_a_stop_ends_the_wait_at_once(ahead: ReadAhead) -> None:
    ahead.cancel()
    ahead.step()
