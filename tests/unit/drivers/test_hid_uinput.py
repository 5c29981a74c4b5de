"""A scanner that types, as a keyboard that the kernel makes for us: what only a real event device can do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from drivers.contract import DeviceBusyError, DeviceGoneError, Scan
from drivers.scanners.hid import HidScanner, HidScannerSettings
from tests.support.typist import EV_KEY, EV_SYN, Typist

if TYPE_CHECKING:
    from collections.abc import Iterator

UINPUT = Path("/dev/uinput")
LONG_S = 30.0

pytestmark = pytest.mark.skipif(
    not os.access(UINPUT, os.W_OK), reason="needs a writable /dev/uinput (as root: modprobe uinput)"
)


@pytest.fixture
def keyboard() -> Iterator[Any]:
    from evdev import UInput  # noqa: PLC0415  the extra may be missing where this is skipped

    with UInput(name="lineside test scanner") as one:
        yield one


def made(keyboard: Any) -> HidScanner:
    return HidScanner(HidScannerSettings(name="scanner-1", driver="hid-scanner", device=str(keyboard.device.path)))


def play(keyboard: Any, typist: Typist) -> None:
    for event in typist.events:
        if event.type in (EV_SYN, EV_KEY):
            keyboard.write(event.type, event.code, event.value)


def test_what_is_typed_is_scanned(keyboard: Any) -> None:
    """The kernel's own events are understood, one scan at a time, since its buffer is short."""
    driver = made(keyboard)
    driver.open()
    for code in ("SN01", "aB-9", "x\x1dy"):
        play(keyboard, Typist().type(code))
        (scan,) = driver.read(LONG_S)
        assert isinstance(scan, Scan)
        assert scan.text == code
    driver.close()


def test_nobody_else_sees_the_codes(keyboard: Any) -> None:
    """The device is held exclusively: a second driver is refused and another reader stays without events."""
    driver, second = made(keyboard), made(keyboard)
    driver.open()
    with pytest.raises(DeviceBusyError, match="in use by"):
        second.open()
    play(keyboard, Typist().type("SN01"))
    assert len(driver.read(LONG_S)) == 1
    assert keyboard.device.read_one() is None
    second.close()
    driver.close()


def test_an_overrun_spoils_one_scan(keyboard: Any) -> None:
    """When the kernel drops strokes, the scan is told as lost and the next is whole."""
    driver = made(keyboard)
    driver.open()
    play(keyboard, Typist().type("X" * 200))
    signals = [*driver.read(1.0)]
    assert [signal for signal in signals if isinstance(signal, Scan)] == []
    play(keyboard, Typist().type("OK"))
    while not any(isinstance(signal, Scan) for signal in signals):
        signals += driver.read(LONG_S)
        play(keyboard, Typist().type("OK"))
    assert [signal.text for signal in signals if isinstance(signal, Scan)] == ["OK"]
    driver.close()


def test_unplugged_is_gone(keyboard: Any) -> None:
    """ENODEV is DeviceGoneError with the device's name."""
    driver = made(keyboard)
    driver.open()
    keyboard.close()
    with pytest.raises(DeviceGoneError, match="scanner-1"):
        driver.read(LONG_S)
    driver.close()
