"""What goes out next, lane by lane, and what an acknowledgement means for the lane.

Knows lanes, batches and refusals.  Knows nothing of how a connection is made.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from agent.journal.quarantine import Refusal
from agent.uplink.ahead import PATIENCE_S, Place, ReadAhead
from agent.uplink.complaints import Complaints
from agent.uplink.lane import Flight, LaneProgress
from agent.uplink.outlet import Outlet
from agent.uplink.reasons import FOR_GOOD, NOBODY_SUBSCRIBED, TOO_LARGE, taken, too_large
from agent.uplink.replays import Replays
from agent.uplink.retries import Retries
from agent.uplink.ways import Way, Ways

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.config import Broker
    from agent.events import Lane
    from agent.journal.journal import Journal
    from agent.journal.reader import JournalReader, Message
    from agent.uplink.client import Connected, Link
    from agent.uplink.downlink import Wanted
    from agent.uplink.topics import Topics

log = structlog.get_logger()

LOOK_S = 2.0
"""How often quarantine and salvage are looked at for something to send."""


class Sender:
    """Fills the window of a connection from the journal.  `report` takes fields of the broker's health entry."""

    def __init__(
        self, settings: Broker, topics: Topics, journal: Journal, ahead: ReadAhead, report: Callable[..., None]
    ) -> None:
        self._settings = settings
        self._topics = topics
        self._journal = journal
        self._ahead = ahead
        self._followed = ""
        self._reader: JournalReader | None = None
        self._ways = Ways(settings, journal, report)
        self._outlet = Outlet(settings, topics)
        self._replays = Replays()
        self._retries = Retries(journal)
        self._look_at_s = 0.0
        self._complaints = Complaints(topics, report)

    def begin(self, link: Link, limits: Connected, now_s: float, *, careful: bool = False) -> None:
        """Use a new connection: send again what the old one left in the air; `careful`: one by one for a while."""
        self._outlet.open(link, limits, now_s, careful=careful)
        self._follow_journal()
        self._retries.clear()
        self._look_at_s = now_s
        self._ways.rewind(now_s)

    def hung_up(self, now_s: float) -> None:
        """The broker ended the connection."""
        self._outlet.hung_up(now_s)

    def end(self) -> None:
        """Send nothing more, and let the journal go."""
        self._outlet.close()
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    @property
    def in_the_air(self) -> int:
        """Messages not yet acknowledged."""
        return self._outlet.in_the_air

    @property
    def at_rest(self) -> bool:
        """Whether nothing is in the air, nor on its way from the disk."""
        return not self._outlet.in_the_air and not self._ahead.coming

    def reader(self) -> JournalReader:
        """A reader of the journal there is now."""
        return self._follow_journal()

    def untracked(self, mid: int) -> None:
        """Count a message of the connection's own into the window."""
        self._outlet.count(mid)

    def wait_s(self, longest_s: float, now_s: float) -> float:
        """How long the connection may rest until there may be something to send."""
        return self._outlet.wait_s(PATIENCE_S if self._ahead.coming else longest_s, now_s)

    def send(self, now_s: float, woken: Callable[[], bool] = bool) -> None:
        """Fill the window, most urgent lane first; then what is sent a second time.

        Once `woken` says that there is something new, stops after a message that is not urgent: a call may have come.
        """
        reader = self._follow_journal()
        self._ahead.coming = False
        if now_s >= self._look_at_s:
            self._look_at_s = now_s + LOOK_S
            self._ways.look_for_salvage(reader)
            self._retries.send(self._outlet, reader, now_s)
        for way, progress in self._ways.items():
            while progress.may_send(now_s) and self._outlet.has_room(way.lane, now_s, urgent=way.urgent):
                if not self._send_next(reader, way, progress, now_s):
                    break
                if not way.urgent and woken():
                    return
            if self._ahead.coming:
                return
        self._replays.send(self._outlet, reader, now_s)

    def acked(self, mid: int, code: int, reason: str, now_s: float) -> None:
        """Take the broker's answer to one message."""
        if not self._outlet.acked(mid, code, reason, now_s) and not taken(code):
            log.warning("uplink.not_taken", code=code, reason=reason)

    def settle(self, now_s: float) -> None:
        """Leave the marks of all that was acknowledged since the last time: once for many messages."""
        self._ways.settle(now_s)

    def confirmed(self, epoch: str, sequences: dict[Lane, int], now_s: float) -> None:
        """Take the central's word on how much of a journal it has."""
        self._ways.confirmed(epoch, sequences, self._follow_journal(), now_s)

    def resend_silent(self, now_s: float) -> None:
        """Send again what the central has not confirmed for too long."""
        self._ways.resend_silent(now_s)

    def replay(self, wanted: Wanted) -> dict[str, Any]:
        """Send a range once more, as far as it is kept; return the answer for who asked."""
        book = self._follow_journal().lanes()
        return self._replays.ask(wanted, self._ways.epoch, book[wanted.lane])

    def _follow_journal(self) -> JournalReader:
        """Return a reader of the journal there is now: it may have been begun anew."""
        present = self._journal.epoch
        if self._reader is not None and self._followed == present:
            return self._reader
        if self._reader is not None:
            self._reader.close()
        self._reader = reader = self._journal.reader()
        self._followed = present
        if self._ways.epoch != (epoch := reader.meta("epoch") or ""):
            self._outlet.disown()
            self._retries.clear()
            self._replays.clear()
            self._ways.begin(epoch, reader)
        return reader

    def _send_next(self, reader: JournalReader, way: Way, progress: LaneProgress, now_s: float) -> bool:
        """Send one message; False if there is nothing to send on this way now."""
        if progress.again is not None:
            self._send_again(reader, way, progress, progress.again, now_s)
            return True
        outlet = self._outlet
        events = 1 if progress.read < progress.singly_until else outlet.batch_events(now_s)
        if way.epoch:
            message = reader.message(way.lane, progress.read, events, outlet.batch_bytes, way.epoch)
        else:
            message = self._next(reader, Place(self._ways.epoch, way.lane, progress.read, events, outlet.batch_bytes))
        if message is None:
            return False
        flight = progress.depart(message.first, message.last)
        if len(message.payload) > outlet.largest_bytes:
            self._not_taken(way, flight, TOO_LARGE, too_large(outlet.largest_bytes), now_s)
        else:
            answered = partial(self._answered, way, flight)
            outlet.publish(way.lane, message.payload, message.events, now_s, answered)
        return True

    def _send_again(
        self, reader: JournalReader, way: Way, progress: LaneProgress, again: tuple[int, int], now_s: float
    ) -> None:
        """Send one message of what the broker has taken before, and the central has not confirmed."""
        after, last = again
        events = 1 if after < progress.singly_until else min(self._outlet.batch_events(now_s), last - after)
        message = reader.message(way.lane, after, events, self._outlet.batch_bytes, way.epoch)
        if message is None:
            progress.went_again(last)
            return
        progress.went_again(message.last)
        answered = partial(self._answered_again, way, Flight(message.first, message.last))
        if len(message.payload) > self._outlet.largest_bytes:
            answered(TOO_LARGE, too_large(self._outlet.largest_bytes), now_s)
        else:
            self._outlet.publish(way.lane, message.payload, message.events, now_s, answered)

    def _next(self, reader: JournalReader, place: Place) -> Message | None:
        """The message at `place`: read ahead, or now.  None where there is none, or it is about to come."""
        message = self._ahead.take(place)
        if message is not None or self._ahead.coming:
            return message
        message = reader.message(place.lane, place.after, place.max_events, place.max_bytes)
        if message is not None and reader.may_join(place.lane, message.last):
            self._ahead.ask(place._replace(after=message.last))
        return message

    def _answered(self, way: Way, flight: Flight, code: int, reason: str, now_s: float) -> None:
        if not taken(code):
            self._not_taken(way, flight, code, reason, now_s)
            return
        self._ways.landed(way, flight, now_s)
        self._complaints.heard(way.lane, heard=code != NOBODY_SUBSCRIBED)
        self._complaints.taken(way.lane)

    def _answered_again(self, way: Way, flight: Flight, code: int, reason: str, _now_s: float) -> None:
        """What is not taken now is sent once more after the next silence; what never will be goes into quarantine."""
        progress = self._ways.get(way)
        if taken(code):
            self._complaints.heard(way.lane, heard=code != NOBODY_SUBSCRIBED)
        elif code not in FOR_GOOD or progress is None:
            log.warning("uplink.not_taken_again", lane=way.lane, sequence=flight.first, code=code, reason=reason)
        elif flight.first != flight.last:
            progress.split_again(flight.first, flight.last)
        else:
            self._quarantine(way, flight.first, code, reason)

    def _not_taken(self, way: Way, flight: Flight, code: int, reason: str, now_s: float) -> None:
        """Quarantine what will never be taken; send the rest again, slowly."""
        progress = self._ways.get(way)
        if progress is None:
            return
        if code not in FOR_GOOD:
            self._complaints.refused(way.lane, f"{reason} (reason code {code:#04x})")
            progress.pause(now_s + self._settings.refused_retry_s, now_s)
        elif flight.first != flight.last:
            progress.split(flight.last, now_s)
        else:
            self._quarantine(way, flight.first, code, reason)
            self._ways.landed(way, flight, now_s)

    def _quarantine(self, way: Way, sequence: int, code: int, reason: str) -> None:
        log.error("uplink.quarantined", lane=way.lane, sequence=sequence, reason=reason)
        self._journal.quarantine.put(Refusal(way.lane, sequence, code, reason, way.epoch or self._ways.epoch))
