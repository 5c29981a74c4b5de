"""Listen to the state of all stations of a line, for as long as wanted.

Wraps paho-mqtt, which dials again by itself.  Its callbacks put news on a queue and do nothing else.  Publishes
nothing.
"""

from __future__ import annotations

import random
import secrets
import sys
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any, Self

from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY, Client, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from agent.uplink.errors import BrokerRefusedError
from agent.uplink.login import log_in
from agent.uplink.topics import ROOT

if TYPE_CHECKING:
    from types import TracebackType

    from agent.config import Broker

HANG_UP_S = 2.0
"""Longest wait for paho's thread to say goodbye; then it ends with the process."""

KEEPALIVE_S = 5
"""A dead connection is noticed within about twice this."""

REDIAL_S = (0.5, 1.5)
REDIAL_MAX_S = 8
"""Wait before the second dial, chosen at random so that the boards of a plant do not dial together; it doubles."""


CALLBACKS = ("on_connect", "on_connect_fail", "on_disconnect", "on_subscribe", "on_message")


class EarError(Exception):
    """Nobody can dial with these settings: the message names the one to correct."""


@dataclass(frozen=True, slots=True)
class Up:
    """Connected and subscribed; what is retained comes now."""


@dataclass(frozen=True, slots=True)
class Down:
    """Not connected, or connected and not allowed to listen, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class Heard:
    """The document `what` of a station; `retained` if it was written before we listened."""

    station: str
    what: str
    payload: bytes
    retained: bool


News = Up | Down | Heard


class Ear:
    """Hears `line` (`enterprise/site/area/line`) from its `with` on.  Raises EarError."""

    def __init__(self, settings: Broker, line: str) -> None:
        self._where = f"{settings.host}:{settings.port}"
        self._base = f"{ROOT}/{line}/"
        self._inbox: SimpleQueue[News] = SimpleQueue()
        self._up = False
        self._ended = Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2,
            f"lineside-board-{secrets.token_hex(6)}",
            clean_session=None if settings.protocol == "5" else True,
            protocol=MQTTv5 if settings.protocol == "5" else MQTTv311,
        )
        self._settings = settings
        self._client.connect_timeout = settings.connect_timeout_s
        for callback in CALLBACKS:
            setattr(self._client, callback, getattr(self, f"_{callback}"))

    def next(self, timeout_s: float) -> News | None:
        """Return the next news, or None after `timeout_s`."""
        try:
            return self._inbox.get(timeout=max(0.0, timeout_s))
        except Empty:
            return None

    def __enter__(self) -> Self:
        """Begin to dial, and return at once."""
        _identify(self._client, self._settings)
        self._client.reconnect_delay_set(random.uniform(*REDIAL_S), REDIAL_MAX_S)  # type: ignore[arg-type]  # noqa: S311  seconds, also broken ones; no secret
        clean = True if self._settings.protocol == "5" else MQTT_CLEAN_START_FIRST_ONLY
        self._client.connect_async(self._settings.host, self._settings.port, KEEPALIVE_S, clean_start=clean)
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Hang up.  A dial that is under way is not waited for: its thread ends with the process."""
        was_up = self._up
        self._client.disconnect()
        if was_up and self._ended.wait(HANG_UP_S):
            self._client.loop_stop()
        for callback in CALLBACKS:  # they hold us, and we hold the client: its sockets close when it is let go
            setattr(self._client, callback, None)

    def _on_connect(self, client: Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        if code.is_failure:
            self._inbox.put(Down(f"broker {self._where} refuses us: {code}"))
            return
        self._ended.clear()
        self._up = True
        client.subscribe(f"{self._base}+/state/+", qos=1)

    def _on_connect_fail(self, _client: Client, _data: Any) -> None:
        # Called where the error is being handled: it is not handed over otherwise.
        self._inbox.put(Down(f"broker {self._where} cannot be reached: {sys.exc_info()[1] or 'no reason told'}"))

    def _on_disconnect(self, _client: Client, _data: Any, _flags: Any, code: Any, _properties: Any) -> None:
        self._ended.set()
        if self._up:
            self._up = False
            self._inbox.put(Down(f"connection to {self._where} ended: {code}"))

    def _on_subscribe(self, _client: Client, _data: Any, _mid: int, codes: Any, _properties: Any) -> None:
        refused = [str(code) for code in codes if code.is_failure]
        what = f"broker {self._where} does not let us read {self._base}+/state/+: {', '.join(refused)}"
        self._inbox.put(Down(what) if refused else Up())

    def _on_message(self, _client: Client, _data: Any, message: Any) -> None:
        try:
            topic = str(message.topic)
        except UnicodeDecodeError:
            return  # no name of ours: levels are ASCII
        station, _, what = topic.removeprefix(self._base).partition("/state/")
        self._inbox.put(Heard(station, what, bytes(message.payload), bool(message.retain)))


def _identify(client: Client, settings: Broker) -> None:
    try:
        settings.host.encode("idna")
        log_in(client, settings)
    except UnicodeError:
        raise EarError(f"{settings.host!r} is no host name") from None
    except BrokerRefusedError as error:
        raise EarError(str(error)) from error
