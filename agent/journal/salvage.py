"""What to save from a damaged journal: the order for it, made from a first look into the file.

Knows how to read a file that may be damaged anywhere.  The saving itself is `saving`'s.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

import orjson

from agent.events import LANES

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from agent.events import Lane
    from agent.journal.lock import Note

MOST_UNNOTED = 1_000_000
"""A lane cannot be further ahead of the note beside it than this, which a power cut may leave behind the file."""

FILES = ("", "-wal")
KEPT = len(LANES)
"""The step behind the lanes: what was in quarantine, and what had been saved from older damage."""


@dataclass(frozen=True, slots=True)
class Salvage:
    """What to save, and how far that is; kept in the new journal as a JSON document.

    `heads`, `confirmed` and `first` are the last, confirmed and oldest numbers of the lanes, `hashes` those of their
    last events.  `older` is the unfinished salvage that the damaged journal was itself busy with.
    """

    aside: str
    reason: str
    epoch: str
    heads: dict[str, int] = field(default_factory=dict)
    confirmed: dict[str, int] = field(default_factory=dict)
    first: dict[str, int] = field(default_factory=dict)
    hashes: dict[str, str] = field(default_factory=dict)
    older: str = ""
    lane: int = 0
    after: int = 0
    low: int = 0
    jump: int = 1
    file: int = 0
    offset: int = 0

    @property
    def done(self) -> bool:
        """Whether everything was looked at."""
        return self.lane > KEPT and self.file >= len(FILES)

    @property
    def following(self) -> Salvage | None:
        """What to save next, when this is done."""
        return Salvage.from_json(self.older) if self.older else None

    def to_json(self) -> str:
        """The document."""
        return orjson.dumps(asdict(self)).decode()

    @classmethod
    def from_json(cls, text: str) -> Salvage:
        """Read the document.  Raises ValueError or TypeError."""
        return cls(**orjson.loads(text))


def begin(path: Path, aside: Path, reason: str, known: Note) -> tuple[Salvage, dict[str, dict[str, Any]]]:
    """Look at the damaged file: return where to begin, and the station's memory as far as it can be read.

    `known` is what is known of it without looking.
    """
    salvage = Salvage(
        aside.name,
        reason,
        known.epoch,
        _numbers(known, "last"),
        _numbers(known, "confirmed"),
        _numbers(known, "first"),
        {lane.value: state.head for lane, state in known.book.items() if state.head},
    )
    documents: dict[str, dict[str, Any]] = {}
    try:
        with closing(opened(path)) as connection:
            older = _older(connection)
            if (epoch := _epoch(connection, known.epoch)) != known.epoch:
                gone = replace(salvage, older=older, lane=KEPT + 1)
                salvage, older = Salvage(aside.name, reason, epoch), "" if known.empty else gone.to_json()
            _look_at_lanes(connection, salvage, sure=bool(salvage.heads))
            salvage = replace(salvage, older=older)
            documents = dict(_documents(connection))
    except sqlite3.Error:
        return salvage, documents  # what was read counts; the rest is searched for
    return salvage, documents


def last_bodies(path: Path, lane: Lane, count: int) -> list[bytes]:
    """The last events of a lane that can be read of a damaged file, oldest first; `count` at most."""
    query = f"SELECT body FROM event_{lane} ORDER BY seq DESC LIMIT {count:d}"  # noqa: S608  a lane's name is ours
    try:
        with closing(opened(path)) as connection:
            return [body for (body,) in readable_rows(connection, query) if isinstance(body, bytes)][::-1]
    except sqlite3.Error:
        return []


def _numbers(known: Note, which: str) -> dict[str, int]:
    return {lane.value: getattr(state, which) for lane, state in known.book.items()}


def _epoch(connection: sqlite3.Connection, known: str) -> str:
    """The epoch that the newest events name; else the one that is known, or that the file names."""
    named: Counter[str] = Counter()
    for lane in LANES:
        query = f"SELECT seq, body, NULL FROM event_{lane} ORDER BY seq DESC LIMIT 5"  # noqa: S608  a lane's name is ours
        named.update(found[0] for row in readable_rows(connection, query) if (found := identity(row[1])) is not None)
    if named:
        return named.most_common(1)[0][0]
    rows = readable_rows(connection, "SELECT value FROM meta WHERE key = 'epoch'")
    return known or (text(rows[0][0]) if rows else "")


def _look_at_lanes(connection: sqlite3.Connection, salvage: Salvage, *, sure: bool) -> None:
    """Take the numbers that the file tells; where they are known already (`sure`), only what may be a little newer."""
    for name, last, confirmed in readable_rows(connection, "SELECT name, last_seq, confirmed_seq FROM lane"):
        lane = text(name)
        if lane not in LANES or not isinstance(last, int) or not isinstance(confirmed, int):
            continue
        head = salvage.heads.get(lane, 0)
        if not sure or head <= last <= head + MOST_UNNOTED:
            salvage.heads[lane] = max(last, head)
        if not sure and 0 <= confirmed <= last:
            salvage.confirmed[lane] = confirmed
    for name, last, head in readable_rows(connection, "SELECT name, last_seq, last_hash FROM lane"):
        if head and salvage.heads.get(text(name)) == last:
            salvage.hashes[text(name)] = text(head)
    if not sure:
        rows = readable_rows(connection, "SELECT name, first_seq FROM lane")
        salvage.first.update({text(name): first for name, first in rows if isinstance(first, int)})


def _older(connection: sqlite3.Connection) -> str:
    for (value,) in readable_rows(connection, "SELECT value FROM meta WHERE key = 'salvage'"):
        try:
            return Salvage.from_json(text(value)).to_json()
        except (ValueError, TypeError):
            continue
    return ""


def _documents(connection: sqlite3.Connection) -> Iterable[tuple[str, dict[str, Any]]]:
    for key, body in readable_rows(connection, "SELECT key, body FROM state"):
        try:
            document = orjson.loads(body)
        except (orjson.JSONDecodeError, TypeError):
            continue
        if isinstance(document, dict) and text(key):
            yield text(key), document


def identity(body: Any) -> tuple[str, str, int] | None:
    """Epoch, lane and number that a finished event names; None if it makes no sense."""
    try:
        event = orjson.loads(body)
        epoch, lane, sequence = event["epoch"], event["lane"], int(event["sequence"])
    except (ValueError, TypeError, KeyError):
        return None
    return (epoch, lane, sequence) if isinstance(epoch, str) and lane in LANES and sequence > 0 else None


def text(value: object) -> str:
    """Return what was meant to be text."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def opened(path: Path) -> sqlite3.Connection:
    """Open the damaged file for reading only; what should be text comes as bytes."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    connection.text_factory = bytes
    return connection


def readable_rows(connection: sqlite3.Connection, query: str) -> list[Any]:
    """All rows that can be read."""
    rows: list[Any] = []
    try:
        rows.extend(connection.execute(query))
    except sqlite3.Error:
        return rows
    return rows
