"""How the central gives the stations reference data: by an order that is answered, or retained on the line's topic."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes

from simulators import wire
from simulators.report import say
from simulators.session import properties_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    import paho.mqtt.client as mqtt

EXPIRY_S = 300


class Librarian:
    """Sends through `client`; `name` is where stations answer."""

    def __init__(self, client: mqtt.Client, name: str) -> None:
        self._client = client
        self._name = name

    def give(self, file: str, sources: Iterable[str], *, retained: bool) -> None:
        """Give the stations the document in `file`: retained on their lines' topics, or by an order to each."""
        if (payload := _read(file)) is not None:
            give = self._publish if retained else self._load
            give(file, payload, sources)

    def _load(self, file: str, payload: bytes, sources: Iterable[str]) -> None:
        for source in sources:
            properties = None
            if self._client.protocol == MQTTProtocolVersion.MQTTv5:
                properties = properties_of(
                    PacketTypes.PUBLISH,
                    ResponseTopic=wire.answer_topic(source, self._name),
                    CorrelationData=secrets.token_bytes(8),
                    MessageExpiryInterval=EXPIRY_S,
                )
            topic = wire.command_topic(source, "reference/load")
            self._client.publish(topic, payload, qos=1, properties=properties)
            say("loaded", source=source, file=file, bytes=len(payload))

    def _publish(self, file: str, payload: bytes, sources: Iterable[str]) -> None:
        name = str(wire.document(payload).get("set", ""))
        for topic in {wire.reference_topic(source, name) for source in sources}:
            self._client.publish(topic, payload, qos=1, retain=True)
            say("published", topic=topic, file=file, bytes=len(payload))


def _read(file: str) -> bytes | None:
    try:
        return Path(file).read_bytes()
    except OSError as error:
        say("error", reason=f"{file}: {error.strerror}")
        return None
