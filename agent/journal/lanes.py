"""The book of lanes: numbers given, delivered and kept, in memory as last written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from agent.events import LANES, Lane

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class LaneState:
    """How far a lane is: oldest number kept, last given, acknowledged, confirmed; bytes kept and allowed (0: no end).

    Measurements up to `thinned` have been thinned to summaries.  Events from number `chained` on carry the hash of
    the one before them; `head` is the hash of the last one.  Those up to `linked` are in the index of what they name.
    """

    first: int = 1
    last: int = 0
    sent: int = 0
    confirmed: int = 0
    size_bytes: int = 0
    budget_bytes: int = 0
    thinned: int = 0
    chained: int = 1
    head: str = ""
    linked: int = 0

    @property
    def depth(self) -> int:
        """Events kept and not yet confirmed."""
        return self.last - max(self.confirmed, self.first - 1)

    @property
    def over_budget(self) -> bool:
        """Whether the lane keeps more than it may."""
        return 0 < self.budget_bytes < self.size_bytes

    @property
    def in_order(self) -> bool:
        """Whether the numbers can be."""
        marks = (self.first - 1, self.sent, self.confirmed, self.thinned, self.chained - 1, self.linked)
        return self.size_bytes >= 0 and all(0 <= mark <= self.last for mark in marks)


_COLUMNS = (
    "first_seq, last_seq, sent_seq, confirmed_seq, bytes, budget_bytes, thinned_seq, chained_seq, last_hash, linked_seq"
)


def load(connection: sqlite3.Connection) -> dict[Lane, LaneState]:
    """Read the book.  Raises ValueError or TypeError if it makes no sense."""
    rows = connection.execute(f"SELECT name, {_COLUMNS} FROM lane").fetchall()  # noqa: S608  the names are ours
    book = {Lane(name): LaneState(*numbers) for name, *numbers in rows}
    if set(book) != set(LANES) or not all(state.in_order for state in book.values()):
        raise ValueError("the lanes are out of order")
    return book


def check_edges(connection: sqlite3.Connection, book: Mapping[Lane, LaneState]) -> None:
    """Compare each lane's last number with the newest event there is.  Raises ValueError."""
    for lane, state in book.items():
        newest = connection.execute(f"SELECT max(seq) FROM event_{lane}").fetchone()[0] or 0  # noqa: S608  a lane's name is ours
        if newest > state.last or (newest < state.last and state.first <= state.last):
            raise ValueError(f"lane {lane} ends at {newest} and should at {state.last}")


def save(connection: sqlite3.Connection, lane: Lane, state: LaneState) -> None:
    """Write one line of the book, inside a transaction."""
    connection.execute(
        "UPDATE lane SET first_seq = ?, last_seq = ?, sent_seq = ?, confirmed_seq = ?, bytes = ?, budget_bytes = ?, "
        "thinned_seq = ?, chained_seq = ?, last_hash = ?, linked_seq = ? WHERE name = ?",
        (
            state.first,
            state.last,
            state.sent,
            state.confirmed,
            state.size_bytes,
            state.budget_bytes,
            state.thinned,
            state.chained,
            state.head,
            state.linked,
            lane.value,
        ),
    )


def marked(book: Mapping[Lane, LaneState], marks: Mapping[Lane, tuple[int, int]]) -> dict[Lane, LaneState]:
    """The lines of the book that `marks` (sent, confirmed) change.  A mark never runs ahead of the numbers given."""
    changed = {}
    for lane, (sent, confirmed) in marks.items():
        state = book[lane]
        changed[lane] = replace(
            state,
            sent=min(max(state.sent, sent, confirmed), state.last),
            confirmed=min(max(state.confirmed, confirmed), state.last),
        )
    return changed
