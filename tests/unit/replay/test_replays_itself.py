"""What was recorded carries what was seen: any history, replayed under its own rules, gives its own facts."""

from __future__ import annotations

from collections import Counter
from itertools import count
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from agent.events import LANES, NS_PER_S, Envelope, Event, Kind, Lane, Moment
from agent.replay.recorded import Recorded, gathered, parsed
from agent.replay.replayer import Difference, Lost, Replayer
from agent.station import series
from agent.station.measuring import Judgement
from tests.unit.station.bench import DEPTH, PRESS, RULES, SEAT, Bench
from tests.unit.station.test_any_history import AnyHistory

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.station.decision import Decision

ENVELOPE = Envelope("/a/b/c/d/e")


def recorded(events: Iterable[Event]) -> dict[Lane, list[Recorded]]:
    """Events as a journal gives them back, lane by lane."""
    numbers = {lane: count(1) for lane in LANES}
    lanes: dict[Lane, list[Recorded]] = {lane: [] for lane in LANES}
    for event in events:
        lane = event.kind.lane
        lanes[lane].append(parsed(ENVELOPE.row(event, "e", next(numbers[lane]))[4]))
    return lanes


def inputs(events: list[Event]) -> list[list[Recorded]]:
    boots = [*dict.fromkeys(event.moment.boot for event in events)]
    return [*gathered([iter(facts) for facts in recorded(events).values()], boots)]


def replay(events: list[Event], *, carry: bool = False) -> tuple[Replayer, list[Difference | Lost]]:
    replayer = Replayer(RULES, carry=carry)
    return replayer, [*replayer.run(inputs(events))]


def in_series(events: list[Event]) -> list[Event]:
    """The same facts with all values that nobody waits for joined, up to the next fact of their gauge."""
    alone = Counter(event.moment for event in events)
    written: list[Event] = []
    held: dict[str, list[Event]] = {}
    for event in events:
        gauge = event.data.get("gauge", "")
        if event.data.get("verdict") == Judgement.NONE and alone[event.moment] == 1:
            held.setdefault(gauge, []).append(event)
        else:
            written += [*series.joined(held.pop(gauge, []), 200), event]
    return written + [fact for values in held.values() for fact in series.joined(values, 200)]


class ReplayedHistory(AnyHistory):
    """The same histories as the station's own, each replayed at its end, also with its streams joined."""

    def check_facts(self, decision: Decision) -> None:
        self.bench.events += decision.events

    def teardown(self) -> None:
        if hasattr(self, "bench"):
            for events in (self.bench.events, in_series(self.bench.events)):
                replayer, found = replay(events)
                assert found == []
                assert replayer.inputs == len({event.moment for event in self.bench.events})


ReplayedHistory.TestCase.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
TestReplayedHistory = ReplayedHistory.TestCase


def test_a_cord_that_is_let_go_unrecorded_is_pulled_again() -> None:
    """A release that no fact tells of is known from the next press."""
    bench = Bench()
    for active in (True, False, True, False, True):
        bench.press("cord", active=active)
    assert [event.kind for event in bench.events] == [Kind.ANDON_RAISED, Kind.ANDON_PRESSED, Kind.ANDON_PRESSED]
    assert replay(bench.events)[1] == []


def test_facts_whose_signal_is_not_kept_are_named() -> None:
    """Nothing is guessed at: what cannot be tried is counted and told."""
    failed = Event(
        Kind.SIGNAL_FAILED, "", {"source": "x", "what": "?", "error": "?"}, Moment(1, 1, synced=True, boot="b")
    )
    replayer, (lost,) = replay([failed])
    assert isinstance(lost, Lost)
    assert "signal.failed" in lost.reason
    assert (replayer.inputs, replayer.lost) == (0, 1)


def test_values_of_a_series_come_where_they_were_seen() -> None:
    """It was written behind the scan that came between them, and beside the series of another gauge."""
    bench = Bench()
    for gauge in ("gauge-1", "gauge-2", "gauge-1", "gauge-3"):
        bench.measure("10.0", gauge=gauge)
    bench.scan_all("OP-1", "SN1", "A/1", "B/1", "B/1")
    for gauge in ("gauge-2", "gauge-1", "gauge-1"):
        bench.measure("10.0", gauge=gauge)
    values = [event.data for event in in_series(bench.events) if event.kind.lane is Lane.MEASUREMENT]
    assert [(data["gauge"][-1], data.get("count")) for data in values] == [
        ("2", 1), ("2", None), ("1", 2), ("1", None), ("3", 1), ("1", 1),
    ]  # fmt: skip
    order = [(facts[0].kind, facts[0].subject) for facts in inputs(in_series(bench.events))]
    assert order == [(facts[0].kind, facts[0].subject) for facts in inputs(bench.events)]
    assert replay(in_series(bench.events))[1] == []


