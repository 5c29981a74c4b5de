"""Tell when something is seen: wall time, whether to trust it, monotonic time, and which boot it belongs to."""

from __future__ import annotations

import ctypes
import time
from pathlib import Path

from agent.events import NS_PER_S, Moment

BOOT_ID_FILE = Path("/proc/sys/kernel/random/boot_id")

CHECK_EVERY_NS = 5 * NS_PER_S
"""How long an answer of the kernel about clock quality is used."""

STEP_NS = NS_PER_S // 4
"""A change of wall time against monotonic time between two looks, about a second apart, that is a step.

An NTP daemon slews by at most 0.0005 s a second.  Source: Linux manual page adjtimex(2), ADJ_OFFSET.
"""

_TIMEX_BYTES = 208
_TIME_ERROR = 5
"""Return value of adjtimex(2) while the clock is not synchronised.  Source: Linux manual page adjtimex(2)."""


class Clock:
    """The clocks of this machine."""

    def __init__(self) -> None:
        self.boot = _boot_id()
        self._synced = False
        self._offset_ns = time.time_ns() - time.monotonic_ns()
        self._checked_ns = -CHECK_EVERY_NS

    def now(self) -> Moment:
        """Return this moment."""
        monotonic_ns = time.monotonic_ns()
        if monotonic_ns - self._checked_ns >= CHECK_EVERY_NS:
            self._synced = kernel_says_synced()
            self._checked_ns = monotonic_ns
        return Moment(time.time_ns(), monotonic_ns, self._synced, self.boot)

    def stepped(self) -> float | None:
        """Seconds by which the wall clock was set since the last call; None if it only ran."""
        offset_ns = time.time_ns() - time.monotonic_ns()
        moved_ns = offset_ns - self._offset_ns
        self._offset_ns = offset_ns
        if abs(moved_ns) < STEP_NS:
            return None
        self._checked_ns = -CHECK_EVERY_NS
        return moved_ns / NS_PER_S


def kernel_says_synced() -> bool:
    """Whether the kernel's clock is disciplined by NTP, PTP or the like (adjtimex(2)); False where it cannot tell."""
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # modes = 0: only ask
    state = int(ctypes.CDLL(None, use_errno=True).adjtimex(buffer))
    return 0 <= state < _TIME_ERROR


def _boot_id() -> str:
    return BOOT_ID_FILE.read_text(encoding="ascii").strip().replace("-", "")
