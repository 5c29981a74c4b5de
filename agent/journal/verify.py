"""Prove a journal: checksums, identities, numbers without holes, and the chain of hashes; name what is broken first.

Reads in short pieces, also while the agent writes.  Knows what retention may have removed.  Proves that nothing was
changed since it was written by whoever cannot write all of the file anew: against that, compare the last hashes with
those the central has.
"""

from __future__ import annotations

from bisect import bisect_right
from contextlib import closing
from operator import itemgetter
from typing import TYPE_CHECKING
from zlib import crc32

from agent.events import LANES, TYPE_PREFIX, Kind, Lane, digest
from agent.journal import lanes, lock
from agent.journal.errors import JournalVersionError
from agent.journal.proof import Broken, Link, Proof, event_of
from agent.journal.schema import VERSION, Translating, open_reader

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from agent.journal.lock import Note

CHUNK_EVENTS = 2000

StoredRow = tuple[int, str, str, str, str, int | None]


def journal(path: Path, witnesses: Mapping[tuple[Lane, int], str] | None = None) -> list[Proof]:
    """Prove every lane of a journal, and what it holds of older epochs.

    `witnesses` are hashes of single events that somebody else has noted, by lane and number.  Raises JournalError where
    the file cannot be read.
    """
    with Translating(path), closing(open_reader(path)) as connection:
        version = int(connection.execute("PRAGMA user_version").fetchone()[0])
        if version < VERSION:
            raise JournalVersionError(f"{path} has schema version {version}, before chains; an agent brings it up")
        epoch = str(connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()[0])
        note = lock.read_note(path)
        proofs = [_Lane(connection, lane, epoch, note, witnesses or {}).proof() for lane in LANES]
        return [*proofs, *_saved(connection)]


