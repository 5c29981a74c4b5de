"""Send the journal's lanes to the broker, and take confirmations and commands in.

Knows lanes, windows and topics.  Knows nothing of devices or of the station's rules.
"""

from __future__ import annotations

import time
from collections import deque
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from agent import __version__
from agent.events import LANES, Lane, batch
from agent.journal.errors import JournalError
from agent.uplink import downlink
from agent.uplink.client import SESSION_TAKEN_OVER, Acked, Arrived, Ended, Link, News
from agent.uplink.errors import BrokerError, BrokerLostError, BrokerRefusedError
from agent.uplink.lane import Flight, LaneProgress
from agent.uplink.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.config import Broker
    from agent.journal.journal import Journal
    from agent.journal.reader import JournalReader

log = structlog.get_logger()

ONE = "application/cloudevents+json; charset=utf-8"
MANY = "application/cloudevents-batch+json; charset=utf-8"
JSON = "application/json; charset=utf-8"

WAIT_S = 1.0
"""Longest wait for news in one step."""

FLUSH_S = 3.0
"""How long a stop waits for the last events to be acknowledged."""

NOT_TAKEN = 0x80
"""Reason codes from here on mean that the broker did not take the message.  Source: MQTT 5.0, 2.4."""

PACKET_OVERHEAD_BYTES = 512
"""Room for topic and properties beside the payload of one message."""


