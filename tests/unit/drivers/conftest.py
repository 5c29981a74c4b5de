"""A real pseudo-terminal that plays the cable between a device and its driver."""

from __future__ import annotations

import os
import select
import tty
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PATIENCE_S = 20.0


class Cable:
    """`say` and `heard` are the device's side, `port` is the driver's."""

    def __init__(self) -> None:
        self.device, slave = os.openpty()
        tty.setraw(slave)
        self.port = os.ttyname(slave)
        os.close(slave)

    def say(self, data: bytes) -> None:
        os.write(self.device, data)

    def heard(self, length: int) -> bytes:
        """Exactly `length` bytes that the driver sent; waits for them."""
        data = b""
        while len(data) < length:
            assert select.select([self.device], [], [], PATIENCE_S)[0], f"only {data!r} was sent"
            data += os.read(self.device, length - len(data))
        return data

    def pending(self) -> bytes:
        """What the driver sent and nobody took yet; empty if nothing."""
        return os.read(self.device, 4096) if select.select([self.device], [], [], 0)[0] else b""

    def unplug(self) -> None:
        if self.device >= 0:
            os.close(self.device)
        self.device = -1


@pytest.fixture
def cable() -> Iterator[Cable]:
    one = Cable()
    yield one
    one.unplug()
