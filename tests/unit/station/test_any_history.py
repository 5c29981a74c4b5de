"""Any mix of scans, values, contacts, orders, lost devices and restarts leaves the station in the right."""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.events import NS_PER_S, Envelope, Event, Kind, Moment
from agent.signals import AgentStarted, AgentStopped, Command, DeviceLost, DeviceOpened, Input
from drivers.contract import Contact, Lamp, Noise, Reading, Scan, Verdict
from tests.unit.station.bench import RULES, Bench, after

if TYPE_CHECKING:
    from agent.station.decision import Decision

OPERATIONS = {operation.name: operation for operation in RULES.operation}

CODES = """
    OP-1 OP-2 SN1 SN2 KIT1 BARE1 X1 FENCE nonsense A/L1 B/L1 B/L2 Z/L9 CMD:sign-off CMD:abort CMD:dance
    CMD:call:quality CMD:resolve:quality CMD:call:cord CMD:resolve:cord CMD:call:nobody CMD:resolve:nobody
"""
SCANS = st.sampled_from(CODES.split()) | st.text(max_size=6)
VALUES = st.sampled_from(["9.9", "10", "10.1", "10.11", "1", "-1", "NaN", "Infinity", "1e400"])
GAUGES = st.sampled_from(["gauge-1", "gauge-2", "gauge-3"])


class Seen:
    """What the facts alone say of the station."""

    def __init__(self) -> None:
        self.operator = ""
        self.calls: dict[str, str] = {}
        self.stood: list[str] = []
        self.unit = ""
        self.operation = ""
        self.parts: Counter[str] = Counter()
        self.good: set[str] = set()

    @property
    def stopped(self) -> bool:
        return "stop" in self.calls.values()

    def take(self, event: Event) -> None:
        """Follow one fact; fail if it must not follow from those before it."""
        match event.kind.partition(".")[0]:
            case "operator":
                self._operator(event)
            case "andon":
                self._call(event)
            case "operation" | "part" | "measurement":
                self._work(event)
            case _:
                pass

    def _operator(self, event: Event) -> None:
        if event.kind is Kind.OPERATOR_SIGNED_ON:
            assert not self.operator
            self.operator = event.subject
        else:
            assert self.operator == event.subject
            self.operator = ""

    def _call(self, event: Event) -> None:
        if event.kind is Kind.ANDON_RAISED:
            assert event.subject not in self.calls
            self.calls[event.subject] = event.data["mode"]
        elif event.kind is Kind.ANDON_RESTARTED:
            self.stood.remove(event.subject)
            assert not self.stopped
        else:
            assert event.subject in self.calls
        if event.kind is Kind.ANDON_RESOLVED and self.calls.pop(event.subject) == "stop":
            self.stood.append(event.subject)

    def _work(self, event: Event) -> None:
        data = event.data
        match event.kind:
            case Kind.OPERATION_STARTED:
                self._started(event)
            case Kind.PART_ACCEPTED:
                assert self.unit == event.subject
                assert not self.stopped
                self.parts[data["part"]] += 1
            case Kind.MEASUREMENT_TAKEN if data["verdict"] == "pass":
                assert self.unit == event.subject
                assert not self.stopped
                assert data["low"] <= data["judged"] <= data["high"]
                self.good.add(data["name"])
            case Kind.OPERATION_COMPLETED:
                self._completed(event)
            case Kind.OPERATION_ABORTED:
                assert self.unit == event.subject
                self.unit = ""
            case _:
                pass

    def _started(self, event: Event) -> None:
        assert not self.unit
        assert not self.stopped
        self.unit, self.operation = event.subject, event.data["operation"]
        assert self.operator or not OPERATIONS[self.operation].operator
        self.parts.clear()
        self.good.clear()

    def _completed(self, event: Event) -> None:
        assert self.unit == event.subject
        assert not self.stopped
        wanted = OPERATIONS[self.operation]
        assert self.parts == {part.number: part.quantity for part in wanted.part}
        assert self.good == {characteristic.name for characteristic in wanted.measurement}
        assert Counter(part["part"] for part in event.data["parts"]) == self.parts
        self.unit = ""


