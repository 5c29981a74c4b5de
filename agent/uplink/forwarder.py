"""Send the journal's lanes to the broker, and take confirmations and commands in.

Knows lanes, windows and topics.  Knows nothing of devices or of the station's rules.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

import orjson
import structlog

from agent import __version__
from agent.journal.errors import JournalCorruptError, JournalError
from agent.uplink import downlink
from agent.uplink.ahead import ReadAhead
from agent.uplink.bell import Bell
from agent.uplink.client import SESSION_TAKEN_OVER, Acked, Arrived, Ended, Link, News
from agent.uplink.errors import BrokerError, BrokerLostError, BrokerRefusedError
from agent.uplink.inward import Inward
from agent.uplink.sender import Sender
from agent.uplink.states import States
from agent.uplink.topics import Topics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from agent.config import Broker
    from agent.journal.journal import Journal
    from agent.signals import Reply
    from agent.uplink.inward import Passed

log = structlog.get_logger()

JSON = "application/json; charset=utf-8"

WAIT_S = 1.0
"""Longest wait for news in one step."""

WHY_S = 0.2
"""How long to wait for the reason after the connection was found broken in sending."""

SHORT_LIVED_S = 10.0
SUSPICIOUS = 3
"""So many connections in a row that last less than `SHORT_LIVED_S` are no accident."""

ANSWER_FIRST_S = 0.0003
"""So long the forwarder listens before it sends what is new: the operator's answer has the processor first."""

FLUSH_S = 3.0
"""How long a stop waits for the last events to be acknowledged."""


