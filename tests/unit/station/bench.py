"""A station on the bench: says things to it, keeps its memory, and collects what it decides."""

from __future__ import annotations

from copy import deepcopy
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson

from agent.events import NS_PER_S, Event, Kind, Moment
from agent.signals import Command, Input
from agent.station.reference import NOTHING
from agent.station.rules import AndonCall, CallMode, Characteristic, Operation, PartNeed, Rules, ScanRule
from agent.station.station import Station
from drivers.contract import Contact, Reading, Scan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.decision import Decision, Document
    from agent.station.reference import Reference

SCANS = (
    ScanRule(name="badge", pattern=r"OP-(?P<operator>\d+)"),
    ScanRule(name="unit", pattern=r"(?P<unit>(SN|KIT|BARE|X)\d+)"),
    ScanRule(name="lot", pattern=r"(?P<part>[A-Z])/(?P<lot>\w+)"),
    ScanRule(name="card", pattern=r"CMD:(?P<command>.+)"),
    ScanRule(name="fence", pattern=r"(?P<unit>FENCE)"),
    ScanRule(name="gate", pattern=r"(?P<operator>FENCE)"),
)

SEAT = Characteristic(
    name="seat", gauge="gauge-1", unit="mm", nominal=Decimal(10), low=Decimal("9.9"), high=Decimal("10.1")
)
DEPTH = Characteristic(name="depth", gauge="gauge-2", unit="mm", nominal=Decimal(1), low=Decimal(0), high=Decimal(2))

PRESS = Operation(
    name="press",
    units=r"SN\d+",
    part=(PartNeed(number="A"), PartNeed(number="B", quantity=2)),
    measurement=(SEAT, DEPTH),
)
KIT = Operation(name="kit", units=r"KIT\d+", operator=False, part=(PartNeed(number="A"),))
BARE = Operation(name="bare", units=r"BARE\d+")
TWINS = (Operation(name="twin-1", units=r"X\d+"), Operation(name="twin-2", units=r"X\d+"))

QUALITY = AndonCall(name="quality", type="quality", device="box", input="quality")
CORD = AndonCall(name="cord", type="process", mode=CallMode.STOP, device="box", input="cord", reset_input="key")

RULES = Rules(revision="r7", scan=SCANS, operation=(PRESS, KIT, BARE, *TWINS), call=(QUALITY, CORD))


class Bench:
    """One station under test.  Each `say` is one second after the one before, or `tick_s`."""

    def __init__(self, rules: Rules = RULES, reference: Reference = NOTHING) -> None:
        self.rules = rules
        self.reference = reference
        self.synced = True
        self.station = Station(rules)
        self.memory: dict[str, Document] = {}
        self.events: list[Event] = []
        self.boot = "b1"
        self.seconds = 0.0
        self.tick_s = 1.0

    def say(self, what: Any, source: str = "device-1") -> Decision:
        """Let something happen; the decision has become the memory when this returns."""
        self.seconds += self.tick_s
        now_ns = round(self.seconds * NS_PER_S)
        seen = Moment(now_ns, now_ns, synced=self.synced, boot=self.boot)
        decision = self.station.handle(self.memory, Input(source, what, seen), self.reference)
        self.memory = after(self.memory, decision)
        self.events += decision.events
        return decision

    def wait(self, hours: float) -> None:
        """Let time pass in which nothing happens."""
        self.seconds += int(hours * 3600)

    def scan(self, text: str, symbology: str = "") -> Decision:
        return self.say(Scan(text.encode() + b"\r", text, symbology), "scanner-1")

    def scan_all(self, *texts: str) -> Decision:
        """Scan one after the other; return the last decision."""
        return [self.scan(text) for text in texts][-1]

    def measure(self, value: str, unit: str = "mm", gauge: str = "gauge-1", *, stable: bool = True) -> Decision:
        return self.say(Reading(value.encode(), value, Decimal(value), unit, stable), gauge)

    def press(self, name: str = "quality", *, active: bool = True, device: str = "box") -> Decision:
        return self.say(Contact(f"{name}={int(active)}".encode(), name, active), device)

    def release(self, name: str = "quality") -> Decision:
        return self.press(name, active=False)

    def order(self, name: str, /, **data: Any) -> Decision:
        return self.say(Command(name, data), "central")

    def restart(self, *, boot: str = "b1") -> None:
        """Go on as another process that has only what the journal kept."""
        self.station = Station(self.rules)
        self.memory = orjson.loads(orjson.dumps(self.memory))
        self.boot = boot


def after(memory: Mapping[str, Document], decision: Decision) -> dict[str, Document]:
    """Return the memory as `decision` leaves it."""
    left = deepcopy({**memory, **decision.documents})
    return {key: document for key, document in left.items() if document is not None}


def kinds(decision: Decision) -> list[Kind]:
    return [event.kind for event in decision.events]


def only(decision: Decision) -> Event:
    """Return the one event of a decision."""
    (event,) = decision.events
    return event


def said(decision: Decision) -> tuple[str, str]:
    """Return the verdict and words that the operator is given."""
    assert decision.answer is not None
    return decision.answer.verdict.value, decision.answer.text
