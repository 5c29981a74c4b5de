"""How far each lane has come: the lanes of the present journal, and those of journals it was saved from.

Keeps the watermarks of the journal.  Knows nothing of messages and connections.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from agent.events import LANES, Lane
from agent.uplink.lane import Flight, LaneProgress
from agent.uplink.outlet import URGENT

if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Mapping

    from agent.config import Broker
    from agent.journal.journal import Journal
    from agent.journal.reader import JournalReader

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Way:
    """A lane of the present journal (`epoch` empty) or of one that a damaged journal was saved from."""

    lane: Lane
    epoch: str = ""

    @property
    def urgent(self) -> bool:
        """Whether no drain rate holds it back."""
        return self.lane in URGENT and not self.epoch


class Ways:
    """Every way, most urgent first, and its marks in the journal.  `report` takes fields of the broker's health."""

    def __init__(self, settings: Broker, journal: Journal, report: Callable[..., None]) -> None:
        self._settings = settings
        self._journal = journal
        self._report = report
        self._progress: dict[Way, LaneProgress] = {}
        self._salvaged: dict[Way, int] = {}
        self._moved: dict[Way, LaneProgress] = {}
        self.epoch = ""

    def begin(self, epoch: str, reader: JournalReader) -> None:
        """Go by the marks of a journal, and forget those of the one before."""
        self.epoch = epoch
        self._moved.clear()
        book = reader.lanes()
        self._progress = {
            Way(lane): LaneProgress(book[lane].sent, book[lane].confirmed, self._settings.resend_after_s)
            for lane in LANES
        }

    def look_for_salvage(self, reader: JournalReader) -> None:
        """Add the ways of journals that were saved, and drop those that are done."""
        self._salvaged = {Way(lane, epoch): last for epoch, lane, last in reader.salvaged()}
        for way in [way for way in self._progress if way.epoch and way not in self._salvaged]:
            del self._progress[way]
        for way in sorted(self._salvaged, key=lambda way: LANES.index(way.lane)):
            self._progress.setdefault(way, LaneProgress(0, 0, self._settings.resend_after_s))

    def rewind(self, now_s: float) -> None:
        """A new connection: what the old one left in the air goes again."""
        for progress in self._progress.values():
            progress.rewind(now_s)

    def items(self) -> ItemsView[Way, LaneProgress]:
        """Each way and how far it has come."""
        return self._progress.items()

    def get(self, way: Way) -> LaneProgress | None:
        """How far a way has come; None where it is no more."""
        return self._progress.get(way)

    def landed(self, way: Way, flight: Flight, now_s: float) -> None:
        """The broker has a message, or never will have it; `settle` leaves the mark."""
        progress = self._progress.get(way)
        if progress is not None and progress.land(flight, now_s):
            self._moved[way] = progress

    def settle(self, now_s: float) -> None:
        """Leave the marks of all that landed since the last time: once for many messages."""
        moved, self._moved = self._moved, {}
        for way, progress in moved.items():
            self._mark(way, progress, now_s)

    def confirmed(self, epoch: str, sequences: Mapping[Lane, int], reader: JournalReader, now_s: float) -> None:
        """Take the central's word on how much of a journal it has."""
        if epoch != self.epoch:
            self._confirmed_salvage(epoch, sequences, now_s)
            return
        book = reader.lanes()
        for lane, sequence in sequences.items():
            if sequence > book[lane].last:
                self._journal.suspect(
                    f"the central has events of lane {lane} up to {sequence}, the journal ends at {book[lane].last}: "
                    "commits were lost, or an old copy was put back"
                )
            elif self._progress[Way(lane)].confirm(sequence, book[lane].last, now_s):
                self._journal.confirmed(lane, sequence, epoch)
                self._report(confirmed=now_s)

    def resend_silent(self, now_s: float) -> None:
        """Send again what the central has not confirmed for too long."""
        for way, progress in self._progress.items():
            if progress.resend_if_silent(now_s):
                log.warning("uplink.resend", lane=way.lane, epoch=way.epoch or self.epoch, after=progress.confirmed)

    def _mark(self, way: Way, progress: LaneProgress, now_s: float) -> None:
        by_broker = self._settings.confirm == "broker"
        if by_broker:
            progress.confirm(progress.sent, progress.sent, now_s)
            self._report(confirmed=now_s)
        if way.epoch:
            if by_broker:
                self._journal.salvaged(way.epoch, way.lane, progress.sent)
            return
        self._journal.sent(way.lane, progress.sent, self.epoch)
        if by_broker:
            self._journal.confirmed(way.lane, progress.sent, self.epoch)

    def _confirmed_salvage(self, epoch: str, sequences: Mapping[Lane, int], now_s: float) -> None:
        """The central counts numbers that were told to be missing as well: beyond the last one saved, too."""
        for lane, sequence in sequences.items():
            way = Way(lane, epoch)
            progress, last = self._progress.get(way), self._salvaged.get(way, 0)
            if progress is not None and progress.confirm(min(sequence, last), last, now_s):
                self._journal.salvaged(epoch, lane, min(sequence, last))