class Forwarder:
    """The worker that owns the connection to the broker.

    `order` passes on what came for the station (a command, documents of reference data, what another station tells) and
    says whether there was room for it; `report` takes the fields of the broker's health entry.  `ahead` is a worker for
    a thread of its own; if that does not run, the forwarder does without.
    """

    name = "forwarder"
    expected = (BrokerError, JournalError)

    def __init__(
        self,
        settings: Broker,
        levels: tuple[str, ...],
        journal: Journal,
        *,
        order: Callable[[Passed], bool],
        report: Callable[..., None],
    ) -> None:
        self.retry_max_s = settings.retry_max_s
        self._settings = settings
        self._client_id = settings.client_id or "lineside-" + "-".join(levels)
        self._topics = Topics(levels)
        self._journal = journal
        self._inward = Inward(self._topics, order)
        self._report = report
        self._bell = Bell()
        self.ahead = ReadAhead(journal, self._bell.ring)
        self._sender = Sender(settings, self._topics, journal, self.ahead, report)
        self._answers: SimpleQueue[tuple[Reply, Mapping[str, Any]]] = SimpleQueue()
        self._woken = False
        self._stopping = False
        self._link: Link | None = None
        self._epoch_told = ""
        self._heard_s = 0.0
        self._online_s = 0.0
        self._short_lived = 0
        self._states = States()
        self._room = 0
        self._packet_bytes = 0
        self._status = ""
        report(confirm=settings.confirm)
        self._become("offline", "not dialled yet")

    def wake(self) -> None:
        """Say that the journal has something new.  Called by the recorder; never blocks."""
        self._states.changed()
        self._woken = True
        self._bell.ring()

    def answer(self, reply: Reply, document: Mapping[str, Any]) -> None:
        """Answer who sent an order, if the broker is there.  Called by any thread; never blocks."""
        self._answers.put((reply, document))
        self._bell.ring()

    def open(self) -> None:
        """Dial, tell that the station is online, and go on behind the last acknowledged event."""
        will = (self._topics.state("agent"), self._state("offline"))
        self._link = link = Link(self._settings, self._client_id, will)
        limits = link.dial()
        self._online_s = self._heard_s = time.monotonic()
        self._sender.begin(link, limits, self._heard_s, careful=self._short_lived >= SUSPICIOUS)
        with self._explaining():
            topics = self._topics
            link.subscribe(topics.confirm, topics.commands, topics.line_states, *topics.references)
            self._tell(link, "online")
        self._room = max(1, min(self._settings.window, limits.receive_maximum) - self._settings.andon_slots)
        self._packet_bytes = limits.packet_bytes
        self._states.begin(limits.packet_bytes)
        self._become("online", "")
        log.info("broker.online", broker=f"{self._settings.host}:{self._settings.port}")

    def step(self) -> None:
        """Take the news in, then send what the window has room for."""
        link = self._must_link()
        now_s = time.monotonic()
        self._take_news(self._states.wait_s(self._sender.wait_s(WAIT_S, now_s), now_s))
        self._inward.pass_on()
        self._send_answers(link)
        now_s = time.monotonic()
        if not self._sender.in_the_air:
            self._heard_s = now_s
        elif now_s - self._heard_s > self._settings.ack_timeout_s:
            raise BrokerLostError(f"no acknowledgement for {self._settings.ack_timeout_s:g} s, dialling again")
        if self._epoch_told != self._journal.epoch:
            self._tell(link, "online")
            self._begin_states_anew()
        if self._settings.confirm == "central":
            self._sender.resend_silent(now_s)
        if self._woken:
            self._take_news(ANSWER_FIRST_S)
        self._woken = False
        with self._explaining():
            self._sender.send(now_s, lambda: self._woken)
            self._send_states(link, now_s)

    def cancel(self) -> None:
        """Stop soon."""
        self._stopping = True
        self._bell.ring()

    def failed(self, error: Exception) -> float | None:
        """Tell why there is no connection; a refusal is retried slowly.  A damaged journal is told to its writer."""
        if isinstance(error, JournalCorruptError):
            self._journal.suspect(str(error))
        refused = isinstance(error, BrokerRefusedError)
        self._become("refused" if refused else "offline", str(error))
        return self._settings.refused_retry_s if refused else None

    def close(self) -> None:
        """Hang up; when the agent stops and the broker is there, send what is left first."""
        link, self._link = self._link, None
        online = link is not None and self._stopping and self._status == "online" and self._flush(link)
        if link is not None:
            link.hang_up(politely=online)
        self._sender.end()

    def _become(self, state: str, reason: str) -> None:
        """Report the state; `since` stays while only the reason changes."""
        if state != self._status:
            self._status = state
            self._report(since=time.monotonic())
        self._report(state=state, reason=reason)

    def _take_news(self, wait_s: float) -> None:
        link = self._must_link()
        try:
            for news in link.news(wait_s, self._bell):
                self._hear(link, news)
        finally:
            self._sender.settle(self._heard_s)

    @contextmanager
    def _explaining(self) -> Iterator[None]:
        """Where sending finds the connection broken, raise what ended it, if that comes to be known."""
        try:
            yield
        except BrokerLostError:
            deadline_s = time.monotonic() + WHY_S
            while (left_s := deadline_s - time.monotonic()) > 0:
                self._take_news(left_s)
            raise

    def _hear(self, link: Link, news: News) -> None:
        self._heard_s = time.monotonic()
        match news:
            case Acked(mid, code, reason):
                self._sender.acked(mid, code, reason, self._heard_s)
            case Arrived(topic, payload) if topic == self._topics.confirm:
                if self._settings.confirm == "central":
                    self._sender.confirmed(*downlink.confirmations(payload), self._heard_s)
            case Arrived(topic) if topic.startswith(self._topics.command_base):
                if (order := self._inward.ordered(news)) is not None:
                    self._replay(link, news, order)
            case Arrived():
                self._inward.heard(news)
            case Ended(code, reason):
                self._sender.hung_up(self._heard_s)
                raise self._why_ended(code, reason)

    def _why_ended(self, code: int, reason: str) -> BrokerError:
        """Tell a broken connection from another client with our name, which not every broker names as the reason."""
        if code == SESSION_TAKEN_OVER:
            return BrokerRefusedError(f"another client uses the client identifier {self._client_id!r}: {reason}")
        ended = f"connection to {self._settings.host}:{self._settings.port} ended: {reason}"
        lasted_s = time.monotonic() - self._online_s
        self._short_lived = self._short_lived + 1 if lasted_s < SHORT_LIVED_S else 0
        if self._short_lived < SUSPICIOUS:
            return BrokerLostError(ended)
        return BrokerLostError(
            f"{ended}, and so did those before, soon after they were made; does another client use the identifier "
            f"{self._client_id!r}, or does the broker not take a message as large as ours?"
        )

    def _replay(self, link: Link, request: Arrived, order: dict[str, Any]) -> None:
        """Send again what the central asks for, and tell it how much of that there is."""
        wanted = downlink.replay(order)
        if wanted is None:
            told: dict[str, Any] = {"ok": False, "reason": "say lane, from and to", "order": order}
        else:
            told = self._sender.replay(wanted)
        link.answer(request.response_topic, request.correlation, orjson.dumps(told))
        log.info("uplink.replay", **told)

    def _send_answers(self, link: Link) -> None:
        try:
            while True:
                reply, document = self._answers.get_nowait()
                link.answer(reply.topic, reply.mark, orjson.dumps(document))
        except Empty:
            return

    def _begin_states_anew(self) -> None:
        self._states.begin(self._packet_bytes)

    def _send_states(self, link: Link, now_s: float) -> None:
        """Tell the states that have changed, within the slots of the window that are not the calls'."""

        def publish(what: str, payload: bytes) -> None:
            mid = link.publish(self._topics.state(what), payload, JSON, retain=True)
            self._sender.untracked(mid)

        self._states.send(self._sender.reader(), now_s, publish, self._room - self._sender.in_the_air)

    def _flush(self, link: Link) -> bool:
        """Send what is left, `FLUSH_S` at most, and say goodbye; False if the broker is gone."""
        deadline_s = time.monotonic() + FLUSH_S
        self._link = link
        try:
            self._sender.send(time.monotonic())
            self._drain(deadline_s)
            self._states.changed()
            self._send_states(link, deadline_s)
            self._send_answers(link)
            self._tell(link, "offline")
            self._drain(deadline_s)
        except (BrokerError, JournalError) as error:
            log.warning("uplink.unflushed", reason=str(error))
            return False
        finally:
            self._link = None
        return True

    def _drain(self, deadline_s: float) -> None:
        while not self._sender.at_rest and (left_s := deadline_s - time.monotonic()) > 0:
            self._take_news(min(left_s, WAIT_S))
            self._sender.send(time.monotonic())

    def _tell(self, link: Link, status: str) -> None:
        mid = link.publish(self._topics.state("agent"), self._state(status), JSON, retain=True)
        self._sender.untracked(mid)
        self._epoch_told = self._journal.epoch

    def _state(self, status: str) -> bytes:
        return orjson.dumps({"status": status, "epoch": self._journal.epoch, "version": __version__})

    def _must_link(self) -> Link:
        if self._link is None:
            raise BrokerLostError("not connected")
        return self._link
