"""A real pseudo-terminal that plays the cable between a device and its driver."""

from __future__ import annotations

import os
import tty
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


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
            data += os.read(self.device, length - len(data))
        return data

    def unplug(self) -> None:
        if self.device >= 0:
            os.close(self.device)
        self.device = -1


@pytest.fixture
def cable() -> Iterator[Cable]:
    one = Cable()
    yield one
    one.unplug()
