"""A gauge of the works that sends without end, and what of it is on disk."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.journals import measured
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.works import Works

RATE = 200
"""Values a second."""


class Stream:
    """Sends values of `texts`; `sent` are all of them."""

    def __init__(self, works: Works, texts: Iterator[str]) -> None:
        self._works = works
        self._texts = texts
        self.sent: list[float] = []

    def send(self, count: int) -> None:
        began = time.perf_counter()
        for step in range(count):
            time.sleep(max(0.0, began + step / RATE - time.perf_counter()))
            text = next(self._texts)
            self._works.gauge.value(text)
            self.sent.append(float(text))

    @property
    def facts(self) -> list[list[float]]:
        """What is on disk, fact by fact, in its order."""
        return measured(self._works.journal, "gauge-1")

    @property
    def written(self) -> list[float]:
        """The same, value by value."""
        return [value for fact in self.facts for value in fact]

    def wait_until_written(self, count: int) -> None:
        eventually(lambda: len(self.written) >= count)

    def wait_until_taken(self, count: int) -> None:
        """Return when the agent has read so many values of the gauge since its start."""
        eventually(lambda: self._taken() >= count)

    def _taken(self) -> int:
        status = self._works.agent.status()
        return int(status.devices["gauge-1"]["signals"]) if status else 0
