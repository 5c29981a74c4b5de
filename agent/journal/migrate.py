"""Bring a journal of an older schema up to the present one.  Events are never rewritten.

Imported only when there is something to bring up: the library it uses costs about 25 MB of memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlite_utils import Database

from agent.events import LANES

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable


def bring_to_version_2(connection: sqlite3.Connection, version: int, tables: Iterable[str]) -> None:
    """Add what version 2 has over version 1 (`tables` are its new tables), all or nothing.  Raises sqlite3.Error."""
    database = Database(connection)
    with database.atomic():
        database.table("lane").add_column("first_seq", int, not_null_default=1)
        database.table("lane").add_column("thinned_seq", int, not_null_default=0)
        for lane in LANES:
            database.table(f"event_{lane}").add_column("crc", int)
            size = f"SELECT coalesce(sum(length(CAST(body AS BLOB))), 0) FROM event_{lane}"  # noqa: S608  a lane's name is ours
            database.execute(f"UPDATE lane SET bytes = ({size}) WHERE name = ?", [lane.value])  # noqa: S608  the same
        for table in tables:
            database.execute(table)
        database.execute(f"PRAGMA user_version = {version}")
