"""A serial port with modem lines: pyserial's own loop, where RTS is CTS and DTR is DSR.

A pseudo-terminal has none, and no null-modem driver is in common kernels.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def serial_lines(_folder: Path) -> Iterator[dict[str, Any]]:
    """Keys of `serial-lines` whose contact CTS follows its lamp RTS."""
    yield {"port": "loop://", "inputs": {"stop": {"line": "cts"}}, "lamps": {"red": "rts", "green": "dtr"}}
