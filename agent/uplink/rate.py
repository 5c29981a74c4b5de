"""How fast a backlog may go: events and bytes a second.  Pure: times come in as arguments."""

from __future__ import annotations


class Rate:
    """A bound on events and on bytes a second; 0 is no bound.  One message may overdraw; the next waits for it."""

    def __init__(self, events_per_s: float, bytes_per_s: float) -> None:
        self._rates = (events_per_s, bytes_per_s)
        self._free_at_s = 0.0

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next message may go; 0 if it may go now."""
        return max(0.0, self._free_at_s - now_s)

    def spend(self, events: int, size_bytes: int, now_s: float) -> None:
        """Note that a message went."""
        if not any(self._rates):
            return
        amounts = zip((events, size_bytes), self._rates, strict=True)
        cost_s = max((amount / rate for amount, rate in amounts if rate), default=0.0)
        self._free_at_s = max(now_s, self._free_at_s) + cost_s
