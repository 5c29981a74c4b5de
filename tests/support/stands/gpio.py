"""A GPIO chip that the kernel simulates (gpio-sim), where it can.

Source: Documentation/admin-guide/gpio/gpio-sim.rst of the Linux kernel.
"""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIGURATION = Path("/sys/kernel/config/gpio-sim")
LINES = 8


class SimulatedChip:
    """One simulated chip: its lines can be pulled from outside, and looked at."""

    def __init__(self, name: str) -> None:
        self._folder = CONFIGURATION / name
        self.path = ""
        self._lines = Path()

    def make(self) -> None:
        """Let the kernel make it."""
        bank = self._folder / "bank0"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text(str(LINES))
        (self._folder / "live").write_text("1")
        chip = (bank / "chip_name").read_text().strip()
        device = (self._folder / "dev_name").read_text().strip()
        self.path = f"/dev/{chip}"
        self._lines = Path("/sys/devices/platform") / device / chip

    def remove(self) -> None:
        """Let it vanish, as a USB chip that is unplugged."""
        if self._folder.exists():
            (self._folder / "live").write_text("0")
            (self._folder / "bank0").rmdir()
            self._folder.rmdir()

    def pull(self, line: int, *, high: bool) -> None:
        """Pull a line from outside."""
        (self._lines / f"sim_gpio{line}" / "pull").write_text("pull-up" if high else "pull-down")

    def is_high(self, line: int) -> bool:
        """Whether a line is high now."""
        return (self._lines / f"sim_gpio{line}" / "value").read_text().strip() == "1"


@contextmanager
def simulated_chip() -> Iterator[SimulatedChip]:
    """A chip while the context lasts; skips the test where the kernel has none."""
    if not CONFIGURATION.is_dir():
        pytest.skip(f"no simulated GPIO chip: {CONFIGURATION} is missing (modprobe gpio-sim, as root)")
    if not os.access(CONFIGURATION, os.W_OK):
        pytest.skip(f"no simulated GPIO chip: {CONFIGURATION} is not ours to write (be root)")
    chip = SimulatedChip(f"lineside-{os.getpid()}")
    try:
        chip.make()
        yield chip
    finally:
        chip.remove()


@contextmanager
def gpio(_folder: Path) -> Iterator[dict[str, Any]]:
    """Keys of `gpio` on a simulated chip: two buttons and two lamps."""
    with simulated_chip() as chip:
        yield {
            "chip": chip.path,
            "inputs": {"stop": {"line": 0, "bias": "as-is"}, "help": {"line": 1, "bias": "as-is"}},
            "lamps": {"red": 4, "green": 5},
        }
