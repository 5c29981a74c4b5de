"""Bring a journal of an older schema up to the present one.  Events are never rewritten.

Imported only when there is something to bring up: the library it uses costs about 25 MB of memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils import Database

from agent.events import LANES, digest

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterable, Mapping


def bring_up(connection: sqlite3.Connection, old: int, new: int, tables: Mapping[int, Iterable[str]]) -> None:
    """Add what each version after `old` has over the one before, all or nothing.  Raises sqlite3.Error.

    `tables` are the statements that make the new tables of each.
    """
    database = Database(connection)
    with database.atomic():
        for version in range(old + 1, new + 1):
            _STEPS[version](database)
            for table in tables[version]:
                database.execute(table)
        database.execute(f"PRAGMA user_version = {new}")


def _checksums(database: Database) -> None:
    """Version 2: bodies have a checksum, and lanes know what was removed."""
    database.table("lane").add_column("first_seq", int, not_null_default=1)
    database.table("lane").add_column("thinned_seq", int, not_null_default=0)
    for lane in LANES:
        database.table(f"event_{lane}").add_column("crc", int)
        size = f"SELECT coalesce(sum(length(CAST(body AS BLOB))), 0) FROM event_{lane}"  # noqa: S608  a lane's name is ours
        database.execute(f"UPDATE lane SET bytes = ({size}) WHERE name = ?", [lane.value])  # noqa: S608  the same


def _chains(database: Database) -> None:
    """Version 3: the next event of each lane carries the hash of the last one there is; older ones have none."""
    database.table("lane").add_column("chained_seq", int, not_null_default=1)
    database.table("lane").add_column("last_hash", str, not_null_default="")
    database.table("lane").add_column("linked_seq", int, not_null_default=0)
    for lane in LANES:
        row = database.execute(f"SELECT body FROM event_{lane} ORDER BY seq DESC LIMIT 1").fetchone()  # noqa: S608  the same
        head = digest(row[0].encode()) if row else ""
        database.execute(
            "UPDATE lane SET last_hash = ?, chained_seq = last_seq + 1, linked_seq = first_seq - 1 WHERE name = ?",
            [head, lane.value],
        )


_STEPS: Mapping[int, Callable[[Database], None]] = {2: _checksums, 3: _chains}
