"""Marks: what has been acknowledged and confirmed is kept, and never taken back."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.events import LANES, Event, Lane
from tests.unit.journal.facts import KIND_OF, SEEN, ask, opened, work

if TYPE_CHECKING:
    from agent.journal.journal import Journal


def marks(path: Path, lane: Lane = Lane.WORK) -> tuple[int, int]:
    (found,) = ask(path, f"SELECT sent_seq, confirmed_seq FROM lane WHERE name = '{lane}'")
    return found[0], found[1]


def test_marks_go_to_disk_with_the_next_facts(journal: Journal, path: Path) -> None:
    """No transaction of their own while facts come in."""
    journal.sent(Lane.WORK, 2)
    journal.confirmed(Lane.WORK, 1)
    assert marks(path) == (0, 0)
    journal.append([work(), work()], {})
    assert marks(path) == (2, 1)


def test_marks_go_to_disk_when_it_is_quiet(journal: Journal, path: Path) -> None:
    """`settle` writes them without waiting for a fact."""
    journal.append([work(), work()], {})
    journal.confirmed(Lane.WORK, 2)
    journal.settle()
    assert marks(path) == (2, 2)


def test_marks_go_to_disk_at_the_end(journal: Journal, path: Path) -> None:
    """A stop on purpose loses none."""
    journal.append([work()], {})
    journal.sent(Lane.WORK, 1)
    journal.close()
    assert marks(path) == (1, 0)


def test_settling_nothing_writes_nothing(journal: Journal, path: Path) -> None:
    """An idle station spares its flash."""
    log = path.with_name(path.name + "-wal")
    before = log.stat().st_size, log.stat().st_mtime_ns
    journal.settle()
    assert (log.stat().st_size, log.stat().st_mtime_ns) == before


@given(
    st.lists(
        st.tuples(st.sampled_from(["sent", "confirmed"]), st.sampled_from(LANES[:2]), st.integers(0, 50))
        | st.sampled_from(["settle", "reopen"]),
        max_size=20,
    )
)
@settings(max_examples=40)
def test_marks_never_go_back(history: list[tuple[str, Lane, int] | str]) -> None:
    """Whatever comes in whatever order, a mark on disk is the highest there was."""
    highest: dict[tuple[str, Lane], int] = {}
    with TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        journal = opened(path)
        journal.append([Event(KIND_OF[lane], "", {}, SEEN) for lane in LANES[:2] for _ in range(50)], {})
        for step in history:
            if step == "settle":
                journal.settle()
            elif step == "reopen":
                journal.close()
                journal = opened(path)
            else:
                what, lane, number = step
                getattr(journal, str(what))(lane, number)
                key = str(what), Lane(lane)
                highest[key] = max(highest.get(key, 0), int(number))
        journal.close()
        for lane in LANES[:2]:
            confirmed = highest.get(("confirmed", lane), 0)
            assert marks(path, lane) == (max(highest.get(("sent", lane), 0), confirmed), confirmed)


def test_a_mark_never_runs_ahead_of_the_numbers_given(journal: Journal, path: Path) -> None:
    """What is not written yet cannot have been delivered, whoever says so."""
    journal.append([work()], {})
    journal.confirmed(Lane.WORK, 10)
    journal.settle()
    journal.append([work()], {})
    assert marks(path) == (1, 1)


def test_other_threads_may_mark_while_facts_are_written(journal: Journal, path: Path) -> None:
    """The forwarder marks, the recorder writes: no mark is lost between them."""
    journal.append([Event(KIND_OF[lane], "", {}, SEEN) for lane in LANES for _ in range(2000)], {})
    threads = [
        Thread(target=lambda lane=lane: [journal.sent(lane, number) for number in range(1, 2001)]) for lane in LANES
    ]
    for thread in threads:
        thread.start()
    for _ in range(20):
        journal.append([work()], {})
    for thread in threads:
        thread.join()
    journal.settle()
    assert [marks(path, lane)[0] for lane in LANES] == [2000] * len(LANES)
