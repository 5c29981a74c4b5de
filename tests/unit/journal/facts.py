"""Facts to write, and an eye on the file that is not the journal's own."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from agent.events import LANES, Envelope, Event, Kind, Moment
from agent.journal.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SEEN = Moment(1_795_255_200_123_456_789, 42_000_000_007, synced=True, boot="b007")
encode = Envelope("/acme/plant1/assembly/line3/st-040").finish

KIND_OF = dict(zip(LANES, (Kind.ANDON_RAISED, Kind.ALARM_RAISED, Kind.SCAN_REPEATED, Kind.MEASUREMENT_TAKEN,
                           Kind.DEVICE_OPENED), strict=True))  # fmt: skip
"""One kind of each lane."""


def now() -> Moment:
    return SEEN


def work(text: str = "", subject: str = "SN1") -> Event:
    """A fact of the work lane."""
    return Event(Kind.SCAN_REPEATED, subject, {"text": text}, SEEN)


def opened(path: Path) -> Journal:
    journal = Journal(path, encode, now)
    journal.open()
    return journal


def ask(path: Path, query: str) -> list[Any]:
    """What a plain SQLite connection finds in the file."""
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def sequences(path: Path, lane: str = "work") -> list[int]:
    return [row[0] for row in ask(path, f"SELECT seq FROM event_{lane} ORDER BY seq")]


def numbers(count: int, first: int = 1) -> list[int]:
    return list(range(first, first + count))


def texts(bodies: Iterable[str]) -> int:
    """Bytes of a batch of these bodies, as it goes over the wire."""
    return len(("[" + ",".join(bodies) + "]").encode())
