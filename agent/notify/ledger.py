"""What is written and read in one transaction of the notifier's memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Collection, Mapping, Sequence

    from agent.notify.news import News
    from agent.notify.rules import Order

MOST_AT_ONCE = 2000
"""Events that one look at the waiting ones returns, at most; so many make one digest."""


@dataclass(frozen=True, slots=True)
class Row:
    """One event that waits for one target.  `fields` fill the templates."""

    id: int
    rule: str
    urgent: bool
    gather: bool
    heard: float
    fields: Mapping[str, str]


class Ledger:
    """One transaction.  Times are seconds of wall time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    # --- what was heard

    def first_time(self, news: News, at: float) -> bool:
        """Remember the event; False if it was heard before."""
        identity = (news.path, news.epoch, news.lane, news.sequence)
        return self._run("INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?)", (*identity, at)) > 0

    def count(self, name: str, n: int, last: str, at: float) -> None:
        """Add `n` to a count; `last` tells of the newest."""
        self._run(
            "INSERT INTO count VALUES (?, ?, ?, ?) "
            "ON CONFLICT (name) DO UPDATE SET n = n + excluded.n, last = excluded.last, at = excluded.at",
            (name, n, last, at),
        )

    def ending(self, news: News) -> dict[str, str] | None:
        """Fields of the end of this call or alarm, if it was heard before its beginning.

        A call ends once.  An alarm comes again, so only an end with a later number of the same journal is its end.
        """
        rows = self._all(
            "SELECT told FROM ended WHERE station = ? AND thread = ? AND (? = 'andon' OR (epoch = ? AND seq > ?))",
            (news.path, news.thread, news.lane, news.epoch, news.sequence),
        )
        return orjson.loads(rows[0][0]) if rows else None

    # --- what is to be told

    def queue(self, order: Order, news: News, fields: Mapping[str, str], at: float, over: str = "") -> None:
        """Let an event wait for a target."""
        self._run(
            "INSERT INTO outbox (target, rule, station, thread, type, urgent, gather, heard, fields, over) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                order.target, order.rule, news.path, news.thread, news.type, order.urgent, order.gather, at,
                orjson.dumps(fields).decode(), over,
            ),
        )  # fmt: skip
        if order.resolve and not over and not (news.is_end or news.is_after) and news.thread:
            self._run(
                "INSERT INTO open VALUES (?, ?, ?, ?, ?, ?) "
                "ON CONFLICT DO UPDATE SET urgent = max(urgent, excluded.urgent)",
                (news.path, news.thread, order.target, order.rule, order.urgent, at),
            )

    def end(
        self, news: News, fields: Mapping[str, str], over: str, under_way: Collection[int], at: float
    ) -> list[tuple[str, str, bool]]:
        """End a call or an alarm; return who is owed a message about that: target, rule, urgent.

        What still waits is amended by `over`, and is then the message about the end too; but for what is `under_way`.
        """
        place = (news.path, news.thread)
        waiting = self._all(
            "SELECT id, target FROM outbox WHERE station = ? AND thread = ? AND done IS NULL AND over = ''", place
        )
        amended = {identity: target for identity, target in waiting if identity not in under_way}
        for identity in amended:
            self._run("UPDATE outbox SET over = ? WHERE id = ?", (over, identity))
        told = self._all(
            "SELECT target, rule, urgent FROM open WHERE station = ? AND thread = ? ORDER BY target", place
        )
        self._run("DELETE FROM open WHERE station = ? AND thread = ?", place)
        self._run(
            "INSERT OR REPLACE INTO ended VALUES (?, ?, ?, ?, ?, ?)",
            (*place, news.epoch, news.sequence, orjson.dumps(fields).decode(), at),
        )
        return [(target, rule, bool(urgent)) for target, rule, urgent in told if target not in amended.values()]

    def waiting(self, target: str) -> list[Row]:
        """What waits for a target: urgent first, then what was tried least, then the oldest."""
        rows = self._all(
            "SELECT id, rule, urgent, gather, heard, fields, over FROM outbox WHERE target = ? AND done IS NULL "
            "ORDER BY urgent DESC, tries, id LIMIT ?",
            (target, MOST_AT_ONCE),
        )
        return [
            Row(identity, rule, bool(urgent), bool(gather), heard, {**orjson.loads(fields), "over": over})
            for identity, rule, urgent, gather, heard, fields, over in rows
        ]

    # --- what became of it

    def sent(self, target: str, ids: Sequence[int], how: str, at: float) -> bool:
        """These were taken; True if the target did not take anything before."""
        self._many("UPDATE outbox SET done = ?, how = ? WHERE id = ?", [(at, how, identity) for identity in ids])
        failing = self._all("SELECT 1 FROM target WHERE name = ? AND failing_since IS NOT NULL", (target,))
        self._run(
            "INSERT INTO target (name, sent) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "
            "sent = excluded.sent, failing_since = NULL, reason = '', told = 0",
            (target, at),
        )
        return bool(failing)

    def failed(self, target: str, ids: Sequence[int], reason: str, at: float) -> float:
        """These were not taken; return since when the target takes nothing."""
        self._many("UPDATE outbox SET tries = tries + 1 WHERE id = ?", [(identity,) for identity in ids])
        self._run(
            "INSERT INTO target (name, failing_since, reason) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE SET "
            "failing_since = coalesce(failing_since, excluded.failing_since), reason = excluded.reason",
            (target, at, reason),
        )
        return float(self._all("SELECT failing_since FROM target WHERE name = ?", (target,))[0][0])

    def tell_once(self, target: str) -> bool:
        """Whether it is still to be told that the target fails; from now on it is not."""
        return self._run("UPDATE target SET told = 1 WHERE name = ? AND told = 0", (target,)) > 0

    def waits(self, target: str) -> int:
        """How many events wait for a target."""
        return int(self._all("SELECT count(*) FROM outbox WHERE target = ? AND done IS NULL", (target,))[0][0])

    # --- what is kept

    def forget(self, before: float, at: float) -> int:
        """Forget what is older than `before`; return how many of it nobody took."""
        for table in ("seen", "open", "ended"):
            self._run(f"DELETE FROM {table} WHERE at < ?", (before,))  # noqa: S608  our own names
        self._run("DELETE FROM outbox WHERE done < ?", (before,))
        return self._run("UPDATE outbox SET done = ?, how = 'given up' WHERE done IS NULL AND heard < ?", (at, before))

    def note(self, key: str, value: str) -> None:
        """Remember a word."""
        self._run("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))

    def noted(self, key: str) -> str:
        """The word remembered under `key`; empty if there is none."""
        rows = self._all("SELECT value FROM meta WHERE key = ?", (key,))
        return str(rows[0][0]) if rows else ""

    # --- what people ask

    def counts(self) -> list[dict[str, Any]]:
        """Every count, with the newest and when."""
        return self._told("SELECT name, n, last, at FROM count ORDER BY name")

    def targets(self) -> list[dict[str, Any]]:
        """Every target that something waits for, that took something, or that does not."""
        return self._told(
            "SELECT n.name, (SELECT count(*) FROM outbox WHERE target = n.name AND done IS NULL) AS waiting, "
            "(SELECT min(heard) FROM outbox WHERE target = n.name AND done IS NULL) AS oldest, "
            "t.sent, t.failing_since, coalesce(t.reason, '') AS reason "
            "FROM (SELECT name FROM target UNION SELECT target FROM outbox WHERE done IS NULL) AS n "
            "LEFT JOIN target AS t ON t.name = n.name ORDER BY n.name"
        )

    def newest(self, limit: int, *, waiting: bool) -> list[dict[str, Any]]:
        """The newest of the outbox: all, or what waits."""
        where = "WHERE done IS NULL" if waiting else ""
        return self._told(
            "SELECT id, target, rule, station, type, heard, tries, done, how, fields, over "  # noqa: S608  our own text
            f"FROM outbox {where} ORDER BY id DESC LIMIT ?",
            (limit,),
        )

    def _told(self, query: str, values: tuple[Any, ...] = ()) -> list[dict[str, Any]]:
        cursor = self._connection.execute(query, values)
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _all(self, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        return self._connection.execute(query, values).fetchall()

    def _run(self, statement: str, values: tuple[Any, ...]) -> int:
        return self._connection.execute(statement, values).rowcount

    def _many(self, statement: str, values: list[tuple[Any, ...]]) -> None:
        self._connection.executemany(statement, values)
