"""How the central asks a station for events once more: because somebody says so, or because numbers stay missing.

Each hole is asked for again later and later, as long as it is there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import orjson
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from simulators import wire
from simulators.report import say
from simulators.session import properties_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import paho.mqtt.client as mqtt

    from simulators.ledger import Gap, Ledger

LOOK_S = 0.5
EXPIRY_S = 60
ASKED_AT_ONCE = 10
"""Holes asked for in one look; the others wait for the next."""


@dataclass(slots=True)
class Due:
    """When a hole is asked for, and how long to wait before it is asked for again."""

    at_s: float
    wait_s: float


class Asker:
    """Asks through `client`; `name` is where stations answer.  With `after_s` 0, only when told to."""

    def __init__(self, client: mqtt.Client, ledger: Ledger, after_s: float, name: str) -> None:
        self._client = client
        self._ledger = ledger
        self._after_s = after_s
        self._name = name
        self._due: dict[Gap, Due] = {}
        self._look_at_s = 0.0
        self._asked = 0

    def ask(self, gap: Gap) -> None:
        """Ask for one range once."""
        order = {"epoch": gap.epoch, "lane": gap.lane, "from": gap.first, "to": gap.last}
        properties = None
        if self._client.protocol == MQTTProtocolVersion.MQTTv5:
            self._asked += 1
            properties = properties_of(
                PacketTypes.PUBLISH,
                ResponseTopic=wire.answer_topic(gap.source, self._name),
                CorrelationData=str(self._asked).encode(),
                MessageExpiryInterval=EXPIRY_S,
            )
        topic = wire.command_topic(gap.source, "replay")
        self._client.publish(topic, orjson.dumps(order), qos=1, properties=properties)
        say("asked", source=gap.source, **order)

    def ask_for_missing(self, epochs: Mapping[str, str], now_s: float) -> None:
        """Ask for what has been missing long enough in the stations' present journals."""
        if not self._after_s or now_s < self._look_at_s or not self._client.is_connected():
            return
        self._look_at_s = now_s + min(LOOK_S, self._after_s)
        gaps = [gap for source, epoch in epochs.items() for gap in self._ledger.missing(source, epoch)]
        self._due = {gap: self._due.get(gap) or Due(now_s + self._after_s, self._after_s) for gap in gaps}
        for gap in [gap for gap, due in self._due.items() if now_s >= due.at_s][:ASKED_AT_ONCE]:
            self.ask(gap)
            due = self._due[gap]
            due.wait_s *= 2
            due.at_s = now_s + due.wait_s
