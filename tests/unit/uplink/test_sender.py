"""The sender by hand: a journal that is really there, and a connection that takes everything."""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import pytest

from agent.config import Broker
from agent.events import Lane
from agent.uplink.ahead import ReadAhead
from agent.uplink.client import Connected
from agent.uplink.sender import Sender
from agent.uplink.topics import Topics
from tests.journals import facts, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.journal.journal import Journal
    from agent.uplink.client import Link

TOPICS = Topics(("acme", "plant1", "assembly", "line3", "st-040"))
LIMITS = Connected(1000, 256 * 1024 * 1024)


class Line:
    """A connection that takes everything and numbers it."""

    def __init__(self) -> None:
        self.sent = 0

    def publish(self, _topic: str, _payload: bytes, _content_type: str) -> int:
        self.sent += 1
        return self.sent


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    with closing(opened(tmp_path / "journal.db")) as one:
        one.append(facts(100), {})
        yield one


@pytest.fixture
def told() -> list[dict[str, Any]]:
    return []


@pytest.fixture
def sender(journal: Journal, told: list[dict[str, Any]]) -> Iterator[Sender]:
    """One that has sent ten messages of ten events, none acknowledged."""
    settings = Broker(host="x", batch_events=10, confirm="broker")
    one = Sender(settings, TOPICS, journal, ReadAhead(journal, lambda: None), lambda **fields: told.append(fields))
    one.begin(cast("Link", Line()), LIMITS, 0.0)
    one.send(0.0)
    assert one.in_the_air == 10
    yield one
    one.end()


def marks(journal: Journal) -> tuple[int, int]:
    with journal.reader() as reader:
        state = journal.delivered(reader.lanes())[Lane.WORK]
    return state.sent, state.confirmed


def test_marks_of_many_acknowledgements_are_left_at_once(
    journal: Journal, sender: Sender, told: list[dict[str, Any]]
) -> None:
    """As far as they have no hole; those behind it count once it is closed."""
    for mid in (1, 2, 3, 5):
        sender.acked(mid, 0, "", 1.0)
    assert marks(journal) == (0, 0)
    sender.settle(1.0)
    assert marks(journal) == (30, 30)
    assert told == [{"confirmed": 1.0}]
    sender.acked(4, 0, "", 2.0)
    sender.settle(2.0)
    assert marks(journal) == (50, 50)


def test_an_acknowledgement_of_a_journal_that_is_gone_marks_nothing_in_the_next(
    journal: Journal, sender: Sender
) -> None:
    """The same numbers mean something else there."""
    sender.acked(1, 0, "", 1.0)
    journal.start_anew("a test says so")
    sender.confirmed("an older epoch", {}, 1.0)
    sender.settle(1.0)
    assert marks(journal) == (0, 0)
