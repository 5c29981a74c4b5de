"""Checking ahead: what was checked while idle goes out in one piece, and damage is found before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.events import Lane
from agent.journal.errors import JournalCorruptError
from agent.journal.scrub import PIECE_EVENTS
from tests.unit.journal.facts import opened, work

if TYPE_CHECKING:
    from pathlib import Path

    from agent.journal.journal import Journal

HUGE = 1_000_000


def filled(path: Path, count: int) -> None:
    journal = opened(path)
    journal.append([work(f"{number}-") for number in range(count)], {})
    journal.close()


def damage(path: Path, number: int) -> None:
    """One flipped bit in a text that is still good JSON."""
    whole = path.read_bytes()
    assert whole.count(b'"text":"%d-"' % number) == 1
    path.write_bytes(whole.replace(b'"text":"%d-"' % number, b'"text":"%d,"' % number))


def idle(journal: Journal) -> None:
    while journal.tidy():
        pass


def test_a_backlog_is_checked_while_there_is_nothing_to_do(path: Path) -> None:
    """In whole pieces; the rest is checked as it is read."""
    filled(path, 2 * PIECE_EVENTS + 10)
    journal = opened(path)
    assert journal._writer.checked[Lane.WORK] == 0
    idle(journal)
    assert journal._writer.checked[Lane.WORK] == 2 * PIECE_EVENTS
    with journal.reader() as reader:
        first = reader.message(Lane.WORK, 0, 1000, HUGE)
        rest = reader.message(Lane.WORK, 2 * PIECE_EVENTS, 1000, HUGE)
    assert first is not None
    assert first.events > 1
    assert rest is not None
    assert (rest.first, rest.events) == (2 * PIECE_EVENTS + 1, 10)
    journal.close()


def test_damage_in_a_backlog_is_found_while_idle(path: Path) -> None:
    """No event with a wrong checksum counts as checked."""
    filled(path, 3 * PIECE_EVENTS)
    damage(path, PIECE_EVENTS + 100)
    journal = opened(path)
    with pytest.raises(JournalCorruptError, match=f"checksum of event {PIECE_EVENTS + 101}"):
        idle(journal)
    assert journal._writer.checked[Lane.WORK] == PIECE_EVENTS
    journal.close()


def test_damage_behind_what_was_checked_is_found_as_it_is_read(path: Path) -> None:
    filled(path, PIECE_EVENTS + 100)
    damage(path, PIECE_EVENTS + 50)
    journal = opened(path)
    idle(journal)
    with journal.reader() as reader:
        checked = reader.message(Lane.WORK, PIECE_EVENTS - 10, 1000, HUGE)
        assert checked is not None
        assert checked.last == PIECE_EVENTS
        with pytest.raises(JournalCorruptError, match="checksum"):
            reader.message(Lane.WORK, PIECE_EVENTS, 1000, HUGE)
    journal.close()


def test_what_is_confirmed_is_not_checked_again(path: Path) -> None:
    filled(path, 3 * PIECE_EVENTS)
    journal = opened(path)
    journal.sent(Lane.WORK, 2 * PIECE_EVENTS)
    journal.confirmed(Lane.WORK, 2 * PIECE_EVENTS)
    journal.close()
    journal = opened(path)
    assert journal._writer.checked[Lane.WORK] == 2 * PIECE_EVENTS
    journal.close()
