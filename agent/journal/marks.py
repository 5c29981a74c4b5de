"""Delivery marks that wait to be written: how far the broker and the central are, from any thread."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from agent.events import NS_PER_S

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from agent.events import Lane


LONGEST_WAIT_NS = 30 * NS_PER_S
"""Marks wait this long for a transaction to go with: each of their own would cost the flash one more write."""


@dataclass(frozen=True, slots=True)
class Taken:
    """Marks to be written: (sent, confirmed) of lanes, 0 for nothing new, and confirmations of old epochs."""

    epoch: str
    lanes: Mapping[Lane, tuple[int, int]]
    salvaged: Mapping[tuple[str, Lane], int]


class Marks:
    """Marks of one epoch not yet written; marks of any other epoch than the present are ignored."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._epoch = ""
        self._new: dict[Lane, tuple[int, int]] = {}
        self._salvaged: dict[tuple[str, Lane], int] = {}
        self._since_ns = 0

    @property
    def pending(self) -> bool:
        """Whether there is something to write."""
        return bool(self._new or self._salvaged)

    def peek(self) -> Mapping[Lane, tuple[int, int]]:
        """What waits, of the present epoch's lanes."""
        with self._lock:
            return dict(self._new)

    def are_old(self, now_ns: int) -> bool:
        """Whether there are some that waited too long for a transaction to go with; asked about once a second."""
        if not self.pending:
            self._since_ns = now_ns
        return now_ns - self._since_ns >= LONGEST_WAIT_NS

    def begin(self, epoch: str) -> bool:
        """Take marks of `epoch` from now on, and forget those of another; True if there was another."""
        with self._lock:
            before, self._epoch = self._epoch, epoch
            if before not in {"", epoch}:
                self._new = {}
            return before not in {"", epoch}

    def sent(self, lane: Lane, sequence: int, epoch: str = "") -> None:
        """Events up to `sequence` are acknowledged; `epoch` empty: the present one."""
        self._raise(lane, sequence, 0, epoch)

    def confirmed(self, lane: Lane, sequence: int, epoch: str = "") -> None:
        """Events up to `sequence` are confirmed; `epoch` empty: the present one."""
        self._raise(lane, 0, sequence, epoch)

    def salvaged(self, epoch: str, lane: Lane, sequence: int) -> None:
        """Events saved from `epoch` up to `sequence` are confirmed."""
        with self._lock:
            self._salvaged[epoch, lane] = max(sequence, self._salvaged.get((epoch, lane), 0))

    def take(self) -> Taken:
        """Take all marks out, to be written."""
        with self._lock:
            taken = Taken(self._epoch, self._new, self._salvaged)
            self._new, self._salvaged = {}, {}
        return taken

    def put_back(self, marks: Taken) -> None:
        """Put back what could not be written."""
        for lane, (sent, confirmed) in marks.lanes.items():
            self._raise(lane, sent, confirmed, marks.epoch)
        for (epoch, lane), sequence in marks.salvaged.items():
            self.salvaged(epoch, lane, sequence)

    def _raise(self, lane: Lane, sent: int, confirmed: int, epoch: str) -> None:
        with self._lock:
            if epoch in {"", self._epoch}:
                before = self._new.get(lane, (0, 0))
                self._new[lane] = (max(before[0], sent), max(before[1], confirmed))


def forget_salvaged(connection: sqlite3.Connection, marks: Taken) -> None:
    """Remove events of old epochs that are confirmed, inside a transaction."""
    connection.executemany(
        "DELETE FROM salvage WHERE epoch = ? AND lane = ? AND seq <= ?",
        [(epoch, lane.value, sequence) for (epoch, lane), sequence in marks.salvaged.items()],
    )
