"""The window of one connection: what may go into it now, and who hears the broker's answer.

Knows sizes, slots and the drain rate, and finds the message on which a broker hangs up instead of answering (MQTT 3.1.1
can do no other; Mosquitto does it for its `message_size_limit`).  Knows nothing of the journal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from agent.events import Lane
from agent.uplink.client import MAX_PACKET_BYTES
from agent.uplink.rate import Rate
from agent.uplink.reasons import TOO_LARGE

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.config import Broker
    from agent.uplink.client import Connected
    from agent.uplink.topics import Topics

    Answered = Callable[[int, str, float], None]

ONE = "application/cloudevents+json; charset=utf-8"
MANY = "application/cloudevents-batch+json; charset=utf-8"

HEADER_BYTES = 64 + len(MANY)
"""At most so much of a PUBLISH is neither topic nor payload.  Source: MQTT 5.0, 3.3; we set the content type alone."""

URGENT = (Lane.ANDON, Lane.ALARM)
"""Lanes that no drain rate holds back."""


class Wire(Protocol):
    """A connection, as far as it is needed here: `agent.uplink.client.Link`."""

    def publish(self, topic: str, payload: bytes, content_type: str) -> int:
        """Hand one message on; return the number its answer will bear.  Raises BrokerLostError."""


CAREFUL_S = 10.0
"""So long one event after the other is sent, once the broker has hung up several times."""

BLAMED = 3
"""An event during which, alone in the air, the broker hung up so often in a row will never be taken."""


class Outlet:
    """What goes out over one connection after another.  Times are monotonic seconds."""

    def __init__(self, settings: Broker, topics: Topics) -> None:
        self._settings = settings
        self._topics = topics
        self._overhead_bytes = HEADER_BYTES + max(len(topics.event(lane)) for lane in Lane)
        self._rate = Rate(settings.drain_events_per_s, settings.drain_bytes_per_s)
        self._link: Wire | None = None
        self._air: dict[int, tuple[Answered | None, int]] = {}
        self._air_bytes = 0
        self._window = settings.window
        self._batch_events = _bounded(settings.batch_events, settings.drain_events_per_s)
        self._careful_until_s = 0.0
        self._newest = self._suspect = b""
        self._hung_up = 0
        self.batch_bytes = settings.batch_bytes
        self.largest_bytes = MAX_PACKET_BYTES

    def open(self, link: Wire, limits: Connected, now_s: float, *, careful: bool = False) -> None:
        """Use a new connection, within the broker's limits; nobody hears of the old one any more."""
        self._link = link
        self._careful_until_s = now_s + CAREFUL_S if careful else 0.0
        self._air = {}
        self._air_bytes = 0
        self._window = min(self._settings.window, limits.receive_maximum)
        self.largest_bytes = max(1, limits.packet_bytes - self._overhead_bytes)
        wanted = min(self._settings.batch_bytes, self.largest_bytes)
        self.batch_bytes = _bounded(wanted, self._settings.drain_bytes_per_s)

    def close(self) -> None:
        """Send nothing more."""
        self._link = None

    def hung_up(self, now_s: float) -> None:
        """The broker ended the connection: if one event was in the air alone, and again, that is its answer to it."""
        answered, _ = next(iter(self._air.values()), (None, 0))
        if now_s >= self._careful_until_s or len(self._air) != 1 or answered is None:
            return
        self._hung_up = self._hung_up + 1 if self._newest == self._suspect else 1
        self._suspect = self._newest
        if self._hung_up >= BLAMED:
            self._air = {}
            self._air_bytes = 0
            answered(TOO_LARGE, "the broker hangs up on it; is it larger than it takes?", now_s)

    def batch_events(self, now_s: float) -> int:
        """How many events a message may have."""
        return 1 if now_s < self._careful_until_s else self._batch_events

    @property
    def in_the_air(self) -> int:
        """Messages not yet acknowledged."""
        return len(self._air)

    def has_room(self, lane: Lane, now_s: float, *, urgent: bool = False) -> bool:
        """Whether a message of `lane` may go now.  The last slots are for andon; `urgent` disregards rate and bytes."""
        if now_s < self._careful_until_s and self._air:
            return False
        room = self._window if lane is Lane.ANDON else max(1, self._window - self._settings.andon_slots)
        if len(self._air) >= room:
            return False
        return urgent or (self._air_bytes < self._settings.window_bytes and not self._rate.wait_s(now_s))

    def wait_s(self, longest_s: float, now_s: float) -> float:
        """How long to rest until the rate lets more through."""
        held_s = self._rate.wait_s(now_s)
        return min(longest_s, held_s) if held_s else longest_s

    def publish(self, lane: Lane, payload: bytes, events: int, now_s: float, answered: Answered | None = None) -> None:
        """Send one finished event, or a batch; `answered` gets code, reason and time of the broker's answer."""
        if self._link is None:
            raise RuntimeError("publish was called without a connection")
        if lane not in URGENT:
            self._rate.spend(events, len(payload), now_s)
        self._newest = payload
        mid = self._link.publish(self._topics.event(lane), payload, MANY if events > 1 else ONE)
        self._air[mid] = answered, len(payload)
        self._air_bytes += len(payload)

    def count(self, mid: int) -> None:
        """Count a message of the connection's own into the window."""
        self._air[mid] = None, 0

    def acked(self, mid: int, code: int, reason: str, now_s: float) -> bool:
        """Pass the broker's answer on; False if nobody waits for it."""
        answered, size_bytes = self._air.pop(mid, (None, 0))
        self._air_bytes -= size_bytes
        if answered is None:
            return False
        answered(code, reason, now_s)
        return True

    def disown(self) -> None:
        """Let nobody hear what becomes of the messages in the air: their journal is no longer in use."""
        self._air = {mid: (None, size_bytes) for mid, (_, size_bytes) in self._air.items()}


def _bounded(wanted: int, rate: float) -> int:
    """No more in one message than a second's worth of a bounded rate, but something."""
    return min(wanted, max(1, int(rate))) if rate else wanted
