"""Hold the values of a stream that nobody waits for, and give them back joined: one write a second, not one a value.

In memory only: what is held when the power goes is lost.  Used by the recorder's thread alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import NS_PER_S
from agent.station import series
from drivers.contract import Reading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.events import Event
    from agent.signals import Input
    from agent.station.decision import Decision


class Streams:
    """What is held, gauge by gauge.

    A value belongs to a stream if its gauge gave another one less than `series_s` before; 0: none does.  All that is
    held is written when the first of it has waited for `series_s`, or when a gauge has given `series_values` (what is
    beyond those begins the next series); that of one gauge before anything else of this gauge.
    """

    def __init__(self, series_s: float, series_values: int) -> None:
        self._series_ns = int(series_s * NS_PER_S)
        self._series_values = series_values
        self._held: dict[str, list[Event]] = {}
        self._last_ns: dict[str, int] = {}
        self._taken = self._held, self._last_ns
        self._ending = False
        self.trouble = False
        """While nothing can be recorded, what is held stays so: it is not to take the room of a call."""

    @property
    def values(self) -> int:
        """How many values are held."""
        return sum(map(len, self._held.values()))

    def is_due(self, now_ns: int) -> bool:
        """Whether what is held is to be written now."""
        return bool(self._held) and (self._ending or (not self.trouble and self._due_ns <= now_ns))

    def wait_s(self, longest_s: float, now_ns: int) -> float:
        """Seconds until what is held is to be written, `longest_s` at most."""
        return min(longest_s, max(0.0, (self._due_ns - now_ns) / NS_PER_S)) if self._held else longest_s

    def take(self, decisions: Iterable[tuple[Input, Decision]], now_ns: int) -> list[Event]:
        """Take what was decided; return what is to be written now, in order.

        Nothing has changed until `commit`: if the facts cannot be written, take again.
        """
        held = {gauge: [*events] for gauge, events in self._held.items()}
        last_ns = dict(self._last_ns)
        due = self.is_due(now_ns)
        facts: list[Event] = []
        for happened, decision in decisions:
            source = happened.source
            is_value = isinstance(happened.what, Reading)
            if is_value and self._streams(happened, last_ns) and series.may_join(decision):
                held.setdefault(source, []).extend(decision.events)
                due = due or len(held[source]) >= self._series_values
            elif decision.events:
                if source in held and not self.trouble:
                    facts += self._joined(held.pop(source))
                facts += decision.events
        if due:
            facts += [fact for events in held.values() for fact in self._joined(events[: self._end(events)])]
            held = {source: rest for source, events in held.items() if (rest := events[self._end(events) :])}
        self._taken = held, last_ns
        return facts

    def commit(self) -> None:
        """What `take` returned last is on disk."""
        self._held, self._last_ns = self._taken
        self._ending = False

    def end(self) -> bool:
        """Have all that is held written with the next facts, whatever the trouble; False if nothing is."""
        self._ending = bool(self._held)
        return self._ending

    @property
    def _due_ns(self) -> int:
        return min(events[0].moment.monotonic_ns for events in self._held.values()) + self._series_ns

    def _streams(self, happened: Input, last_ns: dict[str, int]) -> bool:
        """Whether a value is close behind another of its gauge; notes it as the last."""
        now_ns = happened.moment.monotonic_ns
        since_ns = now_ns - last_ns.get(happened.source, now_ns - self._series_ns)
        last_ns[happened.source] = now_ns
        return since_ns < self._series_ns

    def _end(self, events: list[Event]) -> int:
        """How many values of a gauge are written when it is time: all, but no short series behind whole ones."""
        count = len(events)
        return count if self._ending or count <= self._series_values else count - count % self._series_values

    def _joined(self, events: list[Event]) -> list[Event]:
        return [*series.joined(events, self._series_values)]
