"""What the broker refuses for good: kept aside with the reason, named in a gap record, sent again or forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agent.events import Kind, Lane
from agent.journal import orders
from agent.journal.journal import Journal, JournalSettings
from agent.journal.quarantine import Discard, Refusal, RefusedAgain, Retry
from tests.journals import NOW, ask, encode, events_of, fact, facts, kept, opened, tidied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from agent.events import Event, Finished

REFUSED = Refusal(Lane.WORK, 2, 0x99, "payload format invalid")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """Three events, the second refused."""
    one = opened(path)
    one.append(facts(3), {})
    one.quarantine.put(REFUSED)
    one.settle()
    yield one
    one.close()


def rows(path: Path) -> list[Any]:
    return ask(path, "SELECT lane, seq, code, reason, retry FROM quarantine")


def test_a_refused_event_is_kept_whole_and_its_number_named(journal: Journal, path: Path) -> None:
    assert journal.quarantine.count == 1
    assert rows(path) == [("work", 2, 0x99, "payload format invalid", 0)]
    with journal.reader() as reader:
        (found,) = reader.quarantined()
    assert found.body == kept(path, Lane.WORK)[2]
    (gap,) = events_of(path, Kind.JOURNAL_GAP)
    assert (gap["lane"], gap["from_seq"], gap["to_seq"], gap["count"]) == ("work", 2, 2, 1)
    assert "payload format invalid" in gap["reason"]


@pytest.mark.parametrize(
    ("order", "left"),
    [
        (REFUSED, [("work", 2, 0x99, "payload format invalid", 0)]),
        (Retry(1), [("work", 2, 0x99, "payload format invalid", 1)]),
        (Discard(1), []),
        (RefusedAgain(1, 0x90, "topic name invalid"), [("work", 2, 0x90, "topic name invalid", 0)]),
        (Retry(77), [("work", 2, 0x99, "payload format invalid", 0)]),
        (Discard(77), [("work", 2, 0x99, "payload format invalid", 0)]),
        (Refusal(Lane.WORK, 99, 0x99, "not there"), [("work", 2, 0x99, "payload format invalid", 0)]),
        (Refusal(Lane.ANDON, 1, 0x99, "not there"), [("work", 2, 0x99, "payload format invalid", 0)]),
    ],
    ids=["again", "retry", "discard", "refused again", "retry none", "discard none", "no such number", "no such lane"],
)
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice"])
def test_orders(journal: Journal, path: Path, order: Any, left: list[Any], times: int) -> None:
    """Each may come twice without harm."""
    for _ in range(times):
        journal.quarantine.put(order)
        journal.settle()
    assert rows(path) == left
    assert journal.quarantine.count == len(left)
    assert len(events_of(path, Kind.JOURNAL_GAP)) == 1


def test_only_what_is_to_be_sent_again_is_due(journal: Journal) -> None:
    journal.quarantine.put(Refusal(Lane.WORK, 3, 0x99, "x"))
    journal.quarantine.put(Retry(2))
    journal.settle()
    with journal.reader() as reader:
        assert [one.sequence for one in reader.quarantined()] == [2, 3]
        assert [one.sequence for one in reader.quarantined(due=True)] == [3]


def test_it_outlives_a_restart_and_its_events_retention(path: Path) -> None:
    journal = opened(path, JournalSettings(keep_days=0.0))
    journal.append(facts(3), {})
    journal.quarantine.put(REFUSED)
    journal.confirmed(Lane.WORK, 3)
    tidied(journal)
    journal.close()
    journal = opened(path)
    assert journal.quarantine.count == 1
    assert rows(path) == [("work", 2, 0x99, "payload format invalid", 0)]
    journal.close()


def failing(event: Event, epoch: str, sequence: int, previous: str) -> Finished:
    if event.kind is Kind.SCAN_REPEATED and event.subject == "bad":
        raise RuntimeError("cannot be encoded")
    return encode(event, epoch, sequence, previous)


def test_an_order_waits_until_it_is_written(path: Path) -> None:
    """A transaction that fails for another reason takes none with it."""
    journal = Journal(path, failing, NOW)
    journal.open()
    journal.append(facts(3), {})
    journal.quarantine.put(REFUSED)
    journal.confirmed(Lane.WORK, 1)
    with pytest.raises(RuntimeError):
        journal.append([fact()._replace(subject="bad")], {})
    assert rows(path) == []
    journal.settle()
    assert len(rows(path)) == 1
    assert ask(path, "SELECT confirmed_seq FROM lane WHERE name = 'work'") == [(1,)]
    journal.close()


@pytest.mark.parametrize(
    ("word", "check"),
    [
        ("retry", lambda left: left[0][-1] == 1),
        ("discard", lambda left: left == []),
    ],
)
def test_orders_of_the_command_line_are_carried_out(
    journal: Journal, path: Path, word: str, check: Callable[[list[Any]], bool]
) -> None:
    """They are left as files, and gone when they are done."""
    orders.leave(path, word, [1])
    journal.tidy()
    assert check(rows(path))
    assert list(path.with_name(path.name + ".orders").iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"{", b'{"order": "explode", "numbers": [1]}', b'{"order": "retry"}', b"[]"])
def test_an_order_that_makes_no_sense_orders_nothing(journal: Journal, path: Path, content: bytes) -> None:
    folder = path.with_name(path.name + ".orders")
    folder.mkdir()
    (folder / "strange").write_bytes(content)
    journal.tidy()
    assert rows(path) == [("work", 2, 0x99, "payload format invalid", 0)]
    assert list(folder.iterdir()) == []


def test_orders_for_a_damaged_journal_are_not_carried_out_on_the_new_one(journal: Journal, path: Path) -> None:
    """The same number is another event there."""
    journal.append(facts(3), {})
    journal.quarantine.put(Refusal(Lane.WORK, 1, 0x99, "x"))
    journal.start_anew("test")
    journal.append(facts(3), {})
    assert rows(path) == []
    tidied(journal)
    assert [(row[0], row[1]) for row in rows(path)] == [("work", 2)]
