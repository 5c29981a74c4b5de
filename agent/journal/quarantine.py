"""Events that the broker refuses for good: kept aside with the reason, so that their lane can go on.

Orders come from any thread and are carried out by the writing one, with its next transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import orjson

from agent.events import TYPE_PREFIX, Kind
from agent.journal.retention import gap

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

    from agent.events import Event, Lane, Moment


@dataclass(frozen=True, slots=True)
class Refusal:
    """One event that the broker refused: which, with what reason code, and in what words.

    `epoch` names its journal: the present one, which an empty word means too, or one that it was saved from.
    """

    lane: Lane
    sequence: int
    code: int
    reason: str
    epoch: str = ""


@dataclass(frozen=True, slots=True)
class Retry:
    """Send the quarantined event with this number again."""

    id: int


@dataclass(frozen=True, slots=True)
class Discard:
    """Forget the quarantined event with this number, for good."""

    id: int


@dataclass(frozen=True, slots=True)
class RefusedAgain:
    """The quarantined event with this number was sent again, and refused again."""

    id: int
    code: int
    reason: str


Order = Refusal | Retry | Discard | RefusedAgain


class Quarantine:
    """The orders that wait, and how many events are in quarantine."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._orders: list[Order] = []
        self.count = 0

    @property
    def pending(self) -> bool:
        """Whether there is something to carry out."""
        return bool(self._orders)

    def put(self, order: Order) -> None:
        """Have `order` carried out soon."""
        with self._lock:
            self._orders.append(order)

    def take(self) -> list[Order]:
        """Take all orders out, to be carried out."""
        with self._lock:
            taken, self._orders = self._orders, []
        return taken

    def put_back(self, orders: list[Order]) -> None:
        """Put back what could not be carried out."""
        with self._lock:
            self._orders = [*orders, *self._orders]

    def load(self, connection: sqlite3.Connection) -> None:
        """Count what is in quarantine."""
        self.count = int(connection.execute("SELECT count(*) FROM quarantine").fetchone()[0])

    def obey(self, connection: sqlite3.Connection, orders: list[Order], now: Callable[[], Moment]) -> list[Event]:
        """Carry out `orders` inside a transaction; return the events that tell which numbers will not come."""
        gaps = []
        for order in orders:
            match order:
                case Refusal():
                    gaps += _set_aside(connection, order, now)
                case RefusedAgain(number, code, reason):
                    connection.execute(
                        "UPDATE quarantine SET retry = 0, code = ?, reason = ? WHERE id = ?", (code, reason, number)
                    )
                case Retry(number):
                    connection.execute("UPDATE quarantine SET retry = 1 WHERE id = ?", (number,))
                case Discard(number):
                    connection.execute("DELETE FROM quarantine WHERE id = ?", (number,))
        if orders:
            self.load(connection)
        return gaps


def _set_aside(connection: sqlite3.Connection, refusal: Refusal, now: Callable[[], Moment]) -> list[Event]:
    """Copy a refused event into quarantine; a second refusal of the same event (it was sent again) changes nothing.

    A refused gap record stays where it is and is sent again later: telling that by another one would never end.
    """
    lane, sequence = refusal.lane, refusal.sequence
    (present,) = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    salvaged = refusal.epoch not in {"", present}
    body = _body(connection, refusal, salvaged=salvaged)
    if body is None:
        return []
    known = connection.execute(
        "SELECT 1 FROM quarantine WHERE lane = ? AND seq = ? AND body = ?", (lane.value, sequence, body)
    ).fetchone()
    event = orjson.loads(body)
    kind, time = event["type"].removeprefix(TYPE_PREFIX), event["time"]
    if known is not None or kind == Kind.JOURNAL_GAP:
        return []
    connection.execute(
        "INSERT INTO quarantine (lane, seq, type, time, body, code, reason) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (lane.value, sequence, kind, time, body, refusal.code, refusal.reason),
    )
    reason = f"refused by the broker: {refusal.reason}"
    told = gap(lane, (sequence, sequence), 1, reason, times=(time, time), moment=now())
    return [told._replace(data={**told.data, "epoch": refusal.epoch}) if salvaged else told]


def _body(connection: sqlite3.Connection, refusal: Refusal, *, salvaged: bool) -> str | None:
    values: tuple[object, ...] = (refusal.sequence,)
    query = f"SELECT body FROM event_{refusal.lane} WHERE seq = ?"  # noqa: S608  a lane's name is ours
    if salvaged:
        values = (refusal.sequence, refusal.epoch, refusal.lane.value)
        query = "SELECT body FROM salvage WHERE seq = ? AND epoch = ? AND lane = ?"
    row = connection.execute(query, values).fetchone()
    return row[0] if row else None