class Forwarder:
    """The worker that owns the connection to the broker.

    `order` passes a command on and says whether there was room for it; `report` takes the fields of the broker's
    health entry.
    """

    name = "forwarder"
    expected = (BrokerError, JournalError)

    def __init__(
        self,
        settings: Broker,
        levels: tuple[str, ...],
        journal: Journal,
        *,
        order: Callable[[str, Mapping[str, Any]], bool],
        report: Callable[..., None],
    ) -> None:
        self.retry_max_s = settings.retry_max_s
        self._settings = settings
        self._client_id = settings.client_id or "lineside-" + "-".join(levels)
        self._topics = Topics(levels)
        self._journal = journal
        self._order = order
        self._report = report
        self._inbox: SimpleQueue[tuple[Link | None, News | None]] = SimpleQueue()
        self._woken = False
        self._stopping = False
        self._link: Link | None = None
        self._reader: JournalReader | None = None
        self._lanes: dict[Lane, LaneProgress] = {}
        self._air: dict[int, tuple[Lane, Flight] | None] = {}
        self._heard_s = 0.0
        self._window = settings.window
        self._batch_bytes = settings.batch_bytes
        self._orders: deque[tuple[str, Mapping[str, Any]]] = deque()
        self._status = ""
        self._become("offline", "not dialled yet")

    def wake(self) -> None:
        """Say that the journal has something new.  Called by the recorder; never blocks."""
        if not self._woken:
            self._woken = True
            self._inbox.put((None, None))

    def open(self) -> None:
        """Dial, tell that the station is online, and go on behind the last acknowledged event."""
        if self._reader is None:
            self._reader = self._journal.reader()
            self._lanes = {
                lane: LaneProgress(state.sent, state.confirmed, state.last, self._settings.resend_after_s)
                for lane, state in self._reader.lanes().items()
            }
        self._link = Link(
            self._settings, self._client_id, (self._topics.state("agent"), self._state("offline")), self._inbox
        )
        limits = self._link.dial()
        self._window = min(self._settings.window, limits.receive_maximum)
        self._batch_bytes = min(self._settings.batch_bytes, limits.packet_bytes - PACKET_OVERHEAD_BYTES)
        self._air = {}
        self._heard_s = time.monotonic()
        for progress in self._lanes.values():
            progress.rewind(self._heard_s)
        self._link.subscribe(self._topics.confirm, self._topics.commands)
        self._tell("online")
        self._become("online", "")
        log.info("broker.online", broker=f"{self._settings.host}:{self._settings.port}", window=self._window)

    def step(self) -> None:
        """Take the news in, then send what the window has room for."""
        self._take_news(WAIT_S)
        self._pass_orders()
        now_s = time.monotonic()
        if self._air and now_s - self._heard_s > self._settings.ack_timeout_s:
            raise BrokerLostError(f"no acknowledgement for {self._settings.ack_timeout_s:.0f} s, dialling again")
        if self._settings.confirm == "central":
            for lane, progress in self._lanes.items():
                if progress.resend_if_silent(now_s):
                    log.warning("uplink.resend", lane=lane, after=progress.confirmed)
        self._send(now_s)

    def cancel(self) -> None:
        """Stop soon."""
        self._stopping = True
        self._inbox.put((None, None))

    def failed(self, error: Exception) -> float | None:
        """Tell why there is no connection; a refusal is retried slowly."""
        refused = isinstance(error, BrokerRefusedError)
        self._become("refused" if refused else "offline", str(error))
        return self._settings.refused_retry_s if refused else None

    def close(self) -> None:
        """Hang up; when the agent stops and the broker is there, send what is left first."""
        link, self._link = self._link, None
        online = link is not None and self._stopping and self._flush(link)
        if link is not None:
            link.hang_up(politely=online)
        if self._stopping and self._reader is not None:
            self._reader.close()
            self._reader = None

    def _become(self, state: str, reason: str) -> None:
        """Report the state; `since` stays while only the reason changes."""
        if state != self._status:
            self._status = state
            self._report(since=time.monotonic())
        self._report(state=state, reason=reason)

    def _take_news(self, wait_s: float) -> None:
        try:
            self._hear(*self._inbox.get(timeout=wait_s))
            while True:
                self._hear(*self._inbox.get_nowait())
        except Empty:
            return

    def _hear(self, link: Link | None, news: News | None) -> None:
        if link is not self._link or news is None:
            return
        self._heard_s = time.monotonic()
        match news:
            case Acked(mid, code, reason):
                self._acked(mid, code, reason)
            case Arrived(topic, payload) if topic == self._topics.confirm:
                self._confirmed(payload)
            case Arrived(topic, payload):
                self._orders.append((self._topics.command(topic), downlink.command(payload)))
            case Ended(code, reason) if code == SESSION_TAKEN_OVER:
                raise BrokerRefusedError(f"another client uses the client identifier {self._client_id!r}: {reason}")
            case Ended(_, reason):
                raise BrokerLostError(f"connection to {self._settings.host}:{self._settings.port} ended: {reason}")

    def _acked(self, mid: int, code: int, reason: str) -> None:
        flown = self._air.pop(mid, None)
        if code >= NOT_TAKEN:
            raise BrokerRefusedError(f"broker does not take our messages: {reason}; kept in the journal")
        if flown is None:
            return
        lane, flight = flown
        progress = self._lanes[lane]
        if progress.land(flight, self._heard_s):
            self._journal.sent(lane, progress.sent)
            if self._settings.confirm == "broker":
                progress.confirm(progress.sent, self._heard_s)
                self._journal.confirmed(lane, progress.sent)
                self._report(confirmed=self._heard_s)

    def _confirmed(self, payload: bytes) -> None:
        if self._settings.confirm != "central":
            return
        for lane, sequence in downlink.confirmations(payload, self._journal.epoch).items():
            if self._lanes[lane].confirm(sequence, self._heard_s):
                self._journal.confirmed(lane, sequence)
                self._report(confirmed=self._heard_s)

    def _pass_orders(self) -> None:
        while self._orders and self._order(*self._orders[0]):
            self._orders.popleft()

    def _send(self, now_s: float) -> None:
        """Fill the window, most urgent lane first; the last slots are for andon alone."""
        self._woken = False
        for lane in LANES:
            room = self._window if lane is Lane.ANDON else self._window - self._settings.andon_slots
            while len(self._air) < room and self._send_next(lane, now_s):
                pass

    def _send_next(self, lane: Lane, now_s: float) -> bool:
        """Send one message of `lane`; False if there is nothing to send."""
        progress = self._lanes[lane]
        chunk = self._must_read().next(lane, progress.read, self._settings.batch_events, self._batch_bytes)
        if chunk is None:
            return False
        many = len(chunk.bodies) > 1
        text = batch(chunk.bodies) if many else chunk.bodies[0]
        mid = self._must_link().publish(self._topics.event(lane), text.encode(), MANY if many else ONE)
        if not self._air:
            self._heard_s = now_s
        self._air[mid] = lane, progress.depart(chunk.first, chunk.last, now_s)
        return True

    def _flush(self, link: Link) -> bool:
        """Send what is left, `FLUSH_S` at most, and say goodbye; False if the broker is gone."""
        deadline_s = time.monotonic() + FLUSH_S
        self._link = link
        try:
            self._send(time.monotonic())
            while self._air and (left_s := deadline_s - time.monotonic()) > 0:
                self._take_news(min(left_s, WAIT_S))
                self._send(time.monotonic())
            self._tell("offline")
            while self._air and (left_s := deadline_s - time.monotonic()) > 0:
                self._take_news(min(left_s, WAIT_S))
        except (BrokerError, JournalError) as error:
            log.warning("uplink.unflushed", reason=str(error))
            return False
        finally:
            self._link = None
        return True

    def _tell(self, status: str) -> None:
        mid = self._must_link().publish(self._topics.state("agent"), self._state(status), JSON, retain=True)
        self._air[mid] = None

    def _state(self, status: str) -> bytes:
        return orjson.dumps({"status": status, "epoch": self._journal.epoch, "version": __version__})

    def _must_link(self) -> Link:
        if self._link is None:
            raise BrokerLostError("not connected")
        return self._link

    def _must_read(self) -> JournalReader:
        if self._reader is None:
            self._reader = self._journal.reader()
        return self._reader
