"""The recorder: red is instant, green is earned."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import orjson
import pytest
import structlog

from agent.events import Envelope, Kind, Lane
from agent.journal.errors import JournalWriteError
from agent.journal.journal import Journal, JournalSettings
from agent.runtime import recorder as room
from agent.runtime.clock import Clock
from agent.runtime.health import Health
from agent.runtime.inbox import Inbox
from agent.runtime.intake import Intake
from agent.runtime.recorder import Recorder
from agent.runtime.watch import Watch
from agent.signals import Input, RecordingLost
from agent.station.alarms.declared import AlarmSettings
from agent.station.rules import AndonCall, AndonRules, CallMode, Operation, Rules, ScanRule
from agent.station.station import Station
from drivers.contract import Answer, Contact, Lamp, Lamps, Reading, Scan, Verdict
from tests.support import replaying
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RULES = Rules(
    scan=(
        ScanRule(name="badge", pattern=r"OP-(?P<operator>\d+)"),
        ScanRule(name="unit", pattern=r"(?P<unit>SN\d+)"),
    ),
    operation=(Operation(name="pass", units=r"SN\d+"),),
    call=(
        AndonCall(name="cord", type="process", mode=CallMode.STOP, device="box", input="cord"),
        AndonCall(name="help", type="process", device="box", input="help", reset_input="key"),
    ),
    andon=AndonRules(escalate_after_s=0.05),
)

SETTINGS = JournalSettings(reserve_bytes=100_000)

POISON = Reading(b"?", "?", None, "mm")  # type: ignore[arg-type]
"""What no driver may say: breaks the decision."""

UNENCODABLE = "\ud800"
"""A text that no JSON can hold: breaks the encoding, after the decision."""

GREEN = {Lamp.GREEN}
RED = {Lamp.RED}


class Bench:
    """A recorder by hand: a queue before it, a journal behind it, and a note of what was shown and when."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.clock = Clock()
        self.journal = Journal(path, Envelope("/a/b/c/d/e").finish, self.clock.now, SETTINGS)
        self.journal.open()
        self.health = Health()
        self.shown: list[tuple[str, Any, int]] = []
        self.woken = 0
        self.begin()

    def begin(self, group_size: int = 500) -> None:
        """A recorder that has just been opened."""
        self.queue = Inbox(10_000)
        self.recorder = Recorder(
            Intake(self.queue, group_size, linger_s=0.0),
            Station(RULES),
            self.journal,
            self.clock,
            self.health,
            show_answer=self._answer,
            show_lamps=self._lamps,
            wake=self._wake,
        )
        self.recorder.open()

    def say(self, *whats: Any, source: str = "scanner-1") -> None:
        for what in whats:
            told = Scan(what.encode(errors="replace"), what) if isinstance(what, str) else what
            self.queue.put(Input(source, told, Clock().now()), 0)

    def record(self, *whats: Any, source: str = "scanner-1") -> None:
        """Say it, and let the recorder take one step."""
        self.say(*whats, source=source)
        self.recorder.step()

    def on_disk(self) -> list[str]:
        """Kinds of all facts in the file, in order of each lane."""
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            return [row[0] for row in connection.execute("SELECT type FROM event")]

    def events(self, kind: Kind) -> list[dict[str, Any]]:
        with closing(sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT body FROM event WHERE type = ?", (kind.value,))
            return [orjson.loads(row[0]) for row in found]

    def bodies(self, kind: Kind) -> list[dict[str, Any]]:
        return [event["data"] for event in self.events(kind)]

    def answers(self) -> list[tuple[str, str]]:
        return [(what.verdict.value, what.text) for to, what, _ in self.shown if to != "lamps"]

    def lamps(self) -> list[set[Lamp]]:
        return [set(what.lit) for to, what, _ in self.shown if to == "lamps"]

    @property
    def entry(self) -> dict[str, Any]:
        return self.health.entries("recorder")["recorder"]

    def _answer(self, device: str, answer: Answer) -> None:
        self.shown.append((device, answer, len(self.on_disk())))

    def _lamps(self, lamps: Lamps) -> None:
        self.shown.append(("lamps", lamps, len(self.on_disk())))

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench(tmp_path / "journal.db")
    yield one
    one.journal.close()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WAIT_S", 0.01)
    monkeypatch.setattr(room, "RETRY_S", 0.01)


def test_green_is_shown_when_it_is_on_disk(bench: Bench) -> None:
    """At the moment of the pass, another program finds the fact in the file."""
    bench.record("OP-1")
    assert bench.shown == [
        ("scanner-1", Answer(Verdict.PASS, "1 signed on"), 1),
        ("lamps", Lamps(frozenset(GREEN)), 1),
    ]


def test_red_is_shown_before_it_is_on_disk(bench: Bench) -> None:
    """A refusal waits for no disk, and is on record right after."""
    bench.record("nonsense")
    assert [(to, on_disk) for to, _, on_disk in bench.shown] == [("scanner-1", 0), ("lamps", 0)]
    assert bench.lamps() == [RED]
    assert bench.on_disk() == [Kind.SCAN_UNRECOGNISED]


def test_a_stop_lights_red_before_it_is_on_disk(bench: Bench) -> None:
    """The line stops at the press."""
    bench.record(Contact(b"", "cord", active=True), source="box")
    red = frozenset(RED)
    assert bench.shown == [("lamps", Lamps(red, blinking=red, horn=True, hurried=red, stop=True), 0)]
    assert bench.on_disk() == [Kind.ANDON_RAISED]


def test_what_is_waiting_becomes_one_transaction(bench: Bench) -> None:
    """A burst costs one fsync, and is decided in its order."""
    bench.record("OP-1", "SN1", "OP-2")
    assert (bench.entry["inputs"], bench.entry["commits"], bench.woken) == (3, 1, 1)
    assert bench.on_disk() == [
        "operator.signed-on",
        "operation.started",
        "operation.completed",
        "operator.signed-off",
        "operator.signed-on",
    ]


def test_a_transaction_has_a_bound(bench: Bench) -> None:
    """The first of a long queue does not wait for the last."""
    bench.begin(group_size=2)
    bench.record("OP-1", "OP-2", "OP-3")
    assert bench.entry["inputs"] == 2
    bench.recorder.step()
    assert bench.entry["inputs"] == 3


def test_in_a_group_green_still_waits_for_the_disk(bench: Bench) -> None:
    """A refusal in the middle is shown at once; the passes around it when all is written."""
    bench.record("OP-1", "nonsense", "OP-2")
    answers = [(what.verdict.value, on_disk) for to, what, on_disk in bench.shown if to != "lamps"]
    assert answers == [("refuse", 0), ("pass", 4), ("pass", 4)]
    assert bench.lamps() == [RED, GREEN]


def test_lamps_that_do_not_change_are_not_sent(bench: Bench) -> None:
    """The wire to the box stays quiet."""
    bench.record("OP-1")
    bench.record("OP-1")
    assert bench.lamps() == [GREEN]


def test_a_press_that_was_seen_first_and_decided_second_is_told_as_such(bench: Bench) -> None:
    """Whoever runs the record through the rules again finds the same: the unit was passed before the line stopped."""
    bench.record("OP-1")
    pressed = Input("box", Contact(b"", "cord", active=True), Clock().now())
    bench.say("SN1")
    bench.queue.put(pressed, 0)
    bench.recorder.step()
    assert bench.answers()[-1] == ("pass", "SN1: pass complete")
    scanned, stopped = bench.events(Kind.OPERATION_COMPLETED)[0], bench.events(Kind.ANDON_RAISED)[0]
    assert int(stopped["monotonicns"]) == pressed.moment.monotonic_ns < int(scanned["monotonicns"])
    assert int(stopped["turnns"]) == int(scanned["monotonicns"]) + 1
    assert "turnns" not in scanned
    assert replaying.differences(bench.path, RULES) == []


def test_the_memory_goes_on_after_a_restart(bench: Bench) -> None:
    """Who signed on before the power cut is signed on after it."""
    bench.record("OP-1")
    bench.begin()
    bench.record("SN1")
    assert bench.answers()[-1] == ("pass", "SN1: pass complete")


# --- what cannot be written


def test_what_cannot_be_written_is_refused(bench: Bench) -> None:
    """No green, red lamps, and the reason for all to see."""
    bench.journal.close()
    bench.record("OP-1")
    assert bench.answers() == [("refuse", "cannot record: do not go on")]
    assert bench.lamps() == [RED]
    assert "is closed" in bench.entry["trouble"]
    assert bench.woken == 0


def test_what_was_not_written_was_not_decided(bench: Bench) -> None:
    """The badge that was refused has to be scanned again."""
    bench.journal.close()
    bench.record("OP-1")
    bench.journal.open()
    bench.record("SN1")
    assert bench.answers()[-1] == ("refuse", "nobody is signed on: scan your badge first")


def test_an_andon_call_is_kept_until_it_can_be_written(bench: Bench) -> None:
    """A person pressed it once, and will not press again: it keeps its moment and its place before later inputs."""
    bench.journal.close()
    bench.record(Contact(b"", "cord", active=True), source="box")
    pressed_until = Clock().now()
    bench.record("OP-1")
    bench.journal.open()
    bench.record("OP-2")
    assert bench.on_disk() == [Kind.ANDON_RAISED, Kind.ALARM_RAISED, Kind.ALARM_CLEARED, Kind.OPERATOR_SIGNED_ON]
    assert bench.bodies(Kind.ANDON_RAISED)[0]["raised"] <= pressed_until.iso


def test_the_trouble_is_over_when_something_is_written(bench: Bench) -> None:
    """The board clears, and the lamps tell the truth again."""
    bench.journal.close()
    bench.record("OP-1")
    bench.journal.open()
    bench.record("OP-1")
    assert bench.entry["trouble"] == ""
    assert bench.lamps() == [RED, GREEN]


def test_the_end_of_the_trouble_is_no_green(bench: Bench) -> None:
    """Whoever was refused must not take the light for the answer: it stays red until something is good."""
    bench.record("OP-1")
    bench.journal.close()
    bench.record("SN1")
    bench.journal.open()
    bench.recorder.step()
    assert bench.entry["trouble"] == ""
    assert bench.lamps() == [GREEN, RED]


def test_a_stop_while_nothing_can_be_written_ends(bench: Bench) -> None:
    """What is owed is told as unwritten; nobody waits for ever."""
    bench.journal.close()
    bench.say(Contact(b"", "cord", active=True), source="box")
    bench.say("OP-1")
    with structlog.testing.capture_logs() as told:
        bench.recorder.close()
    assert bench.answers() == [("refuse", "cannot record: do not go on")]
    assert [one["inputs"][0] for one in told if one["event"] == "recorder.unwritten"] == [
        "box: Contact(raw=b'', input='cord', active=True)"
    ]


def test_what_is_refused_by_the_rules_and_cannot_be_written_is_refused_once(bench: Bench) -> None:
    """A second answer would be taken for that to the next scan."""
    bench.journal.close()
    bench.record("nonsense", "OP-1")
    assert bench.answers() == [
        ("refuse", "code not recognised: nonsense"),
        ("refuse", "cannot record: do not go on"),
    ]


# --- what breaks


@pytest.mark.parametrize(
    ("poison", "why"),
    [(POISON, "internal error: do not go on"), (UNENCODABLE, f"code not recognised: {UNENCODABLE}")],
    ids=["in the decision", "in the encoding"],
)
def test_an_input_that_breaks_us_costs_only_itself(bench: Bench, poison: Any, why: str) -> None:
    """It is on record with what it was, its device sees red once, and its neighbours are decided without it."""
    bench.record("OP-1", poison, "SN1")
    assert bench.on_disk() == ["operator.signed-on", "signal.failed", "operation.started", "operation.completed"]
    assert [text for verdict, text in bench.answers() if verdict == "pass"] == ["1 signed on", "SN1: pass complete"]
    assert [text for verdict, text in bench.answers() if verdict == "refuse"] == [why]
    (failed,) = bench.bodies(Kind.SIGNAL_FAILED)
    assert failed["source"] == "scanner-1"
    assert "Error" in failed["error"]


def test_an_input_that_breaks_us_lights_red(bench: Bench) -> None:
    """Doubt falls towards stop."""
    bench.record("OP-1")
    bench.record(POISON)
    assert bench.lamps() == [GREEN, RED]


def test_an_input_that_breaks_us_leaves_the_memory_alone(bench: Bench) -> None:
    """The next decision stands on what was before it."""
    bench.record("OP-1")
    bench.record(POISON)
    bench.record("SN1")
    assert bench.answers()[-1] == ("pass", "SN1: pass complete")


# --- quiet, and the end


def test_marks_are_written_when_it_is_quiet(bench: Bench) -> None:
    """A station without work still remembers what was delivered."""
    bench.record("OP-1")
    bench.journal.sent(Lane.WORK, 1)
    bench.recorder.step()
    with bench.journal.reader() as reader:
        assert reader.lanes()[Lane.WORK].sent == 1


def test_a_cancelled_step_records_nothing(bench: Bench) -> None:
    """The wish to stop is no input."""
    bench.recorder.cancel()
    bench.recorder.step()
    assert bench.on_disk() == []


def test_the_end_records_what_still_waits(bench: Bench) -> None:
    """What a device said before the stop is kept, behind the wish to stop too."""
    bench.say("OP-1")
    bench.recorder.cancel()
    bench.say("SN1")
    bench.recorder.close()
    assert bench.on_disk() == ["operator.signed-on", "operation.started", "operation.completed"]


def climbed(bench: Bench) -> list[int]:
    return [data["level"] for data in bench.bodies(Kind.ANDON_ESCALATED)]


def test_a_timer_ends_without_anything_happening(bench: Bench) -> None:
    """Nobody touches the station: the call is heard by the next one all the same, once."""
    bench.record(Contact(b"", "help", active=True), source="box")
    eventually(lambda: bench.recorder.step() or climbed(bench))
    for _ in range(3):
        bench.recorder.step()
    assert climbed(bench) == [1]


def test_a_timer_goes_on_in_the_next_life(bench: Bench) -> None:
    """The agent was away when it ended: it ends at the start."""
    bench.record(Contact(b"", "help", active=True), source="box")
    bench.begin()
    eventually(lambda: bench.recorder.step() or climbed(bench))
    assert climbed(bench) == [1]


def test_an_end_that_cannot_be_recorded_comes_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is full for a while costs no level, and doubles none."""
    bench.record(Contact(b"", "help", active=True), source="box")

    def full(*_: object) -> None:
        raise JournalWriteError("full")

    with monkeypatch.context() as patch:
        patch.setattr(bench.journal, "append", full)
        eventually(lambda: bench.recorder.step() or bench.entry.get("trouble"))
        for _ in range(5):
            bench.recorder.step()
        assert climbed(bench) == []
    eventually(lambda: bench.recorder.step() or climbed(bench))
    assert climbed(bench) == [1]
    assert bench.on_disk().count(Kind.ALARM_RAISED) == 1


def delivered(bench: Bench) -> list[bool]:
    return [call["delivered"] for call in bench.journal.documents()["state/andon"]["calls"]]


def test_a_call_counts_as_delivered_when_it_is_confirmed(bench: Bench) -> None:
    """Not when it is sent, and not because an earlier one was."""
    bench.record(Contact(b"", "help", active=True), source="box")
    bench.journal.sent(Lane.ANDON, 1)
    bench.recorder.step()
    assert delivered(bench) == [False]
    bench.journal.confirmed(Lane.ANDON, 1)
    bench.record(Contact(b"", "cord", active=True), source="box")
    assert delivered(bench) == [True, False]
    with bench.journal.reader() as reader:
        bench.journal.confirmed(Lane.ANDON, reader.lanes()[Lane.ANDON].last)
    bench.recorder.step()
    assert delivered(bench) == [True, True]


def stops(bench: Bench) -> list[bool]:
    return [what.stop for to, what, _ in bench.shown if to == "lamps"]


def test_no_picture_lets_a_stopped_line_run_before_that_is_on_disk(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refusal in red beside the end of the stop, a full disk, a life that begins on one: the line stands."""
    bench.record(Contact(b"", "cord", active=True), source="box")
    bench.say("nonsense")
    bench.record(Contact(b"", "cord", active=False), source="box")
    *before, last = zip(stops(bench), [on_disk for to, _, on_disk in bench.shown if to == "lamps"], strict=True)
    assert last[0] is False
    assert all(stop or on_disk == len(bench.on_disk()) for stop, on_disk in [*before, last])
    bench.record(Contact(b"", "cord", active=True), source="box")

    def full(*_: object) -> None:
        raise JournalWriteError("full")

    with monkeypatch.context() as patch:
        patch.setattr(bench.journal, "append", full)
        bench.shown.clear()
        bench.record("OP-1")
        bench.begin()
        bench.record("OP-2")
        assert stops(bench)
        assert all(stops(bench))


def test_an_alarm_of_the_disk_that_a_restart_has_mended_is_over(bench: Bench) -> None:
    """Whoever ended the agent in the middle of its trouble and made room: the alarm does not stand for ever."""
    bench.recorder._owed.append(bench.recorder._own(RecordingLost("full")))
    bench.record("OP-1")
    bench.begin()
    bench.recorder.step()
    assert bench.on_disk()[:2] == [Kind.ALARM_RAISED, Kind.ALARM_CLEARED]
    bench.begin()
    bench.recorder.step()
    assert bench.on_disk().count(Kind.ALARM_CLEARED) == 1


def test_what_is_noticed_is_recorded_once(bench: Bench) -> None:
    """The watch asks the memory what is known."""
    bench.recorder._watch = Watch(AlarmSettings(space_mb=10**12, clock_after_s=0.0), bench.journal, lambda: None)
    for _ in range(3):
        bench.recorder._watch._looked_ns = 0
        bench.queue.wake()
        bench.recorder.step()
    assert [alarm["id"] for alarm in bench.bodies(Kind.ALARM_RAISED)] == ["disk-low/journal"]


def test_a_long_log_is_checked_in_when_nothing_waits(bench: Bench) -> None:
    """Not only after a second of rest, and not while somebody waits: long logs hold scans up when they must go."""
    bench.begin(group_size=1)
    bench.journal._writer.log_bytes = long = 5_000_000
    bench.say("OP-1", "OP-2")
    bench.recorder.step()
    assert bench.journal._writer.log_bytes > long
    bench.recorder.step()
    assert bench.journal._writer.log_bytes == 0
