"""The one bounded queue: readers and the uplink put inputs on it, the recorder takes them off.

The standard library's bounded queue costs three locks a passage, which the operator waits for; here a passage costs one
as long as there is room.
"""

from __future__ import annotations

from contextlib import suppress
from queue import Empty, Full, SimpleQueue
from threading import Condition
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.signals import Input


class Inbox:
    """At most `size` inputs, and one more for each thread that puts at the same moment.  None only wakes the taker.

    Any thread may put, one takes.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._queue: SimpleQueue[Input | None] = SimpleQueue()
        self._room = Condition()
        self._waiting = 0

    def put(self, what: Input | None, timeout_s: float) -> None:
        """Put `what` at the end; wait `timeout_s` for room.  Raises queue.Full."""
        if not self._has_room():
            with self._room:
                self._waiting += 1  # before the second look, which the taker's look at it follows or precedes
                try:
                    if not self._room.wait_for(self._has_room, timeout_s):
                        raise Full
                finally:
                    self._waiting -= 1
        self._queue.put(what)

    def wake(self) -> None:
        """End a waiting `get`."""
        self._queue.put(None)

    def get(self, timeout_s: float) -> Input | None:
        """Take the first; wait `timeout_s` for it.  Raises queue.Empty."""
        found = self._queue.get(timeout=timeout_s) if timeout_s > 0 else self._queue.get_nowait()
        if self._waiting:
            with self._room:
                self._room.notify_all()
        return found

    def take(self, most: int) -> list[Input]:
        """Take what waits, up to `most`, without waiting."""
        taken: list[Input] = []
        with suppress(Empty):
            while len(taken) < most:
                if (found := self._queue.get_nowait()) is not None:
                    taken.append(found)
        if self._waiting:
            with self._room:
                self._room.notify_all()
        return taken

    def empty(self) -> bool:
        """Whether nothing waits."""
        return self._queue.empty()

    def _has_room(self) -> bool:
        return self._queue.qsize() < self._size
