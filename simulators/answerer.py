"""How the central answers: after a while it acknowledges calls that nobody has, and shelves alarms of machines.

Knows orders and their topics.  Which calls wait is in the book.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from simulators import wire
from simulators.report import say
from simulators.session import properties_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import paho.mqtt.client as mqtt

    from simulators.ledger import Fact, Ledger

EXPIRY_S = 60
BY = "central"


@dataclass(frozen=True, slots=True)
class Habits:
    """What is answered: calls so many seconds after they came in, None: never; alarms shelved for so long, 0: never."""

    acknowledge_after_s: float | None = None
    shelve_for_s: float = 0.0
    shelve_after_s: float = 1.0


class Due(NamedTuple):
    """An order, and when it goes out."""

    at_s: float
    source: str
    name: str
    order: dict[str, Any]


class Answerer:
    """Sends orders through `client`."""

    def __init__(self, client: mqtt.Client, ledger: Ledger, habits: Habits) -> None:
        self._client = client
        self._ledger = ledger
        self._habits = habits
        self._due: deque[Due] = deque()

    def heard(self, facts: Iterable[Fact], now_s: float) -> None:
        """Take note of new calls and of alarms that a station file declares."""
        habits = self._habits
        for fact in facts:
            kind, source, data = fact.event["type"], fact.series.source, fact.event.get("data", {})
            if kind == "lineside.andon.raised" and habits.acknowledge_after_s is not None:
                order = {"call": wire.call(fact.event), "by": BY}
                self._due.append(Due(now_s + habits.acknowledge_after_s, source, "andon/acknowledge", order))
            elif kind == "lineside.alarm.raised" and habits.shelve_for_s and data.get("name"):
                shelf = {"alarm": data["id"], "by": BY, "for_s": habits.shelve_for_s}
                self._due.append(Due(now_s + habits.shelve_after_s, source, "alarm/shelve", shelf))

    def greet(self, source: str) -> None:
        """Answer what a station that has come back still waits for."""
        if self._habits.acknowledge_after_s is not None:
            for call in self._ledger.unanswered_calls(source):
                self._send(Due(0.0, source, "andon/acknowledge", {"call": call, "by": BY}))

    def answer(self, now_s: float) -> None:
        """Send what is due; calls that came with their own end, as after an outage, need no answer."""
        ready = [one for one in self._due if one.at_s <= now_s]
        self._due = deque(one for one in self._due if one.at_s > now_s)
        for one in ready:
            call = one.order.get("call")
            if call is None or call in self._ledger.unanswered_calls(one.source):
                self._send(one)

    def _send(self, due: Due) -> None:
        if not self._client.is_connected():
            return
        properties = None
        if self._client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = properties_of(PacketTypes.PUBLISH, MessageExpiryInterval=EXPIRY_S)
        topic = wire.command_topic(due.source, due.name)
        self._client.publish(topic, orjson.dumps(due.order), qos=1, properties=properties)
        said = "acknowledged" if due.name == "andon/acknowledge" else "ordered"
        say(said, source=due.source, order=due.name, **due.order)
