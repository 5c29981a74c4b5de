"""Reference data in the recorder's hands: in use only when it is on disk, and orders obeyed once."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agent.events import Envelope, Kind
from agent.journal.journal import Journal
from agent.journal.references import Kept
from agent.runtime import recorder as room
from agent.runtime.clock import Clock
from agent.runtime.health import Health
from agent.runtime.inbox import Inbox
from agent.runtime.intake import Intake
from agent.runtime.library import Library
from agent.runtime.recorder import Recorder
from agent.signals import Command, Input, Offer, ReferenceOffered, Reply
from agent.station.reference import NOTHING, Set
from agent.station.rules import Rules
from agent.station.sets.change import Paper, prepare
from agent.station.station import Station

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.station.reference import Reference
    from agent.station.sets.change import Change

ISSUED = "2026-11-20T06:00:00Z"
ORDER = Command("reference/load", {}, "7")


class Bench:
    """A recorder by hand, with a journal and a library behind it."""

    def __init__(self, path: Path) -> None:
        self.clock = Clock()
        self.journal = Journal(path, Envelope("/a/b/c/d/e").finish, self.clock.now)
        self.journal.open()
        self.outcomes: list[Any] = []
        self.replies: list[tuple[Reply, Any]] = []
        self.begin()

    def begin(self) -> None:
        """Go on as another process."""
        self.inbox = Inbox(100)
        self.library = Library(
            self.journal, self.clock, reply=lambda *told: self.replies.append(told), settled=self.outcomes.append
        )
        self.recorder = Recorder(
            Intake(self.inbox, 100, linger_s=0.0),
            Station(Rules()),
            self.journal,
            self.clock,
            Health(),
            show_answer=lambda *_: None,
            show_lamps=lambda _: None,
            wake=lambda: None,
            library=self.library,
        )
        self.recorder.open()

    def say(self, *whats: Any) -> None:
        for what in whats:
            self.inbox.put(Input("central", what, self.clock.now()), 0)
        self.recorder.step()

    def change(self, due: str = "2027-01-01", revision: str = "1", **head: Any) -> Change:
        document = {
            "set": "gauges",
            "revision": revision,
            "issued": ISSUED,
            "data": [{"gauge": "g", "due": due}],
            **head,
        }
        return prepare(self.in_use, [Paper(orjson.dumps(document))], self.clock.now())

    def offer(self, change: Change, order: Command | None = None, origin: str = "order") -> ReferenceOffered:
        return ReferenceOffered(change, (Offer(b"", origin),), order)

    @property
    def in_use(self) -> Reference:
        assert self.library.reference is not None
        return self.library.reference

    def bodies(self, kind: Kind) -> list[Any]:
        with self.journal.reader() as reader:
            chunk = reader.next(kind.lane, 0, 1000, 10_000_000)
        events = [orjson.loads(body) for body in chunk.bodies] if chunk else []
        return [event["data"] for event in events if event["type"] == f"lineside.{kind}"]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr(room, "WAIT_S", 0.01)
    monkeypatch.setattr(room, "RETRY_S", 0.01)
    one = Bench(tmp_path / "journal.db")
    yield one
    one.journal.close()


def test_a_set_is_in_use_when_it_is_on_disk(bench: Bench) -> None:
    """And for every process after."""
    bench.say(bench.offer(bench.change()))
    assert bench.in_use.gauges["g"].due == "2027-01-01"
    assert bench.outcomes[0]["ok"]
    before = bench.in_use
    bench.begin()
    assert bench.in_use == before
    assert len(bench.bodies(Kind.REFERENCE_APPLIED)) == 1


def test_what_cannot_be_written_is_not_in_use(bench: Bench) -> None:
    """The old stays until the disk takes the new; nobody hears yes before."""
    change = bench.change()
    bench.journal.close()
    bench.say(bench.offer(change))
    assert bench.in_use is NOTHING or bench.in_use == NOTHING
    assert bench.outcomes == []
    bench.journal.open()
    bench.recorder.step()
    assert bench.in_use.has(Set.GAUGES)
    assert bench.outcomes[0]["ok"]


def test_a_refused_set_leaves_the_old(bench: Bench) -> None:
    """Recorded with every reason; from a topic, once however often the broker brings it."""
    bench.say(bench.offer(bench.change()))
    for origin in ("order", "topic", "topic"):
        bench.say(bench.offer(bench.change(due="never", revision="2"), origin=origin))
    assert bench.in_use.revisions[Set.GAUGES].revision == "1"
    assert len(bench.bodies(Kind.REFERENCE_REFUSED)) == 2
    assert [outcome["ok"] for outcome in bench.outcomes] == [True, False, False, False]


def test_the_same_again_makes_no_event(bench: Bench) -> None:
    """Its age starts anew, for a process after this one too."""
    bench.say(bench.offer(bench.change()))
    first = bench.in_use.revisions[Set.GAUGES]
    bench.say(bench.offer(bench.change()))
    bench.begin()
    again = bench.in_use.revisions[Set.GAUGES]
    assert again.loaded == first.loaded
    assert again.confirmed.monotonic_ns > first.confirmed.monotonic_ns
    assert len(bench.bodies(Kind.REFERENCE_APPLIED)) == 1


def test_a_change_prepared_on_another_base_is_prepared_anew(bench: Bench) -> None:
    """Nothing is decided on it."""
    late = bench.change(revision="2")
    bench.say(bench.offer(bench.change()))
    bench.say(bench.offer(late))
    assert bench.outcomes[1] is None
    assert bench.in_use.revisions[Set.GAUGES].revision == "1"


def test_a_new_journal_has_the_sets(bench: Bench) -> None:
    """The old one was put aside; what was in use goes on, in this process and the next."""
    bench.say(bench.offer(bench.change()))
    bench.journal.suspect("a test says so")
    bench.recorder.step()
    bench.recorder.step()
    bench.begin()
    assert bench.in_use.has(Set.GAUGES)


@pytest.mark.parametrize(
    ("order", "reason"),
    [
        (replace(ORDER, id="", deadline_ns=0), "expired"),
        (replace(ORDER, id="", data={"epoch": "another"}), "for another epoch"),
    ],
)
def test_an_order_that_must_not_be_obeyed_is_recorded_and_answered(bench: Bench, order: Command, reason: str) -> None:
    """Be it reference data or any other."""
    reply = Reply("answer", b"1")
    bench.say(bench.offer(bench.change(), order), replace(order, name="andon/acknowledge", reply=reply))
    assert [told["reason"].partition(":")[0] for told in bench.bodies(Kind.COMMAND_REJECTED)] == [reason] * 2
    assert not bench.in_use.has(Set.GAUGES)
    assert not bench.outcomes[0]["ok"]
    assert bench.replies[0][0] == reply
    assert not bench.replies[0][1]["ok"]


def test_an_order_is_obeyed_once(bench: Bench) -> None:
    """In one group, and after a restart."""
    bench.say(bench.offer(bench.change(), ORDER), bench.offer(bench.change(revision="2"), ORDER))
    bench.begin()
    bench.say(bench.offer(bench.change(revision="3"), ORDER))
    assert bench.in_use.revisions[Set.GAUGES].revision == "1"
    assert [outcome["ok"] for outcome in bench.outcomes] == [True, False, False]
    assert len(bench.bodies(Kind.COMMAND_REJECTED)) == 2


def test_a_set_that_cannot_be_read_any_more_is_told(bench: Bench) -> None:
    """It was never loaded, then; an alarm says so."""
    bench.say(bench.offer(bench.change()))
    bench.journal.append([], {}, [Kept("gauges", "1", b"damage", "now")])
    bench.begin()
    bench.recorder.step()
    assert not bench.in_use.has(Set.GAUGES)
    (alarm,) = bench.bodies(Kind.ALARM_RAISED)
    assert alarm["alarm"] == "reference-lost"
