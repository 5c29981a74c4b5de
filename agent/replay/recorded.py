"""A fact as the journal gives it back, and facts gathered to the inputs that they came from.

Pure.  Knows nothing of files; the lanes come in as iterators.
"""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from agent.events import TYPE_PREFIX, Kind, Lane, Moment
from agent.replay.values import Values

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

MADE_BY_JOURNAL = {Kind.JOURNAL_GAP.value, Kind.JOURNAL_RECOVERED.value, Kind.MEASUREMENT_SUMMARY.value}
"""Facts that no signal caused: the journal made them while it tidied."""

LOOK_AHEAD = 1000
"""Facts of each lane among which those of one input are looked for.

Lanes are written together, so they are apart only by what was seen and written in another order.
"""

_START = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Recorded:
    """One fact of the journal: its lane and number, what it says, and when it was seen."""

    lane: Lane
    sequence: int
    kind: str
    subject: str
    data: Mapping[str, Any]
    moment: Moment

    @property
    def key(self) -> tuple[str, int]:
        """What the facts of one input have in common: boot and monotonic time."""
        return self.moment.boot, self.moment.monotonic_ns


def parsed(body: str) -> Recorded:
    """Read a finished event.  Raises ValueError, KeyError or TypeError if it is none of ours."""
    event = orjson.loads(body)
    since_1970 = datetime.fromisoformat(event["time"]) - _START
    moment = Moment(
        since_1970 // timedelta(microseconds=1) * 1000,
        int(event["monotonicns"]),
        event["clock"] == "synced",
        event["bootid"],
        int(event.get("turnns", 0)),
    )
    kind = event["type"].removeprefix(TYPE_PREFIX)
    return Recorded(Lane(event["lane"]), int(event["sequence"]), kind, event.get("subject", ""), event["data"], moment)


def gathered(lanes: Sequence[Iterator[Recorded]], boots: Sequence[str]) -> Iterator[list[Recorded]]:
    """Give the facts of one input after the other, in the order in which the inputs were decided.

    Each lane comes in its own order, which is kept; between lanes the moments decide, or the turns where there are any.
    A series comes as its values, each where its moment belongs.  `boots` are the boots of the machine in their order; a
    boot that is not among them was before.
    """
    rank = {boot: place for place, boot in enumerate(boots)}

    def place(fact: Recorded) -> tuple[int, int]:
        return rank.get(fact.moment.boot, -1), fact.moment.order_ns

    windows = [_Window(lane, Values(place)) for lane in lanes]
    while any(window.head is not None or window.values for window in windows):
        heads = sorted((head for window in windows if (head := window.head) is not None), key=place)
        whole = (head for head in heads if all(window.may_give(head.key) for window in windows))
        chosen = next(whole, heads[0]) if heads else None
        end = place(chosen) if chosen else None
        values = [[value] for window in windows for value in window.give_values(end)]
        if chosen and not values:
            yield [fact for window in windows for fact in window.give(chosen.key)]
        yield from values


class _Window:
    """The next facts of one lane, and the `values` of its series."""

    def __init__(self, lane: Iterator[Recorded], values: Values) -> None:
        self._lane = lane
        self._facts: deque[Recorded] = deque()
        self._count: Counter[tuple[str, int]] = Counter()
        self.values = values
        self._fill()

    @property
    def head(self) -> Recorded | None:
        """The next fact, None behind the last."""
        return self._facts[0] if self._facts else None

    def may_give(self, key: tuple[str, int]) -> bool:
        """Whether all facts of this input can go without one being passed over."""
        return not self._count[key] or self._facts[0].key == key

    def give(self, key: tuple[str, int]) -> list[Recorded]:
        """Take the facts of this input out."""
        if not self._count.pop(key, 0):
            return []
        given = [fact for fact in self._facts if fact.key == key] if self._facts[0].key != key else []
        if given:
            self._facts = deque(fact for fact in self._facts if fact.key != key)
        while self._facts and self._facts[0].key == key:
            given.append(self._facts.popleft())
        self._fill()
        return given

    def give_values(self, end: tuple[int, int] | None) -> list[Recorded]:
        """Take values out that were seen before the place `end`; None: whenever."""
        given = [*self.values.until(end)]
        self._fill()
        return given

    def _fill(self) -> None:
        while max(len(self._facts), len(self.values)) < LOOK_AHEAD and (fact := next(self._lane, None)) is not None:
            if fact.kind == Kind.MEASUREMENT_SERIES:
                self.values.add(fact)
            elif fact.kind not in MADE_BY_JOURNAL:
                self._facts.append(fact)
                self._count[fact.key] += 1
