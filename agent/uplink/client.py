"""One connection to the broker, from dialling to hanging up.

Wraps paho-mqtt.  Each dial makes a new client, so that nothing the library queues outlives the connection: the journal
is the only queue.  The library gets no thread of its own: whoever uses the connection also lets it work, so that a
message and its acknowledgement pass from no thread to another.  Callbacks note the news and do nothing else.
"""

from __future__ import annotations

import select
import ssl
import time
from collections import deque
from dataclasses import dataclass
from functools import cache
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
    from collections.abc import Iterator

    from agent.config import Broker
    from agent.uplink.bell import Bell

MAX_PACKET_BYTES = 256 * 1024 * 1024
"""Largest MQTT packet there is.  Source: MQTT 5.0, 1.5.5 variable byte integer."""

REFUSALS = {
    # MQTT 5 (OASIS standard, 3.2.2.2) and, below 6, MQTT 3.1.1 (3.2.2.3).
    2, 4, 5, 0x84, 0x85, 0x86, 0x87, 0x8A, 0x8C, 0x95, 0x99, 0x9A, 0x9B, 0x9D,
}  # fmt: skip
"""CONNACK codes that waiting does not mend: version, client identifier, login, rights, ban, packet, server moved."""

SESSION_TAKEN_OVER = 0x8E

GOODBYE_S = 0.5
"""How long a broker may take to read what is left, before we hang up on it."""


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
    """One connection, used by one thread, which must call `news` again and again: the library works only then."""

    def __init__(self, settings: Broker, client_id: str, will: tuple[str, bytes]) -> None:
        self._settings = settings
        self._where = f"{settings.host}:{settings.port}"
        self._v5 = settings.protocol == "5"
        self._news: deque[News] = deque()
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
        match self._answer_to_dial():
            case Connected() as limits:
                return limits
            case Refused(code, reason) if code in REFUSALS:
                raise BrokerRefusedError(
                    f"broker {self._where} refuses us: {reason}; see [broker] username, password_file"
                )
            case Refused(_, reason) | Ended(_, reason):
                raise BrokerUnreachableError(f"broker {self._where} ends the dial: {reason}")
            case _:
                raise BrokerUnreachableError(f"broker {self._where} does not answer")

    def news(self, wait_s: float, bell: Bell | None = None) -> Iterator[News]:
        """Let the connection work until the broker says something, `bell` rings or `wait_s` is over; then the news."""
        if not self._news:
            self._work(wait_s, bell)
        while self._news:
            yield self._news.popleft()

    def subscribe(self, *topics: str) -> None:
        """Ask for messages on `topics`, QoS 1."""
        self._client.subscribe([(topic, 1) for topic in topics])

    def publish(self, topic: str, payload: bytes, content_type: str, *, retain: bool = False) -> int:
        """Send one message, as far as the network takes it; return the number its acknowledgement will bear.

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
            deadline_s = time.monotonic() + GOODBYE_S
            while self._client.want_write() and self._client.socket() and time.monotonic() < deadline_s:
                self._work(GOODBYE_S)
        if (channel := self._client.socket()) is not None:
            channel.close()

    def _answer_to_dial(self) -> News | None:
        deadline_s = time.monotonic() + self._settings.connect_timeout_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            for answer in self.news(left_s):
                return answer
        return None

    def _work(self, wait_s: float, bell: Bell | None = None) -> None:
        """Wait for broker or bell, then read, write and keep alive; once the connection is over, wait for the bell."""
        channel: Any = self._client.socket()
        ready = [] if channel is None else [channel]
        listened = ready if bell is None else [*ready, bell]
        held = channel is not None and hasattr(channel, "pending") and channel.pending()  # bytes that TLS has read
        readable, writable, _ = select.select(
            listened, ready if self._client.want_write() else [], [], 0.0 if held else wait_s
        )
        if bell is not None and bell in readable:
            bell.hush()
        if channel in readable or held:
            self._client.loop_read()
        if writable:
            self._client.loop_write()
        self._client.loop_misc()

    def _on_connect(self, _client: Client, _data: Any, _flags: Any, code: Any, properties: Any) -> None:
        if code.is_failure:
            self._news.append(Refused(code.value, str(code)))
            return
        receive = getattr(properties, "ReceiveMaximum", self._settings.window)
        size = getattr(properties, "MaximumPacketSize", MAX_PACKET_BYTES)
        self._news.append(Connected(int(receive), int(size)))

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self._news.append(Ended(code.value, str(code)))

    def _on_publish(self, _client: Client, _data: Any, mid: int, code: Any, _properties: Any) -> None:
        self._news.append(Acked(mid, code.value, "" if taken(code.value) else str(code)))

    def _on_message(self, _client: Client, _data: Any, message: Any) -> None:
        properties = message.properties if self._v5 else None
        answer_to = getattr(properties, "ResponseTopic", "")
        correlation = getattr(properties, "CorrelationData", b"")
        expiry_s = getattr(properties, "MessageExpiryInterval", None)
        deadline_ns = None if expiry_s is None else time.monotonic_ns() + expiry_s * NS_PER_S
        payload = bytes(message.payload)
        self._news.append(Arrived(message.topic, payload, answer_to, correlation, bool(message.retain), deadline_ns))


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
