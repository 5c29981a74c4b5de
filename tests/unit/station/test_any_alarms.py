"""Any mix of signals, values, orders, restarts, boots, clock steps and time leaves the alarms in the right."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from agent.events import NS_PER_S, Kind, Moment
from agent.replay.replayer import Replayer
from agent.signals import (
    AgentStarted,
    AgentStopped,
    ClockStepped,
    ClockTrusted,
    Command,
    DeviceLost,
    DeviceOpened,
    Input,
    JournalDamaged,
    RecordingBack,
    RecordingLost,
    TimeUp,
    UplinkChanged,
)
from agent.station import timers
from agent.station.station import Station
from drivers.contract import Condition, Contact, Reading
from tests.unit.replay.test_replays_itself import inputs
from tests.unit.station.alarm_bench import alarm, limits, rules
from tests.unit.station.bench import after

if TYPE_CHECKING:
    from agent.events import Event
    from agent.station.decision import Decision, Document

ALARMS = (
    alarm("overload", call="help", group="press"),
    alarm("late", signal="overload", on_delay_s=5, off_delay_s=3, acknowledge=False, group="press"),
    alarm("door", latch=True, suppress_by="running", shelve_max_s=3600),
    alarm("jam", chatter_count=3, chatter_s=20, stale_after_s=100),
    alarm("slow-jam", signal="jam", chatter_count=3, chatter_s=20, on_delay_s=4, off_delay_s=4, group="press"),
    limits("pressure", stale_after_s=50, low=Decimal(0)),
    alarm("gauge-gone", device="gauge-1", on_delay_s=2),
    alarm("no-network", own="uplink", acknowledge=True),
    alarm("unread", own="condition", suppress_by="running", on_delay_s=1),
)
RULES = rules(*ALARMS, flood_count=4, flood_s=60, flood_end_count=2)

PLAIN = {"overload": ("overload", True), "door": ("door", True)}
"""Alarms that are active just when their signal is."""

IDS = (
    *(one.name for one in ALARMS[:6]),
    "door",
    "jam",
    "device-lost/gauge-1",
    "device-lost/box",
    "uplink-down/broker",
    "cannot-record/journal",
    "journal-damaged/journal",
    "device-condition/io-1/dark",
    "nonsense",
)
MOMENTARY = {"journal-damaged/journal"}

ACKNOWLEDGED = {
    *IDS[:6],
    "no-network",
    "uplink-down/broker",
    "device-lost/gauge-1",
    "device-condition/io-1/dark",
    *MOMENTARY,
} - {"late"}
"""Alarms that stay until they are acknowledged, unless nobody was told of them."""

SUPPRESSED = {"door", "device-condition/io-1/dark"}
"""Alarms that a machine which is off suppresses."""

WORDS = ["acknowledge", "shelve", "shelve", "unshelve", "reset", "out-of-service", "in-service"]
TAKEN_UP = {Kind.ALARM_UNSHELVED, Kind.ALARM_UNSUPPRESSED, Kind.ALARM_IN_SERVICE}
OWN = [
    UplinkChanged(up=False, reason="away"),
    UplinkChanged(up=True),
    ClockTrusted(synced=False, reason="no time server"),
    ClockTrusted(synced=True),
    RecordingLost("full"),
    RecordingBack(),
    JournalDamaged("bad", "aside", "e1", "e2"),
]


class Told:
    """What the facts alone say of one alarm."""

    def __init__(self) -> None:
        self.active = self.latched = self.suppressed = self.shelved = self.chattering = False
        self.acknowledged = True
        self.stale = self.loud = self.out = False

    @property
    def state(self) -> str:
        if self.out:
            return "out-of-service"
        if self.shelved:
            return "shelved"
        if self.active and self.suppressed:
            return "suppressed"
        if self.active:
            return "acknowledged" if self.acknowledged else "unacknowledged"
        if self.latched:
            return "latched"
        return "normal" if self.acknowledged else "returned"

    def take(self, event: Event, *, is_off: bool) -> None:
        """Follow one fact; fail if it tells what was told already.  `is_off`: the machine is, as far as known."""
        data = event.data
        match event.kind:
            case Kind.ALARM_RAISED:
                assert data.get("again", False) == self.active or data["id"] in MOMENTARY, "told twice, or lost"
                self.active, self.latched, self.acknowledged = True, False, False
                self.loud = (self.loud and "again" in data) or "quiet" not in data
                self.suppressed = is_off and data["id"] in SUPPRESSED
            case Kind.ALARM_CLEARED:
                assert self.active
                self.active, self.latched = False, data["id"] == "door"
                self.stale &= data["id"] == "pressure"
                self.acknowledged |= not (self.loud and data["id"] in ACKNOWLEDGED)
            case Kind.ALARM_ACKNOWLEDGED:
                assert not self.acknowledged
                self.acknowledged, self.active = True, self.active and data["id"] not in MOMENTARY
            case Kind.ALARM_SHELVED | Kind.ALARM_UNSHELVED:
                assert self.shelved == (event.kind is Kind.ALARM_UNSHELVED)
                self.shelved = not self.shelved
            case Kind.ALARM_OUT_OF_SERVICE | Kind.ALARM_IN_SERVICE:
                assert self.out == (event.kind is Kind.ALARM_IN_SERVICE)
                self.out = not self.out
            case Kind.ALARM_SUPPRESSED | Kind.ALARM_UNSUPPRESSED:
                assert self.active
                self.suppressed = event.kind is Kind.ALARM_SUPPRESSED
            case Kind.ALARM_RESET:
                assert self.latched
                self.latched, self.acknowledged = False, True
            case Kind.ALARM_CHATTERING:
                assert self.chattering != data["chattering"]
                self.chattering = data["chattering"]
            case Kind.ALARM_STALE:
                assert self.stale != data["stale"]
                self.stale = data["stale"]


class AnyAlarms(RuleBasedStateMachine):
    """One station with alarms of every sort, and everything that can happen to them."""

    @initialize()
    def switch_on(self) -> None:
        self.station = Station(RULES)
        self.memory: dict[str, Document] = {}
        self.events: list[Event] = []
        self.told: dict[str, Told] = {}
        self.now_ns, self.wall_ns, self.boot, self.synced = 60 * NS_PER_S, 10**9 * NS_PER_S, 1, True
        self.signals: dict[str, bool] = {}
        self.flood = False
        self.say(AgentStarted("1"), "agent")

    @rule(name=st.sampled_from(["overload", "door", "jam", "jam", "running"]), active=st.booleans())
    def signal(self, name: str, *, active: bool) -> None:
        self.signals[name] = active
        self.say(Contact(b"", name, active), "box")

    @rule(value=st.sampled_from(["5", "9.5", "10.5", "-1", "NaN"]), unit=st.sampled_from(["mm", "mm", "kg"]))
    def value(self, value: str, unit: str) -> None:
        self.say(Reading(value.encode(), value, Decimal(value), unit), "gauge-1")

    @rule(device=st.sampled_from(["gauge-1", "box"]), lost=st.booleans())
    def device(self, device: str, *, lost: bool) -> None:
        self.say(DeviceLost("unplugged") if lost else DeviceOpened(), device)

    @rule(active=st.booleans())
    def condition(self, *, active: bool) -> None:
        self.say(Condition(b"", "dark", active), "io-1")

    @rule(own=st.sampled_from(OWN))
    def own(self, own: Any) -> None:
        self.say(own, "agent")

    @rule(
        what=st.sampled_from(WORDS),
        which=st.sampled_from(IDS),
        by=st.sampled_from(["anna", "anna", ""]),
        for_s=st.sampled_from([3, 60, 60, 4000, None]),
    )
    def order(self, what: str, which: str, by: str, for_s: float | None) -> None:
        order = {"alarm": which, "by": by, "for_s": for_s, "reason": "because"}
        before = self.told.setdefault(which, Told()).state
        decision = self.say(Command(f"alarm/{what}", order), "central")
        if not any(event.kind is Kind.COMMAND_REJECTED for event in decision.events):
            assert decision.reply["alarm"]["state"] == self.told[which].state
            if what == "shelve":
                assert self.told[which].shelved
            if what.endswith("service"):
                assert self.told[which].out == (what == "out-of-service")
        else:
            assert self.told[which].state == before

    @rule(seconds=st.sampled_from([1, 2, 5, 30, 70, 700, 5000]))
    def wait(self, seconds: int) -> None:
        until = self.now_ns + seconds * NS_PER_S
        while (due := self.next_timer()) is not None and due[0] <= until:
            self.pass_to(due[0])
            self.say(TimeUp(due[1], self.memory[timers.PREFIX + due[1]]), "agent")
        self.pass_to(until)
        self.check_waited()

    @rule(hours=st.integers(-2, 2))
    def set_clock(self, hours: int) -> None:
        self.wall_ns += hours * 3600 * NS_PER_S
        self.say(ClockStepped(hours * 3600.0), "agent")

    @rule(reboot=st.booleans(), off_s=st.sampled_from([1, 100, 10_000]), synced=st.booleans())
    def restart(self, off_s: int, *, reboot: bool, synced: bool) -> None:
        self.say(AgentStopped("test"), "agent")
        self.station = Station(RULES)
        self.memory = orjson.loads(orjson.dumps(self.memory))
        self.synced = synced
        if reboot:
            self.boot += 1
            self.now_ns = 5 * NS_PER_S
        self.wall_ns += off_s * NS_PER_S
        self.say(AgentStarted("1"), "agent")
        self.wait(0)

    def teardown(self) -> None:
        if not hasattr(self, "station"):
            return
        self.wait(7 * 86_400)
        assert not any("shelf" in alarm for _, alarm in self.alarms()), "shelving always ends"
        assert not self.flood, "so does a flood"
        replayed = [*Replayer(RULES).run(inputs(self.events))]
        assert replayed == []

    def pass_to(self, then_ns: int) -> None:
        if then_ns > self.now_ns:
            self.wall_ns += then_ns - self.now_ns
            self.now_ns = then_ns

    def next_timer(self) -> tuple[int, str] | None:
        running = [(key, timer) for key, timer in self.memory.items() if key.startswith(timers.PREFIX)]
        now = self.moment()
        due = [(timers.due_ns(timer, now), key.removeprefix(timers.PREFIX)) for key, timer in running]
        return min(due, default=None)

    def moment(self) -> Moment:
        return Moment(self.wall_ns, self.now_ns, synced=self.synced, boot=f"b{self.boot}")

    def say(self, what: Any, source: str) -> Decision:
        self.now_ns += 1_000_000
        self.wall_ns += 1_000_000
        happened = Input(source, what, self.moment())
        before = deepcopy(self.memory)
        decision = self.station.handle(self.memory, happened)
        assert self.memory == before, "a decision changes nothing: the recorder does, once it is written"
        self.memory = after(before, decision)
        self.events += decision.events
        for event in decision.events:
            self.follow(event, what)
        self.check_told_again(decision)
        assert orjson.loads(orjson.dumps(self.memory)) == self.memory
        self.check()
        return decision

    def follow(self, event: Event, what: Any) -> None:
        data = event.data
        if event.kind is Kind.ALARM_FLOOD:
            assert self.flood != data["active"]
            self.flood = data["active"]
        elif event.kind.startswith("alarm."):
            told = self.told.setdefault(data["id"], Told())
            told.take(event, is_off=self.signals.get("running") is False)
            assert data["state"] == told.state, (event.kind, data)
            assert data.get("quiet", False) == (told.state in {"shelved", "suppressed", "out-of-service"})
            assert ("calls" in data) == (
                event.kind is Kind.ALARM_RAISED and data["id"] == "overload" and "quiet" not in data
            )
            if isinstance(what, TimeUp):
                assert data["timer"] == what.timer
            if isinstance(what, Command):
                assert (data["command"], data["order"]) == (what.name, what.data)

    def alarms(self) -> list[tuple[str, Document]]:
        return [(key[6:], one) for key, one in self.memory.items() if key.startswith("alarm/")]

    def check(self) -> None:
        """The published states are those that the facts tell; a plain alarm is never lost."""
        published = {one["id"]: one["state"] for one in self.memory["state/alarms"]["alarms"]}
        told = {name: one.state for name, one in self.told.items() if one.state != "normal" or one.stale}
        assert published == told
        assert self.memory["state/alarms"].get("flood", False) == self.flood
        for name, (signal, active) in PLAIN.items():
            now = self.told.get(name, Told()).active
            assert now == (self.signals.get(signal) == active), name
        for name, one in self.alarms():
            assert "shelf" not in one or f"timer/alarm/{name}/shelf" in self.memory, "shelving has an end"
        self.check_groups()

    def check_told_again(self, decision: Decision) -> None:
        """What was put aside and is still active is told when it is taken up again."""
        again = {event.data["id"] for event in decision.events if "again" in event.data}
        ended = [event for event in decision.events if event.kind in TAKEN_UP]
        for event in ended:
            told = self.told[event.data["id"]]
            assert (event.data["id"] in again) == (told.active and "quiet" not in event.data)

    def check_groups(self) -> None:
        members = [one for one in self.memory["state/alarms"]["alarms"] if one.get("group") == "press"]
        assert sum(one["first_out"] for one in members) <= 1

    def check_waited(self) -> None:
        """What is due has happened: no timer is over, and what lasted for its delay is active."""
        due = self.next_timer()
        assert due is None or due[0] > self.now_ns
        for name, one in self.alarms():
            assert one["is"] == one["active"] or name in MOMENTARY or self.is_waiting(name), name

    def is_waiting(self, name: str) -> bool:
        return any(f"timer/alarm/{name}/{what}" in self.memory for what in ("on", "off", "chatter"))


TestAnyAlarms = AnyAlarms.TestCase
TestAnyAlarms.settings = settings(max_examples=120, stateful_step_count=50, deadline=None)
