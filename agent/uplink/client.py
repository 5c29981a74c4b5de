"""One connection to the broker, from dialling to hanging up.

Wraps paho-mqtt.  Each dial makes a new client, so that nothing the library queues outlives the connection: the journal
is the only queue.  Callbacks run in paho's thread; they put news on a queue and do nothing else.
"""

from __future__ import annotations

import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.events import NS_PER_S
from agent.uplink.errors import BrokerLostError, BrokerRefusedError, BrokerUnreachableError
from agent.uplink.login import log_in
from agent.uplink.reasons import taken

if TYPE_CHECKING:
    from agent.config import Broker

MAX_PACKET_BYTES = 256 * 1024 * 1024
"""Largest MQTT packet there is.  Source: MQTT 5.0, 1.5.5 variable byte integer."""

REFUSALS = {
    # MQTT 5 (OASIS standard, 3.2.2.2) and, below 6, MQTT 3.1.1 (3.2.2.3).
    2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x95, 0x99, 0x9A, 0x9B, 0x9D,
}  # fmt: skip
"""CONNACK codes that waiting does not mend: version, client identifier, login, rights, ban, packet, server moved."""

SESSION_TAKEN_OVER = 0x8E


@dataclass(frozen=True, slots=True)
class Connected:
    """The broker took us; its limits."""

    receive_maximum: int
    packet_bytes: int


@dataclass(frozen=True, slots=True)
class Refused:
    """The broker answered the dial with a no."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over."""

    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Acked:
    """The broker's answer to a message: code 0x80 and above means that it was not taken."""

    mid: int
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message for us."""

    topic: str
    payload: bytes
    response_topic: str = ""
    correlation: bytes = b""
    retained: bool = False
    deadline_ns: int | None = None
    """Monotonic time from which on the message is too old; None where its sender set no expiry."""


News = Connected | Refused | Ended | Acked | Arrived


class Link:
    """One connection.  Used by one thread; its news comes on `inbox` as (link, news)."""

    def __init__(
        self,
        settings: Broker,
        client_id: str,
        will: tuple[str, bytes],
        inbox: SimpleQueue[tuple[Link | None, News | None]],
    ) -> None:
        self._settings = settings
        self._where = f"{settings.host}:{settings.port}"
        self._inbox = inbox
        self._v5 = settings.protocol == "5"
        self._dialled: SimpleQueue[Connected | Refused | Ended] = SimpleQueue()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            client_id,
            clean_session=None if self._v5 else True,
            protocol=MQTTv5 if self._v5 else MQTTv311,
            reconnect_on_failure=False,
        )
        self._client.max_inflight_messages_set(settings.window)
        self._client.connect_timeout = settings.connect_timeout_s
        self._client.will_set(*will, qos=1, retain=True)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_publish = self._on_publish
        self._client.on_message = self._on_message

    def dial(self) -> Connected:
        """Connect and wait for the broker's answer, `connect_timeout_s` twice at most; return its limits.

        Raises BrokerUnreachableError or BrokerRefusedError.
        """
        log_in(self._client, self._settings)
        try:
            self._client.connect(self._settings.host, self._settings.port, self._settings.keepalive_s)
        except ssl.SSLError as error:
            raise BrokerRefusedError(f"broker {self._where}: TLS fails: {error}; see [broker.tls]") from error
        except OSError as error:
            raise BrokerUnreachableError(f"broker {self._where} cannot be reached: {error}") from error
        self._client.loop_start()
        try:
            answer = self._dialled.get(timeout=self._settings.connect_timeout_s)
        except Empty:
            raise BrokerUnreachableError(f"broker {self._where} does not answer") from None
        match answer:
            case Connected():
                return answer
            case Refused(code, reason) if code in REFUSALS:
                raise BrokerRefusedError(
                    f"broker {self._where} refuses us: {reason}; see [broker] username, password_file"
                )
            case _:
                raise BrokerUnreachableError(f"broker {self._where} ends the dial: {answer.reason}")

    def subscribe(self, *topics: str) -> None:
        """Ask for messages on `topics`, QoS 1."""
        self._client.subscribe([(topic, 1) for topic in topics])

    def publish(self, topic: str, payload: bytes, content_type: str, *, retain: bool = False) -> int:
        """Hand one message to the library; return the number its acknowledgement will bear.

        Raises BrokerLostError if the connection is over.
        """
        properties = content_properties(content_type) if self._v5 else None
        sent = self._client.publish(topic, payload, qos=1, retain=retain, properties=properties)
        if sent.rc != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerLostError(f"broker {self._where}: {sent.rc.name}")
        return sent.mid

    def answer(self, topic: str, correlation: bytes, payload: bytes) -> None:
        """Answer a request, if it says where to; at most once, for the asker asks again."""
        if not topic or not self._v5:
            return
        properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        if correlation:
            properties.CorrelationData = correlation
        self._client.publish(topic, payload, qos=0, properties=properties)

    def hang_up(self, *, politely: bool) -> None:
        """End the connection.  Politely: say goodbye, so that the broker keeps the last will to itself."""
        if politely:
            self._client.disconnect()
        elif isinstance(channel := self._client.socket(), socket.socket):
            with suppress(OSError):  # the peer was faster
                channel.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._dialled.put(Refused(code.value, str(code)))
            return
        receive = getattr(properties, "ReceiveMaximum", self._settings.window)
        size = getattr(properties, "MaximumPacketSize", MAX_PACKET_BYTES)
        self._dialled.put(Connected(int(receive), int(size)))

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        ended = Ended(code.value, str(code))
        self._dialled.put(ended)
        self._inbox.put((self, ended))

    def _on_publish(self, _client: Client, _data: Any, mid: int, code: Any, _properties: Any) -> None:
        self._inbox.put((self, Acked(mid, code.value, "" if taken(code.value) else str(code))))

    def _on_message(self, _client: Client, _data: Any, message: Any) -> None:
        properties = message.properties if self._v5 else None
        answer_to = getattr(properties, "ResponseTopic", "")
        correlation = getattr(properties, "CorrelationData", b"")
        expiry_s = getattr(properties, "MessageExpiryInterval", None)
        deadline_ns = None if expiry_s is None else time.monotonic_ns() + expiry_s * NS_PER_S
        payload = bytes(message.payload)
        self._inbox.put(
            (self, Arrived(message.topic, payload, answer_to, correlation, bool(message.retain), deadline_ns))
        )


class _Packed(Properties):
    """Properties that are packed once: the library would pack them anew for each message."""

    _bytes: bytes

    def __init__(self, properties: Properties) -> None:
        super().__init__(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        vars(self)["_bytes"] = properties.pack()  # type: ignore[no-untyped-call]  # assigning is for MQTT's own names

    def pack(self) -> bytes:
        """Return the bytes on the wire."""
        return self._bytes


@cache
def content_properties(content_type: str) -> Properties:
    """The properties of a message; the library only reads them, so that all messages of a kind share one."""
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    properties.ContentType = content_type
    return _Packed(properties)
