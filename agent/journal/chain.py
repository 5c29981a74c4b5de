"""Keep the chain of a lane provable where events are removed: the hash of each event that borders on a hole stays.

An event carries the hash of the one before it.  Where either is gone, the hash is kept as an anchor, so that what is
left of the lane still hangs together, and each event left is still vouched for by something outside of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Lane, digest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping, Sequence

    from agent.journal.lanes import LaneState

BEFORE_ALL = 0
"""The anchor with this number is the last hash of the epoch before."""


def keep(connection: sqlite3.Connection, lane: Lane, state: LaneState, going: Sequence[int]) -> None:
    """Set the anchors for the removal of the events `going` (ascending), inside the transaction that removes them."""
    connection.executemany("DELETE FROM anchor WHERE lane = ? AND seq = ?", [(lane.value, seq) for seq in going])
    for first, last in _runs(going):
        if last < state.chained - 1:
            continue
        _set(connection, lane, last)
        if not _set(connection, lane, first - 1):
            connection.execute("DELETE FROM anchor WHERE lane = ? AND seq = ?", (lane.value, first - 1))


def begin(connection: sqlite3.Connection, heads: Mapping[str, str]) -> None:
    """Let the lanes of a new journal begin with the last hashes of the one before it, inside a transaction."""
    for lane, head in heads.items():
        connection.execute("UPDATE lane SET last_hash = ? WHERE name = ?", (head, lane))
        connection.execute("INSERT OR REPLACE INTO anchor VALUES (?, ?, ?)", (lane, BEFORE_ALL, head))


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last of each run of numbers without a hole."""
    first = 0
    for place, number in enumerate(numbers):
        if place + 1 == len(numbers) or numbers[place + 1] != number + 1:
            yield numbers[first], number
            first = place + 1


def _set(connection: sqlite3.Connection, lane: Lane, seq: int) -> bool:
    """Keep the hash of event `seq`; False if there is no such event."""
    row = connection.execute(f"SELECT body FROM event_{lane} WHERE seq = ?", (seq,)).fetchone()  # noqa: S608  a lane's name is ours
    if row is None:
        return False
    connection.execute("INSERT OR REPLACE INTO anchor VALUES (?, ?, ?)", (lane.value, seq, digest(row[0].encode())))
    return True
