"""Modbus devices: real servers, over TCP and on an RTU line."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simulators.modbus import RtuDevice, TcpDevice

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RTU = {"parity": "N", "baudrate": 115200, "timeout_s": 0.1}
"""Keys of a driver on the line of an `RtuDevice`."""


@contextmanager
def modbus_gauge(folder: Path) -> Iterator[dict[str, Any]]:
    """Keys of a `modbus-gauge` on an RTU line: the value is 10.0, a float."""
    with RtuDevice(folder / "modbus-gauge") as device:
        device.set("holding", 0, 0x4120, 0x0000)
        yield {"port": device.port, "address": 0, "type": "float32", "unit": "mm", **RTU}


@contextmanager
def modbus_io(_folder: Path) -> Iterator[dict[str, Any]]:
    """Keys of a `modbus-io` over TCP: two buttons, four lamps, a horn, and what stops the line."""
    with TcpDevice() as device:
        yield {
            "port": device.port,
            "inputs": {"stop": {"address": 0}, "help": {"address": 1}},
            "lamps": {"red": 0, "yellow": 1, "green": 2, "blue": 3},
            "horn": 4,
            "stop": 5,
            "run": 6,
        }
