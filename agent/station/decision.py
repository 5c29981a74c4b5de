"""What a decision is: the facts it makes, what it shows, and the documents of the station's memory it changes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.events import Event, Kind, Lane
from agent.station.reference import NOTHING
from drivers.contract import Answer, Lamps, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.events import Moment
    from agent.station.reference import Reference

Document = dict[str, Any]
"""A small JSON document of the station's memory.  Never changed in place: a decision puts a new one."""

NONE: Mapping[str, Any] = MappingProxyType({})
"""No documents."""

BESIDE_WORK = frozenset([kind for kind in Kind if kind.lane not in {Lane.WORK, Lane.MEASUREMENT}])
"""Kinds of facts after which more may have changed than the work at the station; most decisions have none of them."""

PASS = Verdict.PASS  # looked up once: each signal of every day passes here

LAST = "last"
"""Key of the document that tells the last verdict."""


class Decision(NamedTuple):
    """Everything that follows from one input.

    `documents` maps keys of the memory to their new documents, None to forget one.  `answer` goes to the device that
    spoke; `lamps` is the picture of the stack light from now on, None where it stays as it is.  `asks` names the gauges
    that are to take a value now.  `reply` is what the sender of an order is told beside yes or no.
    """

    events: tuple[Event, ...] = ()
    documents: Mapping[str, Document | None] = NONE
    answer: Answer | None = None
    lamps: Lamps | None = None
    asks: tuple[str, ...] = ()
    reply: Mapping[str, Any] = NONE

    @property
    def refuses(self) -> bool:
        """Whether the operator is told no."""
        return self.answer is not None and self.answer.verdict is Verdict.REFUSE


class Draft:
    """A decision in the making: the memory as it will be, and what is said so far.

    Lives for one call of `Station.handle`; each rule of the station reads it and adds to it.
    """

    def __init__(
        self, memory: Mapping[str, Document], moment: Moment, rules_digest: str, reference: Reference = NOTHING
    ) -> None:
        self.moment = moment
        self.reference = reference
        self.beside_work = False
        """Whether a fact of this decision is about more than the work: calls, alarms, devices, the agent."""
        self._memory = memory
        self._rules_digest = rules_digest
        self._documents: dict[str, Document | None] = {}
        self._events: list[Event] = []
        self._answer: Answer | None = None
        self._asks: list[str] = []
        self._reply: Document = {}

    def get(self, key: str) -> Document | None:
        """The document at `key` as this decision leaves it."""
        return self._documents[key] if key in self._documents else self._memory.get(key)

    def is_changed(self, key: str) -> bool:
        """Whether this decision has changed the document at `key`."""
        return key in self._documents

    @property
    def events(self) -> tuple[Event, ...]:
        """The facts of this decision so far."""
        return tuple(self._events)

    def under(self, prefix: str) -> Iterator[tuple[str, Document]]:
        """Documents whose key begins with `prefix`, as this decision leaves them."""
        for key, kept in self._memory.items():
            if key.startswith(prefix) and key not in self._documents:
                yield key, kept
        for key, changed in self._documents.items():
            if changed is not None and key.startswith(prefix):
                yield key, changed

    def put(self, key: str, document: Document) -> None:
        """Remember `document` under `key`."""
        self._documents[key] = document

    @property
    def verdict(self) -> str:
        """The last verdict, as this decision leaves it; empty while there was none."""
        if self._answer is not None:
            return self._answer.verdict
        return str((self.get(LAST) or {}).get("verdict", ""))

    def forget(self, key: str) -> None:
        """Remember nothing under `key` any more."""
        self._documents[key] = None

    def record(self, kind: Kind, subject: str, data: Document) -> None:
        """Add a fact, with the revision of the rules that made it."""
        self._events.append(Event(kind, subject, {**data, "rules": self._rules_digest}, self.moment))
        if kind in BESIDE_WORK:
            self.beside_work = True

    def ask(self, gauge: str) -> None:
        """Have `gauge` take a value."""
        self._asks.append(gauge)

    def reply(self, document: Document) -> None:
        """Tell who sent the order how things are now."""
        self._reply = {**self._reply, **document}

    def accept(self, text: str) -> None:
        """Tell the operator yes, unless something in this decision has said no."""
        if self._answer is None or self._answer.verdict is PASS:
            self._answer = Answer(PASS, text)

    def refuse(self, text: str) -> None:
        """Tell the operator no."""
        self._answer = Answer(Verdict.REFUSE, text)

    def reject(self, kind: Kind, subject: str, data: Document, reason: str) -> None:
        """Add a fact that something was refused, and tell the operator no."""
        self.record(kind, subject, {**data, "reason": reason})
        self.refuse(reason)

    def finish(self, lamps: Lamps | None) -> Decision:
        """Return the decision, and let the memory hold what the operator was told."""
        answer = self._answer
        if answer is not None:
            self._documents[LAST] = {"verdict": answer.verdict, "text": answer.text, "time": self.moment.iso}
        return Decision(tuple(self._events), self._documents, answer, lamps, tuple(self._asks), self._reply)
