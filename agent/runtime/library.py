"""The reference data in use, as the recorder holds it: handed to each decision, replaced only behind a commit.

Also stands before the station for the orders of the central: one that is late, repeated or meant for another journal
never reaches it.  Used by the recorder's thread; any may read `reference`.
"""

from __future__ import annotations

import gc
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from agent.events import Kind
from agent.journal import references
from agent.journal.errors import JournalError
from agent.journal.references import Kept
from agent.signals import Command, ReferenceOffered
from agent.station.decision import Decision
from agent.station.reference import NOTHING, Set
from agent.station.sets import orders, telling
from agent.station.sets.change import kept, restored

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from agent.events import Moment
    from agent.journal.journal import Journal
    from agent.runtime.clock import Clock
    from agent.signals import Input, Reply
    from agent.station.decision import Document
    from agent.station.reference import Reference
    from agent.station.sets.change import Change
    from agent.station.station import Station

log = structlog.get_logger()

LARGE_BYTES = 20_000
"""Documents from this size on make so many objects that the collector of garbage is told to leave them alone."""


def _nobody(*_: object) -> None:
    """Nobody waits for an answer."""


class Library:
    """The sets in use and what of them is still to be written.

    `reply` answers an order; `settled` hears what became of documents offered, None if they have to be prepared anew.
    Neither may block.
    """

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        *,
        reply: Callable[[Reply, Document], None] = _nobody,
        settled: Callable[[Document | None], None] = _nobody,
    ) -> None:
        self._journal = journal
        self._clock = clock
        self._reply = reply
        self._settled = settled
        self.reference: Reference | None = None
        self._working: Reference = NOTHING
        self._owed: list[Kept] = []
        self._kept: list[Kept] = []

    def open(self, memory: Mapping[str, Document], aside: str = "") -> list[Set]:
        """Load the sets as they were kept, from the journal put `aside` if the one in use has none.

        Returns the sets that were in use and cannot be read any more: they were never loaded, then.
        """
        revisions = telling.remembered(memory)
        bodies = self._bodies(self._journal.path)
        if aside and not bodies:
            bodies = self._bodies(Path(aside))
        found = {which: bodies.get(which, []) for which in revisions}
        with undisturbed(large=sum(len(body) for several in found.values() for body in several) > LARGE_BYTES):
            self.reference = self._working = restored(found, revisions)
        if aside:
            self.begun_anew()
        return sorted(set(revisions) - set(self.reference.revisions))

    def begun_anew(self) -> None:
        """Have all sets written with the next transaction: the journal is a new one."""
        reference = self.reference or NOTHING
        self._owed = [
            Kept(which.value, revision.revision, kept(reference, which), revision.loaded.iso)
            for which, revision in reference.revisions.items()
        ]

    def begin(self) -> None:
        """Begin a group of decisions."""
        self._working = self.reference or NOTHING
        self._kept = []

    def handle(self, station: Station, memory: Mapping[str, Document], happened: Input) -> Decision:
        """Decide one input of the group on the sets that the ones before it leave."""
        what = happened.what
        if isinstance(what, ReferenceOffered):
            return self.offered(memory, what, happened.moment)
        if isinstance(what, Command) and (reason := self._why_not(memory, what)):
            return orders.refused(what, reason, happened.moment)
        decision = station.handle(memory, happened, self._working)
        if isinstance(what, Command):
            return decision._replace(documents={**decision.documents, **orders.noted(memory, what)})
        return decision

    @property
    def kept(self) -> list[Kept]:
        """Documents to be written with the group."""
        return [*self._owed, *self._kept]

    def commit(self) -> None:
        """The group is on disk: its sets are in use from now on."""
        self.reference = self._working
        self._owed, self._kept = [], []

    def tell(self, decisions: Iterable[tuple[Input, Decision]]) -> None:
        """Answer who sent an order or a document, now that what came of it is on disk."""
        for happened, decision in decisions:
            if isinstance(happened.what, ReferenceOffered):
                self._settled(self._outcome(happened.what, decision))
            elif isinstance(happened.what, Command) and happened.what.reply is not None:
                self._reply(happened.what.reply, _answer(decision))

    def failed(self, happened: Input) -> None:
        """What happened could not be decided."""
        if isinstance(happened.what, ReferenceOffered):
            self._settled({"ok": False, "reason": "internal error, see the station's log"})

    def offered(self, memory: Mapping[str, Document], offered: ReferenceOffered, moment: Moment) -> Decision:
        """Decide on documents that were read and checked; nothing, if the sets in use have changed since."""
        change: Change = offered.change
        order = offered.order
        if order is not None and (reason := self._why_not(memory, order)):
            return orders.refused(order, reason, moment)
        if change.base is not self._working:
            return Decision()
        origins = [offer.origin for offer in offered.offers]
        repeatable = all(offer.origin == "topic" for offer in offered.offers)
        decision = telling.decision(change, memory, origins, moment, repeatable=repeatable)
        if order is not None:
            decision = decision._replace(documents={**decision.documents, **orders.noted(memory, order)})
        for taken in change.taken:
            if taken.how != "confirmed":
                delta = change.after.revisions[taken.which].deltas
                self._kept.append(Kept(taken.which.value, taken.revision, taken.body, moment.iso, delta))
        self._working = change.after
        return decision

    def _outcome(self, offered: ReferenceOffered, decision: Decision) -> Document | None:
        """The answer to documents offered; None if the sets in use had changed under them."""
        refused = _answer(decision)
        if not refused["ok"]:
            return {**refused, "in_use": telling.in_use(self.reference or NOTHING)}
        change: Change = offered.change
        return telling.answer(change) if change.after is self.reference else None

    def _why_not(self, memory: Mapping[str, Document], order: Command) -> str:
        return orders.why_not(memory, order, self._clock.now(), self._journal.epoch)

    def _bodies(self, path: Path) -> dict[Set, list[bytes]]:
        try:
            return {Set(name): bodies for name, bodies in references.read(path).items() if name in set(Set)}
        except (JournalError, OSError) as error:
            log.warning("reference.unreadable", journal=str(path), reason=str(error))
            return {}


@contextmanager
def undisturbed(*, large: bool) -> Iterator[None]:
    """Make many small objects that stay: no collection of garbage looks at them meanwhile, nor ever again."""
    if not large or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _answer(decision: Decision) -> Document:
    """What to answer an order by what was recorded of it."""
    for event in decision.events:
        if event.kind is Kind.COMMAND_REJECTED:
            return {"ok": False, "reason": event.data["reason"], **decision.reply}
    return {"ok": True, **decision.reply}
