"""How the central answers calls: it acknowledges each that nobody has answered, after a while.

Knows orders and their topics.  Which calls wait is in the book.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

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
RAISED = "lineside.andon.raised"


class Answerer:
    """Sends orders through `client`, `after_s` seconds after the fact that they answer came in; None: never."""

    def __init__(self, client: mqtt.Client, ledger: Ledger, after_s: float | None) -> None:
        self._client = client
        self._ledger = ledger
        self._after_s = after_s
        self._due: deque[tuple[float, str, str]] = deque()

    def heard(self, facts: Iterable[Fact], now_s: float) -> None:
        """Take note of new calls."""
        if self._after_s is None:
            return
        for fact in facts:
            if fact.event["type"] == RAISED:
                self._due.append((now_s + self._after_s, fact.series.source, wire.call(fact.event)))

    def greet(self, source: str) -> None:
        """Answer what a station that has come back still waits for."""
        if self._after_s is not None:
            for call in self._ledger.unanswered_calls(source):
                self._order(source, "andon/acknowledge", {"call": call, "by": "central"})

    def answer(self, now_s: float) -> None:
        """Send what is due; calls that came with their own end, as after an outage, need no answer."""
        while self._due and self._due[0][0] <= now_s:
            _, source, call = self._due.popleft()
            if call in self._ledger.unanswered_calls(source):
                self._order(source, "andon/acknowledge", {"call": call, "by": "central"})

    def _order(self, source: str, name: str, order: dict[str, Any]) -> None:
        if not self._client.is_connected():
            return
        properties = None
        if self._client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = properties_of(PacketTypes.PUBLISH, MessageExpiryInterval=EXPIRY_S)
        self._client.publish(wire.command_topic(source, name), orjson.dumps(order), qos=1, properties=properties)
        say("acknowledged", source=source, call=order["call"])
