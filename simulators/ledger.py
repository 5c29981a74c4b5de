"""The central server's own book: which events it has, which it dropped, which numbers are missing.

Knows SQLite and the identity (source, epoch, lane, sequence) of an event.  Knows nothing of MQTT.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

SCHEMA = """
CREATE TABLE IF NOT EXISTS event (
    source TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL, seq INTEGER NOT NULL,
    id TEXT NOT NULL, type TEXT NOT NULL, subject TEXT NOT NULL, time TEXT NOT NULL,
    occurrence BLOB NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (source, epoch, lane, seq)
);
CREATE INDEX IF NOT EXISTS event_occurrence ON event (occurrence);
CREATE INDEX IF NOT EXISTS event_type ON event (type);
CREATE TABLE IF NOT EXISTS dropped (
    source TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL, count INTEGER NOT NULL,
    PRIMARY KEY (source, epoch, lane)
);
CREATE TABLE IF NOT EXISTS contradiction (
    source TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL, seq INTEGER NOT NULL,
    occurrence BLOB NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (source, epoch, lane, seq, occurrence)
);
"""

GAPS = """
SELECT source, epoch, lane, first, last FROM (
    SELECT source, epoch, lane, seq - 1 AS last,
           coalesce(lag(seq) OVER (PARTITION BY source, epoch, lane ORDER BY seq), 0) + 1 AS first
    FROM event
) WHERE first <= last ORDER BY source, epoch, lane, first
"""


class Identity(NamedTuple):
    """Where numbers are counted: one series a source, journal epoch and lane."""

    source: str
    epoch: str
    lane: str


@dataclass(frozen=True, slots=True)
class Fact:
    """One event as received: its identity, what it tells, and a digest of the occurrence it tells."""

    series: Identity
    seq: int
    event: Mapping[str, Any]
    occurrence: bytes


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers `first` to `last` of one series that are missing below the highest seen."""

    source: str
    epoch: str
    lane: str
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Counts:
    """What the central counts.

    delivered: events it has.  dropped: messages' events that it had already, by identity.
    lost: numbers missing below the highest of their series, and facts whose number was taken by another fact.
    repeated: events in effect twice: the same occurrence stored under more than one number.
    """

    delivered: int = 0
    dropped: int = 0
    lost: int = 0
    repeated: int = 0


@dataclass(slots=True)
class _Seen:
    """Numbers of one series that are stored: 1 to `contiguous`, and those `beyond` the first gap."""

    contiguous: int = 0
    beyond: set[int] = field(default_factory=set)

    def __contains__(self, seq: int) -> bool:
        return seq <= self.contiguous or seq in self.beyond

    def add(self, seq: int) -> None:
        self.beyond.add(seq)
        while self.contiguous + 1 in self.beyond:
            self.contiguous += 1
            self.beyond.remove(self.contiguous)


