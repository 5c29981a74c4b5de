"""Where intake and deliveries meet: the store, who is to be woken, and what is on its way right now."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from agent.notify.store import Store


class Desk:
    """Shared by the workers of one notifier."""

    def __init__(self, store: Store, targets: Iterable[str]) -> None:
        self.store = store
        self._bells = {target: Event() for target in targets}
        self._under_way: dict[str, frozenset[int]] = {}

    @property
    def under_way(self) -> frozenset[int]:
        """Numbers of the events that are being pushed now.  Called within a transaction: nothing joins meanwhile."""
        return frozenset().union(*self._under_way.copy().values())

    def sets_out(self, target: str, ids: Sequence[int]) -> None:
        """These are being pushed from now on; none: nothing is.  Called within a transaction."""
        self._under_way[target] = frozenset(ids)

    def wake(self, targets: Iterable[str]) -> None:
        """Something new waits for these."""
        for target in targets:
            if bell := self._bells.get(target):
                bell.set()

    def bell(self, target: str) -> Event:
        """What rings when something new waits for `target`."""
        return self._bells[target]
