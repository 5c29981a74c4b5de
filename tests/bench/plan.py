"""What one run of the benchmarks is to do, and where it may write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

QUICK = 5
"""A quick run makes this many times fewer rounds and samples."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`folder` is empty and on the disk to be measured; `large` is the number of events of a large backlog."""

    folder: Path
    quick: bool
    large: int

    def times(self, count: int) -> int:
        """How often to do what a full run does `count` times."""
        return max(2, count // QUICK) if self.quick else count