class Ledger:
    """The open book.  One writer; readers use `counts`, `gaps` and connections of their own."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._db = sqlite3.connect(path, isolation_level=None)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.executescript(SCHEMA)
        self._seen: dict[Identity, _Seen] = {}
        for source, epoch, lane, seq in self._db.execute("SELECT source, epoch, lane, seq FROM event ORDER BY rowid"):
            self._seen.setdefault(Identity(source, epoch, lane), _Seen()).add(seq)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def store(self, facts: Iterable[Fact]) -> list[Fact]:
        """Keep what is new, in one transaction with fsync, and return it; count the rest as dropped."""
        self._db.execute("BEGIN")
        try:
            new = [fact for fact in facts if self._is_new(fact)]
            self._db.executemany("INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?,?)", map(_row, new))
            self._db.execute("COMMIT")
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        return new

    def contiguous(self, source: str, epoch: str) -> dict[str, int]:
        """Return, for each lane of a journal, the number up to which nothing is missing."""
        return {
            series.lane: seen.contiguous
            for series, seen in self._seen.items()
            if (series.source, series.epoch) == (source, epoch) and seen.contiguous
        }

    def last_epochs(self) -> dict[str, str]:
        """Return the epoch of the newest event of each source."""
        rows = self._db.execute("SELECT source, epoch, max(rowid) FROM event GROUP BY source")
        return {source: epoch for source, epoch, _ in rows}

    def unanswered_calls(self, source: str) -> list[str]:
        """Return the andon calls of a source that are raised and neither acknowledged nor resolved."""
        rows = self._db.execute(
            "SELECT json_extract(body, '$.data.call') AS call FROM event WHERE source = ? AND type IN (?, ?, ?)"
            " GROUP BY call HAVING count(DISTINCT type) = 1 AND min(type) = ? ORDER BY min(rowid)",
            (
                source,
                "lineside.andon.raised",
                "lineside.andon.acknowledged",
                "lineside.andon.resolved",
                "lineside.andon.raised",
            ),
        )
        return [call for (call,) in rows if call]

    def counts(self) -> Counts:
        """Count what the book says now, from its rows."""
        return _counted(self._db)

    def gaps(self) -> list[Gap]:
        """Return what is missing now."""
        return [Gap(*row) for row in self._db.execute(GAPS)]

    def _is_new(self, fact: Fact) -> bool:
        seen = self._seen.setdefault(fact.series, _Seen())
        if fact.seq not in seen:
            seen.add(fact.seq)
            return True
        self._db.execute(
            "INSERT INTO dropped VALUES (?,?,?,1) ON CONFLICT DO UPDATE SET count = count + 1", fact.series
        )
        stored = self._db.execute(
            "SELECT occurrence FROM event WHERE source = ? AND epoch = ? AND lane = ? AND seq = ?",
            (*fact.series, fact.seq),
        ).fetchone()
        if stored is not None and stored[0] != fact.occurrence:
            self._db.execute(
                "INSERT OR IGNORE INTO contradiction VALUES (?,?,?,?,?,?)",
                (*fact.series, fact.seq, fact.occurrence, _text(fact.event)),
            )
        return False


def fact(event: Mapping[str, Any]) -> Fact:
    """Read an event's identity.  Raises ValueError if it is not one of Lineside's."""
    try:
        series = Identity(str(event["source"]), str(event["epoch"]), str(event["lane"]))
        seq = int(event["sequence"])
        told = [series.source, event["type"], event.get("subject"), event.get("bootid"), event.get("monotonicns")]
        occurrence = sha256(orjson.dumps([*told, event.get("data")], option=orjson.OPT_SORT_KEYS)).digest()[:16]
    except (KeyError, TypeError) as error:
        raise ValueError(f"not an event with an identity: {error}") from error
    if seq < 1:
        raise ValueError(f"sequence {seq} is below 1")
    return Fact(series, seq, event, occurrence)


def counts(path: Path) -> Counts:
    """Count what the central's file at `path` says, while the central runs or after."""
    with closing(_read_only(path)) as db:
        return _counted(db)


def gaps(path: Path) -> list[Gap]:
    """Return the missing ranges that the central's file at `path` shows."""
    with closing(_read_only(path)) as db:
        return [Gap(*row) for row in db.execute(GAPS)]


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)


def _counted(db: sqlite3.Connection) -> Counts:
    delivered, occurrences = db.execute("SELECT count(*), count(DISTINCT occurrence) FROM event").fetchone()
    (dropped,) = db.execute("SELECT coalesce(sum(count), 0) FROM dropped").fetchone()
    (highest,) = db.execute(
        "SELECT coalesce(sum(top), 0) FROM (SELECT max(seq) AS top FROM event GROUP BY source, epoch, lane)"
    ).fetchone()
    (contradicted,) = db.execute("SELECT count(*) FROM contradiction").fetchone()
    return Counts(delivered, dropped, highest - delivered + contradicted, delivered - occurrences)


def _row(fact: Fact) -> tuple[object, ...]:
    event = fact.event
    head = (str(event["id"]), str(event["type"]), str(event.get("subject", "")), str(event.get("time", "")))
    return (*fact.series, fact.seq, *head, fact.occurrence, _text(event))


def _text(event: Mapping[str, Any]) -> str:
    return orjson.dumps(event).decode()
