"""Know the shift: by the plant's clock, or by a card where no times are declared; a change of it is a fact."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station.people import who

if TYPE_CHECKING:
    from agent.station.decision import Document, Draft
    from agent.station.rules import Rules

SHIFT = "shift"
"""Key of the document that tells the shift."""


def current(draft: Draft) -> str:
    """The shift, as a name that no other shift of another day has; empty while none is known."""
    return str((draft.get(SHIFT) or {}).get("shift", ""))


class Shifts:
    """The shifts of a station; `by_clock` where the times at which they begin are declared."""

    def __init__(self, rules: Rules) -> None:
        self._shifts = sorted((shift.begin, shift.name) for shift in rules.shift)
        self.by_clock = bool(self._shifts)
        self._ahead = timedelta(hours=rules.policies.utc_offset_h)

    def turn(self, draft: Draft, unit: str) -> None:
        """Notice that the clock has passed the beginning of a shift; an unset clock passes nothing."""
        if self._shifts and draft.moment.synced:
            self._begin(draft, unit, self._by_clock(draft.moment.time_ns), {})

    def card(self, draft: Draft, unit: str, data: Document) -> None:
        """Begin the next shift by a card."""
        if self._shifts:
            draft.reject(Kind.COMMAND_REJECTED, "", data, "the shifts of this station begin by the clock")
            return
        number = (draft.get(SHIFT) or {"number": 0}).get("number", 0) + 1
        self._begin(draft, unit, f"{draft.moment.iso[:10]} {number}", {**data, "number": number})
        draft.accept("a new shift has begun")

    def _begin(self, draft: Draft, unit: str, shift: str, data: Document) -> None:
        before = current(draft)
        if shift == before:
            return
        number = {"number": data["number"]} if "number" in data else {}
        draft.put(SHIFT, {"shift": shift, "since": draft.moment.iso, **number})
        if before or data:
            told: Document = {**data, "shift": shift, "before": before, **who(draft)}
            draft.record(Kind.SHIFT_CHANGED, unit, {**told, "unit": unit} if unit else told)

    def _by_clock(self, time_ns: int) -> str:
        now = datetime.fromtimestamp(time_ns // 1_000_000_000, UTC) + self._ahead
        begun = [name for begin, name in self._shifts if begin <= f"{now:%H:%M}"]
        if begun:
            return f"{now:%Y-%m-%d} {begun[-1]}"
        return f"{now - timedelta(days=1):%Y-%m-%d} {self._shifts[-1][1]}"
