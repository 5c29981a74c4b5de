"""Streams that nobody waits for: one fact a second, in order, and nothing lost but by the power."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import NS_PER_S, Kind, Lane, Moment
from agent.journal.errors import JournalWriteError
from agent.journal.journal import Journal, JournalSettings
from agent.runtime import recorder as room
from agent.runtime.clock import Clock
from agent.runtime.health import Health
from agent.runtime.inbox import Inbox
from agent.runtime.intake import Intake
from agent.runtime.recorder import Recorder
from agent.runtime.streams import Streams
from agent.signals import DeviceLost, DeviceOpened, Input
from agent.station.rules import Characteristic, Operation, Rules, ScanRule
from agent.station.station import Station
from drivers.contract import Answer, Condition, Reading, Scan, Verdict
from tests.journals import ask, encode, kept, measured
from tests.support.replaying import differences

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.station.decision import Decision

SEAT = Characteristic(name="seat", gauge="g1", unit="mm", nominal=Decimal(10), low=Decimal(0), high=Decimal(999))
RULES = Rules(
    scan=(ScanRule(name="unit", pattern=r"(?P<unit>SN\d+)"),),
    operation=(Operation(name="press", units=r"SN\d+", operator=False, measurement=(SEAT,)),),
)
SERIES_S = 1.0
SERIES_VALUES = 100
RATE = 200
"""Values a second of a gauge, where a test does not say otherwise."""


class HandClock(Clock):
    """A clock in the hand of the test; no two looks at it see the same moment."""

    def __init__(self) -> None:
        super().__init__()
        self.ns = 42 * NS_PER_S

    def pass_(self, seconds: float) -> None:
        self.ns += round(seconds * NS_PER_S)

    def now(self) -> Moment:
        self.ns += 1000
        return Moment(1_795_255_200 * NS_PER_S + self.ns, self.ns, synced=True, boot="b")

    def stepped(self) -> float | None:
        return None


class Bench:
    """A recorder with a stream before it; `value` and `step` are its whole life."""

    def __init__(self, path: Path, series_s: float = SERIES_S) -> None:
        self.path = path
        self.clock = HandClock()
        self.journal = Journal(path, encode, self.clock.now, JournalSettings(reserve_bytes=100_000))
        self.journal.open()
        self.health = Health()
        self.answers: list[tuple[str, Verdict]] = []
        self.queue = Inbox(10_000)
        self.recorder = Recorder(
            Intake(self.queue, 500, linger_s=0.0),
            Station(RULES),
            self.journal,
            self.clock,
            self.health,
            show_answer=self._answer,
            show_lamps=lambda _lamps: None,
            wake=lambda: None,
            streams=Streams(series_s, SERIES_VALUES),
        )
        self.recorder.open()
        self.count = 0

    def say(self, what: Any, source: str = "g1") -> None:
        self.queue.put(Input(source, what, self.clock.now()), 0)

    def values(self, count: int, *gauges: str, rate: float = RATE, unit: str = "mm") -> None:
        """Let each gauge give the next `count` values, and the recorder take a step after each."""
        for _ in range(count):
            self.count += 1
            for gauge in gauges or ("g1",):
                text = f"{self.count}"
                self.say(Reading(text.encode(), text, Decimal(text), unit), gauge)
            self.step()
            self.clock.pass_(1 / rate)

    def scan(self, text: str) -> None:
        self.say(Scan(text.encode(), text), "scanner-1")
        self.step()

    def step(self) -> None:
        self.queue.wake()
        self.recorder.step()

    def facts(self, gauge: str = "g1") -> list[list[float]]:
        """The values of the gauge on disk, fact by fact."""
        return measured(self.path, gauge)

    def data(self) -> list[dict[str, Any]]:
        return [json.loads(body)["data"] for body in kept(self.path, Lane.MEASUREMENT).values()]

    @property
    def commits(self) -> int:
        return int(self.health.entries("recorder").get("recorder", {}).get("commits", 0))

    def _answer(self, device: str, answer: Any) -> None:
        if isinstance(answer, Answer):
            self.answers.append((device, answer.verdict))


def values_of(data: dict[str, Any]) -> list[int]:
    return [int(value) for value in data.get("values", [data.get("value")])]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench(tmp_path / "journal.db")
    yield one
    one.recorder.close()
    one.journal.close()
    assert differences(one.path, RULES) == []


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WAIT_S", 0.01)
    monkeypatch.setattr(room, "RETRY_S", 0.01)


def full(*_: object, **__: object) -> None:
    raise JournalWriteError("full")


# --- when a series ends


def test_the_first_value_is_written_at_once_and_the_stream_behind_it_once_a_second(bench: Bench) -> None:
    bench.values(1)
    assert bench.facts() == [[1]]
    bench.values(60, rate=50)
    assert bench.facts() == [[1], [*range(2, 53)]]
    assert bench.recorder._streams.values == 9


def test_values_that_were_seen_before_the_scan_they_were_decided_behind_keep_their_turns(bench: Bench) -> None:
    """Two threads read two devices: the first of these values is the unit's, and a replay must find it so."""
    bench.values(1)
    late = [Input("g1", Reading(b"", str(value), Decimal(value), "mm"), bench.clock.now()) for value in (2, 3)]
    bench.say(Scan(b"SN1", "SN1"), "scanner-1")
    for value in late:
        bench.queue.put(value, 0)
    bench.step()
    bench.values(1)
    bench.recorder.close()
    assert [(data["value"], data["verdict"]) for data in bench.data()[:3]] == [(1, "none"), (2, "pass"), (3, "none")]
    bench.recorder.open()


