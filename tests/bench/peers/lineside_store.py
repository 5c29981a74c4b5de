"""Our journal behind the same seam: every `put` is one transaction, on disk when it returns.

The figures include what the recorder pays: the event's JSON is made and its checksum taken in `append`, and the log is
checked into the file whenever it is long.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from agent.events import NS_PER_S, Envelope, Event, Kind, Lane
from agent.journal.journal import Journal, JournalSettings
from agent.runtime.clock import Clock
from tests.bench.peers.store import PACK, RECORD_BYTES, given_out, number_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from agent.events import Moment

SOURCE = "/acme/plant1/assembly/line3/st-040"
ENVELOPE_BYTES = 454
"""What the envelope of such an event takes, about; the rest of the 500 bytes is data."""

GROUPS = {"lineside-single": 1, "lineside-groups": 100, "lineside-deleting": 100}
AGE_NS = 3600 * NS_PER_S
"""Records are an hour old when they are put: the retention forgets nothing that is younger than a second."""

PACK_BYTES = 100 * PACK * RECORD_BYTES


class JournalStore:
    """The work lane of a journal.  With `keep_days` 0, what is confirmed is also deleted, as the peers do."""

    def __init__(self, path: Path, group: int, keep_days: float) -> None:
        self.group = group
        self._clock = Clock()
        self._deletes = not keep_days
        self._journal = Journal(path, Envelope(SOURCE).finish, self._now, JournalSettings(keep_days=keep_days))
        self._journal.open()
        self._reader = self._journal.reader()
        self._after = self._reader.lanes()[Lane.WORK].confirmed

    def put(self, records: Sequence[str]) -> None:
        now = self._now()
        now = replace(now, time_ns=now.time_ns - AGE_NS)
        self._journal.append([Event(Kind.PART_ACCEPTED, "SN1", _data(text), now) for text in records], {})
        if self._journal.crowded:
            self._journal.tidy()

    def settle(self) -> None:
        """It was when `put` returned."""

    def take(self) -> list[int]:
        """Read a pack, and write the marks in one transaction."""
        chunk = self._reader.next(Lane.WORK, self._after, PACK, PACK_BYTES)
        if chunk is None:
            return []
        self._after = chunk.last
        self._journal.sent(Lane.WORK, chunk.last)
        self._journal.confirmed(Lane.WORK, chunk.last)
        self._journal.settle()
        while self._deletes and self._journal.tidy():
            pass
        return [number_of(body) for body in chunk.bodies]

    def held(self) -> list[int]:
        return given_out(self)

    def close(self) -> None:
        self._reader.close()
        self._journal.close()

    def _now(self) -> Moment:
        """A moment to be trusted: retention deletes nothing by a clock that is not."""
        return replace(self._clock.now(), synced=True)


def _data(text: str) -> dict[str, object]:
    """The same number, in an event that has 500 bytes as a whole."""
    return {"n": number_of(text), "fill": "x" * (RECORD_BYTES - ENVELOPE_BYTES)}


def opened(name: str, folder: Path) -> JournalStore:
    return JournalStore(folder / "journal.db", GROUPS[name], 0 if name == "lineside-deleting" else 30)
