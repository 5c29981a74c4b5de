"""Backlog drain: the forwarder sends a lane full of events to Mosquitto until the last is acknowledged.

The floor is a bare paho loop in the same process: same protocol, window and content type, the very same messages (the
forwarder's, joined beforehand), no disk.  Nobody subscribes, for either.  A second floor is the same loop with the
messages read from the same file, by one SELECT and one join each: that much a buffer on disk costs whoever sends it.

The figure is taken with the agent's switch interval, the floors with Python's own.  The backlog was checked against its
checksums beforehand, as the recorder does while the broker is away; a third row tells what it costs where there was no
time for that.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

from agent.cli.commands import SWITCH_S
from agent.config import Broker
from agent.events import Lane
from agent.journal.journal import Journal
from agent.journal.reader import JournalReader
from agent.runtime.clock import Clock
from agent.runtime.supervisor import Supervisor
from agent.uplink.forwarder import Forwarder
from simulators.broker import HOST, Mosquitto, free_port
from tests.bench import ready
from tests.bench.floors import BareClient
from tests.bench.rows import at_least, rates
from tests.bench.station import SOURCE, TOPIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from agent.journal.reader import Message
    from tests.bench.plan import Plan
    from tests.bench.rows import Row

ROUNDS = 9
STOP_S = 5.0
EVENTS = 200_000
"""Half a second's work where SQLite and the broker are quick."""


class FirstOnly(JournalReader):
    """Reads no further than `last`, so that a large backlog sends just as much as a small one."""

    last = 0

    def message(self, lane: Lane, after: int, max_events: int, max_bytes: int, epoch: str = "") -> Message | None:
        left = self.last - after
        return super().message(lane, after, min(max_events, left), max_bytes, epoch) if left > 0 else None

    def joined(self, lane: Lane, after: int, max_events: int, max_bytes: int, number: int) -> list[Message]:
        left = self.last - after
        return super().joined(lane, after, max_events, max_bytes, min(number, left // max_events))


class WatchedJournal(Journal):
    """A journal that gives out its first `count` events of a lane, and tells when they are confirmed."""

    def __init__(self, path: Path, count: int) -> None:
        super().__init__(path, _no_events, Clock().now)
        self._count = count
        self.drained = False

    def check(self) -> None:
        """Check what will be given out, as the recorder does when it has nothing else to do."""
        while self._writer.checked[Lane.WORK] < self._count:
            self.tidy()

    def confirmed(self, lane: Lane, sequence: int, epoch: str = "") -> None:
        super().confirmed(lane, sequence, epoch)
        self.drained |= sequence >= self._count

    def reader(self) -> FirstOnly:
        reader = FirstOnly(self.path, self._writer.checked)
        reader.last = self._count
        return reader


def measure(plan: Plan) -> Iterator[Row]:
    path = plan.folder / "journal.db"
    ready.prefill(path, EVENTS)
    broker = Mosquitto(plan.folder / "broker", free_port())
    settings = uplink_settings(broker.port)
    payloads = _messages(path, settings)
    each = EVENTS // len(payloads)
    checked, reading, unchecked = [], [], []
    with broker, BareClient(broker.port, settings.window) as bare:
        for _ in range(plan.times(ROUNDS)):
            figure = drain_rate(path, settings, EVENTS)
            floor = _flood_rate(bare, payloads)
            checked.append((figure, floor))
            reading.append((figure, _flood_rate(bare, _read(path, each))))
            unchecked.append((drain_rate(path, settings, EVENTS, check=False), floor))
    yield rates(f"backlog drain, {each} events a message", checked, at_least(0.8))
    yield rates("backlog drain, against a bare loop that reads the file", reading, at_least(0.8))
    yield rates("backlog drain, checked on the way", unchecked)


def uplink_settings(port: int) -> Broker:
    return Broker(host=HOST, port=port, confirm="broker")


def drain_rate(path: Path, settings: Broker, count: int, *, check: bool = True) -> float:
    """Send the first `count` events of the work lane; return acknowledged events/s."""
    ready.forget_sent(path)
    journal = WatchedJournal(path, count)
    with _switching(SWITCH_S), _open_journal(journal):
        forwarder = Forwarder(
            settings, tuple(SOURCE[1:].split("/")), journal, order=lambda *_: True, report=lambda **_: None
        )
        supervisor = Supervisor()
        ahead = supervisor.start(forwarder.ahead)
        try:
            if check:
                journal.check()
            forwarder.open()
            began = time.perf_counter()
            while not journal.drained:
                forwarder.step()
            return count / (time.perf_counter() - began)
        finally:
            forwarder.close()
            supervisor.stop(ahead, STOP_S)


def _flood_rate(bare: BareClient, payloads: Iterable[bytes]) -> float:
    began = time.perf_counter()
    bare.flood(f"{TOPIC}/event/{Lane.WORK}", payloads)
    return EVENTS / (time.perf_counter() - began)


def _messages(path: Path, settings: Broker) -> list[bytes]:
    """The messages of the forwarder, taken as it takes them."""
    found: list[bytes] = []
    with JournalReader(path, {Lane.WORK: EVENTS}) as reader:
        after = 0
        while message := reader.message(Lane.WORK, after, settings.batch_events, settings.batch_bytes):
            found.append(message.payload)
            after = message.last
    return found


def _read(path: Path, each: int) -> Iterator[bytes]:
    """All messages, read in the plainest way."""
    query = "SELECT body FROM event_work WHERE seq > ? ORDER BY seq LIMIT ?"
    with closing(sqlite3.connect(path)) as connection:
        for after in range(0, EVENTS, each):
            bodies = connection.execute(query, (after, each)).fetchall()
            yield ("[" + ",".join([body for (body,) in bodies]) + "]").encode()


@contextmanager
def _switching(interval_s: float) -> Iterator[None]:
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(interval_s)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)


@contextmanager
def _open_journal(journal: Journal) -> Iterator[None]:
    journal.open()
    try:
        yield
    finally:
        journal.close()


def _no_events(*_: Any) -> Any:
    raise AssertionError("nothing is captured while a backlog drains")
