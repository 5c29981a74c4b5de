"""Whatever is scanned, heard and loaded in whatever order: no start without its conditions, no green after a refusal.

The model is told only what the plant has published and what the station has stated as fact; it never looks at how the
station decides.
"""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from agent.events import Envelope, Event, Kind
from agent.station.reference import BlockedLot, Operator, Unit
from drivers.contract import Lamp, Reading, Verdict
from tests.unit.station.bench import Bench
from tests.unit.station.plant import confirmed, plant, progress, rules

if TYPE_CHECKING:
    from agent.station.decision import Decision

UNITS = ("SN1", "SN10", "SN11", "SN13", "SN17", "SN2", "SN9")
CODES = [
    "OP-1",
    "OP-2",
    "OP-3",
    "OP-9",
    "OP-700",
    "OP-8",
    "SN1",
    "SN10",
    "SN11",
    "SN17",
    "SN2",
    "SN9",
    "A/L1",
    "A/BAD",
    "A#S1",
    "A#S2",
    "C/L1",
    "A/L1!691231",
    "CMD:abort",
    "CMD:sign-off",
    "CMD:reason:because",
    "CMD:rework",
    "CMD:scrap",
    "CMD:hold",
    "CMD:use-as-is",
    "CMD:defect:scratch@front",
    "CMD:defect:crack",
    "CMD:defect:none",
    "CMD:tick:x",
    "CMD:call:cord",
    "CMD:resolve:cord",
    "nonsense",
]
MAX_AGE_S = 8 * 3600
POLICIES = st.fixed_dictionaries(
    {
        rule: st.sampled_from(["block", "flag", "ask"])
        for rule in ("operator", "qualification", "status", "route", "done", "calibration", "lot", "component")
    }
)


CHANGES: list[dict[str, Any]] = [
    {},
    {"lots": {("A", "L1"): BlockedLot("A", "L1", "late")}},
    {"operators": {"1": Operator("1", qualifications={})}},
    {"units": {"SN1": Unit("SN1", "P", "hold", ("cut",))}},
]


