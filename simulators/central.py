"""The plant's central server, as the agent sees it: takes facts, confirms what it has, acknowledges andon calls.

Knows the wire contract and MQTT.  Its book is `ledger.py`.  A message is acknowledged to the broker, and confirmed to
the agent, only after the book's own commit.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson
import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulators import wire
from simulators.ledger import Ledger
from simulators.report import say

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from simulators.ledger import Counts, Fact

CONFIRM_INTERVAL_S = 0.2
COUNTS_INTERVAL_S = 0.5
COUNTS_SHARE = 0.1
"""Counting reads the whole book: at most this share of the time goes into it."""
GROUP_MESSAGES = 500
SESSION_EXPIRY_S = 86_400
RECONNECT_MAX_S = 2
COMMAND_EXPIRY_S = 60
SHOWN_GAPS = 20


class Message(NamedTuple):
    """What arrived, under which packet number (`mid`) of which connection."""

    topic: str
    payload: bytes
    mid: int
    connection: int


class Connected(NamedTuple):
    """The broker took us (again)."""


class Subscribed(NamedTuple):
    """The broker will send us events and states, or refuses to."""

    refused: str


class Disconnected(NamedTuple):
    """The broker is away, and why."""

    reason: str


class Stop(NamedTuple):
    """Somebody wants us to end."""


Arrival = Message | Connected | Subscribed | Disconnected | Stop


class Central:
    """Stores, confirms and acknowledges until `stop`.  `step` is one turn; `run` turns until told to stop."""

    def __init__(
        self, client: mqtt.Client, ledger: Ledger, *, acknowledge_andon: bool = False, confirm: bool = True
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._acknowledges = acknowledge_andon
        self._confirms = confirm
        self._arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self._epochs = ledger.last_epochs()
        self._to_confirm: set[str] = set()
        self._confirm_due_s = 0.0
        self._connection = 0
        self._counts_changed = True
        self._tell_due_s = 0.0
        self._over = False
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message

    def run(self) -> None:
        """Work until `stop`, then tell the last counts."""
        while not self._over:
            self.step()
        self._tell(self._ledger.counts())

    def stop(self) -> None:
        """End `run` soon.  May be called from a signal handler."""
        self._arrivals.put(Stop())

    def step(self) -> None:
        """Wait for arrivals, 0.2 s at most, and deal with all of them in one transaction."""
        arrivals = self._wait()
        messages = [arrival for arrival in arrivals if isinstance(arrival, Message)]
        self._store(messages)
        self._accept(messages)
        for arrival in arrivals:
            self._note(arrival)
        now_s = time.monotonic()
        if self._has_to_confirm and now_s >= self._confirm_due_s:
            self._confirm_due_s = now_s + CONFIRM_INTERVAL_S
            self._confirm()
        if self._counts_changed and now_s >= self._tell_due_s:
            self._tell(self._ledger.counts())
            cost_s = time.monotonic() - now_s
            self._tell_due_s = now_s + max(COUNTS_INTERVAL_S, cost_s / COUNTS_SHARE)

    @property
    def _has_to_confirm(self) -> bool:
        return self._confirms and bool(self._to_confirm) and self._client.is_connected()

    def _wait(self) -> list[Arrival]:
        """Return what has arrived, in order; empty after a while."""
        patience_s = CONFIRM_INTERVAL_S
        if self._has_to_confirm:
            patience_s = min(patience_s, max(0.001, self._confirm_due_s - time.monotonic()))
        arrivals: list[Arrival] = []
        with suppress(Empty):
            arrivals.append(self._arrivals.get(timeout=patience_s))
            while len(arrivals) < GROUP_MESSAGES:
                arrivals.append(self._arrivals.get_nowait())
        return arrivals

    def _accept(self, messages: Iterable[Message]) -> None:
        """Tell the broker that we have these messages, unless it will send them again on the present connection."""
        for message in messages:
            if message.mid and message.connection == self._connection:
                self._client.ack(message.mid, 1)

    def _note(self, arrival: Arrival) -> None:
        match arrival:
            case Stop():
                self._over = True
            case Disconnected(reason):
                say("disconnected", reason=reason)
            case Connected():
                self._client.subscribe([(wire.EVENTS, 1), (wire.STATES, 1)])
                self._to_confirm |= self._epochs.keys()
            case Subscribed(refused):
                say("refused" if refused else "connected", reason=refused)
            case Message(topic=topic, payload=payload) if wire.is_birth(topic):
                self._greet(wire.source(topic), payload)

    def _greet(self, source: str, birth: bytes) -> None:
        """Answer an agent's birth: its confirmation, and the calls it still waits for."""
        document = wire.document(birth)
        epoch = document.get("epoch")
        if isinstance(epoch, str):
            self._epochs[source] = epoch
        say("birth", source=source, state=document)
        self._to_confirm.add(source)
        self._confirm_due_s = 0.0
        if self._acknowledges:
            for call in self._ledger.unanswered_calls(source):
                self._acknowledge(source, call)

    def _store(self, messages: Iterable[Message]) -> None:
        facts = [
            fact
            for message in messages
            if wire.is_event(message.topic)
            for fact in wire.facts(message.topic, message.payload)
        ]
        if not facts:
            return
        self._counts_changed = True
        stored = self._ledger.store(facts)
        for fact in stored:
            self._epochs[fact.series.source] = fact.series.epoch
        if self._acknowledges:
            self._answer_calls([fact for fact in stored if fact.event["type"] == "lineside.andon.raised"])
        self._to_confirm |= {fact.series.source for fact in facts}

    def _answer_calls(self, raised: list[Fact]) -> None:
        """Acknowledge new calls, except those that came with their own end, as after an outage."""
        waiting = {source: self._ledger.unanswered_calls(source) for source in {fact.series.source for fact in raised}}
        for fact in raised:
            call = wire.call(fact.event)
            if call in waiting[fact.series.source]:
                self._acknowledge(fact.series.source, call)

    def _acknowledge(self, source: str, call: str) -> None:
        properties = None
        if self._client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = _properties(PacketTypes.PUBLISH, MessageExpiryInterval=COMMAND_EXPIRY_S)
        order = orjson.dumps({"call": call, "by": "central"})
        if self._client.is_connected():
            self._client.publish(wire.command_topic(source, "andon/acknowledge"), order, qos=1, properties=properties)
            say("acknowledged", source=source, call=call)

    def _confirm(self) -> None:
        while self._to_confirm:
            source = self._to_confirm.pop()
            if epoch := self._epochs.get(source):
                document = {"epoch": epoch, **self._ledger.contiguous(source, epoch)}
                self._client.publish(wire.confirm_topic(source), orjson.dumps(document), qos=1, retain=True)

    def _tell(self, counted: Counts) -> None:
        gaps = [asdict(gap) for gap in self._ledger.gaps()[:SHOWN_GAPS]] if counted.lost else []
        say("counts", **asdict(counted), gaps=gaps)
        self._counts_changed = False

    def _on_connect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._connection += 1
        self._arrivals.put(Disconnected(f"refused: {reason}") if reason.is_failure else Connected())

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._arrivals.put(Disconnected(str(reason)))

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, _mid: Any, reasons: Any, _properties: Any) -> None:
        self._arrivals.put(Subscribed(", ".join(str(reason) for reason in reasons if reason.is_failure)))

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._arrivals.put(Message(message.topic, bytes(message.payload), message.mid, self._connection))


