"""The far end: a broker of its own whose one subscriber keeps its session, and a client that publishes numbers."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Self

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

from simulators.broker import HOST

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

TOPIC = "plant/st-040"
MARKER = 0
"""A number that is published until it comes: then the way is open again.  Brokers do not keep it behind the rest."""

WAIT_S = 20.0
AGAIN_S = 0.25
QUIET_S = 4.0
"""Nothing more is coming when nothing came for so long."""


class Listener:
    """Counts the different numbers that reach the broker on `port`.  Its session outlives the broker's restart."""

    def __init__(self, port: int) -> None:
        self.numbers: set[int] = set()
        self._port = port
        self._subscribed: SimpleQueue[None] = SimpleQueue()
        self._marker: SimpleQueue[None] = SimpleQueue()
        self._client = Client(CallbackAPIVersion.VERSION2, client_id="listener", clean_session=False)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = lambda client, *_: client.subscribe(TOPIC, qos=1)
        self._client.on_subscribe = lambda *_: self._subscribed.put(None)
        self._client.on_message = self._take

    def subscribed(self) -> None:
        """Return when the broker has taken the subscription, after each of its starts."""
        self._subscribed.get(timeout=WAIT_S)

    def marked(self, seconds: float) -> bool:
        """Whether a marker came within `seconds`."""
        try:
            self._marker.get(timeout=seconds)
        except Empty:
            return False
        return True

    def counted(self, expected: int) -> int:
        """How many different numbers came; waits until they are `expected`, or nothing came for a while."""
        count, since_s = len(self.numbers), time.monotonic()
        while count < expected and time.monotonic() - since_s < QUIET_S:
            time.sleep(0.05)
            if len(self.numbers) != count:
                count, since_s = len(self.numbers), time.monotonic()
        return count

    def forget_markers(self) -> None:
        """Forget the markers that came."""
        while not self._marker.empty():
            self._marker.get()

    def _take(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        number = int(message.payload.split(b" ")[0])
        if number == MARKER:
            self._marker.put(None)
        else:
            self.numbers.add(number)

    def __enter__(self) -> Self:
        self._client.connect(HOST, self._port)
        self._client.loop_start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def payload(number: int) -> bytes:
    """500 bytes that begin with the number."""
    return f"{number} ".ljust(500, "x").encode()


def publish(port: int, numbers: range, kill: Callable[[], None] | None = None) -> tuple[set[int], float]:
    """Publish `numbers` with QoS 1; return those acknowledged, and the seconds until all were, or the broker was gone.

    `kill` is called half way, while the rest is on its way.
    """
    client = Client(CallbackAPIVersion.VERSION2, client_id="station", clean_session=True)
    acknowledged: SimpleQueue[int | None] = SimpleQueue()
    client.on_publish = lambda _client, _data, mid, *_: acknowledged.put(mid)
    client.on_disconnect = lambda *_: acknowledged.put(None)
    client.connect(HOST, port)
    began = time.perf_counter()
    number_of = {client.publish(TOPIC, payload(number), qos=1).mid: number for number in numbers}
    client.loop_start()
    seen: set[int] = set()
    try:
        while len(seen) < len(number_of):
            mid = acknowledged.get(timeout=WAIT_S)
            if mid is None:
                break
            seen.add(number_of[mid])
            if kill is not None and len(seen) == len(number_of) // 2:
                kill()
        return seen, time.perf_counter() - began
    finally:
        client.disconnect()
        client.loop_stop()
