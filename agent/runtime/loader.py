"""Read and check documents of reference data beside the recorder, which only takes what is ready.

One change is under way at a time, so that the next is prepared on what the one before left.
"""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from dataclasses import replace
from queue import Empty, Full, SimpleQueue
from typing import TYPE_CHECKING

import structlog

from agent.journal import spool
from agent.runtime.library import LARGE_BYTES, undisturbed
from agent.signals import Input, Offer, ReferenceOffered
from agent.station.reference import Set
from agent.station.sets.change import Paper, prepare

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from agent.runtime.clock import Clock
    from agent.runtime.library import Library
    from agent.signals import Command, Reply
    from agent.station.decision import Document
    from agent.station.reference import Reference
    from agent.station.sets.change import Change

log = structlog.get_logger()

WAIT_S = 1.0
"""Longest wait in one step; also how often documents left by the command line are looked for."""

REST_S = 0.1
"""How often is looked whether the recorder has loaded what is kept."""

SETTLE_S = 0.3
"""After a connection the broker brings what it retained: so long is waited for more of it, to take all together."""

WAITING_BYTES = 64_000_000
"""Documents waiting, at most; who brings more has to try again."""

ORDER = (Set.ROUTES, Set.PRODUCTS, Set.UNITS, Set.OPERATORS, Set.GAUGES, Set.LOTS)
"""A set stands behind those it refers to."""

Batch = tuple[Offer, ...]


