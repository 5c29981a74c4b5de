"""The agent's recorder, station and journal in this process, driven by hand."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Self

from agent import config
from agent.events import LANES, Envelope
from agent.journal.journal import Journal
from agent.runtime import garbage
from agent.runtime.clock import Clock
from agent.runtime.health import Health
from agent.runtime.inbox import Inbox
from agent.runtime.intake import Intake
from agent.runtime.recorder import Recorder
from agent.runtime.streams import Streams
from agent.signals import AgentStarted, Input
from agent.station.station import Station
from tests.bench import inputs, ready, station

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path
    from types import TracebackType

    from agent.events import Row
    from drivers.contract import Answer

EVERYTHING = 2**31
CHECKSUM = 2**32 - 1
NO_BROKER = 1883
"""The station file wants a port; nobody dials it here."""


class BenchRecorder:
    """Shows to nobody and wakes nobody, but notes when the last pass was shown."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        settings = config.read(station.write(folder, NO_BROKER))
        self.group_size = settings.recording.group_size
        self.journal = Journal(settings.journal.path, Envelope(station.SOURCE).finish, Clock().now)
        self.work = inputs.work(Clock())
        self.queue = Inbox(1_000_000)
        self._shown_s = 0.0
        self._recorder = Recorder(
            Intake(self.queue, self.group_size, linger_s=0.0),
            Station(settings.rules),
            self.journal,
            Clock(),
            Health(),
            show_answer=self._show,
            show_lamps=lambda _lamps: None,
            wake=lambda: None,
            streams=Streams(1.0, 200),
        )

    def load(self, what: Iterable[Input]) -> None:
        """Put inputs on the queue."""
        for happened in what:
            self.queue.put(happened, 0)

    def record(self) -> int:
        """Record everything on the queue; return in how many transactions."""
        steps = 0
        while not self.queue.empty():
            self._recorder.step()
            steps += 1
        return steps

    def green_s(self) -> float:
        """Record the one input on the queue; return the seconds until its pass was shown."""
        began = time.perf_counter()
        self._recorder.step()
        return self._shown_s - began

    def last(self) -> list[int]:
        """The last sequence of each lane."""
        with self.journal.reader() as reader:
            lanes = reader.lanes()
        return [lanes[lane].last for lane in LANES]

    def rows_since(self, last: list[int]) -> list[Row]:
        """What was written since `last()` said so, lane by lane: the bodies as they are, the rest alike for all."""
        rows: list[Row] = []
        with self.journal.reader() as reader:
            for lane, after in zip(LANES, last, strict=True):
                chunk = reader.next(lane, after, EVERYTHING, EVERYTHING)
                bodies = chunk.bodies if chunk else ()
                rows += [(0, "part.accepted", ready.TIME, ready.UNIT, body, CHECKSUM) for body in bodies]
        return rows

    def __enter__(self) -> Self:
        self.journal.open()
        self._recorder.open()
        self.queue.put(Input("agent", AgentStarted("bench"), Clock().now()), 0)
        self.record()
        garbage.settle()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.journal.close()

    def _show(self, _device: str, _answer: Answer) -> None:
        self._shown_s = time.perf_counter()
