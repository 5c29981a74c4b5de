"""Read the next messages of a backlog from the disk while the last ones are on their way to the broker.

A worker of its own, for SQLite joins checked events without the interpreter; checking them would only take it from the
forwarder.  What is not given out, the forwarder reads for itself, and meets the error, if that was the reason.
"""

from __future__ import annotations

import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, NamedTuple

from agent.journal.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.events import Lane
    from agent.journal.journal import Journal
    from agent.journal.reader import JournalReader, Message

BLOCK_BYTES = 640 * 1024
"""So much is read in one piece of work, or one message; one block waits while the next is read.

The reader gets the interpreter back only when the forwarder lets go of it: with half as much to send meanwhile, the
forwarder had to wait for every block.
"""

PATIENCE_S = 0.1
"""A block that is not there by then is not waited for: the disk is busy, or the worker is in trouble."""

WAIT_S = 4.0
"""Longest wait for a question in one step."""


class Place(NamedTuple):
    """A message that is wanted: of which journal, and what `JournalReader.joined` has to know."""

    journal: str
    lane: Lane
    after: int
    max_events: int
    max_bytes: int


Block = list[tuple[Place, "Message"]]


class ReadAhead:
    """`ask`, `take` and `coming` belong to the forwarder's thread, the rest to the worker's; `ring` wakes the former.

    As long as the worker does not run, there is nothing to take.  One question is on its way at a time.
    """

    name = "reader-ahead"
    retry_max_s = 30.0
    expected = (JournalError,)

    def __init__(self, journal: Journal, ring: Callable[[], None]) -> None:
        self.coming = False
        self._journal = journal
        self._ring = ring
        self._questions: SimpleQueue[Place | None] = SimpleQueue()
        self._answers: SimpleQueue[Block] = SimpleQueue()
        self._ready: deque[tuple[Place, Message]] = deque()
        self._asked: Place | None = None
        self._asked_s = 0.0
        self._running = False
        self._reader: JournalReader | None = None
        self._followed = ""
        self._epoch: str | None = None

    def ask(self, place: Place) -> None:
        """Have the messages from `place` on read, instead of any others."""
        self._ready.clear()
        self._collect()
        self._ready.clear()
        if self._running and self._asked is None:
            self._ask(place)

    def take(self, place: Place) -> Message | None:
        """Return the message at `place`, if it was read; None if not: `coming` tells if it soon will be."""
        if not self._ready and self._asked is not None:
            self.coming = self._asked == place and time.monotonic() - self._asked_s < PATIENCE_S
            self._collect()  # after `coming`, which the worker looks at after it has answered
        if not self._ready or self._ready[0][0] != place:
            return None
        self.coming = False
        message = self._ready.popleft()[1]
        if self._asked is None:
            last = self._ready[-1] if self._ready else (place, message)
            self._ask(_behind(*last))
        return message

    def open(self) -> None:
        """Be there for questions."""
        self._running = True

    def step(self) -> None:
        """Answer one question, whatever happens."""
        try:
            place = self._questions.get(timeout=WAIT_S)
        except Empty:
            return
        if place is None:
            return
        block: Block = []
        try:
            block = self._read(place)
        except JournalError:
            self._let_go()
        finally:
            self._answers.put(block)
            if self.coming:
                self._ring()

    def cancel(self) -> None:
        """End a waiting step."""
        self._questions.put(None)

    def failed(self, _error: Exception) -> None:
        """Be started again after the usual wait."""

    def close(self) -> None:
        """Let the journal go."""
        self._running = False
        self._let_go()

    def _ask(self, place: Place) -> None:
        self._asked, self._asked_s = place, time.monotonic()
        self._questions.put(place)

    def _collect(self) -> None:
        """Take the answer in, if there is one."""
        try:
            self._ready.extend(self._answers.get_nowait())
        except Empty:
            return
        self._asked = None
        self.coming = False

    def _read(self, place: Place) -> Block:
        reader = self._follow(place.journal)
        if reader is None:
            return []
        number = max(1, BLOCK_BYTES // place.max_bytes)
        block: Block = []
        for message in reader.joined(place.lane, place.after, place.max_events, place.max_bytes, number):
            block.append((place, message))
            place = _behind(place, message)
        return block

    def _follow(self, journal: str) -> JournalReader | None:
        """Return a reader of the journal there is now, if that is the one that is asked about."""
        present = self._journal.epoch
        if self._reader is None or self._followed != present:
            self._let_go()
            self._reader = self._journal.reader()
            self._followed, self._epoch = present, self._reader.meta("epoch")
        return self._reader if self._epoch == journal else None

    def _let_go(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()


def _behind(place: Place, message: Message) -> Place:
    """Where the message after this one begins."""
    return place._replace(after=message.last)