class ReferenceLoader:
    """The worker that prepares changes.

    `put` takes an input for the recorder and raises queue.Full; `reply` answers an order, and never blocks.
    """

    name = "reference"
    retry_max_s = 5.0
    expected = (OSError,)

    def __init__(
        self,
        library: Library,
        journal: Path,
        clock: Clock,
        *,
        put: Callable[[Input, float], None],
        reply: Callable[[Reply, Document], None],
    ) -> None:
        self._library = library
        self._journal = journal
        self._clock = clock
        self._put = put
        self._reply = reply
        self._offers: SimpleQueue[Offer | None] = SimpleQueue()
        self._outcomes: SimpleQueue[Document | None] = SimpleQueue()
        self._todo: deque[Batch] = deque()
        self._under_way: Batch = ()
        self._refused: dict[str, Offer] = {}
        self._offered_bytes = 0  # by the forwarder alone
        self._taken_bytes = 0  # by this worker alone
        self._stopping = False

    def offer(self, offer: Offer) -> bool:
        """Take a document over; False if there is no room for it now.  Called by the forwarder; never blocks."""
        waiting = self._offered_bytes - self._taken_bytes
        if waiting and waiting + len(offer.payload) > WAITING_BYTES:
            return False
        self._offered_bytes += len(offer.payload)
        self._offers.put(offer)
        return True

    def settled(self, outcome: Document | None) -> None:
        """Hear what became of the documents under way.  Called by the recorder; never blocks."""
        self._outcomes.put(outcome)

    def open(self) -> None:
        """Nothing to get ready."""

    def step(self) -> None:
        """Hear what became of the last change, or prepare the next."""
        if self._under_way:
            self._await_outcome()
        elif self._library.reference is None:
            self._rest()
        elif self._todo or self._look():
            self._prepare(self._todo.popleft())

    def cancel(self) -> None:
        """End a waiting step soon."""
        self._stopping = True
        self._offers.put(None)
        self._outcomes.put(None)

    def failed(self, _error: Exception) -> float | None:
        """Retried as usual."""
        return None

    def close(self) -> None:
        """What waits is brought again: retained by the broker, left in its file, or asked for by who had no answer."""

    def _rest(self) -> None:
        """Wait for the recorder to have loaded what is kept."""
        with suppress(Empty):
            self._outcomes.get(timeout=REST_S)

    def _look(self) -> bool:
        """Look for something to do; True if there is."""
        known = {offer.file for batch in self._todo for offer in batch}
        for name in spool.waiting(self._journal):
            if name not in known and (payload := spool.document(self._journal, name)) is not None:
                self._todo.append((Offer(payload, "file", file=name),))
        first = None if self._todo else self._first(WAIT_S)
        if first is not None:
            self._todo.append(self._together(first) if first.retained else (first,))
        return bool(self._todo)

    def _first(self, wait_s: float) -> Offer | None:
        try:
            offer = self._offers.get(timeout=wait_s)
        except Empty:
            return None
        if offer is not None:
            self._taken_bytes += len(offer.payload)
        return offer

    def _together(self, first: Offer) -> Batch:
        """Gather what the broker retained; the newest of each topic, sets behind those they refer to."""
        gathered = {first.key: first}
        while (offer := self._first(SETTLE_S)) is not None:
            if not offer.retained:
                self._todo.append((offer,))
            gathered |= {offer.key: offer} if offer.retained else {}
        return tuple(sorted(gathered.values(), key=_rank))

    def _prepare(self, batch: Batch) -> None:
        """Prepare a change and hand it to the recorder; what does not fit together is tried one by one."""
        base = self._library.reference
        if base is None:
            self._todo.appendleft(batch)
            return
        change = self._prepared(base, batch)
        if change.mistakes and len(batch) > 1:
            self._todo.extendleft((offer,) for offer in reversed(batch))
            return
        if change.mistakes and self._refused and batch[0].origin == "topic":
            joined = {**self._refused, batch[0].key: batch[0]}
            together = tuple(sorted(joined.values(), key=_rank))
            if not (fitting := self._prepared(base, together)).mistakes:
                batch, change = together, fitting
        self._hand_over(batch, change)

    def _prepared(self, base: Reference, batch: Batch) -> Change:
        with undisturbed(large=sum(len(offer.payload) for offer in batch) > LARGE_BYTES):
            papers = [Paper(offer.payload, offer.origin == "topic", offer.retained) for offer in batch]
            return prepare(base, papers, self._clock.now())

    def _hand_over(self, batch: Batch, change: Change) -> None:
        offered = ReferenceOffered(change, batch, _order(batch, change))
        try:
            self._put(Input("file" if batch[0].file else "central", offered, self._clock.now()), WAIT_S)
        except Full:
            self._todo.appendleft(batch)
            return
        self._under_way = batch
        self._note_refused(batch, change)

    def _await_outcome(self) -> None:
        try:
            outcome = self._outcomes.get(timeout=WAIT_S)
        except Empty:
            return
        if self._stopping:
            return
        batch, self._under_way = self._under_way, ()
        if outcome is None:
            self._todo.appendleft(batch)
            return
        for offer in batch:
            self._answer(offer, outcome)

    def _answer(self, offer: Offer, outcome: Document) -> None:
        if not outcome["ok"]:
            log.warning("reference.refused", origin=offer.origin, topic=offer.key, mistakes=outcome.get("mistakes"))
        if offer.file:
            spool.answer(self._journal, offer.file, outcome)
        if offer.order is not None and offer.order.reply is not None:
            self._reply(offer.order.reply, outcome)

    def _note_refused(self, batch: Batch, change: Change) -> None:
        """Keep what a topic brought and did not fit, to try it again when another set has changed."""
        again = [(offer,) for offer in self._refused.values() if offer not in batch]
        if not change.mistakes and any(taken.how != "confirmed" for taken in change.taken):
            self._refused.clear()
            self._todo.extend(again)
        for offer in batch:
            if change.mistakes and offer.origin == "topic" and len(offer.payload) < WAITING_BYTES // 8:
                self._refused[offer.key] = offer
            elif offer.origin == "topic":
                self._refused.pop(offer.key, None)


def _order(batch: Batch, change: Change) -> Command | None:
    """The order that brought the documents, with what they say of themselves."""
    order = batch[0].order
    if order is None:
        return None
    data = {"bytes": len(batch[0].payload), "epoch": change.epoch, "documents": [list(one) for one in change.named]}
    return replace(order, id=change.id or order.id, data=data)


def _rank(offer: Offer) -> tuple[int, str]:
    name = offer.key.rpartition("/")[2]
    return (ORDER.index(Set(name)) if name in set(Set) else len(ORDER)), offer.key