def test_other_rules_are_tried_on_each_value_of_a_series() -> None:
    """A value that nobody waited for, and that a step of the new rules does."""
    bench = Bench()
    bench.scan_all("OP-1", "SN1", "A/1", "B/1", "B/1")
    for value in ("10.0", "99", "10.1"):
        bench.measure(value, gauge="gauge-7")
    (event,) = [event for event in in_series(bench.events) if event.kind is Kind.MEASUREMENT_SERIES]
    assert event.data["values"] == [10.0, 99.0, 10.1]
    seat = SEAT.model_copy(update={"gauge": "gauge-7"})
    press = PRESS.model_copy(update={"measurement": (seat, DEPTH)})
    rules = RULES.model_copy(update={"operation": (press, *RULES.operation[1:])})
    replayer = Replayer(rules, carry=True)
    found = [one for one in replayer.run(inputs(in_series(bench.events))) if isinstance(one, Difference)]
    told = [(one.happened.source, fact.data["verdict"]) for one in found for fact in one.now if "judged" in fact.data]
    assert told == [("gauge-7", "pass")]


def fact(lane: Lane, number: int, seconds: float, boot: str = "b1", turn_s: float = 0) -> Recorded:
    moment = Moment(0, int(seconds * NS_PER_S), synced=True, boot=boot, turn_ns=int(turn_s * NS_PER_S))
    return Recorded(lane, number, "scan.repeated", "", {}, moment)


def order(*lanes: list[Recorded], boots: tuple[str, ...] = ("b1",)) -> list[list[tuple[str, int]]]:
    groups = gathered([iter(lane) for lane in lanes], boots)
    return [[(fact.lane.value, fact.sequence) for fact in group] for group in groups]


def test_facts_of_one_input_come_together_from_all_lanes() -> None:
    work = [fact(Lane.WORK, 1, 1), fact(Lane.WORK, 2, 2), fact(Lane.WORK, 3, 2)]
    values = [fact(Lane.MEASUREMENT, 1, 2)]
    assert order(work, values) == [[("work", 1)], [("work", 2), ("work", 3), ("measurement", 1)]]


def test_what_was_decided_in_another_order_than_it_was_seen_keeps_the_order_of_its_lane() -> None:
    """Two devices may speak at once: the number decides, not the moment."""
    work = [fact(Lane.WORK, 1, 2.0), fact(Lane.WORK, 2, 1.9)]
    values = [fact(Lane.MEASUREMENT, 1, 1.9)]
    assert order(work, values) == [[("work", 1)], [("work", 2), ("measurement", 1)]]


def test_what_was_decided_in_another_order_than_it_was_seen_has_its_turn_between_lanes() -> None:
    """The stop was pressed before the scan was seen, and came to be decided behind it."""
    work = [fact(Lane.WORK, 1, 2.0), fact(Lane.WORK, 2, 3.0)]
    calls = [fact(Lane.ANDON, 1, 1.9, turn_s=2.1)]
    assert order(work, calls) == [[("work", 1)], [("andon", 1)], [("work", 2)]]


def test_a_boot_comes_after_the_one_before_it_however_short_it_ran() -> None:
    """Monotonic time begins again with each boot; wall time may be anything."""
    work = [fact(Lane.WORK, 1, 500), fact(Lane.WORK, 2, 3, "b2")]
    values = [fact(Lane.MEASUREMENT, 1, 600), fact(Lane.MEASUREMENT, 2, 2, "b2")]
    told = order(work, values, boots=("b1", "b2"))
    assert told == [[("work", 1)], [("measurement", 1)], [("measurement", 2)], [("work", 2)]]


@given(st.lists(st.tuples(st.sampled_from(LANES), st.integers(0, 30)), max_size=60))
def test_every_fact_comes_once_and_each_lane_in_its_order(seen: list[tuple[Lane, int]]) -> None:
    """Whatever the moments are; a lane whose moments go back and forth only loses their grouping."""
    lanes = {lane: [second for one, second in seen if one is lane] for lane in LANES}
    facts = [[fact(lane, number, at) for number, at in enumerate(sorted(seconds))] for lane, seconds in lanes.items()]
    told = [one for group in order(*facts) for one in group]
    assert sorted(told) == sorted((one.lane.value, one.sequence) for lane in facts for one in lane)
    for lane in LANES:
        numbers = [number for name, number in told if name == lane]
        assert numbers == sorted(numbers)
