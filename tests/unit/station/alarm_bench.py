"""A station with alarms on the bench: machine signals, gauges, orders, and the timers that end."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agent.events import NS_PER_S, Moment
from agent.signals import Command, Input, TimeUp
from agent.station import timers
from agent.station.alarms.declared import Alarm, AlarmSettings
from agent.station.rules import AndonCall, AndonRules, MachineSignal, Rules
from drivers.contract import Reading
from tests.unit.station.bench import Bench, after

if TYPE_CHECKING:
    from agent.events import Event
    from agent.station.decision import Decision, Document
    from agent.station.policy import Authority

SIGNALS = ("running", "overload", "door", "jam")


def alarm(name: str = "overload", **keys: Any) -> Alarm:
    """An alarm of the signal of its own name, unless it says another source."""
    sources = {"gauge", "device", "own", "signal"}
    return Alarm(name=name, **keys) if sources & keys.keys() else Alarm(name=name, signal=name, **keys)


def limits(name: str = "pressure", **keys: Any) -> Alarm:
    given = {"gauge": "gauge-1", "unit": "mm", "high": Decimal(10), "deadband": Decimal(1), **keys}
    return Alarm(name=name, **given)


def rules(*alarms: Alarm, authority: tuple[Authority, ...] = (), **settings: Any) -> Rules:
    return Rules(
        machine=tuple(MachineSignal(name=name, device="box", input=name) for name in SIGNALS),
        call=(AndonCall(name="help", type="equipment", device="box", input="help"),),
        andon=AndonRules(escalate_after_s=0),
        alarm=alarms,
        alarms=AlarmSettings(**settings),
        authority=authority,
    )


class AlarmBench(Bench):
    """Time passes with `wait_s`, and the timers that end in it are told as the recorder does."""

    def __init__(self, *alarms: Alarm, **keys: Any) -> None:
        super().__init__(rules(*alarms, **keys))
        self.told: list[Event] = []

    def signal(self, name: str = "overload", *, active: bool = True) -> list[Event]:
        """Let a machine's signal change; return what is told of alarms."""
        decision = self.press(name, active=active)
        return [event for event in decision.events if event.kind.startswith("alarm.")]

    def value(self, text: str, unit: str = "mm", *, stable: bool = True) -> list[Event]:
        decision = self.say(Reading(text.encode(), text, Decimal(text), unit, stable), "gauge-1")
        return [event for event in decision.events if event.kind.startswith("alarm.")]

    def command(self, what: str, alarm: str = "overload", by: str = "anna", **more: Any) -> Decision:
        return self.say(Command(f"alarm/{what}", {"alarm": alarm, "by": by, **more}), "central")

    def say_order(self, what: str, order: dict[str, Any]) -> Decision:
        return self.say(Command(f"alarm/{what}", order), "central")

    def wait_s(self, seconds: float) -> list[Event]:
        """Let time pass; return what the ends of timers tell."""
        until = self.seconds + seconds
        told: list[Event] = []
        while (due := self._next_timer()) is not None and due[0] <= until * NS_PER_S:
            at, name = due
            told += self._ended(name, max(at, round(self.seconds * NS_PER_S)))
        self.seconds = until
        return told

    def _next_timer(self) -> tuple[int, str] | None:
        now = self._moment(round(self.seconds * NS_PER_S))
        running = [
            (timers.due_ns(timer, now), key.removeprefix(timers.PREFIX))
            for key, timer in self.memory.items()
            if key.startswith(timers.PREFIX)
        ]
        return min(running, default=None)

    def _ended(self, name: str, at_ns: int) -> list[Event]:
        ended = TimeUp(name, self.memory[timers.PREFIX + name])
        decision = self.station.handle(self.memory, Input("agent", ended, self._moment(at_ns)), self.reference)
        self.memory = after(self.memory, decision)
        self.events += decision.events
        self.seconds = at_ns / NS_PER_S
        return list(decision.events)

    def _moment(self, at_ns: int) -> Moment:
        return Moment(at_ns, at_ns, synced=self.synced, boot=self.boot)

    @property
    def standing(self) -> list[Document]:
        return list(self.memory["state/alarms"]["alarms"])

    def state(self, identifier: str = "overload") -> str:
        """The state that is published; `normal` where nothing is."""
        return next((str(one["state"]) for one in self.standing if one["id"] == identifier), "normal")

    def run(self, *whats: tuple[str, bool]) -> None:
        for name, active in whats:
            self.press(name, active=active)


def words(events: list[Event]) -> list[str]:
    """Kinds without their family."""
    return [event.kind.partition(".")[2] for event in events]
