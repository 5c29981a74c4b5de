"""How far one lane is on its way: read from the journal, in the air, acknowledged, confirmed.

Pure: numbers and times come in as arguments.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

RESEND_MAX_S = 3600.0
"""However long the central stays silent, what it has not confirmed is sent again this often."""


@dataclass(slots=True)
class Flight:
    """One message in the air: the numbers of its first and last event, when it left, whether it is acknowledged."""

    first: int
    last: int
    left_s: float
    acked: bool = False


class LaneProgress:
    """One lane.  Numbers are sequences of the journal; times are monotonic seconds.

    `last` is the newest number in the journal: an earlier run may have sent up to it without leaving a note.
    """

    def __init__(self, sent: int, confirmed: int, last: int, resend_after_s: float) -> None:
        self.sent = max(sent, confirmed)
        self.confirmed = confirmed
        self.read = self.sent
        self._reached = max(last, self.sent)
        self._flights: deque[Flight] = deque()
        self._resend_first_s = resend_after_s
        self._resend_s = resend_after_s
        self._silent_since_s: float | None = None

    def depart(self, first: int, last: int, now_s: float) -> Flight:
        """Note that events `first` to `last` are in the air."""
        flight = Flight(first, last, now_s)
        self._flights.append(flight)
        self.read = last
        self._reached = max(self._reached, last)
        return flight

    def land(self, flight: Flight, now_s: float) -> bool:
        """Note that `flight` is acknowledged; True if all before it are too.  Acknowledgements out of order wait."""
        flight.acked = True
        moved = False
        while self._flights and self._flights[0].acked:
            self.sent = max(self.sent, self._flights.popleft().last)
            moved = True
        if self.confirmed < self.sent and self._silent_since_s is None:
            self._silent_since_s = now_s
        return moved

    def confirm(self, sequence: int, now_s: float) -> bool:
        """Note that everything up to `sequence` is confirmed; True if that is news.

        A number that cannot have been sent is not believed.  One sent before a rewind or a resend is, and need not be
        sent again.
        """
        if not self.confirmed < sequence <= self._reached:
            return False
        self.confirmed = sequence
        self.sent = max(self.sent, sequence)
        self.read = max(self.read, sequence)
        self._resend_s = self._resend_first_s
        self._silent_since_s = now_s if self.confirmed < self.sent else None
        return True

    def rewind(self, now_s: float) -> None:
        """Forget what is in the air: the connection that carried it is gone."""
        self._flights.clear()
        self.read = self.sent
        self._silent_since_s = now_s if self.confirmed < self.sent else None

    def resend_if_silent(self, now_s: float) -> bool:
        """Go back to the last confirmed event if nothing was confirmed for too long; True if so.  The wait doubles."""
        if self.confirmed >= self.sent or self._silent_since_s is None:
            return False
        if now_s - self._silent_since_s < self._resend_s:
            return False
        self._flights.clear()
        self.sent = self.read = self.confirmed
        self._resend_s = min(2 * self._resend_s, RESEND_MAX_S)
        self._silent_since_s = now_s
        return True
