"""Save what can be read of a damaged journal, piece by piece, while the new one is in use.

First by SQL, lane by lane, stepping over what cannot be read and coming back to it from behind; then by searching the
bytes of the file and its log.  Every event is taken by what its own text says, and only with its checksum right.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from zlib import crc32

from agent.events import LANES, TYPE_PREFIX, Kind, Lane
from agent.journal import carve
from agent.journal.salvage import FILES, KEPT, identity, opened, readable_rows, text

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from agent.journal.salvage import Salvage

CHUNK_EVENTS = 500
BIGGEST_JUMP = 4096
_GAP = f'"type":"{TYPE_PREFIX}{Kind.JOURNAL_GAP}"'.encode()
STEP_BYTES = 1024 * 1024
"""What one step writes, about, at most."""

RANGES_TOLD = 500
"""Missing ranges told one by one, at most; the last of them then reaches to the end."""


def step(salvage: Salvage, folder: Path, connection: sqlite3.Connection) -> Salvage:
    """Save one more piece into `connection`, inside the caller's transaction; return how far it is then."""
    aside = folder / salvage.aside
    if salvage.lane < KEPT:
        return _save_lane(salvage, aside, connection)
    if salvage.lane == KEPT:
        return _save_kept(salvage, aside, connection)
    return _search(salvage, aside, connection)


def result(salvage: Salvage, connection: sqlite3.Connection) -> dict[str, Any]:
    """What was saved and what is missing, for the `journal.recovered` event."""
    saved: dict[str, int] = {}
    missing: dict[str, list[list[int]]] = {}
    for lane in LANES:
        rows = connection.execute(
            "SELECT min(seq), max(seq), count(*) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS island "
            "FROM salvage WHERE epoch = ? AND lane = ?) GROUP BY island ORDER BY 1",
            (salvage.epoch, lane.value),
        ).fetchall()
        saved[lane.value] = sum(count for _, _, count in rows)
        expected = max(salvage.confirmed.get(lane.value, 0) + 1, salvage.first.get(lane.value, 1))
        if holes := _holes(rows, expected, salvage.heads.get(lane.value, 0)):
            missing[lane.value] = holes
    told: dict[str, Any] = {"old_epoch": salvage.epoch, "reason": salvage.reason, "aside": salvage.aside}
    if salvage.hashes:
        told["hashes"] = {lane: [salvage.heads.get(lane, 0), head] for lane, head in sorted(salvage.hashes.items())}
    return {**told, "saved": saved, "missing": missing}


def _holes(islands: Iterable[tuple[int, int, int]], expected: int, head: int) -> list[list[int]]:
    holes = []
    for first, last, _ in [*islands, (head + 1, 0, 0)]:
        if first > expected:
            holes.append([expected, first - 1])
        expected = max(expected, last + 1)
    if len(holes) > RANGES_TOLD:
        return [*holes[: RANGES_TOLD - 1], [holes[RANGES_TOLD - 1][0], holes[-1][1]]]
    return holes


def _save_lane(salvage: Salvage, aside: Path, connection: sqlite3.Connection) -> Salvage:
    """Save the next readable rows of the lane; leap ahead over what cannot be read, and look back from behind it."""
    lane = LANES[salvage.lane]
    head = salvage.heads.get(lane.value, 0)
    after = max(salvage.after, salvage.confirmed.get(lane.value, 0))
    rows, whole = _readable(aside, lane, f"seq > {after} ORDER BY seq LIMIT {CHUNK_EVENTS}")
    _keep(connection, salvage, lane, rows)
    reached = after >= head or (whole and len(rows) < CHUNK_EVENTS)
    if salvage.jump > 1 and (rows or reached):
        behind = rows[0][0] if rows else max(after, head) + 1
        passed, _ = _readable(aside, lane, f"seq > {salvage.low} AND seq < {behind} ORDER BY seq DESC")
        _keep(connection, salvage, lane, passed)
    if reached and (not rows or len(rows) < CHUNK_EVENTS):
        return replace(salvage, lane=salvage.lane + 1, after=0, low=0, jump=1)
    if rows:
        last = max(after + 1, rows[-1][0])
        return replace(salvage, after=last + (not whole), low=last, jump=1 if whole else 2)
    low = salvage.low if salvage.jump > 1 else after
    return replace(salvage, after=after + salvage.jump, low=low, jump=min(2 * salvage.jump, BIGGEST_JUMP))


