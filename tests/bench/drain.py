"""Backlog drain: the forwarder sends a lane full of events to Mosquitto until the last is acknowledged.

The floor is a bare paho loop in the same process: same protocol, window and content type, the very same messages (the
forwarder's, joined beforehand), no disk.  Nobody subscribes, for either.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from agent.config import Broker
from agent.events import Lane, batch
from agent.journal.journal import Journal
from agent.journal.reader import JournalReader
from agent.runtime.clock import Clock
from agent.uplink.forwarder import Forwarder
from simulators.broker import HOST, Mosquitto, free_port
from tests.bench import ready
from tests.bench.floors import BareClient
from tests.bench.rows import at_least, rates
from tests.bench.station import SOURCE, TOPIC

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.journal.reader import Chunk
    from tests.bench.plan import Plan
    from tests.bench.rows import Row

ROUNDS = 9
EVENTS = 200_000
"""Half a second's work where SQLite and the broker are quick."""


class FirstOnly(JournalReader):
    """Reads no further than `last`, so that a large backlog sends just as much as a small one."""

    last = 0

    def next(self, lane: Lane, after: int, max_events: int, max_bytes: int, epoch: str = "") -> Chunk | None:
        if after >= self.last:
            return None
        return super().next(lane, after, min(max_events, self.last - after), max_bytes, epoch)


class WatchedJournal(Journal):
    """A journal that gives out its first `count` events of a lane, and tells when they are confirmed."""

    def __init__(self, path: Path, count: int) -> None:
        super().__init__(path, _no_events, Clock().now)
        self._count = count
        self.drained = False

    def confirmed(self, lane: Lane, sequence: int, epoch: str = "") -> None:
        super().confirmed(lane, sequence, epoch)
        self.drained |= sequence >= self._count

    def reader(self) -> FirstOnly:
        reader = FirstOnly(self.path)
        reader.last = self._count
        return reader


def measure(plan: Plan) -> Iterator[Row]:
    path = plan.folder / "journal.db"
    ready.prefill(path, EVENTS)
    broker = Mosquitto(plan.folder / "broker", free_port())
    settings = uplink_settings(broker.port)
    payloads = _messages(path, settings)
    rounds = []
    with broker, BareClient(broker.port, settings.window) as bare:
        for _ in range(plan.times(ROUNDS)):
            figure = drain_rate(path, settings, EVENTS)
            began = time.perf_counter()
            bare.flood(f"{TOPIC}/event/{Lane.WORK}", payloads)
            rounds.append((figure, EVENTS / (time.perf_counter() - began)))
    yield rates(f"backlog drain, {EVENTS // len(payloads)} events a message", rounds, at_least(0.8))


def uplink_settings(port: int) -> Broker:
    return Broker(host=HOST, port=port, confirm="broker")


def drain_rate(path: Path, settings: Broker, count: int) -> float:
    """Send the first `count` events of the work lane; return acknowledged events/s."""
    ready.forget_sent(path)
    journal = WatchedJournal(path, count)
    with _open_journal(journal):
        forwarder = Forwarder(
            settings, tuple(SOURCE[1:].split("/")), journal, order=lambda *_: True, report=lambda **_: None
        )
        try:
            forwarder.open()
            began = time.perf_counter()
            while not journal.drained:
                forwarder.step()
            return count / (time.perf_counter() - began)
        finally:
            forwarder.close()


def _messages(path: Path, settings: Broker) -> list[bytes]:
    found = []
    with JournalReader(path) as reader:
        after = 0
        while chunk := reader.next(Lane.WORK, after, settings.batch_events, settings.batch_bytes):
            found.append(batch(chunk.bodies).encode())
            after = chunk.last
    return found


@contextmanager
def _open_journal(journal: Journal) -> Iterator[None]:
    journal.open()
    try:
        yield
    finally:
        journal.close()


def _no_events(*_: Any) -> Any:
    raise AssertionError("nothing is captured while a backlog drains")
