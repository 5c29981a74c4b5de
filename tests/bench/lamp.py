"""Andon press -> red lamp, and press -> subscriber: quiet, and while a backlog of a million events drains.

The agent runs in its own process; the bench is the button box.  From the bytes of the cord until the box hears that its
red lamp is on, and until an MQTT client has the call.  A stop is shown before it is written, so the lamp waits for no
disk: the floor is what a green lamp cannot go below, one write + fdatasync of the event's bytes.  The floor of the
subscriber is that, and one bare QoS 1 publish until its PUBACK.  Figures and floors take turns.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.events import Lane
from agent.journal.reader import JournalReader
from tests.bench import ready
from tests.bench.andon import EVENT_BYTES, Subscriber
from tests.bench.floors import BareClient, SyncedFile
from tests.bench.rig import ANSWER_S, Rig, RigError
from tests.bench.rows import at_most, latency

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from simulators.pty_line import PtyLine
    from tests.bench.plan import Plan
    from tests.bench.rows import Row

BACKLOG = 1_000_000
QUIET_SAMPLES = 300
PAUSE_S = 0.01

ON, OFF = b"red=1\n", b"red=0\n"


@dataclass(slots=True)
class Samples:
    """Seconds of the lamp and of the subscriber, and of their floors."""

    lamp: list[float] = field(default_factory=list)
    subscriber: list[float] = field(default_factory=list)
    disk: list[float] = field(default_factory=list)
    message: list[float] = field(default_factory=list)


class Cord:
    """The cord of the box: pulled and let go, with the moments at which that was seen and heard."""

    def __init__(self, box: PtyLine, subscriber: Subscriber) -> None:
        self._box = box
        self._subscriber = subscriber
        self._heard = b""

    def pull(self, samples: Samples) -> None:
        """Pull it; when its call is known, let it go, and wait until all of that is over."""
        began = time.perf_counter()
        self._box.write(b"cord=1\n")
        samples.lamp.append(self._until(ON) - began)
        samples.subscriber.append(self._subscriber.wait_s() - began)
        self._box.write(b"cord=0\n")
        for _ in ("resolved", "restarted"):
            self._subscriber.wait_s()

    def _until(self, wanted: bytes) -> float:
        """When the box has heard it.  What it heard before is forgotten."""
        self._heard = self._box.read()
        deadline_s = time.monotonic() + ANSWER_S
        while wanted not in self._heard:
            if time.monotonic() > deadline_s:
                raise RigError(f"no {wanted!r} within {ANSWER_S:.0f} s, but {self._heard!r}")
            self._heard += self._box.read(ANSWER_S)
        return time.perf_counter()


def measure(plan: Plan) -> Iterator[Row]:
    quiet, busy = Samples(), Samples()
    with SyncedFile(plan.folder / "floor", EVENT_BYTES) as file:
        with Rig(plan.folder / "quiet") as rig, _turns(rig, file, quiet) as take_turns:
            for _ in range(plan.times(QUIET_SAMPLES)):
                take_turns()
        with Rig(plan.folder / "busy") as rig:
            ready.prefill(rig.journal, BACKLOG)
            with _turns(rig, file, busy) as take_turns, JournalReader(rig.journal) as reader:
                while reader.lanes()[Lane.WORK].depth:
                    take_turns()
    for when, samples in (("quiet", quiet), (f"{BACKLOG:,} events draining", busy)):
        yield from latency(f"andon press -> red lamp, {when}", samples.lamp, samples.disk, at_most(2), at_most(3))
        yield from latency(f"andon press -> subscriber, {when}", samples.subscriber, samples.message, p99=at_most(5))


@contextmanager
def _turns(rig: Rig, file: SyncedFile, samples: Samples) -> Iterator[Callable[[], None]]:
    """Start the agent; each call of what is given takes the floors and pulls the cord once."""
    port, subscriber = rig.broker.port, Subscriber()
    with BareClient(port, 64) as bare, subscriber.listening(port):
        cord = Cord(rig.box, subscriber)
        rig.start()

        def take() -> None:
            time.sleep(PAUSE_S)
            disk_s = file.write_s()
            samples.disk.append(disk_s)
            samples.message.append(disk_s + bare.round_trip_s("bench/floor", bytes(EVENT_BYTES)))
            time.sleep(PAUSE_S)
            cord.pull(samples)

        yield take
        rig.stop()
