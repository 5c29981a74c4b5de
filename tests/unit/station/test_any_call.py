"""Whatever is pressed, said and restarted, and however the clocks go: no call is lost, no stop clears itself, and each
level is heard once, in order, and never before its time.

The model is told what was done; it knows the calls only by their facts.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from agent.events import NS_PER_S, Envelope, Event, Kind, Moment
from agent.replay.replayer import Replayer
from agent.runtime.wakes import Wakes
from agent.signals import AgentStarted, CallsDelivered, ClockStepped, Command, Input, TimeUp
from agent.station import timers
from agent.station.andon import calls
from agent.station.andon.recollect import recollected
from agent.station.station import Station
from drivers.contract import Contact, Lamp, Scan
from tests.unit.replay.test_replays_itself import inputs
from tests.unit.station.bench import after
from tests.unit.station.test_answers import RULES

if TYPE_CHECKING:
    from agent.station.decision import Decision, Document

LEVELS = {call.name: RULES.andon.ladder(call.type) for call in RULES.call}
ENDS = {Kind.ANDON_RESOLVED, Kind.ANDON_CANCELLED}
ACTS = ["acknowledge", "arrive", "resolve", "cancel", "close"]


class AnyCall(RuleBasedStateMachine):
    """A station with calls of each sort, its timers, and a machine that is started again now and then."""

    @initialize()
    def switch_on(self) -> None:
        self.station = Station(RULES)
        self.memory: dict[str, Document] = {}
        self.events: list[Event] = []
        self.open: dict[str, Event] = {}
        self.stops: set[str] = set()
        self.levels: dict[str, list[Event]] = {}
        self.was_open: list[str] = []
        self.boot, self.boot_began_s, self.true_s, self.wall_off_s, self.synced = 1, 0, 0, 0, True
        self.ticks = 0
        self.due: list[TimeUp] = []
        self.wakes = Wakes()
        self.wakes.begin({}, self.now())
        self.say("agent", AgentStarted("1"))

    @rule(name=st.sampled_from(["press", "cord", "belt", "halt", "key"]), active=st.booleans())
    def contact(self, name: str, *, active: bool) -> None:
        self.say("box", Contact(b"", name, active))

    @rule(name=st.sampled_from(["position", "runs"]), active=st.booleans())
    def machine(self, name: str, *, active: bool) -> None:
        self.say("plc", Contact(b"", name, active))

    @rule(badge=st.sampled_from(["1", "7", "9"]))
    def badge(self, badge: str) -> None:
        self.scan(f"OP-{badge}")

    @rule(word=st.sampled_from(["call", *ACTS]), name=st.sampled_from(["press", "cord", "halt", "bad"]))
    def card(self, word: str, name: str) -> None:
        self.scan(f"CMD:{word}:{name}")

    @rule(
        act=st.sampled_from(ACTS), which=st.integers(0, 3), by=st.sampled_from(["", "1", "7", "9"]), twice=st.booleans()
    )
    def order(self, act: str, which: int, by: str, *, twice: bool) -> None:
        """About any call that ever was; an order that comes twice does nothing the second time."""
        call = self.was_open[-1 - which] if which < len(self.was_open) else "none"
        order = Command(f"andon/{act}", {"call": call, "by": by, "reason": "jam"})
        first = self.say("central", order)
        refused = any(event.kind is Kind.COMMAND_REJECTED for event in first.events)
        if twice and not refused:
            assert self.say("central", order).events == ()

    @rule(seconds=st.sampled_from([1, 30, 61, 299, 301, 1000]))
    def pass_time(self, seconds: int) -> None:
        self.true_s += seconds
        self.let_end()

    @rule()
    def delivered(self) -> None:
        self.say("agent", CallsDelivered())
        assert all(call["delivered"] for call in self.memory["state/andon"]["calls"])

    @rule(by_s=st.sampled_from([-5000, 5000]), synced=st.booleans())
    def set_clock(self, by_s: int, *, synced: bool) -> None:
        """The wall is set; nothing that runs in this boot cares."""
        before = set(self.open)
        self.wall_off_s += by_s
        self.synced = synced
        self.say("agent", ClockStepped(float(by_s)))
        assert set(self.open) == before
        assert self.ended() is None

    @rule(boots=st.booleans(), off_s=st.sampled_from([0, 100, 5000]))
    def restart(self, off_s: int, *, boots: bool) -> None:
        before, stops = set(self.open), set(self.stops)
        self.memory = orjson.loads(orjson.dumps(self.memory))
        self.true_s += off_s
        if boots:
            self.boot += 1
            self.boot_began_s = self.true_s - 1
        self.due = []
        self.wakes.begin(self.memory, self.now())
        self.say("agent", AgentStarted("1"))
        assert (set(self.open), self.stops) == (before, stops)
        self.let_end()

    def scan(self, text: str) -> None:
        self.say("scanner-1", Scan(text.encode(), text))

    def now(self) -> Moment:
        self.ticks += 1
        monotonic_ns = (self.true_s - self.boot_began_s) * NS_PER_S + self.ticks
        wall_ns = (1_000_000 + self.true_s + self.wall_off_s) * NS_PER_S + self.ticks
        return Moment(wall_ns // 1000 * 1000, monotonic_ns, self.synced, f"b{self.boot}")

    def ended(self) -> TimeUp | None:
        """What the recorder would be woken for now; one at a time, each tried on what the one before has left."""
        now = self.now()
        self.due += self.wakes.due(now.monotonic_ns)
        return self.due.pop(0) if self.due else None

    def let_end(self) -> None:
        for _ in range(50):
            if (ended := self.ended()) is None:
                return
            self.say("agent", ended)
        raise AssertionError("a timer ends again and again")

    def say(self, source: str, what: Any) -> Decision:
        decision = self.station.handle(self.memory, Input(source, what, self.now()))
        self.memory = after(self.memory, decision)
        self.wakes.follow(decision.documents, self.now())
        self.events += decision.events
        for event in decision.events:
            if event.kind.startswith("andon."):
                self.follow(event, what)
        self.check(decision)
        return decision

    def follow(self, event: Event, what: Any) -> None:
        call = event.subject
        if event.kind is Kind.ANDON_RAISED:
            assert call not in self.was_open, "an identity is used once"
            self.open[call] = event
            self.was_open.append(call)
            self.levels[call] = []
        elif event.kind not in {Kind.ANDON_RESTARTED, Kind.ANDON_CLOSED}:
            assert call in self.open, "nothing follows from a call that is over"
        if event.data.get("stop") == "stopped" and event.kind not in ENDS:
            self.stops.add(call)
        if event.kind is Kind.ANDON_ESCALATED:
            self.escalated(event)
        if event.kind in ENDS:
            assert isinstance(what, Contact | Scan | Command), "a person ends a call, never time or a start"
            del self.open[call]
            self.stops.discard(call)

    def escalated(self, event: Event) -> None:
        """One level after the other; within one boot never before its time."""
        levels = self.levels[event.subject]
        levels.append(event)
        assert [one.data["level"] for one in levels] == sorted({one.data["level"] for one in levels})
        raised = self.open[event.subject]
        waited_s = event.moment.seconds_since(raised.moment.monotonic_ns, raised.moment.boot)
        assert waited_s is None or waited_s >= event.data["after_s"]
        for first, second in pairwise(levels):
            assert first.data["after_s"] <= second.data["after_s"]

    def check(self, decision: Decision) -> None:
        told = {call["call"]: call for call in self.memory["state/andon"]["calls"]}
        assert set(told) == set(self.open) == {call["call"] for key, call in self.memory.items() if key[:5] == "call/"}
        assert {call for call, one in told.items() if one["stop"] == "stopped"} == self.stops
        assert decision.lamps is not None
        assert decision.lamps.stop == bool(self.stops)
        assert not self.stops or {Lamp.RED} <= decision.lamps.lit
        assert {key for key in self.memory if key.startswith(timers.PREFIX)} == self.wanted_timers(told)

    def wanted_timers(self, told: dict[str, Any]) -> set[str]:
        """A timer for each window that runs and each level that is still to come, and no other."""
        rank = {"raised": 0, "acknowledged": 1, "arrived": 2, "resolved": 3}
        wanted = (
            {"timer/stop/cord"}
            if any(one["name"] == "cord" and one["stop"] == "pending" for one in told.values())
            else set()
        )
        for call in told.values():
            left = LEVELS[call["name"]][call["level"] :]
            if any(rank[call["state"]] < rank[level.unless] for level in left):
                wanted.add(f"timer/escalate/{call['name']}")
        return wanted

    def teardown(self) -> None:
        if hasattr(self, "events"):
            assert [*Replayer(RULES).run(inputs(self.events))] == []
            self.check_recollection()

    def check_recollection(self) -> None:
        """The facts alone tell which calls are open, how far they are, and what they do to the line."""
        facts = [event for event in self.events if event.kind.startswith("andon.")]
        bodies = [Envelope("/a").row(event, "e", number)[4] for number, event in enumerate(facts, 1)]
        found = recollected(["garbage", *bodies, '{"type": 1}'])
        wanted = {key: one for key, one in self.memory.items() if key.startswith(calls.PREFIX)}
        assert {key for key in found if key.startswith(calls.PREFIX)} == set(wanted)
        for key, call in wanted.items():
            assert calls.told(found[key]) == calls.told(call)
            assert found[key]["mark"]["monotonic_ns"] == call["mark"]["monotonic_ns"]
        if facts:
            assert found[calls.COUNTER]["count"] == self.memory[calls.COUNTER]["count"]
            assert found[calls.COUNTER]["open"] == self.memory[calls.COUNTER]["open"]


TestAnyCall = AnyCall.TestCase
TestAnyCall.settings = settings(max_examples=100, stateful_step_count=50, deadline=None)