def dial(host: str, port: int, client_id: str = "central", protocol: str = "5") -> mqtt.Client:
    """Return a client with a session that outlives its connection, ready for `start`; nothing is sent yet."""
    version = MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311
    client = mqtt.Client(
        CallbackAPIVersion.VERSION2,
        client_id=client_id,
        clean_session=None if protocol == "5" else False,
        protocol=version,
        manual_ack=True,
    )
    client.reconnect_delay_set(min_delay=1, max_delay=RECONNECT_MAX_S)
    client.max_inflight_messages_set(1000)
    if protocol == "5":
        properties = _properties(PacketTypes.CONNECT, SessionExpiryInterval=SESSION_EXPIRY_S)
        client.connect_async(host, port, keepalive=15, clean_start=False, properties=properties)
    else:
        client.connect_async(host, port, keepalive=15)
    return client


def serve(client: mqtt.Client, central: Central) -> None:
    """Connect (again and again, for ever), work until `central.stop`, and hang up."""
    client.loop_start()
    try:
        central.run()
    finally:
        client.disconnect()
        client.loop_stop()


def open_ledger(path: Path) -> Ledger:
    """Open the book, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return Ledger(path)


def _properties(packet: int, **values: int) -> Properties:
    """Return MQTT 5 properties; paho leaves their constructor untyped."""
    properties = Properties(packet)  # type: ignore[no-untyped-call]
    for name, value in values.items():
        setattr(properties, name, value)
    return properties
