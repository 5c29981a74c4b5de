"""Look into a journal from the command line, while the agent runs or not.  Never writes to the file.

Orders to the agent (send a refused event again, forget it) are left in a folder beside the file.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any

import orjson
from sqlite_utils import Database

from agent.journal.schema import Translating, open_reader

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.events import Lane


def events(path: Path, lane: Lane | None, kind: str, subject: str, limit: int) -> list[dict[str, Any]]:
    """Return the newest events, oldest of them first; empty words do not filter.  Raises JournalError."""
    where, values = [], []
    for column, value in (("lane", lane.value if lane else ""), ("type", kind), ("subject", subject)):
        if value:
            where.append(f"{column} = ?")
            values.append(value)
    rows = _rows(path, "event", "time desc, seq desc", (" and ".join(where), values), limit)
    return [orjson.loads(row["body"]) for row in reversed(list(rows))]


def quarantined(path: Path) -> list[dict[str, Any]]:
    """Return the events that the broker refused, in the order it did.  Raises JournalError."""
    return list(_rows(path, "quarantine", "id"))


def _rows(
    path: Path, table: str, order_by: str, where: tuple[str, list[str]] = ("", []), limit: int | None = None
) -> Iterator[dict[str, Any]]:
    with Translating(path), closing(open_reader(path)) as connection:
        yield from (Database(connection)[table].rows_where(where[0] or None, where[1], order_by=order_by, limit=limit))
