"""Journals for tests: real ones in real files, facts to write, a clock in the hand, an eye that is not the journal's.

Knows the journal's public face and the file's tables.
"""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from agent.events import LANES, NS_PER_S, Envelope, Event, Kind, Lane, Moment
from agent.journal.journal import Journal

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.journal.journal import JournalSettings

encode = Envelope("/acme/plant1/assembly/line3/st-040").finish

KIND_OF = dict(
    zip(
        LANES,
        (Kind.ANDON_RAISED, Kind.ALARM_RAISED, Kind.SCAN_REPEATED, Kind.MEASUREMENT_TAKEN, Kind.DEVICE_OPENED),
        strict=True,
    )
)
"""One kind of each lane."""

OWN_KINDS = {Kind.JOURNAL_GAP, Kind.JOURNAL_RECOVERED, Kind.MEASUREMENT_SUMMARY}
"""What the journal writes by itself."""

Numbers = dict[Lane, list[int]]


@dataclass
class Now:
    """A clock in the hand of the test; `seconds` run on both its times."""

    time_ns: int = 1_795_255_200 * NS_PER_S
    monotonic_ns: int = 42 * NS_PER_S
    synced: bool = True

    def __call__(self) -> Moment:
        return Moment(self.time_ns, self.monotonic_ns, self.synced, "b007")

    def pass_(self, seconds: float) -> None:
        self.time_ns += int(seconds * NS_PER_S)
        self.monotonic_ns += int(seconds * NS_PER_S)


NOW = Now()


def fact(lane: Lane = Lane.WORK, text: str = "", moment: Moment | None = None, **data: Any) -> Event:
    """A fact of the lane, as small or as large as its text."""
    if lane is Lane.MEASUREMENT:
        data = {"gauge": "g1", "name": "", "unit": "mm", "value": 1.5, "verdict": "none", **data}
    return Event(KIND_OF[lane], "SN1", {"text": text, **data}, moment or NOW())


def facts(count: int, lane: Lane = Lane.WORK, length: int = 300) -> list[Event]:
    """So many facts, told apart by their text."""
    return [fact(lane, f"{number}-".ljust(length, "x")) for number in range(count)]


def opened(path: Path, settings: JournalSettings | None = None, now: Now = NOW) -> Journal:
    journal = Journal(path, encode, now, settings)
    journal.open()
    return journal


def tidied(journal: Journal, most: int = 100_000) -> int:
    """Write what waits and tidy until nothing is left to do; return in how many pieces."""
    journal.settle()
    for pieces in range(1, most):
        if not journal.tidy():
            return pieces
    raise AssertionError(f"not tidy after {most} pieces")


def ask(path: Path, query: str) -> list[Any]:
    """What a plain SQLite connection finds in the file."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(query).fetchall()


def kept(path: Path, lane: Lane) -> dict[int, str]:
    """Number and body of every event of the lane in the file."""
    return dict(ask(path, f"SELECT seq, body FROM event_{lane} ORDER BY seq"))


def events_of(path: Path, kind: Kind) -> list[dict[str, Any]]:
    """The data of every event of this kind in the file, oldest first."""
    rows = ask(path, f"SELECT body FROM event_{kind.lane} WHERE type = '{kind}' ORDER BY seq")
    return [json.loads(body)["data"] for (body,) in rows]


def measured(path: Path, gauge: str) -> list[list[Any]]:
    """The values of every fact that has values of a gauge, oldest fact first."""
    data = [json.loads(body)["data"] for body in kept(path, Lane.MEASUREMENT).values()]
    return [one.get("values", [one.get("value")]) for one in data if one["gauge"] == gauge]


def read_all(journal: Journal, lane: Lane, epoch: str = "", max_events: int = 50) -> list[str]:
    """Every event of the lane, read as the forwarder reads: chunk after chunk."""
    bodies: list[str] = []
    after = 0
    with journal.reader() as reader:
        while (chunk := reader.next(lane, after, max_events, 60_000, epoch)) is not None:
            assert chunk.first > after
            bodies += chunk.bodies
            after = chunk.last
    return bodies


def salvaged(journal: Journal) -> dict[str, dict[Lane, dict[int, str]]]:
    """What was saved from older epochs, as the forwarder reads it."""
    found: dict[str, dict[Lane, dict[int, str]]] = {}
    with journal.reader() as reader:
        ways = reader.salvaged()
    for epoch, lane, last in ways:
        bodies = read_all(journal, lane, epoch)
        numbers = [int(json.loads(body)["sequence"]) for body in bodies]
        assert numbers == sorted(set(numbers))
        assert numbers[-1] == last
        found.setdefault(epoch, {})[lane] = dict(zip(numbers, bodies, strict=True))
    return found


def spans(ranges: list[list[int]]) -> Iterator[int]:
    """Every number in ranges that include both ends."""
    for first, last in ranges:
        yield from range(first, last + 1)


def given_up(gap: dict[str, Any]) -> set[int]:
    """The numbers that a gap record names."""
    return set(range(gap["from_seq"], gap["to_seq"] + 1)) - set(gap.get("kept", ()))
