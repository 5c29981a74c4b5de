"""The central server's own book: which events it has, which it dropped, which numbers are missing or told to be.

Knows SQLite and the identity (source, epoch, lane, sequence) of an event.  Knows nothing of MQTT.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from simulators.ranges import Ranges
from simulators.told import told_missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
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
CREATE TABLE IF NOT EXISTS told (
    source TEXT NOT NULL, epoch TEXT NOT NULL, lane TEXT NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
    PRIMARY KEY (source, epoch, lane, first, last)
);
"""

GAPS = """
SELECT source, epoch, lane, first, last FROM (
    SELECT source, epoch, lane, first - 1 AS last, coalesce(max(last) OVER (
        PARTITION BY source, epoch, lane ORDER BY first ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ), 0) + 1 AS first
    FROM (SELECT source, epoch, lane, seq AS first, seq AS last FROM event UNION ALL SELECT * FROM told)
) WHERE first <= last ORDER BY source, epoch, lane, first
"""

HIGHEST = """
SELECT coalesce(sum(top), 0) FROM (
    SELECT max(top) AS top FROM (
        SELECT source, epoch, lane, max(seq) AS top FROM event GROUP BY source, epoch, lane
        UNION ALL SELECT source, epoch, lane, max(last) FROM told GROUP BY source, epoch, lane
    ) GROUP BY source, epoch, lane
)
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
    """Numbers `first` to `last` of one series that are missing below the highest seen, and nobody told why."""

    source: str
    epoch: str
    lane: str
    first: int
    last: int


ANSWERS = ("acknowledged", "arrived", "resolved", "cancelled", "closed")
"""Facts after which nobody need say any more that he has heard of a call."""


@dataclass(frozen=True, slots=True)
class Counts:
    """What the central counts.

    delivered: events it has.  dropped: messages' events that it had already, by identity.
    lost: numbers missing below the highest of their series, and facts whose number was taken by another fact.
    repeated: events in effect twice: the same occurrence stored under more than one number.
    told: numbers that are missing and that the station named: given up, refused, or gone with a damaged journal.
    """

    delivered: int = 0
    dropped: int = 0
    lost: int = 0
    repeated: int = 0
    told: int = 0


@dataclass(slots=True)
class _Seen:
    """Numbers of one series: those `stored`, and those `settled`, which are stored or told to be missing."""

    stored: Ranges = field(default_factory=Ranges)
    settled: Ranges = field(default_factory=Ranges)


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
            self._see(Identity(source, epoch, lane), seq)
        for source, epoch, lane, first, last in self._db.execute("SELECT * FROM told"):
            self._seen_of(Identity(source, epoch, lane)).settled.add(first, last)

    def close(self) -> None:
        """Close the file."""
        self._db.close()

    def store(self, facts: Iterable[Fact]) -> list[Fact]:
        """Keep what is new, in one transaction with fsync, and return it; count the rest as dropped."""
        self._db.execute("BEGIN")
        try:
            new = [fact for fact in facts if self._is_new(fact)]
            told = [(fact.series.source, *missing) for fact in new for missing in told_missing(fact.event)]
            self._db.executemany("INSERT INTO event VALUES (?,?,?,?,?,?,?,?,?,?)", map(_row, new))
            self._db.executemany("INSERT OR IGNORE INTO told VALUES (?,?,?,?,?)", told)
            self._db.execute("COMMIT")
        except BaseException:  # whatever it is, nothing stays half written; then it goes on
            self._db.execute("ROLLBACK")
            raise
        for source, epoch, lane, first, last in told:
            self._seen_of(Identity(source, epoch, lane)).settled.add(first, last)
        return new

    def contiguous(self, source: str, epoch: str) -> dict[str, int]:
        """Return, for each lane of a journal, the number up to which nothing is missing but what was told to be."""
        return {lane: seen.settled.contiguous for lane, seen in self._lanes(source, epoch) if seen.settled.contiguous}

    def missing(self, source: str, epoch: str) -> list[Gap]:
        """Return what is missing now of a journal."""
        return [
            Gap(source, epoch, lane, first, last)
            for lane, seen in self._lanes(source, epoch)
            for first, last in seen.settled.holes()
        ]

    def last_epochs(self) -> dict[str, str]:
        """Return the epoch of the newest event of each source."""
        rows = self._db.execute("SELECT source, epoch, max(rowid) FROM event GROUP BY source")
        return {source: epoch for source, epoch, _ in rows}

    def unanswered_calls(self, source: str) -> list[str]:
        """Return the andon calls of a source that are raised, and that nobody has answered or ended."""
        kinds = [f"lineside.andon.{word}" for word in ("raised", *ANSWERS)]
        marks = ",".join("?" * len(kinds))
        rows = self._db.execute(
            f"SELECT json_extract(body, '$.data.call') AS call FROM event WHERE source = ? AND type IN ({marks})"  # noqa: S608  question marks only
            " GROUP BY call HAVING count(DISTINCT type) = 1 AND min(type) = ? ORDER BY min(rowid)",
            (source, *kinds, kinds[0]),
        )
        return [call for (call,) in rows if call]

    def counts(self) -> Counts:
        """Count what the book says now, from its rows."""
        return _counted(self._db)

    def gaps(self) -> list[Gap]:
        """Return what is missing now."""
        return [Gap(*row) for row in self._db.execute(GAPS)]

    def _lanes(self, source: str, epoch: str) -> Iterator[tuple[str, _Seen]]:
        for series, seen in self._seen.items():
            if (series.source, series.epoch) == (source, epoch):
                yield series.lane, seen

    def _seen_of(self, series: Identity) -> _Seen:
        return self._seen.setdefault(series, _Seen())

    def _see(self, series: Identity, seq: int) -> None:
        seen = self._seen_of(series)
        seen.stored.add(seq, seq)
        seen.settled.add(seq, seq)

    def _is_new(self, fact: Fact) -> bool:
        if fact.seq not in self._seen_of(fact.series).stored:
            self._see(fact.series, fact.seq)
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
    (highest,) = db.execute(HIGHEST).fetchone()
    (contradicted,) = db.execute("SELECT count(*) FROM contradiction").fetchone()
    told = _told(db)
    return Counts(delivered, dropped, highest - delivered - told + contradicted, delivered - occurrences, told)


def _told(db: sqlite3.Connection) -> int:
    """How many numbers were told to be missing and are."""
    series: dict[Identity, Ranges] = {}
    for source, epoch, lane, first, last in db.execute("SELECT * FROM told"):
        series.setdefault(Identity(source, epoch, lane), Ranges()).add(first, last)
    count = 0
    for identity, ranges in series.items():
        for span in ranges:
            (came,) = db.execute(
                "SELECT count(*) FROM event WHERE source = ? AND epoch = ? AND lane = ? AND seq BETWEEN ? AND ?",
                (*identity, *span),
            ).fetchone()
            count += span[1] - span[0] + 1 - came
    return count


def _row(fact: Fact) -> tuple[object, ...]:
    event = fact.event
    head = (str(event["id"]), str(event["type"]), str(event.get("subject", "")), str(event.get("time", "")))
    return (*fact.series, fact.seq, *head, fact.occurrence, _text(event))


def _text(event: Mapping[str, Any]) -> str:
    return orjson.dumps(event).decode()