class _Lane:
    """One lane on the way from its first event to its last."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        lane: Lane,
        epoch: str,
        note: Note,
        witnesses: Mapping[tuple[Lane, int], str],
    ) -> None:
        self._connection = connection
        self._lane = lane
        self._epoch = epoch
        self._note = note
        self._witnesses = {seq: known for (which, seq), known in witnesses.items() if which is lane}
        self._state = lanes.load(connection)[lane]
        self._anchors: dict[int, str] = {}
        self._before: Link | None = None
        self._handed_on = {head for (_, which), (_, head) in _last_hashes(connection, epoch).items() if which == lane}
        self._given_up: list[tuple[int, int, frozenset[int]]] = []
        self._alarms = 0
        self._events = 0
        self._holes = 0

    def proof(self) -> Proof:
        """Walk the lane until its end, or until something is wrong."""
        started_with = self._state
        broken = next(self._wrong(), None)
        state, before = self._state, self._before
        head = before.hash if before is not None and before.sequence == state.last else state.head
        return Proof(
            self._epoch,
            self._lane,
            started_with.first,
            before.sequence if before else state.last,
            self._events,
            self._holes,
            state.chained,
            head,
            saved=False,
            broken=broken,
        )

    def _wrong(self) -> Iterator[Broken]:
        while rows := self._piece():
            for row in rows:
                if (reason := self._wrong_in(row)) is not None:
                    yield reason
                self._events += 1
                self._before = Link(row[0], row[2], digest(row[4].encode()))
                yield from self._wrong_to_witness(self._before)
        if (reason := self._wrong_end()) is not None:
            yield reason

    def _piece(self) -> list[StoredRow]:
        """The next rows, with the book and the anchors as they were at the same moment."""
        lane, after = self._lane, self._before.sequence if self._before else 0
        rows_of = f"SELECT seq, type, time, subject, body, crc FROM event_{lane} WHERE seq > ? ORDER BY seq LIMIT ?"  # noqa: S608  a lane's name is ours
        connection = self._connection
        connection.execute("BEGIN")
        try:
            book = lanes.load(connection)
            self._state = book[lane]
            self._note_given_up(book[Lane.ALARM].last)
            rows: list[StoredRow] = connection.execute(rows_of, (after, CHUNK_EVENTS)).fetchall()
            self._anchors = dict(
                connection.execute(
                    "SELECT seq, hash FROM anchor WHERE lane = ? AND seq >= ? AND seq <= ?",
                    (lane.value, after, rows[-1][0] if rows else self._state.last),
                ).fetchall()
            )
            self._forget_what_went()
        finally:
            connection.execute("COMMIT")
        return rows

    def _note_given_up(self, alarms: int) -> None:
        """Numbers of this lane that records tell to be thinned; whatever else is given up goes from the beginning."""
        if self._lane is not Lane.MEASUREMENT or alarms == self._alarms:
            return
        query = f"SELECT body FROM event_{Lane.ALARM} WHERE seq > ? AND type = ?"  # noqa: S608  a lane's name is ours
        for (body,) in self._connection.execute(query, (self._alarms, Kind.JOURNAL_GAP)):
            data = event_of(body).get("data", {})
            if (data.get("lane"), data.get("reason")) == (self._lane.value, "thinned"):
                self._given_up.append((int(data["from_seq"]), int(data["to_seq"]), frozenset(data.get("kept", ()))))
        self._given_up.sort(key=itemgetter(0))
        self._alarms = alarms

    def _was_given_up(self, number: int) -> bool:
        place = bisect_right(self._given_up, number, key=itemgetter(0)) - 1
        if place < 0:
            return False
        _, last, kept = self._given_up[place]
        return number <= last and number not in kept

    def _forget_what_went(self) -> None:
        """Between two pieces, retention may have removed what was last looked at."""
        before = self._before
        if before is None:
            return
        query = f"SELECT 1 FROM event_{self._lane} WHERE seq = ?"  # noqa: S608  a lane's name is ours
        if self._connection.execute(query, (before.sequence,)).fetchone() is None:
            self._anchors.setdefault(before.sequence, before.hash)

    def _wrong_in(self, row: StoredRow) -> Broken | None:
        """What is wrong with one event, or between it and the one before it."""
        seq, kind, time, subject, body, crc = row
        before = self._before.sequence if self._before else 0
        if (hole := self._wrong_hole(before, seq)) is not None:
            return hole
        if crc is not None and crc != crc32(body.encode()):
            return Broken(seq, time, "its checksum is wrong: its text was changed")
        event = event_of(body)
        if (event.get("epoch"), event.get("lane"), event.get("sequence")) != (self._epoch, self._lane, str(seq)):
            return Broken(seq, time, f"it says that it is {event.get('id', 'nothing')}: it was put in another's place")
        if (event.get("type"), event.get("time"), event.get("subject", "")) != (TYPE_PREFIX + kind, time, subject):
            return Broken(seq, time, "type, time or subject beside the event are not those in it")
        return self._wrong_link(seq, time, event.get("prevhash", ""))

    def _wrong_hole(self, before: int, seq: int) -> Broken | None:
        """Numbers that are not there and were not given up."""
        first = max(before + 1, min(self._state.first, seq))
        missing = seq - first
        if missing <= 0:
            return None
        untold = next((number for number in range(first, seq) if not self._was_given_up(number)), None)
        if untold is None:
            self._holes += missing
            return None
        time = self._before.time if self._before else ""
        told = f"event {first} is missing" if missing == 1 else f"events {first} to {seq - 1} are missing"
        return Broken(untold, time, f"{told}, and no record tells that the agent gave up {untold}")

    def _wrong_link(self, seq: int, time: str, claimed: str) -> Broken | None:
        before = self._before
        if before is not None and before.sequence == seq - 1:
            return self._wrong_neighbours(before, seq, claimed)
        return (before and self._wrong_before_hole(before)) or self._wrong_behind_hole(seq, time, claimed)

    def _wrong_neighbours(self, before: Link, seq: int, claimed: str) -> Broken | None:
        if seq < self._state.chained or claimed == before.hash:
            return None
        reason = f"event {seq} was not written behind it: its hash is {before.hash}, {claimed or 'none'} was meant"
        return Broken(before.sequence, before.time, f"{reason}; one of the two was changed")

    def _wrong_before_hole(self, before: Link) -> Broken | None:
        """The event behind it is gone: its hash must have been kept."""
        anchor = self._anchors.get(before.sequence)
        if anchor == before.hash or before.sequence + 1 < self._state.chained:
            return None
        if anchor is None:
            return Broken(before.sequence, before.time, "the hash kept of it is gone")
        return Broken(before.sequence, before.time, "it is not the event whose hash was kept: it was changed")

    def _wrong_behind_hole(self, seq: int, time: str, claimed: str) -> Broken | None:
        """The event before it is gone, or it is the first: the hash it carries must be the one that was kept."""
        known = self._anchors.get(seq - 1, "")
        if seq < self._state.chained:
            return None
        if seq == 1 and claimed and self._handed_on and claimed not in self._handed_on:
            return Broken(seq, time, "the recovery told another last hash of the epoch before")
        if claimed == known:
            return None
        if not known:
            return Broken(seq, time, "the hash of the event before it, which is gone, was not kept")
        return Broken(seq, time, "the event before it, which is gone, had another hash")

    def _wrong_to_witness(self, link: Link) -> Iterator[Broken]:
        known = self._witnesses.pop(link.sequence, None)
        if known is not None and known != link.hash:
            yield Broken(link.sequence, link.time, f"its hash is {link.hash}, the witness has {known}")

    def _wrong_end(self) -> Broken | None:
        """What is wrong with the end of the lane: cut off, or not the event that was written last."""
        state, before = self._state, self._before
        at, time = (before.sequence, before.time) if before else (0, "")
        noted = self._note.book.get(self._lane) if self._note.epoch == self._epoch else None
        if noted is not None and noted.last > state.last:
            return Broken(state.last + 1, time, f"the lane is cut off: {noted.last} events were written")
        if self._witnesses and max(self._witnesses) > state.last:
            return Broken(state.last + 1, time, f"the lane is cut off: the witness knows event {max(self._witnesses)}")
        if at < state.last and state.first <= state.last:
            return Broken(max(at + 1, state.first), time, f"the lane is cut off: {state.last} events were written")
        if before is None or at < state.last:
            return None
        return None if before.hash == state.head else Broken(at, time, "it is not the event that was written last")


def _saved(connection: sqlite3.Connection) -> Iterator[Proof]:
    """Prove what was saved from older epochs: each event against the next, as far as it is there."""
    heads = _last_hashes(connection)
    groups = connection.execute("SELECT DISTINCT epoch, lane FROM salvage ORDER BY epoch, lane").fetchall()
    for epoch, lane in groups:
        yield _saved_lane(connection, epoch, Lane(lane), heads.get((epoch, lane)))


def _saved_lane(connection: sqlite3.Connection, epoch: str, lane: Lane, last: tuple[int, str] | None) -> Proof:
    rows = connection.execute("SELECT seq, body FROM salvage WHERE epoch = ? AND lane = ? ORDER BY seq", (epoch, lane))
    before: Link | None = None
    broken: Broken | None = None
    first = count = holes = chained = 0
    for seq, body in rows:
        event = event_of(body)
        claimed, time = event.get("prevhash", ""), str(event.get("time", ""))
        first, chained = first or seq, chained or (seq if claimed else 0)
        if (event.get("epoch"), event.get("lane"), event.get("sequence")) != (epoch, lane, str(seq)):
            broken = broken or Broken(seq, time, f"it says that it is {event.get('id', 'nothing')}")
        if before is not None and before.sequence == seq - 1:
            if claimed != before.hash and (claimed or chained):
                broken = broken or Broken(before.sequence, before.time, f"event {seq} was not written behind it")
        elif before is not None:
            holes += seq - before.sequence - 1
        count += 1
        before = Link(seq, time, digest(body.encode()))
    if before is not None and last is not None and before.sequence == last[0] and before.hash != last[1]:
        broken = broken or Broken(before.sequence, before.time, "it is not the event that was written last")
    end, head = (before.sequence, before.hash) if before else (0, "")
    return Proof(epoch, lane, first, end, count, holes, chained or end + 1, head, saved=True, broken=broken)


def _last_hashes(connection: sqlite3.Connection, new_epoch: str = "") -> dict[tuple[str, str], tuple[int, str]]:
    """What recoveries told of the last events of older epochs; with `new_epoch`, only those that led to it."""
    query = f"SELECT body FROM event_{Lane.ALARM} WHERE type = ?"  # noqa: S608  a lane's name is ours
    found = {}
    for (body,) in connection.execute(query, (Kind.JOURNAL_RECOVERED,)):
        data = event_of(body).get("data", {})
        if new_epoch not in {"", data.get("new_epoch")}:
            continue
        for lane, (number, head) in data.get("hashes", {}).items():
            found[data.get("old_epoch", ""), lane] = (number, head)
    return found
