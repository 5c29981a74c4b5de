"""How far one lane is on its way: read from the journal, in the air, acknowledged, confirmed.

Pure: numbers and times come in as arguments.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

RESEND_MAX_S = 3600.0
"""However long the central stays silent, what it has not confirmed is sent again this often."""

AGAIN_FIRST = 1000
"""Events that are sent again after a silence: to send all would drown a central that has most, or is merely behind."""

AGAIN_MOST = 50_000
"""Twice as many as before go out each time the central has taken them and says no more; so many at most."""

GO_ON_S = 2.0
"""A central that has what was sent again, and more behind it, says so within this time: else it misses that, too."""


@dataclass(slots=True)
class Flight:
    """One message in the air: the numbers of its first and last event, and whether it is acknowledged."""

    first: int
    last: int
    acked: bool = False


class LaneProgress:
    """One lane.  Numbers are sequences of the journal; times are monotonic seconds."""

    def __init__(self, sent: int, confirmed: int, resend_after_s: float) -> None:
        self.sent = max(sent, confirmed)
        self.confirmed = confirmed
        self.read = self.sent
        self.singly_until = 0
        self._paused_until_s = 0.0
        self._probing = False
        self._flights: deque[Flight] = deque()
        self._resend_first_s = resend_after_s
        self._resend_s = resend_after_s
        self._silent_since_s: float | None = None
        self._again_after = self._again_last = self._again_until = 0
        self._again_events = self._again_next = AGAIN_FIRST

    @property
    def again(self) -> tuple[int, int] | None:
        """What is to be sent a second time: the numbers behind the first, up to the second; None if nothing is."""
        return (self._again_after, self._again_last) if self._again_after < self._again_last else None

    def went_again(self, last: int) -> None:
        """Note that what is to be sent a second time was, up to number `last`."""
        self._again_after = last

    def split_again(self, first: int, last: int) -> None:
        """Send these a second time as before, each by itself."""
        self.singly_until = max(self.singly_until, last)
        self._again_after = max(self.confirmed, min(self._again_after, first - 1))

    def may_send(self, now_s: float) -> bool:
        """Whether the lane is not held back; after a pause, one message goes first and alone."""
        return now_s >= self._paused_until_s and not (self._probing and self._flights)

    def depart(self, first: int, last: int) -> Flight:
        """Note that events `first` to `last` are in the air."""
        flight = Flight(first, last)
        self._flights.append(flight)
        self.read = last
        return flight

    def land(self, flight: Flight, now_s: float) -> bool:
        """Note that `flight` is acknowledged; True if `sent` moved on.  Acknowledgements out of order wait."""
        flight.acked = True
        moved = False
        while self._flights and self._flights[0].acked:
            self.sent = max(self.sent, self._flights.popleft().last)
            moved = True
        self._probing = self._probing and not moved
        if self._silent_since_s is None and self.confirmed < self.sent:
            self._silent_since_s = now_s
        return moved

    def confirm(self, sequence: int, last: int, now_s: float) -> bool:
        """Note that everything up to `sequence` is confirmed; True if that is news.

        `last` is the last number given: one beyond it is not believed.
        """
        if not self.confirmed < sequence <= last:
            return False
        self.confirmed = sequence
        self.sent = max(self.sent, sequence)
        self.read = max(self.read, sequence)
        self._resend_s = self._resend_first_s
        self._silent_since_s = now_s if self.confirmed < self.sent else None
        self._again_after = max(self._again_after, sequence)
        if self._again_last <= sequence < self._again_until:
            self._resend_s = min(GO_ON_S, self._resend_first_s)
            self._again_next = min(2 * self._again_events, AGAIN_MOST)
        else:
            self._again_next = AGAIN_FIRST
        return True

    def rewind(self, now_s: float) -> None:
        """Forget what is in the air, to send it again: the connection is gone, or the broker did not take it."""
        self._flights.clear()
        self.read = self.sent
        self._silent_since_s = now_s if self.confirmed < self.sent else None

    def pause(self, until_s: float, now_s: float) -> None:
        """Send nothing until then, and then again what was in the air, beginning with one message."""
        self.rewind(now_s)
        self._paused_until_s = until_s
        self._probing = True

    def split(self, last: int, now_s: float) -> None:
        """Send again what was in the air, each event by itself up to number `last`."""
        self.rewind(now_s)
        self.singly_until = max(self.singly_until, last)

    def resend_if_silent(self, now_s: float) -> bool:
        """Have the next unconfirmed events sent again if nothing was confirmed for too long; True if so.

        The wait doubles.  New events go on meanwhile.
        """
        if self.confirmed >= self.sent:
            return False
        if self._silent_since_s is None:
            self._silent_since_s = now_s
        if now_s - self._silent_since_s < self._resend_s:
            return False
        self._resend_s = min(max(2 * self._resend_s, self._resend_first_s), RESEND_MAX_S)
        self._silent_since_s = now_s
        self._again_until = self.sent
        self._again_events, self._again_next = self._again_next, AGAIN_FIRST
        self._again_after = self.confirmed
        self._again_last = min(self.confirmed + self._again_events, self._again_until)
        return True
