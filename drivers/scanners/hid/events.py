"""Cut the bytes of a Linux event device into key strokes.

Bytes in, strokes out; no device, no time-out, no exception for any bytes.  Layout of `struct input_event`:
linux/input.h.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

EVENT = struct.Struct("@llHHi")
"""Seconds, microseconds, type, code, value: `struct input_event` of this machine."""

EV_SYN, EV_KEY = 0, 1
SYN_REPORT, SYN_DROPPED = 0, 3
UP, DOWN = 0, 1
"""Values of a key; 2 is a repeat, which the kernel makes for a key held down and no scanner sends."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A key that went down or up at `time_us` of the device's clock."""

    key: int
    pressed: bool
    time_us: int


@dataclass(frozen=True, slots=True)
class Lost:
    """The kernel's buffer overran: strokes are missing here."""

    time_us: int


class EventStream:
    """Strokes out of bytes, however the bytes are split."""

    def __init__(self) -> None:
        self._rest = b""
        self._skipping = False

    def feed(self, data: bytes) -> list[Stroke | Lost]:
        """Return the strokes that `data` completes, in order.

        After an overrun everything up to the next report is left out, as the kernel's input documentation demands.
        """
        data = self._rest + data
        whole = len(data) - len(data) % EVENT.size
        self._rest = data[whole:]
        found = (self._meaning(*fields) for fields in EVENT.iter_unpack(data[:whole]))
        return [what for what in found if what is not None]

    def _meaning(self, seconds: int, microseconds: int, kind: int, code: int, value: int) -> Stroke | Lost | None:
        time_us = seconds * 1_000_000 + microseconds
        if kind == EV_SYN and code == SYN_DROPPED:
            self._skipping = True
            return Lost(time_us)
        if self._skipping:
            self._skipping = (kind, code) != (EV_SYN, SYN_REPORT)
            return None
        return Stroke(code, value == DOWN, time_us) if kind == EV_KEY and value in {UP, DOWN} else None
