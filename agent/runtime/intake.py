"""Take inputs off the queue in groups, so that what comes together is written together."""

from __future__ import annotations

import time
from contextlib import suppress
from queue import Empty
from typing import TYPE_CHECKING

from drivers.contract import Reading

if TYPE_CHECKING:
    from agent.runtime.inbox import Inbox
    from agent.signals import Input


class Intake:
    """The receiving end of the queue."""

    def __init__(self, inbox: Inbox, group_size: int, linger_s: float) -> None:
        self._inbox = inbox
        self._group_size = group_size
        self._linger_s = linger_s
        self._early: list[Input | None] = []

    def wake(self) -> None:
        """End a waiting `take` soon."""
        self._inbox.wake()

    @property
    def empty(self) -> bool:
        """Whether nothing waits just now."""
        return not self._early and self._inbox.empty()

    def rest(self, longest_s: float) -> None:
        """Do nothing until the next input comes, or `wake`, or the time is over; `take` has that input first."""
        if not self._early:
            with suppress(Empty):
                self._early.append(self._inbox.get(longest_s))

    def take(self, wait_s: float, *, linger: bool) -> list[Input]:
        """Everything that waits, up to one group; waits `wait_s` for the first of it.

        With `linger`, a group of nothing but gauge values waits a little for more of them: nobody waits for those, and
        each write to flash spared counts.
        """
        taken = self._waiting(wait_s)
        if not linger or not taken:
            return taken
        deadline_s = time.monotonic() + self._linger_s
        while len(taken) < self._group_size and all(isinstance(one.what, Reading) for one in taken):
            left_s = deadline_s - time.monotonic()
            more = self._waiting(left_s) if left_s > 0 else []
            if not more:
                break
            taken += more
        return taken

    def _waiting(self, wait_s: float) -> list[Input]:
        early, self._early = self._early, []
        if not early:
            try:
                early.append(self._inbox.get(wait_s))
            except Empty:
                return []
        taken = [one for one in early if one is not None]
        return taken + self._inbox.take(self._group_size - len(taken))
