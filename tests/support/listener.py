"""A client of the test's own: every message it hears, as it came, and when; and it can send."""

from __future__ import annotations

import json
import time
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.support.eventually import PATIENCE_S

if TYPE_CHECKING:
    from types import TracebackType


class Message(NamedTuple):
    """One message; `at_s` is monotonic time."""

    topic: str
    payload: bytes
    content_type: str
    correlation: bytes
    at_s: float

    @property
    def events(self) -> list[dict[str, Any]]:
        document = json.loads(self.payload)
        return document if isinstance(document, list) else [document]


class Listener:
    """Hears `topic` from its `with` on."""

    def __init__(self, port: int, topic: str, client_id: str = "") -> None:
        self.messages: list[Message] = []
        self._subscribed: SimpleQueue[bool] = SimpleQueue()
        self._port = port
        self._client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5, reconnect_on_failure=False)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.put(True)
        self._client.on_message = self._on_message

    def send(
        self,
        topic: str,
        document: Any,
        *,
        retain: bool = False,
        answer_to: str = "",
        mark: bytes = b"",
        expires_s: int | None = None,
    ) -> None:
        """Publish a document, and return when the broker has it."""
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if answer_to:
            properties.ResponseTopic = answer_to
            properties.CorrelationData = mark
        if expires_s is not None:
            properties.MessageExpiryInterval = expires_s
        sent = self._client.publish(topic, json.dumps(document), qos=1, retain=retain, properties=properties)
        sent.wait_for_publish(PATIENCE_S)

    def __enter__(self) -> Self:
        self._client.connect("127.0.0.1", self._port)
        self._client.loop_start()
        self._subscribed.get(timeout=PATIENCE_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _data: Any, message: Any) -> None:
        content_type = getattr(message.properties, "ContentType", "")
        correlation = getattr(message.properties, "CorrelationData", b"")
        self.messages.append(
            Message(message.topic, bytes(message.payload), content_type, correlation, time.monotonic())
        )
