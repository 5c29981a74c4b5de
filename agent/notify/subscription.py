"""One connection to the broker that hears events, and acknowledges them only when told to.

Wraps paho-mqtt.  The session outlives the connection: what is not acknowledged comes again.  Callbacks run in paho's
thread; they put news on a queue and do nothing else.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent.uplink.client import REFUSALS, SESSION_TAKEN_OVER
from agent.uplink.errors import BrokerLostError, BrokerRefusedError, BrokerUnreachableError
from agent.uplink.login import log_in
from agent.uplink.reasons import taken
from agent.uplink.topics import ROOT

if TYPE_CHECKING:
    from agent.notify.settings import Broker

QOS = 1


@dataclass(frozen=True, slots=True)
class Message:
    """One message; `mid` is what its acknowledgement bears."""

    mid: int
    topic: str
    payload: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """The broker's answer to a dial or a subscription."""

    good: bool
    code: int
    reason: str
    session: bool = False


@dataclass(frozen=True, slots=True)
class Ended:
    """The connection is over."""

    code: int
    reason: str


def topics(broker: Broker) -> list[str]:
    """Return what is subscribed: the two lanes of each scope, shared in a group if there is one."""
    group = f"$share/{broker.shared}/" if broker.shared else ""
    return [f"{group}{ROOT}/{scope}/event/{lane}" for scope in broker.scope for lane in ("andon", "alarm")]


class Subscription:
    """One connection.  Used by one thread."""

    def __init__(self, settings: Broker) -> None:
        self._settings = settings
        self._where = f"{settings.host}:{settings.port}"
        self._inbox: SimpleQueue[Message | Ended | None] = SimpleQueue()
        self._answers: SimpleQueue[Answer] = SimpleQueue()
        self._v5 = settings.protocol == "5"
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            settings.client_id,
            clean_session=None if self._v5 else False,
            protocol=MQTTv5 if self._v5 else MQTTv311,
            reconnect_on_failure=False,
            manual_ack=True,
        )
        self._client.connect_timeout = settings.connect_timeout_s
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = self._on_disconnect
        self._client.on_subscribe = self._on_subscribe
        self._client.on_message = self._on_message

    def dial(self) -> bool:
        """Connect; return whether the broker has kept our session.  Waits `connect_timeout_s` twice at most.

        Raises BrokerUnreachableError or BrokerRefusedError.
        """
        log_in(self._client, self._settings)
        try:
            self._connect()
        except ssl.SSLError as error:
            raise BrokerRefusedError(f"broker {self._where}: TLS fails: {error}; see [broker.tls]") from error
        except OSError as error:
            raise BrokerUnreachableError(f"broker {self._where} cannot be reached: {error}") from error
        self._client.loop_start()
        answer = self._answer("does not answer")
        if not answer.good:
            if answer.code in REFUSALS:
                raise BrokerRefusedError(
                    f"broker {self._where} refuses us: {answer.reason}; see [broker] username, password_file"
                )
            raise BrokerUnreachableError(f"broker {self._where} ends the dial: {answer.reason}")
        return answer.session

    def subscribe(self, wanted: list[str], unwanted: list[str]) -> None:
        """Hear `wanted`, and no longer `unwanted`, which an earlier connection asked for.

        Raises BrokerRefusedError, BrokerLostError or BrokerUnreachableError.
        """
        if unwanted:
            self._client.unsubscribe(unwanted)
        asked, _ = self._client.subscribe([(topic, QOS) for topic in wanted])
        if asked != MQTTErrorCode.MQTT_ERR_SUCCESS:
            raise BrokerLostError(f"broker {self._where}: {asked.name}")
        answer = self._answer("does not answer our subscription")
        if not answer.good:
            raise BrokerRefusedError(
                f"broker {self._where} refuses our subscription: {answer.reason}; see its access list, and "
                "[broker] group if it knows no shared subscriptions"
            )

    def take(self, timeout_s: float, most: int) -> list[Message]:
        """Return what has come, in order, waiting up to `timeout_s` for the first.  Raises BrokerLostError."""
        messages: list[Message] = []
        deadline_s = time.monotonic() + timeout_s
        while len(messages) < most:
            try:
                news = self._inbox.get(timeout=0 if messages else max(0.0, deadline_s - time.monotonic()))
            except Empty:
                break
            if news is None:
                break
            if isinstance(news, Ended):
                self._inbox.put(news)
                if not messages:
                    self._lost(news)
                break
            messages.append(news)
        return messages

    def acknowledge(self, messages: list[Message]) -> None:
        """Let the broker forget these."""
        for message in messages:
            self._client.ack(message.mid, QOS)

    def wake(self) -> None:
        """End a waiting `take` soon.  Called by another thread."""
        self._inbox.put(None)

    def hang_up(self) -> None:
        """End the connection; the session stays."""
        self._client.disconnect()
        self._client.loop_stop()

    def _lost(self, ended: Ended) -> None:
        if ended.code == SESSION_TAKEN_OVER:
            raise BrokerRefusedError(
                f"broker {self._where}: another client calls itself {self._settings.client_id!r}; "
                "give each notifier a client_id of its own"
            )
        raise BrokerLostError(f"broker {self._where}: {ended.reason}")

    def _answer(self, silence: str) -> Answer:
        try:
            return self._answers.get(timeout=self._settings.connect_timeout_s)
        except Empty:
            raise BrokerUnreachableError(f"broker {self._where} {silence}") from None

    def _connect(self) -> None:
        settings = self._settings
        if not self._v5:
            self._client.connect(settings.host, settings.port, settings.keepalive_s)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = settings.session_expiry_s
        properties.ReceiveMaximum = settings.window
        self._client.connect(
            settings.host, settings.port, settings.keepalive_s, clean_start=False, properties=properties
        )

    def _on_connect(self, _client: Client, _data: Any, flags: Any, code: Any, _properties: Any) -> None:
        self._answers.put(Answer(not code.is_failure, code.value, str(code), bool(flags.session_present)))

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, codes: Any, _properties: Any) -> None:
        refused = [code for code in codes if not taken(code.value)]
        self._answers.put(Answer(not refused, refused[0].value if refused else 0, str(refused[0]) if refused else ""))

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self._answers.put(Answer(good=False, code=code.value, reason=str(code)))
        self._inbox.put(Ended(code.value, str(code)))

    def _on_message(self, _client: Client, _data: Any, message: Any) -> None:
        self._inbox.put(Message(message.mid, message.topic, bytes(message.payload)))
