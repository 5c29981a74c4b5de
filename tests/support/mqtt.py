"""A subscriber of the test's own: what does anybody on the broker see?"""

from __future__ import annotations

import json
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from tests.support.eventually import PATIENCE_S

if TYPE_CHECKING:
    from types import TracebackType


class Heard(NamedTuple):
    """One message; `retained` if it was there before the subscription."""

    document: Any
    retained: bool
    content_type: str


class Subscriber:
    """Hears one topic from its `with` on."""

    def __init__(self, port: int, topic: str) -> None:
        self._messages: SimpleQueue[Heard] = SimpleQueue()
        self._subscribed: SimpleQueue[bool] = SimpleQueue()
        self._port = port
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self._client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.put(True)
        self._client.on_message = lambda _client, _data, message: self._messages.put(
            Heard(json.loads(message.payload), message.retain, getattr(message.properties, "ContentType", ""))
        )

    def hear(self, timeout_s: float = PATIENCE_S) -> Heard:
        """Return the next message."""
        try:
            return self._messages.get(timeout=timeout_s)
        except Empty:
            raise AssertionError(f"no message within {timeout_s:g} s") from None

    def send(self, topic: str, document: Any) -> None:
        """Publish a document, and return when the broker has it."""
        self._client.publish(topic, json.dumps(document), qos=1).wait_for_publish(PATIENCE_S)

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