def test_a_series_ends_when_it_is_long_enough(bench: Bench) -> None:
    bench.values(SERIES_VALUES + 2)
    assert bench.facts() == [[1], [*range(2, SERIES_VALUES + 2)]]


def test_what_is_beyond_a_whole_series_begins_the_next(bench: Bench) -> None:
    """However many come at once, a stream at just the rate of the bound makes no short series between whole ones."""
    bench.values(1)
    for value in range(2, 2 * SERIES_VALUES + 9):
        bench.say(Reading(b"", str(value), Decimal(value), "mm"))
    bench.step()
    whole = [[*range(2, SERIES_VALUES + 2)], [*range(SERIES_VALUES + 2, 2 * SERIES_VALUES + 2)]]
    assert (bench.facts(), bench.recorder._streams.values) == ([[1], *whole], 7)
    bench.clock.pass_(SERIES_S)
    bench.step()
    assert bench.facts() == [[1], *whole, [*range(2 * SERIES_VALUES + 2, 2 * SERIES_VALUES + 9)]]


def test_a_stream_that_pauses_is_written_without_another_value(bench: Bench) -> None:
    """The recorder wakes for it, and waits no longer than until then."""
    bench.values(10)
    now_ns = bench.clock.now().monotonic_ns
    assert bench.recorder._streams.wait_s(60.0, now_ns) == pytest.approx(SERIES_S - 9 / RATE, abs=0.001)
    bench.step()
    assert bench.facts() == [[1]]
    bench.clock.pass_(SERIES_S)
    bench.step()
    assert bench.facts() == [[1], [*range(2, 11)]]
    assert bench.recorder._streams.wait_s(60.0, now_ns) == 60.0


def test_values_that_come_seldom_are_facts_of_their_own_at_once(bench: Bench) -> None:
    """A hand gauge with no operation open: as it always was, raw bytes included."""
    for number in range(1, 6):
        bench.values(1, rate=1 / SERIES_S)
        assert bench.facts() == [[one] for one in range(1, number + 1)]
    assert [data["raw"] for data in bench.data()] == ["1", "2", "3", "4", "5"]


def test_several_gauges_are_written_together(bench: Bench) -> None:
    """One write a second, not one a gauge."""
    bench.values(1, "g1", "g2", "g3")
    before = bench.commits
    bench.values(99, "g1", "g2", "g3", rate=40)
    assert bench.commits - before == 2
    for gauge in ("g1", "g2", "g3"):
        assert bench.facts(gauge) == [[1], [*range(2, 43)], [*range(43, 84)]]


