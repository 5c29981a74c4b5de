"""The index of what events name: units, lots, serial numbers, operators and gauges -> the numbers of the events.

Written while there is nothing else to do, in blocks of 256 numbers: an append pays nothing for it, and what a block
names a hundred times is one row.  The newest events, not yet a block, are not in it: who asks looks at them too.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from agent.events import LANES, TYPE_PREFIX, Lane

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping

    from agent.journal.lanes import LaneState


class What(StrEnum):
    """What an event can name that one may ask for."""

    UNIT = "unit"
    LOT = "lot"
    OPERATOR = "operator"
    GAUGE = "gauge"
    SERIAL = "serial"

    @property
    def code(self) -> str:
        """The letter that stands for it in the index."""
        return _CODES[self]


_CODES = {what: what.value[0] for what in What}

Name = tuple[What, str]

GAUGE = "gauge"

FIELDS: tuple[tuple[str, What], ...] = (
    ("lot", What.LOT),
    ("serial", What.SERIAL),
    ("operator", What.OPERATOR),
    ("by", What.OPERATOR),
    ("lead", What.OPERATOR),
    ("started_by", What.OPERATOR),
    ("relieved_by", What.OPERATOR),
    (GAUGE, What.GAUGE),
)
"""Fields of an event's data that name something, and what."""

LISTS = ("parts", "measurements", "steps", "checks")
"""Fields with a list of documents that name something in the same fields."""

DIGITS = 2
BLOCK_EVENTS: int = 16**DIGITS
"""Numbers in a block; a place in it is written in DIGITS hexadecimal digits."""

PIECE_BLOCKS = 1
"""Blocks written in one piece of work: a few milliseconds, for which a scan or a call may have to wait."""

PIECE_BYTES = 64 * 1024
"""What one piece writes, about."""

LATEST_EVENTS = 200_000
"""The index must not be further behind than this, even if there is never a pause: who asks would wait.

Looking through so many events takes some tenths of a second."""

Places = dict[tuple[str, str, int, int], list[str]]


def names(body: str) -> set[Name]:
    """What a finished event names; nothing where it makes no sense."""
    try:
        event = orjson.loads(body)
        found = set(named(event["data"]))
        unit = unit_of(event)
    except (ValueError, TypeError, KeyError, AttributeError):
        return set()
    return {*found, (What.UNIT, unit)} if unit else found


def unit_of(event: Mapping[str, Any]) -> str:
    """The unit that an event is about; empty if none.  Where there is a gauge, `unit` is that of its value."""
    data, subject = event["data"], event.get("subject", "")
    if GAUGE not in data:
        unit = data.get("unit") or (subject if _family(event) == "defect" else "")
    else:
        unit = subject if _family(event) in {"measurement", "defect"} and subject != data[GAUGE] else ""
    return unit if isinstance(unit, str) else ""


def named(data: Mapping[str, Any]) -> Iterator[Name]:
    """What the data of an event name besides its unit, some of it more than once."""
    for key, what in FIELDS:
        name = data.get(key)
        if name and isinstance(name, str):
            yield what, name
    if isinstance(override := data.get("override"), dict):
        yield from named(override)
    for key in LISTS:
        several = data.get(key)
        if several and isinstance(several, list):
            for one in several:
                if isinstance(one, dict):
                    yield from named(one)


def _family(event: Mapping[str, Any]) -> str:
    return str(event["type"]).removeprefix(TYPE_PREFIX).partition(".")[0]


def behind(state: LaneState) -> int:
    """How many of the lane's newest events are not in the index."""
    return state.last - state.linked


def due(book: Mapping[Lane, LaneState]) -> Lane | None:
    """A lane with a whole block that is not in the index; None if there is none."""
    return next((lane for lane, state in book.items() if _end(state, 1) <= state.last), None)


def add(connection: sqlite3.Connection, lane: Lane, state: LaneState) -> LaneState:
    """Index the next whole blocks of a lane, inside a transaction; return how the lane is then."""
    blocks = next(count for count in range(PIECE_BLOCKS, 0, -1) if count == 1 or _end(state, count) <= state.last)
    end = _end(state, blocks)
    query = f"SELECT seq, body FROM event_{lane} WHERE seq BETWEEN ? AND ? ORDER BY seq"  # noqa: S608  a lane's name is ours
    places = _places(lane, connection.execute(query, (state.linked + 1, end)))
    connection.executemany(
        "INSERT OR REPLACE INTO link VALUES (?, ?, ?, ?, ?)",
        [(*key, "".join(places[key])) for key in sorted(places)],
    )
    return replace(state, linked=end)


def forget(connection: sqlite3.Connection, lane: Lane, state: LaneState, going: Iterable[tuple[int, str]]) -> None:
    """Take events (number, body) out of the index, inside the transaction that removes them."""
    indexed = ((seq, body) for seq, body in going if seq <= state.linked)
    for key, gone in _places(lane, indexed).items():
        where = "WHERE what = ? AND name = ? AND lane = ? AND block = ?"
        row = connection.execute(f"SELECT places FROM link {where}", key).fetchone()  # noqa: S608  the words are ours
        left = sorted(set(split(row[0])) - set(gone)) if row else []
        if left:
            connection.execute(f"UPDATE link SET places = ? {where}", ("".join(left), *key))  # noqa: S608  the same
        elif row:
            connection.execute(f"DELETE FROM link {where}", key)  # noqa: S608  the same


def numbers(connection: sqlite3.Connection, what: What, name: str) -> Iterator[tuple[Lane, int]]:
    """Lane and number of each indexed event that names it, newest of each lane last; some may be gone."""
    query = "SELECT lane, block, places FROM link WHERE what = ? AND name = ? ORDER BY lane, block"
    for rank, block, places in connection.execute(query, (what.code, name)):
        for place in split(places):
            yield LANES[rank], block * BLOCK_EVENTS + int(place, 16)


def split(places: str) -> list[str]:
    """The places in a block, one by one."""
    return [places[at : at + DIGITS] for at in range(0, len(places), DIGITS)]


def _end(state: LaneState, blocks: int) -> int:
    """The last number of the block so many blocks on."""
    return ((state.linked + 1) // BLOCK_EVENTS + blocks) * BLOCK_EVENTS - 1


def _places(lane: Lane, rows: Iterable[tuple[int, str]]) -> Places:
    places: Places = defaultdict(list)
    rank = LANES.index(lane)
    for seq, body in rows:
        block, place = divmod(seq, BLOCK_EVENTS)
        written = f"{place:0{DIGITS}x}"
        for what, name in names(body):
            places[_CODES[what], name, rank, block].append(written)
    return places