def _save_kept(salvage: Salvage, aside: Path, connection: sqlite3.Connection) -> Salvage:
    """Take over what had been saved from older damage and not yet delivered, and at the end what was in quarantine."""
    saved = _asked(aside, f"SELECT body FROM salvage LIMIT {CHUNK_EVENTS} OFFSET {salvage.after}")  # noqa: S608  numbers are ours
    for (body,) in saved:
        if (who := identity(body)) is not None:
            _insert(connection, who, body)
    if len(saved) == CHUNK_EVENTS:
        return replace(salvage, after=salvage.after + CHUNK_EVENTS)
    for body, kind, time, code, reason, retry in _asked(
        aside, "SELECT body, type, time, code, reason, retry FROM quarantine ORDER BY id"
    ):
        if (who := identity(body)) is not None and isinstance(code, int):
            connection.execute(
                "INSERT INTO quarantine (lane, seq, body, type, time, reason, code, retry) "
                "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*who[1:], *map(text, (body, kind, time, reason)), code, int(bool(retry))),
            )
    return replace(salvage, lane=salvage.lane + 1, after=0)


def _search(salvage: Salvage, aside: Path, connection: sqlite3.Connection) -> Salvage:
    content = carve.piece(aside.with_name(aside.name + FILES[salvage.file]), salvage.offset)
    if content is None:
        return replace(salvage, file=salvage.file + 1, offset=0)
    mark = f'"epoch":"{salvage.epoch}"'.encode()
    for body in carve.bodies(content):
        who = identity(body) if mark in body else None
        if who is not None and _is_wanted(salvage, who[1], who[2], body):
            _insert(connection, who, body)
    return replace(salvage, offset=salvage.offset + carve.PIECE_BYTES)


def _is_wanted(salvage: Salvage, lane: str, sequence: int, body: bytes) -> bool:
    """Whether it was still kept: the bytes of what had been given up may lie about, but a gap record tells of it."""
    if sequence <= salvage.confirmed.get(lane, 0):
        return False
    return sequence >= salvage.first.get(lane, 1) or _GAP in body


def _readable(aside: Path, lane: Lane, condition: str) -> tuple[list[tuple[int, bytes, int | None]], bool]:
    """Rows of `lane` up to the first that cannot be read, and whether there was none such."""
    rows: list[tuple[int, bytes, int | None]] = []
    try:
        with closing(opened(aside)) as connection:
            crc = "crc" if _has_checksums(connection, lane) else "NULL"
            rows.extend(connection.execute(f"SELECT seq, body, {crc} FROM event_{lane} WHERE {condition}"))  # noqa: S608  names and numbers are ours
    except sqlite3.Error:
        return rows, False
    return rows, True


def _has_checksums(connection: sqlite3.Connection, lane: Lane) -> bool:
    """Whether it was written since version 2."""
    return any(row[1] == b"crc" for row in connection.execute(f"PRAGMA table_info(event_{lane})"))


def _keep(
    connection: sqlite3.Connection, salvage: Salvage, lane: Lane, rows: Iterable[tuple[int, bytes, int | None]]
) -> None:
    """Save the rows whose text is sound: the checksum is right and they say themselves who they are."""
    for _, body, crc in rows:
        if crc is not None and not (isinstance(body, bytes) and crc == crc32(body)):
            continue
        who = identity(body)
        if who is not None and who[:2] == (salvage.epoch, lane.value):
            _insert(connection, who, body)


def _insert(connection: sqlite3.Connection, who: tuple[str, str, int], body: bytes) -> None:
    connection.execute("INSERT OR IGNORE INTO salvage VALUES (?, ?, ?, ?)", (*who, body.decode()))


def _asked(path: Path, query: str) -> list[Any]:
    """All rows of the damaged file that can be read."""
    try:
        with closing(opened(path)) as connection:
            return readable_rows(connection, query)
    except sqlite3.Error:
        return []
