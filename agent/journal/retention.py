"""Which events may go: what is confirmed and old, and, over budget, the oldest, told in a gap record.

Each function works inside the caller's transaction and does one bounded piece.  A gap record is an event itself and is
never removed.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zlib import crc32

import orjson

from agent.events import Event, Kind, Lane, size_bytes
from agent.journal import chain, links

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Sequence

    from agent.events import Moment
    from agent.journal.lanes import LaneState

CHUNK_EVENTS, CHUNK_SIGNS = 1000, 1_000_000
"""Events looked at in one piece, and about how long they are together; some milliseconds of work."""

NEWEST_ALARMS = 1000
"""So many numbers of the alarm lane stay whatever they cost: gap records, which always stay, must not drive it out."""

WORTH_THINNING = 4000
"""Measurements that take no more bytes than these stay: summary and gap record would take a good part of the room."""

SYNCED = '"clock":"synced","bootid":"'
"""Stands in an event whose clock was synchronised, and nowhere else: quotes in its data are escaped."""

MEASURED = (Kind.MEASUREMENT_TAKEN, Kind.MEASUREMENT_SERIES)


@dataclass(frozen=True, slots=True)
class Done:
    """One piece of work: how the lane is now, and the events that tell what was given up."""

    state: LaneState
    events: tuple[Event, ...] = ()


def old_until(connection: sqlite3.Connection, lane: Lane, state: LaneState, before: str) -> int:
    """Up to which number a piece of the lane is confirmed and was seen before the time `before` (RFC 3339, UTC); or 0.

    The time of an event counts only where its clock was synchronised.  Any other is older than what comes after it.
    """

    def look(first: int, last: int, order: str = "ASC") -> tuple[int, bool] | None:
        """The first of these events, or the last (DESC), and whether it is old; None if its time does not count."""
        query = (
            f"SELECT seq, time, instr(body, ?) FROM event_{lane} "  # noqa: S608  a lane's name is ours
            f"WHERE seq BETWEEN ? AND ? AND type <> ? ORDER BY seq {order} LIMIT 1"
        )
        row = connection.execute(query, (SYNCED, first, last, Kind.JOURNAL_GAP)).fetchone()
        return (row[0], row[1] < before) if row and row[2] else None

    found, ahead = None, 0
    while found is None and state.first + ahead <= state.confirmed:
        found = look(state.first + ahead, state.confirmed)
        ahead = 2 * ahead or 1
    if found is None or not found[1]:
        return 0
    known = found[0]
    piece = last = _reach(connection, lane, state.first, state.confirmed)
    while last > known:
        found = look(known, last, "DESC")
        if found is not None and found[1]:
            return last
        last -= (last - known) // 2 + 1
    return min(piece, known)


def forget(connection: sqlite3.Connection, lane: Lane, state: LaneState, until: int) -> Done:
    """Remove the events up to number `until`."""
    return Done(_remove(connection, lane, state, state.first, until))


def make_room(connection: sqlite3.Connection, lane: Lane, state: LaneState, moment: Moment) -> Done | None:
    """Bring a lane nearer to its budget: confirmed events first, then thinned measurements, then the oldest of all.

    None if nothing is left that may go.
    """
    if state.first <= state.confirmed:
        until = _reach(connection, lane, state.first, min(state.confirmed, state.first + _piece(state) - 1))
        return Done(_remove(connection, lane, state, state.first, until))
    if lane is Lane.MEASUREMENT and state.thinned < state.last:
        return _thin(connection, state, moment)
    return _drop(connection, lane, state, moment)


def _piece(state: LaneState) -> int:
    """How many numbers go at once: about a tenth of the lane, at most a chunk."""
    return max(1, min(CHUNK_EVENTS, (state.last - state.first + 1) // 10))


def _reach(connection: sqlite3.Connection, lane: Lane, first: int, last: int) -> int:
    """How far one piece that begins with number `first` goes: to `last`, or less far where events are long."""
    query = f"SELECT seq, length(body) FROM event_{lane} WHERE seq BETWEEN ? AND ? ORDER BY seq"  # noqa: S608  a lane's name is ours
    signs = 0
    for seq, length in connection.execute(query, (first, min(last, first + CHUNK_EVENTS - 1))):
        signs += length
        if signs >= CHUNK_SIGNS:
            return int(seq)
    return min(last, first + CHUNK_EVENTS - 1)


def _drop(connection: sqlite3.Connection, lane: Lane, state: LaneState, moment: Moment) -> Done | None:
    edge = state.last - NEWEST_ALARMS if lane is Lane.ALARM else state.last
    until = min(edge, state.first + _piece(state) - 1)
    if state.first > until:
        return None
    until = _reach(connection, lane, state.first, until)
    count, oldest, newest = _count(connection, lane, state.first, until)
    left = _remove(connection, lane, state, state.first, until)
    if not count:
        return Done(left)
    span = (state.first, until)
    kept = _kept(connection, lane, span)
    return Done(left, (gap(lane, span, count, "over-budget", times=(oldest, newest), moment=moment, kept=kept),))


def _thin(connection: sqlite3.Connection, state: LaneState, moment: Moment) -> Done:
    """Replace a piece of the oldest measurements by summaries; what is out of limits stays as it is."""
    lane = Lane.MEASUREMENT
    first = max(state.thinned + 1, state.first)
    until = _reach(connection, lane, first, state.last)
    rows = connection.execute(
        "SELECT seq, body, crc FROM event_measurement WHERE seq BETWEEN ? AND ? AND type IN (?, ?)",
        (first, until, *MEASURED),
    ).fetchall()
    thinnable = [(seq, event) for seq, body, crc in rows if _is_plain(event := _event(seq, body, crc))]
    thinned = replace(state, thinned=until)
    going = [seq for seq, _ in thinnable]
    size = _size(connection, lane, going) if going else 0
    if size <= WORTH_THINNING:
        return Done(thinned)
    thin = set(going)
    chain.keep(connection, lane, state, going)
    links.forget(connection, lane, state, [(seq, body) for seq, body, _ in rows if seq in thin])
    connection.executemany("DELETE FROM event_measurement WHERE seq = ?", [(seq,) for seq in going])
    summaries = tuple(_summaries(thinnable, moment))
    times = (thinnable[0][1]["time"], thinnable[-1][1]["time"])
    span = (thinnable[0][0], thinnable[-1][0])
    kept = _kept(connection, lane, span)
    told = gap(lane, span, len(thinnable), "thinned", times=times, moment=moment, kept=kept)
    return Done(replace(thinned, size_bytes=max(0, thinned.size_bytes - size)), (*summaries, told))


def _event(seq: int, body: str, crc: int | None) -> dict[str, Any]:
    """Read an event.  Raises ValueError if it is not what was written."""
    if crc is not None and crc != crc32(body.encode()):
        raise ValueError(f"the checksum of event {seq} is wrong")
    event: dict[str, Any] = orjson.loads(body)
    return event


def _is_plain(event: dict[str, Any]) -> bool:
    """Whether it is nothing but numbers inside their limits, or without any: a summary says enough of them."""
    return event["data"].get("verdict") != "fail" and all(isinstance(one, int | float) for one in _values(event))


def _values(event: dict[str, Any]) -> list[Any]:
    """The value of a measurement, or those of a series."""
    data = event["data"]
    return data["values"] if "values" in data else [data.get("value")]


def _end(event: dict[str, Any]) -> str:
    """When the last value was seen."""
    offsets_us = event["data"].get("offsets_us", [0])
    seen = datetime.fromisoformat(event["time"]) + timedelta(microseconds=offsets_us[-1])
    return seen.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _summaries(thinned: Iterable[tuple[int, dict[str, Any]]], moment: Moment) -> Iterable[Event]:
    groups: dict[tuple[str, str, str], list[tuple[int, dict[str, Any]]]] = {}
    for seq, event in thinned:
        data = event["data"]
        groups.setdefault((data.get("gauge", ""), data.get("name", ""), data.get("unit", "")), []).append((seq, event))
    for (gauge, name, unit), members in groups.items():
        values = [value for _, event in members for value in _values(event)]
        data = {
            "gauge": gauge,
            "name": name,
            "unit": unit,
            "n": len(values),
            "mean": sum(values) / len(values),
            "min": min(values),
            "max": max(values),
            "from_seq": members[0][0],
            "to_seq": members[-1][0],
            "from": members[0][1]["time"],
            "to": _end(members[-1][1]),
        }
        yield Event(Kind.MEASUREMENT_SUMMARY, gauge, data, moment)


def gap(
    lane: Lane,
    span: tuple[int, int],
    count: int,
    reason: str,
    *,
    times: tuple[str, str],
    moment: Moment,
    kept: Sequence[int] = (),
) -> Event:
    """The record that `count` events of `lane` with numbers in `span` will not come, why, and from when they were.

    `kept` are numbers in `span` that are still there: who counts must wait for them.
    """
    data: dict[str, Any] = {
        "lane": lane.value,
        "from_seq": span[0],
        "to_seq": span[1],
        "count": count,
        "reason": reason,
        "from": times[0],
        "to": times[1],
    }
    if kept:
        data["kept"] = list(kept)
    return Event(Kind.JOURNAL_GAP, lane.value, data, moment)


def _remove(connection: sqlite3.Connection, lane: Lane, state: LaneState, first: int, last: int) -> LaneState:
    """Remove a range, but for gap records; return the lane without it."""
    where = f"FROM event_{lane} WHERE seq BETWEEN ? AND ? AND type <> ?"
    values = (first, last, Kind.JOURNAL_GAP)
    going = connection.execute(f"SELECT seq, body {where} ORDER BY seq", values).fetchall()
    chain.keep(connection, lane, state, [seq for seq, _ in going])
    links.forget(connection, lane, state, going)
    connection.execute(f"DELETE {where}", values)
    size = sum(size_bytes(body) for _, body in going)
    left = max(0, state.size_bytes - size)
    return replace(state, first=last + 1, size_bytes=left, linked=max(state.linked, last))


def _count(connection: sqlite3.Connection, lane: Lane, first: int, last: int) -> tuple[int, str, str]:
    """How many events that may go are in a range, and the times of the first and last."""
    count, oldest, newest = connection.execute(
        f"SELECT count(*), min(time), max(time) FROM event_{lane} WHERE seq BETWEEN ? AND ? AND type <> ?",  # noqa: S608
        (first, last, Kind.JOURNAL_GAP),
    ).fetchone()
    return count, oldest or "", newest or ""


def _kept(connection: sqlite3.Connection, lane: Lane, span: tuple[int, int]) -> list[int]:
    query = f"SELECT seq FROM event_{lane} WHERE seq BETWEEN ? AND ? ORDER BY seq"  # noqa: S608  a lane's name is ours
    return [seq for (seq,) in connection.execute(query, span)]


def _size(connection: sqlite3.Connection, lane: Lane, sequences: list[int]) -> int:
    marks = ",".join("?" * len(sequences))
    query = f"SELECT sum(length(CAST(body AS BLOB))) FROM event_{lane} WHERE seq IN ({marks})"  # noqa: S608  marks only
    return int(connection.execute(query, sequences).fetchone()[0] or 0)