def test_what_is_held_makes_no_write(bench: Bench) -> None:
    bench.values(1)
    before = bench.commits
    bench.values(SERIES_VALUES - 1)
    assert (bench.commits, bench.recorder._streams.values) == (before, SERIES_VALUES - 1)


def test_without_series_each_value_is_a_fact_of_its_own(tmp_path: Path) -> None:
    one = Bench(tmp_path / "journal.db", series_s=0.0)
    one.values(5)
    assert one.facts() == [[1], [2], [3], [4], [5]]
    one.journal.close()


# --- what else of the gauge is recorded


def test_a_value_that_a_step_waits_for_is_written_at_once_behind_the_stream(bench: Bench) -> None:
    bench.values(10)
    bench.scan("SN1")
    assert bench.facts() == [[1]]
    bench.values(1)
    assert bench.facts() == [[1], [*range(2, 11)], [11]]
    assert bench.data()[-1]["verdict"] == "pass"
    assert bench.answers[-1] == ("g1", Verdict.PASS)
    bench.values(5)
    bench.recorder.close()
    assert bench.facts()[3:] == [[12, 13, 14, 15, 16]]


def test_a_value_that_a_step_refuses_is_written_at_once_behind_the_stream(bench: Bench) -> None:
    bench.values(10)
    bench.scan("SN1")
    bench.values(1, unit="kg")
    assert bench.facts() == [[1], [*range(2, 11)], [11]]
    assert bench.answers[-1] == ("g1", Verdict.REFUSE)


@pytest.mark.parametrize("what", [DeviceLost("gone"), DeviceOpened(), Condition(b"", "silent", active=True)])
def test_news_of_the_gauge_is_written_behind_the_stream(bench: Bench, what: Any) -> None:
    """In the same transaction."""
    bench.values(10)
    before = bench.commits
    bench.say(what)
    bench.step()
    assert bench.facts() == [[1], [*range(2, 11)]]
    assert bench.commits - before == 1


def test_news_of_another_device_leaves_the_stream_alone(bench: Bench) -> None:
    bench.values(10)
    bench.say(DeviceLost("gone"), "g2")
    bench.step()
    assert bench.facts() == [[1]]


def test_the_end_writes_what_is_held(bench: Bench) -> None:
    bench.values(10)
    bench.recorder.close()
    assert bench.facts() == [[1], [*range(2, 11)]]


def test_a_recorder_that_is_opened_again_goes_on(bench: Bench) -> None:
    bench.values(10)
    bench.recorder.close()
    bench.recorder.open()
    bench.values(10)
    bench.recorder.close()
    assert bench.facts() == [[1], [*range(2, 11)], [*range(11, 21)]]


# --- what cannot be written


