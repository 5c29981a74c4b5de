"""Tell systemd that the agent is ready, alive or stopping.  Source: sd_notify(3).  Silent where there is no systemd."""

from __future__ import annotations

import os
import socket
from contextlib import suppress

MICROSECONDS = 1_000_000


def tell(state: str) -> None:
    """Send one state (`READY=1`, `WATCHDOG=1`, `STOPPING=1`, `STATUS=...`) to the service manager, if there is one.

    A manager that cannot be reached is no reason to stop: it will notice that the signs of life stay out.
    """
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel, suppress(OSError):
        channel.connect(address)
        channel.send(state.encode())


def watchdog_s() -> float | None:
    """How often systemd expects a sign of life, in seconds; None where it expects none of this process."""
    if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    period = os.environ.get("WATCHDOG_USEC", "")
    return int(period) / MICROSECONDS if period else None
