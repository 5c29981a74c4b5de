"""The journal against a model that fits on a page, through any history of work, marks, tidying, restarts and damage."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agent.events import LANES, Event, Kind, Lane, digest
from agent.journal import links, verify
from agent.journal.journal import Journal, JournalSettings
from agent.journal.links import What
from agent.journal.trace import Tracer
from tests.journals import KIND_OF, OWN_KINDS, Now, ask, encode, fact, given_up, kept, read_all, salvaged, tidied

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.events import Finished

KEEP_DAYS = 1.0
DAY_S = 86_400.0
SETTINGS = JournalSettings(
    {Lane.MEASUREMENT: 12_000, Lane.WORK: 9_000, Lane.HEALTH: 3_000}, keep_days=KEEP_DAYS, reserve_bytes=8192
)
"""So small that a few events are too many."""

IN_MEMORY = Path("/dev/shm")
"""The promises here are not about the disk, and an fsync costs nothing there."""

BAD = "cannot be encoded"

lanes = st.sampled_from(LANES)
works = st.lists(
    st.tuples(lanes, st.integers(0, 900), st.sampled_from(["none", "pass", "fail"]), st.integers(-50, 50)),
    min_size=1,
    max_size=12,
)
changes = st.dictionaries(
    st.sampled_from("abc"), st.none() | st.fixed_dictionaries({"n": st.integers(0, 9)}), max_size=2
)


def careful(event: Event, epoch: str, sequence: int, previous: str) -> Finished:
    if event.subject == BAD:
        raise RuntimeError(BAD)
    return encode(event, epoch, sequence, previous)


@dataclass
class LaneModel:
    """What a lane must remember: every body it was ever given, and how far it was confirmed."""

    bodies: dict[int, str] = field(default_factory=dict)
    times: dict[int, int] = field(default_factory=dict)
    confirmed: int = 0
    sent: int = 0
    was_over: bool = False
    before: str = ""
    """Hash of the last event of the epoch before."""

    @property
    def head(self) -> str:
        return digest(self.bodies[self.last].encode()) if self.bodies else self.before

    @property
    def last(self) -> int:
        return len(self.bodies)


@pytest.fixture(autouse=True, scope="module")
def small_blocks() -> Iterator[None]:
    """So small that the index is written, and forgotten again, within a short history."""
    before = links.DIGITS, links.BLOCK_EVENTS
    links.DIGITS, links.BLOCK_EVENTS = 1, 16
    yield
    links.DIGITS, links.BLOCK_EVENTS = before


class History(RuleBasedStateMachine):
    """Every rule is something the recorder or the forwarder may do."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None)
        self.path = Path(self.folder.name) / "journal.db"
        self.now = Now()
        self.documents: dict[str, dict[str, Any]] = {}
        self.model = {lane: LaneModel() for lane in LANES}
        self.before = self.model
        self.saved: dict[str, dict[Lane, dict[int, str]]] = {}
        self.epochs: list[str] = []
        self.gaps: dict[int, str] = {}
        self.journal = self.opened()

    def opened(self) -> Journal:
        journal = Journal(self.path, careful, self.now, SETTINGS)
        journal.open()
        if not self.epochs or journal.epoch != self.epochs[-1]:
            assert journal.epoch not in self.epochs
            self.epochs.append(journal.epoch)
        return journal

    def teardown(self) -> None:
        self.journal.close()
        self.folder.cleanup()

    # --- what happens

    @rule(work=works, documents=changes)
    def append(self, work: list[tuple[Lane, int, str, int]], documents: dict[str, dict[str, Any] | None]) -> None:
        moment = self.now()
        events = [
            fact(lane, "x" * length, moment, verdict=verdict, value=float(value))
            for lane, length, verdict, value in work
        ]
        self.journal.append(events, documents)
        for event in events:
            lane = self.model[event.kind.lane]
            row, _ = encode(event, self.journal.epoch, lane.last + 1, lane.head)
            lane.bodies[row[0]], lane.times[row[0]] = row[4], moment.time_ns
        self.documents |= {key: document for key, document in documents.items() if document is not None}
        for key in [key for key, document in documents.items() if document is None]:
            self.documents.pop(key, None)

    @rule(work=works)
    def fail_to_encode(self, work: list[tuple[Lane, int, str, int]]) -> None:
        """Nothing of it is written, and no mark that waited is lost."""
        events = [fact(lane, "x" * length) for lane, length, _, _ in work]
        events.insert(len(events) // 2, Event(KIND_OF[Lane.WORK], BAD, {}, self.now()))
        with pytest.raises(RuntimeError, match=BAD):
            self.journal.append(events, {"a": {"n": -1}})

    @rule(lane=lanes, sent=st.integers(0, 30), confirmed=st.integers(0, 30))
    def mark(self, lane: Lane, sent: int, confirmed: int) -> None:
        model = self.model[lane]
        sent, confirmed = min(sent, model.last), min(confirmed, model.last)
        self.journal.sent(lane, sent)
        self.journal.confirmed(lane, confirmed, self.journal.epoch)
        model.confirmed = max(model.confirmed, confirmed)
        model.sent = max(model.sent, sent, model.confirmed)

    @rule(lane=lanes)
    def mark_another_epoch(self, lane: Lane) -> None:
        """What comes late, for the journal before this one, says nothing of this one."""
        self.journal.sent(lane, 10**6, "0" * 16)
        self.journal.confirmed(lane, 10**6, "0" * 16)

    @rule(lane=lanes)
    def confirm_what_was_saved(self, lane: Lane) -> None:
        for epoch, saved in self.saved.items():
            numbers = sorted(saved.get(lane, {}))
            half = numbers[len(numbers) // 2] if numbers else 0
            self.journal.salvaged(epoch, lane, half)
            saved[lane] = {number: body for number, body in saved.get(lane, {}).items() if number > half}
        self.journal.settle()

    @rule(days=st.floats(0.01, 2.0), synced=st.booleans())
    def wait(self, days: float, *, synced: bool) -> None:
        self.now.pass_(days * DAY_S)
        self.now.synced = synced

    @rule(pieces=st.integers(1, 4))
    def tidy(self, pieces: int) -> None:
        for _ in range(pieces):
            self.note_over_budget()
            self.journal.tidy()
            self.learn()

    @rule()
    def tidy_up(self) -> None:
        """In the end every lane is under its budget; only gap records stay whatever it costs."""
        self.note_over_budget()
        tidied(self.journal)
        self.learn()
        for lane, budget in SETTINGS.budget_bytes.items():
            assert sum(map(len, kept(self.path, lane).values())) <= budget, lane

    @rule()
    def reopen(self) -> None:
        self.journal.close()
        self.journal = self.opened()
        assert self.journal.epoch == self.epochs[-1]

    @rule(known=st.booleans())
    def start_anew(self, *, known: bool) -> None:
        """What was not confirmed is saved; numbers begin again under a new name."""
        self.journal.settle()
        tidied(self.journal)
        self.learn()
        old = self.epochs[-1]
        left = {
            lane: {seq: body for seq, body in kept(self.path, lane).items() if seq > self.model[lane].confirmed}
            for lane in LANES
        }
        self.journal.start_anew("the test wants it", self.documents if known else None)
        assert self.journal.epoch not in self.epochs
        self.epochs.append(self.journal.epoch)
        self.before, self.model = self.model, {lane: LaneModel(before=self.model[lane].head) for lane in LANES}
        self.gaps = {}
        tidied(self.journal)
        self.learn()
        self.saved[old] = {lane: bodies for lane, bodies in left.items() if bodies}
        recovered = [json.loads(body)["data"] for body in self.model[Lane.ALARM].bodies.values()]
        assert [told["old_epoch"] for told in recovered] == [old]
        revived = self.what_came_back(old, left)
        assert recovered[0]["saved"] == {lane.value: len(left[lane]) + len(revived.get(lane, ())) for lane in LANES}

    def what_came_back(self, old: str, left: dict[Lane, dict[int, str]]) -> dict[Lane, dict[int, str]]:
        """Measurements that were thinned may be found among the bytes of the file: better twice told than lost."""
        found = salvaged(self.journal).get(old, {}).get(Lane.MEASUREMENT, {})
        more = {seq: body for seq, body in found.items() if seq not in left[Lane.MEASUREMENT]}
        assert more.items() <= self.before[Lane.MEASUREMENT].bodies.items()
        if more:
            self.saved[old][Lane.MEASUREMENT] = {**left[Lane.MEASUREMENT], **more}
        return {Lane.MEASUREMENT: more}

    # --- what the model learns of the journal's own events

    def note_over_budget(self) -> None:
        for lane, budget in SETTINGS.budget_bytes.items():
            self.model[lane].was_over |= sum(map(len, kept(self.path, lane).values())) > budget

    def learn(self) -> None:
        """Take in what tidying wrote, and hold its words against the facts they are about."""
        fresh: list[dict[str, Any]] = []
        for lane, model in self.model.items():
            for seq, body in kept(self.path, lane).items():
                if seq > model.last:
                    event = json.loads(body)
                    assert seq == model.last + 1
                    assert event["type"].removeprefix("lineside.") in OWN_KINDS
                    assert event.get("prevhash", "") == model.head
                    model.bodies[seq], model.times[seq] = body, self.now.time_ns
                    fresh.append(event)
        for event in fresh:
            data = event["data"]
            if event["type"].endswith(Kind.JOURNAL_GAP):
                assert data["count"] <= len(given_up(data))
                self.gaps[int(event["sequence"])] = json.dumps(data)
            elif event["type"].endswith(Kind.MEASUREMENT_SUMMARY):
                self.check_summary(data)

    def check_summary(self, data: dict[str, Any]) -> None:
        model = self.model[Lane.MEASUREMENT]
        there = kept(self.path, Lane.MEASUREMENT)
        values = [
            event["data"]["value"]
            for seq in range(data["from_seq"], data["to_seq"] + 1)
            if seq not in there
            and (event := json.loads(model.bodies[seq]))["type"].endswith(Kind.MEASUREMENT_TAKEN)
            and event["data"]["verdict"] != "fail"
        ]
        assert data["n"] == len(values)
        assert (data["min"], data["max"]) == (min(values), max(values))
        assert data["mean"] == pytest.approx(sum(values) / len(values))

    # --- what always holds

    @invariant()
    def nothing_is_lost_without_a_word(self) -> None:
        """Every number is on disk as it was, or was confirmed, or a gap record names it."""
        told = [json.loads(gap) for gap in self.gaps.values()]
        for lane, model in self.model.items():
            there = kept(self.path, lane)
            assert set(there) <= set(model.bodies)
            named = {seq for gap in told if gap["lane"] == lane for seq in given_up(gap)}
            for seq, body in model.bodies.items():
                if seq in there:
                    assert there[seq] == body
                elif seq > model.confirmed:
                    assert seq in named, f"{lane} {seq} is gone"
                elif seq not in named and not model.was_over:
                    assert model.times[seq] <= self.now.time_ns - KEEP_DAYS * DAY_S * 10**9, f"{lane} {seq} went early"

    @invariant()
    def gap_records_stay(self) -> None:
        there = kept(self.path, Lane.ALARM)
        assert {seq: json.dumps(json.loads(there[seq])["data"]) for seq in self.gaps} == self.gaps

    @invariant()
    def the_book_is_right(self) -> None:
        for name, last, size in ask(self.path, "SELECT name, last_seq, bytes FROM lane"):
            assert last == self.model[Lane(name)].last
            assert size == sum(map(len, kept(self.path, Lane(name)).values()))

    @invariant()
    def reading_gives_everything_in_order(self) -> None:
        for lane in LANES:
            assert read_all(self.journal, lane, max_events=7) == list(kept(self.path, lane).values())

    @invariant()
    def the_chain_can_be_proved(self) -> None:
        """Whatever was forgotten, thinned, given up or begun anew."""
        for proof in verify.journal(self.path):
            assert proof.broken is None, proof
            assert proof.saved or proof.head == self.model[proof.lane].head

    @invariant()
    def what_is_named_is_found(self) -> None:
        """By the index and behind it: every event that names the gauge."""
        named = [body for body in kept(self.path, Lane.MEASUREMENT).values() if '"gauge":"g1"' in body]
        with Tracer(self.path) as tracer:
            found = tracer.story(What.GAUGE, "g1").events
        assert sorted(int(event["sequence"]) for event in found) == sorted(
            int(json.loads(body)["sequence"]) for body in named
        )

    @invariant()
    def the_memory_is_the_last_written(self) -> None:
        assert self.journal.documents() == self.documents

    @invariant()
    def what_was_saved_is_there_until_it_is_confirmed(self) -> None:
        left = {epoch: {lane: rows for lane, rows in saved.items() if rows} for epoch, saved in self.saved.items()}
        assert salvaged(self.journal) == {epoch: saved for epoch, saved in left.items() if saved}


TestHistory = pytest.mark.filterwarnings("error")(History.TestCase)
TestHistory.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