def test_a_transaction_that_fails_loses_nothing_that_was_held(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written when something can be written again; in its order, once."""
    bench.values(10)
    bench.clock.pass_(SERIES_S)
    with monkeypatch.context() as patch:
        patch.setattr(bench.journal, "append", full)
        bench.step()
        bench.step()
        assert (bench.facts(), bench.recorder._streams.values) == ([[1]], 9)
    bench.step()
    assert bench.facts() == [[1], [*range(2, 11)]]
    bench.values(3)
    bench.recorder.close()
    assert bench.facts() == [[1], [*range(2, 11)], [11], [12, 13]]


def test_while_nothing_can_be_written_values_are_refused_as_ever(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that were held stay so; those that come are refused, in red, whether or not they would have been held."""
    bench.values(10)
    with monkeypatch.context() as patch:
        patch.setattr(bench.journal, "append", full)
        bench.scan("SN1")
        bench.answers.clear()
        bench.values(5)
        assert bench.answers == [("g1", Verdict.REFUSE)] * 5
    bench.step()
    bench.values(1)
    bench.recorder.close()
    assert bench.facts() == [[1], [*range(2, 11), 16]]


def test_what_is_held_does_not_take_the_room_of_a_call(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """While only the reserve is left, it is for what is urgent."""
    bench.values(10)
    append = bench.journal.append
    written: list[Kind] = []

    def scarce(events: Any, *more: Any, **options: Any) -> None:
        if any(event.kind.lane is Lane.MEASUREMENT for event in events):
            full()
        written.extend(event.kind for event in events)
        append(events, *more, **options)

    with monkeypatch.context() as patch:
        patch.setattr(bench.journal, "append", scarce)
        patch.setattr(bench.journal, "restore_reserve", lambda: False)
        bench.clock.pass_(SERIES_S)
        bench.step()
        bench.say(DeviceLost("gone"))
        bench.step()
    assert written == [Kind.ALARM_RAISED, Kind.DEVICE_LOST, Kind.ALARM_RAISED]
    assert bench.facts() == [[1]]
    bench.step()
    assert bench.facts() == [[1], [*range(2, 11)]]


def test_a_full_disk_at_the_end_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be written is counted, and kept: the recorder may be opened again."""
    bench.values(10)
    with monkeypatch.context() as patch:
        patch.setattr(bench.journal, "append", full)
        bench.recorder.close()
        assert bench.recorder._streams.values == 9
    bench.recorder.open()
    bench.step()
    assert bench.facts() == [[1], [*range(2, 11)]]


def test_a_damaged_journal_loses_nothing_that_was_held(bench: Bench) -> None:
    """It goes into the new one."""
    bench.values(10)
    bench.journal.suspect("seen by a reader")
    bench.step()
    bench.values(1)
    bench.recorder.close()
    assert bench.facts()[-1] == [*range(2, 12)]


def test_an_input_that_breaks_us_costs_no_value(tmp_path: Path) -> None:
    """The group is decided again one by one; what is held is taken once."""
    bench = Bench(tmp_path / "journal.db")
    bench.values(3)
    bench.say(Reading(b"4", "4", Decimal(4), "mm"))
    bench.say(Reading(b"?", "?", None, "mm"), "g2")  # type: ignore[arg-type]
    bench.say(Reading(b"5", "5", Decimal(5), "mm"))
    bench.step()
    assert [*ask(bench.path, "SELECT type FROM event_work")] == [("signal.failed",)]
    bench.recorder.close()
    assert bench.facts() == [[1], [2, 3, 4, 5]]
    bench.journal.close()


# --- any history


def decision(gauge: str, value: int, moment: Moment, *, waited: bool) -> tuple[Input, Decision]:
    reading = Reading(b"", str(value), Decimal(value), "mm")
    happened = Input(gauge, reading, moment)
    decided = Station(Rules()).handle({}, happened)
    return happened, decided._replace(documents={"x": {}}) if waited else decided


@given(
    st.lists(
        st.tuples(
            st.sampled_from(("g1", "g2")),
            st.integers(0, 1200),
            st.booleans(),
            st.sampled_from(("step", "step", "step", "fail")),
        ),
        max_size=80,
    )
)
def test_any_history_is_written_once_in_order_and_never_late(steps: list[tuple[str, int, bool, str]]) -> None:
    """Whatever is waited for, however values are apart and whichever writes fail; no value is held for a second."""
    streams, now_ns = Streams(SERIES_S, 5), 0
    given: dict[str, list[int]] = {}
    written: dict[str, list[int]] = {}
    for value, (gauge, after_ms, waited, how) in enumerate(steps):
        now_ns += after_ms * 1_000_000
        moment = Moment(now_ns, now_ns, synced=True, boot="b")
        facts = streams.take([decision(gauge, value, moment, waited=waited)], now_ns)
        if how == "fail":
            continue
        streams.commit()
        given.setdefault(gauge, []).append(value)
        for fact in facts:
            assert (fact.kind is Kind.MEASUREMENT_SERIES) == ("count" in fact.data)
            written.setdefault(fact.subject, []).extend(values_of(dict(fact.data)))
        if waited:
            assert written[gauge] == given[gauge]
        assert not streams.is_due(now_ns)
        held = [event for events in streams._held.values() for event in events]
        assert all(now_ns - event.moment.monotonic_ns < SERIES_S * NS_PER_S for event in held)
    streams.end()
    for fact in streams.take([], now_ns):
        written.setdefault(fact.subject, []).extend(values_of(dict(fact.data)))
    streams.commit()
    assert (written, streams.values) == (given, 0)
