"""Run recorded inputs through the station by other rules, and tell where it would decide otherwise.

The memory stays as it was: each input is tried on what had really happened before it, so that one difference does not
make all that follows look different.  With `carry` it does, as it would have on that day.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError

from agent.events import LANE_OF, LANES, Kind
from agent.replay.rebuild import CannotRebuildError, rebuilt
from agent.replay.sets import SetsThen
from agent.signals import AgentStarted
from agent.station.rules import Rules, ScanRule
from agent.station.station import Station
from drivers.contract import Contact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.events import Event
    from agent.replay.recorded import Recorded
    from agent.signals import Input
    from agent.station.decision import Decision, Document

NOT_COMPARED = frozenset({"rules", "declared", "version"})
"""What a fact tells of the rules and the program that made it: meant to differ."""

ABOUT_UNITS = ("operation.", "part.", "defect.")
"""Families of facts whose subject is a unit."""

GOOD = {Kind.OPERATION_COMPLETED.value}
BAD = {Kind.DEFECT_RECORDED.value, Kind.OPERATION_REJECTED.value, Kind.PART_REJECTED.value}
"""Facts by which a unit passes and fails."""


_PLACE = {lane: place for place, lane in enumerate(LANES)}


@dataclass(frozen=True, slots=True)
class Fact:
    """What a fact says, without its number, its moment and its rules."""

    kind: str
    subject: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Difference:
    """One input that would be decided otherwise: the facts that were recorded, and those that would be now."""

    happened: Input
    was: tuple[Fact, ...]
    now: tuple[Fact, ...]

    @property
    def unit(self) -> str:
        """The unit it is about; empty if none."""
        return next((fact.subject for fact in (*self.now, *self.was) if fact.kind.startswith(ABOUT_UNITS)), "")

    @property
    def decided_otherwise(self) -> bool:
        """Whether other facts follow, or another verdict or reason; False where only details are told otherwise."""
        return [*map(_decision, self.was)] != [*map(_decision, self.now)]

    @property
    def fails(self) -> bool:
        """Whether a unit that passed would fail."""
        return _worth(self.now) < _worth(self.was)

    @property
    def passes(self) -> bool:
        """Whether a unit that failed would pass."""
        return _worth(self.now) > _worth(self.was)


@dataclass(frozen=True, slots=True)
class Lost:
    """Facts whose signal cannot be made again, and why."""

    facts: tuple[Recorded, ...]
    reason: str


@dataclass(slots=True)
class Replayer:
    """Rules on trial.  `inputs` and `lost` count what was tried, and what could not be."""

    rules: Rules
    sets: SetsThen = field(default_factory=SetsThen)
    carry: bool = False
    inputs: int = 0
    lost: int = 0
    strange_rules: str = ""
    """Why the rules of that time cannot be read any more; empty if they can."""
    memory: dict[str, Document] = field(default_factory=dict)
    _tried: Station = field(init=False)
    _then: Station = field(init=False)
    _contacts: dict[tuple[str, str], bool] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tried = self._then = Station(self.rules)

    def run(self, inputs: Iterable[Sequence[Recorded]]) -> Iterator[Difference | Lost]:
        """Try one input after the other; `inputs` are the facts of each."""
        for facts in inputs:
            self.sets.follow(facts)
            if not any("rules" in fact.data or fact.kind == Kind.SIGNAL_FAILED for fact in facts):
                continue  # no decision of the station
            try:
                happened = rebuilt(facts)
            except CannotRebuildError as error:
                self.lost += 1
                yield Lost(tuple(facts), str(error))
                continue
            if isinstance(happened.what, AgentStarted):
                self._as_declared(facts)
            now = _in_lanes(_told(self._decide(happened).events))
            was = _in_lanes(_bare(fact.kind, fact.subject, fact.data) for fact in facts)
            self.inputs += 1
            if was != now:
                yield Difference(happened, was, now)

    def _decide(self, happened: Input) -> Decision:
        self._release(happened)
        tried = self._handle(self._tried, happened)
        lived = tried if self._lives is self._tried else self._handle(self._lives, happened)
        self._remember(lived)
        return tried

    def _handle(self, station: Station, happened: Input) -> Decision:
        return station.handle(self.memory, happened, self.sets.reference)

    @property
    def _lives(self) -> Station:
        """Whose decisions become the memory."""
        return self._tried if self.carry else self._then

    def _remember(self, decision: Decision) -> None:
        for key, document in decision.documents.items():
            if document is None:
                self.memory.pop(key, None)
            else:
                self.memory[key] = document

    def _release(self, happened: Input) -> None:
        """A button that is pressed again was released, even where nobody wrote that down."""
        if not isinstance(contact := happened.what, Contact):
            return
        place = (happened.source, contact.input)
        if contact.active and self._contacts.get(place):
            released = type(happened)(happened.source, Contact(b"", contact.input, active=False), happened.moment)
            self._remember(self._handle(self._lives, released))
        self._contacts[place] = contact.active

    def _as_declared(self, facts: Sequence[Recorded]) -> None:
        """Go by the rules that the agent declared when it started."""
        declared = next((fact.data["declared"] for fact in facts if "declared" in fact.data), None)
        if declared is None:
            return
        try:
            rules = Rules.model_validate_json(orjson.dumps({**declared, "scan": [*map(_said, declared["scan"])]}))
        except ValidationError as error:
            self.strange_rules = str(error)
            self._then = self._tried
            return
        self._then = self._tried if rules == self.rules else Station(rules)


def _said(scan: Mapping[str, Any]) -> dict[str, Any]:
    """A declared scan rule without the keys that were left at their default, which its format may not have."""
    defaults = {name: one.get_default() for name, one in ScanRule.model_fields.items()}
    return {key: value for key, value in scan.items() if key not in defaults or value not in (defaults[key], [])}


def _told(events: Iterable[Event]) -> Iterator[Fact]:
    """Facts as the journal would give them back."""
    for event in events:
        yield _bare(event.kind.value, event.subject, orjson.loads(orjson.dumps(event.data)))


def _bare(kind: str, subject: str, data: Mapping[str, Any]) -> Fact:
    return Fact(kind, subject, {key: value for key, value in data.items() if key not in NOT_COMPARED})


def _in_lanes(facts: Iterable[Fact]) -> tuple[Fact, ...]:
    """Lane by lane: how they stood to each other in the decision is not recorded."""
    return tuple(sorted(facts, key=lambda fact: _PLACE[LANE_OF[Kind(fact.kind)]]))


def _decision(fact: Fact) -> tuple[Any, ...]:
    return (fact.kind, fact.subject, *(fact.data.get(key) for key in ("verdict", "reason")))


def _worth(facts: Iterable[Fact]) -> int:
    """How good the facts are for a unit."""
    return sum((fact.kind in GOOD) - 2 * (fact.kind in BAD) for fact in facts)
