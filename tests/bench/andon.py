"""Andon press -> subscriber while a backlog drains: from the bytes of the button until an MQTT client has the call.

The agent runs in its own process with a large backlog in its work lane; a subscriber of our own hears event/andon
only.  Each press and each release is one sample, taken only while the backlog is not empty.

The floor is write + fdatasync of the event's bytes, then one bare QoS 1 publish of them until its PUBACK, taken in turn
with the figure while the same backlog drains through the same broker.  Two rows that only inform set the figure against
the floor of a quiet broker.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion

from agent.events import Lane
from agent.journal.reader import JournalReader
from simulators.broker import HOST
from tests.bench import ready
from tests.bench.floors import ANSWER_S, BareClient, SyncedFile
from tests.bench.rig import Rig, RigError
from tests.bench.rows import at_most, latency
from tests.bench.station import TOPIC

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from paho.mqtt.client import MQTTMessage

    from tests.bench.plan import Plan
    from tests.bench.rows import Row

BACKLOG = 1_500_000
ROUNDS = 6
QUIET_SAMPLES = 200
EVENT_BYTES = 650
PAUSE_S = 0.005

Samples = list[float]


class Subscriber:
    """Hears the andon lane, and when."""

    def __init__(self) -> None:
        self._heard: SimpleQueue[float] = SimpleQueue()

    def wait_s(self) -> float:
        """Return when the next call was heard."""
        try:
            return self._heard.get(timeout=ANSWER_S)
        except Empty:
            raise RigError(f"no andon event within {ANSWER_S:.0f} s") from None

    @contextmanager
    def listening(self, port: int) -> Iterator[None]:
        subscribed: SimpleQueue[None] = SimpleQueue()
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        client.on_subscribe = lambda *_: subscribed.put(None)
        client.on_message = self._on_message
        client.connect(HOST, port)
        client.loop_start()
        client.subscribe(f"{TOPIC}/event/{Lane.ANDON}", qos=1)
        try:
            subscribed.get(timeout=ANSWER_S)
            yield
        finally:
            client.disconnect()
            client.loop_stop()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        heard_s = time.perf_counter()
        for _ in range(message.payload.count(b'"specversion"')):  # several events may come as one message
            self._heard.put(heard_s)


def measure(plan: Plan) -> Iterator[Row]:
    presses_s: Samples = []
    busy_s: Samples = []
    quiet_s: Samples = []
    subscriber = Subscriber()
    with Rig(plan.folder / "rig") as rig:
        ready.prefill(rig.journal, BACKLOG)
        port = rig.broker.port
        with (
            SyncedFile(plan.folder / "floor", EVENT_BYTES) as file,
            BareClient(port, 64) as bare,
            subscriber.listening(port),
        ):
            for _ in range(plan.times(QUIET_SAMPLES)):
                quiet_s.append(_floor_s(file, bare))
            for _ in range(plan.times(ROUNDS)):
                rig.start()
                _take_turns(rig, subscriber, lambda: busy_s.append(_floor_s(file, bare)), presses_s)
                rig.stop()
                ready.forget_sent(rig.journal)
    yield from latency("andon press -> subscriber, backlog draining", presses_s, busy_s, p99=at_most(5))
    yield from latency("andon press -> subscriber, against a quiet broker", presses_s, quiet_s)


def _take_turns(rig: Rig, subscriber: Subscriber, floor: Callable[[], None], presses_s: Samples) -> None:
    """Press, release and take the floor in turn until the backlog is empty."""
    with JournalReader(rig.journal) as reader:
        level = 0
        while reader.lanes()[Lane.WORK].depth:
            level = 1 - level
            time.sleep(PAUSE_S)
            floor()
            rig.box.read()
            time.sleep(PAUSE_S)
            began = time.perf_counter()
            rig.box.write(f"quality={level}\n".encode())
            presses_s.append(subscriber.wait_s() - began)
        if level:
            rig.box.write(b"quality=0\n")
            subscriber.wait_s()


def _floor_s(file: SyncedFile, bare: BareClient) -> float:
    return file.write_s() + bare.round_trip_s("bench/floor", bytes(EVENT_BYTES))
