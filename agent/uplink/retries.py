"""Events in quarantine that somebody wants sent again."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from agent.journal.quarantine import Discard, RefusedAgain
from agent.uplink.reasons import NOBODY_SUBSCRIBED, TOO_LARGE, taken, too_large

if TYPE_CHECKING:
    from agent.journal.journal import Journal
    from agent.journal.quarantine import Order
    from agent.journal.reader import JournalReader
    from agent.uplink.outlet import Outlet


class Retries:
    """Each is sent once a retry: what is taken leaves the quarantine, anything else keeps it there with the reason."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._under_way: set[int] = set()

    def clear(self) -> None:
        """Forget what is in the air: it will be sent again."""
        self._under_way.clear()

    def send(self, outlet: Outlet, reader: JournalReader, now_s: float) -> None:
        """Send what is due, as far as there is room."""
        for event in reader.quarantined(due=True):
            if event.id in self._under_way:
                continue
            payload = event.body.encode()
            if len(payload) > outlet.largest_bytes:
                self._settle(RefusedAgain(event.id, TOO_LARGE, too_large(outlet.largest_bytes)))
            elif outlet.has_room(event.lane, now_s):
                self._under_way.add(event.id)
                outlet.publish(event.lane, payload, 1, now_s, partial(self._answered, event.id))

    def _answered(self, number: int, code: int, reason: str, _now_s: float) -> None:
        self._under_way.discard(number)
        if code == NOBODY_SUBSCRIBED:
            self._settle(RefusedAgain(number, code, "nobody is subscribed to it"))
        else:
            self._settle(Discard(number) if taken(code) else RefusedAgain(number, code, reason))

    def _settle(self, order: Order) -> None:
        self._journal.quarantine.put(order)