class AnyHistory(RuleBasedStateMachine):
    """One station and everything that can happen to it."""

    @initialize()
    def switch_on(self) -> None:
        self.bench = Bench()
        self.seen = Seen()
        self.now_ns = 0
        self.boot = 1

    @rule(text=SCANS)
    def scan(self, text: str) -> None:
        self.say("scanner-1", Scan(text.encode(), text))

    @rule(value=VALUES, gauge=GAUGES, unit=st.sampled_from(["mm", "mm", "in", "g"]), stable=st.booleans())
    def measure(self, value: str, gauge: str, unit: str, *, stable: bool) -> None:
        self.say(gauge, Reading(value.encode(), value, Decimal(value), unit, stable))

    @rule(name=st.sampled_from(["quality", "cord", "key", "other"]), active=st.booleans())
    def contact(self, name: str, *, active: bool) -> None:
        self.say("box", Contact(b"", name, active))

    @rule(badge=st.sampled_from(["OP-1", "OP-2"]), unit=st.sampled_from(["SN1", "SN2", "KIT1", "BARE1"]))
    def begin(self, badge: str, unit: str) -> None:
        """Without this and the next rule few histories would come to a completed operation."""
        self.scan(badge)
        self.scan(unit)

    @precondition(lambda self: self.bench.memory.get("operation"))
    @rule(times=st.integers(1, 5))
    def do_what_is_needed(self, times: int) -> None:
        for _ in range(times):
            if operation := self.bench.memory.get("operation"):
                self.do(operation["needs"][0])

    def do(self, need: str) -> None:
        word, what, *rest = need.split()
        if word == "scan":
            self.scan(f"{rest[0]}/L7")
        else:
            value = "10" if what == "seat" else "1"
            self.say(rest[-1], Reading(value.encode(), value, Decimal(value), "mm"))

    @rule(known=st.booleans(), name=st.sampled_from(["andon/acknowledge", "nonsense"]))
    def order(self, name: str, *, known: bool) -> None:
        call = next(iter(self.seen.calls), "none") if known else "none"
        self.say("central", Command(name, {"call": call, "by": "lead"}))

    @rule(what=st.sampled_from([DeviceLost("unplugged"), DeviceLost("silent"), DeviceOpened()]), gauge=GAUGES)
    def device(self, what: DeviceLost | DeviceOpened, gauge: str) -> None:
        self.say(gauge, what)

    @rule(raw=st.binary(max_size=4))
    def noise(self, raw: bytes) -> None:
        self.say("scanner-1", Noise(raw, "makes no sense"))

    @rule(same_boot=st.booleans())
    def restart(self, *, same_boot: bool) -> None:
        self.say("agent", AgentStopped("test"))
        self.boot += not same_boot
        self.bench.restart()
        self.say("agent", AgentStarted("1"))

    def say(self, source: str, what: Any) -> None:
        self.now_ns += NS_PER_S
        happened = Input(source, what, Moment(self.now_ns, self.now_ns, synced=False, boot=f"b{self.boot}"))
        before = deepcopy(self.bench.memory)
        decision = self.bench.station.handle(self.bench.memory, happened)
        assert self.bench.memory == before, "a decision changes nothing: the recorder does, once it is written"
        assert self.bench.station.handle(before, happened) == decision, "the same again is decided the same"
        self.bench.memory = after(before, decision)
        for event in decision.events:
            self.seen.take(event)
        self.check_facts(decision)
        self.check_memory()
        self.check_lamps(decision)

    def check_facts(self, decision: Decision) -> None:
        """Every fact names its rules and can be sent; every refusal is a fact with a reason."""
        for number, event in enumerate(decision.events, 1):
            assert event.data["rules"] == RULES.digest
            body = orjson.loads(Envelope("/a").row(event, "e", number)[4])
            assert body["data"] == event.data, "a fact is JSON to the last value"
        if decision.refuses:
            assert any(event.data.get("reason") or event.data.get("defect") for event in decision.events)

    def check_memory(self) -> None:
        """The memory is JSON, and says the same as the facts."""
        memory = self.bench.memory
        assert orjson.loads(orjson.dumps(memory)) == memory
        assert {memory[key]["call"] for key in memory if key.startswith("call/")} == set(self.seen.calls)
        assert memory.get("operator", {}).get("operator", "") == self.seen.operator
        assert memory.get("operation", {}).get("unit", "") == self.seen.unit

    def check_lamps(self, decision: Decision) -> None:
        """Red while stopped or refused; green only for what was good; yellow while somebody is called."""
        assert decision.lamps is not None
        lit = decision.lamps.lit
        refused = decision.answer is not None and decision.answer.verdict is Verdict.REFUSE
        assert Lamp.RED in lit or not (self.seen.stopped or refused)
        assert not {Lamp.RED, Lamp.GREEN} <= lit
        assert (Lamp.YELLOW in lit) == ("call" in self.seen.calls.values())


TestAnyHistory = AnyHistory.TestCase
TestAnyHistory.settings = settings(max_examples=150, stateful_step_count=50)