class AnyPlant(RuleBasedStateMachine):
    """One station of a line, and a plant whose word may be late."""

    @initialize(policies=POLICIES, conflict=st.sampled_from(["hold", "flag"]))
    def switch_on(self, policies: dict[str, str], conflict: str) -> None:
        self.policies = policies
        self.bench = Bench(rules(**policies, conflict=conflict, max_age_h=8.0), plant())
        self.confirmed_s = 0
        self.line_done: set[tuple[str, str]] = set()
        self.own_done: set[str] = set()
        self.held: dict[str, str] = {}
        self.serials: dict[str, str] = {}
        self.open = ""
        self.stopped = False

    @rule(code=st.sampled_from(CODES))
    def scan(self, code: str) -> None:
        self.check(self.bench.scan(code))

    @rule(unit=st.sampled_from(["SN1", "SN10", "SN17"]), badge=st.sampled_from(["1", "9"]))
    def begin(self, unit: str, badge: str) -> None:
        for code in (f"OP-{badge}", unit):
            self.check(self.bench.scan(code))

    @precondition(lambda self: "operation" in self.bench.memory)
    @rule(lot=st.sampled_from(["A/L1", "A#S1", "A#S2"]))
    def finish(self, lot: str) -> None:
        self.check(self.bench.scan(lot))
        self.measure("10")

    @precondition(lambda self: "question" in self.bench.memory)
    @rule()
    def answer(self) -> None:
        for code in ("OP-9", "CMD:reason:because"):
            self.check(self.bench.scan(code))

    @rule(value=st.sampled_from(["9.94", "10", "10.06", "NaN"]))
    def measure(self, value: str) -> None:
        self.check(self.bench.say(Reading(value.encode(), value, Decimal(value), "mm"), "gauge-1"))

    @rule(
        unit=st.sampled_from(UNITS),
        what=st.sampled_from([("cut", "done"), ("press", "done"), ("press", "redone"), ("", "hold"), ("", "ok")]),
        station=st.sampled_from(["st-030", "st-041"]),
        number=st.integers(1, 6),
    )
    def hear(self, unit: str, what: tuple[str, str], station: str, number: int) -> None:
        known = self.bench.memory.get("line", {}).get(station, {}).get("sequence", 0)
        told = progress((unit, *what), station=station, first=number, time="2000-01-01T00:00:00.000Z")
        decision = self.bench.say(told, "line")
        if number > known and what[1] in ("done", "redone"):
            self.line_done.add((unit, what[0]))
        if number > known and not what[0]:
            self.held.pop(unit, None) if what[1] == "ok" else self.held.update({unit: what[1]})
        self.check(decision)

    @rule(hours=st.sampled_from([1, 5, 9]))
    def wait(self, hours: int) -> None:
        self.bench.wait(hours)

    @rule(changes=st.sampled_from(CHANGES))
    def load(self, changes: dict[str, Any]) -> None:
        self.bench.reference = confirmed(plant(**changes), self.bench.seconds / 3600)
        self.confirmed_s = self.bench.seconds

    @rule(same_boot=st.booleans())
    def restart(self, *, same_boot: bool) -> None:
        self.bench.restart(boot=self.bench.boot if same_boot else self.bench.boot + "+")

    def check(self, decision: Decision) -> None:
        """Follow the facts, and hold each to what the plant has said."""
        assert orjson.loads(orjson.dumps(self.bench.memory)) == self.bench.memory
        for number, event in enumerate(decision.events, 1):
            assert orjson.loads(Envelope("/a").row(event, "e", number)[4])["data"] == event.data
            self.take(event)
        assert ("operation" in self.bench.memory) == bool(self.open)
        refused = decision.answer is not None and decision.answer.verdict is Verdict.REFUSE
        assert decision.lamps is not None
        if refused or self.stopped:
            assert Lamp.GREEN not in decision.lamps.lit, "no green after a refusal"
            assert Lamp.RED in decision.lamps.lit
        if refused:
            assert any(event.data.get("reason") or event.data.get("defect") for event in decision.events)

    def take(self, event: Event) -> None:  # noqa: C901  one case a kind of fact
        data = event.data
        match event.kind:
            case Kind.ANDON_RAISED | Kind.ANDON_RESOLVED:
                self.stopped = event.kind is Kind.ANDON_RAISED
            case Kind.OPERATION_STARTED:
                self.started(event)
            case Kind.PART_ACCEPTED:
                self.accepted(event)
            case Kind.OPERATION_COMPLETED:
                self.completed(event)
            case Kind.OPERATION_ABORTED:
                assert self.open == event.subject
                self.open = ""
            case Kind.OVERRIDE_GIVEN:
                assert data["by"] in {"9", "700"}, "only who has authority"
                assert data["given"]
            case Kind.DEFECT_RECORDED if data.get("disposition"):
                self.held[event.subject] = data["disposition"]
            case Kind.DEFECT_DISPOSED:
                assert data["by"] in {"9", "700"} or data["disposition"] == "hold"
                self.held.pop(event.subject, None)
                if data["disposition"] != "use-as-is":
                    self.held[event.subject] = data["disposition"]
            case Kind.LINE_CONFLICT:
                assert event.subject in self.own_done
                if data["held"] and self.held.get(event.subject) != "scrap":
                    self.held[event.subject] = "hold"
            case _:
                pass

    def started(self, event: Event) -> None:
        """No start without its conditions; a doubt is flagged or answered for, as the policy of its rule says."""
        data, unit, known = event.data, event.subject, self.bench.reference
        assert not self.open
        assert not self.stopped
        assert self.held.get(unit) not in {"hold", "scrap"}
        self.open = unit
        entry = known.units.get(unit)
        assert entry is None or entry.status == "ok"
        assert entry is not None or unit.startswith("SN1"), "known, or admitted by a product"
        person = known.operators[data["operator"]]
        assert "press" in person.qualifications
        assert (person.qualifications["press"] or "9") >= event.moment.iso[:10]
        assert known.gauges["gauge-1"].due >= event.moment.iso[:10]
        excused = {check["rule"] for check in data["checks"] if check["outcome"] in {"flag", "overridden"}}
        cut = (entry is not None and "cut" in entry.done) or (unit, "cut") in self.line_done
        assert cut or "route" in excused, "the operation before is complete"
        if unit in self.own_done or (unit, "press") in self.line_done or (entry and "press" in entry.done):
            assert data["again"] == "rework", "nothing is done twice"
            assert self.held.get(unit) == "rework"
        if self.bench.seconds - self.confirmed_s > MAX_AGE_S:
            assert excused >= {"operator", "qualification", "status", "calibration"}
        for check in data["checks"]:
            if check["outcome"] == "flag" and check["rule"] in self.policies:
                assert self.policies[check["rule"]] == "flag"
            if check["outcome"] == "overridden":
                assert self.policies[check["rule"]] == "ask"
                assert check["by"] in {"9", "700"}

    def accepted(self, event: Event) -> None:
        data = event.data
        assert self.open == event.subject
        assert not self.stopped
        assert self.held.get(self.open) not in {"hold", "scrap"}
        assert self.bench.reference.blocked(data["part"], data["lot"]) is None, "no blocked lot"
        if serial := data.get("serial"):
            assert self.serials.setdefault(serial, self.open) == self.open, "a serial number is in one unit"

    def completed(self, event: Event) -> None:
        unit, data = event.subject, event.data
        assert self.open == unit
        assert not self.stopped
        assert self.held.get(unit) not in {"hold", "scrap"}
        assert unit not in self.own_done or data["again"] == "rework", "nothing completes twice"
        assert len(data["parts"]) == 1
        assert [one["verdict"] for one in data["measurements"]].count("pass") == 1
        self.open = ""
        self.own_done.add(unit)
        if self.held.get(unit) == "rework":
            del self.held[unit]


TestAnyPlant = AnyPlant.TestCase
TestAnyPlant.settings = settings(max_examples=200, stateful_step_count=50)


def test_the_same_again_is_decided_the_same() -> None:
    """With reference data too a decision changes nothing but what it returns."""
    bench = Bench(rules(), plant())
    bench.scan("OP-1")
    before = deepcopy(bench.memory)
    first = bench.scan("SN1")
    bench.memory, bench.seconds = before, bench.seconds - 1
    assert bench.scan("SN1") == first
