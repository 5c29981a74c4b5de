"""Replay: a recorded capture plays into any serial driver, at its pace or at once."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from drivers.capture import CaptureWriter, Header, What
from drivers.contract import DeviceGoneError, DriverUnusableError, Scan
from drivers.port import Port, PortSettings
from drivers.scanners.serial import SerialScanner, SerialScannerSettings

if TYPE_CHECKING:
    from pathlib import Path

LONG_S = 30.0
"""Longer than any test may take: a wait that should have ended shows."""


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    """Two codes, the second in two pieces, an hour apart."""
    path = tmp_path / "a scanner.capture"
    with path.open("w") as file:
        writer = CaptureWriter(file)
        writer.header(Header("serial-scanner", {}, "0.3.0"))
        writer.bytes(0.01, What.RX, b"SN01\r")
        writer.signal(0.01, Scan(b"SN01\r", "SN01"))
        writer.bytes(0.02, What.TX, b"\x06")
        writer.bytes(3600.0, What.RX, b"SN")
        writer.bytes(3600.1, What.RX, b"\xff02\r")
    return path


def port(path: Path, options: str = "") -> Port:
    one = Port(PortSettings(name="scanner-1", driver="any", port=f"replay:{path}{options}"))
    one.open()
    return one


def test_a_driver_understands_what_was_recorded(recorded: Path) -> None:
    """The driver knows nothing of it: its port is another one."""
    scanner = SerialScanner(
        SerialScannerSettings(
            name="s", driver="serial-scanner", port=f"replay:{recorded}?speed=0", encoding="latin-1", on_pass="\x06"
        )
    )
    scanner.open()
    assert scanner.read(LONG_S) == [Scan(b"SN01\r", "SN01")]
    assert scanner.read(LONG_S) == [Scan(b"SN\xff02\r", "SN\xff02")]
    assert scanner.read(0.01) == []
    scanner.close()


def test_pieces_come_as_they_came(recorded: Path) -> None:
    """Also when they come at once: how the stream was split is part of the record."""
    one = port(recorded, "?speed=0")
    assert [one.read(LONG_S) for _ in range(3)] == [b"SN01\r", b"SN", b"\xff02\r"]
    one.close()


def test_times_are_kept(recorded: Path) -> None:
    """What was received an hour later is not there yet, and is there soon at a million times the speed."""
    one = port(recorded)
    assert one.read(LONG_S) == b"SN01\r"
    assert one.read(0.3) == b""
    one.close()
    one = port(recorded, "?speed=1000000")
    assert [one.read(LONG_S) for _ in range(3)] == [b"SN01\r", b"SN", b"\xff02\r"]
    one.close()


def test_it_never_comes_early(recorded: Path) -> None:
    begin = time.monotonic()
    one = port(recorded, "?speed=18000")  # the hour is 0.2 s
    while one.read(LONG_S) != b"SN":
        pass
    assert time.monotonic() - begin >= 0.2
    one.close()


def test_after_the_end_there_is_silence(recorded: Path) -> None:
    one = port(recorded, "?speed=0")
    for _ in range(3):
        one.read(LONG_S)
    begin = time.monotonic()
    assert one.read(0.05) == b""
    assert time.monotonic() - begin >= 0.05
    one.close()


def test_after_the_end_the_device_can_be_gone(recorded: Path) -> None:
    """A loss like any other; opened again, it begins anew."""
    one = port(recorded, "?speed=0&end=gone")
    for _ in range(2):
        for _ in range(3):
            one.read(LONG_S)
        with pytest.raises(DeviceGoneError, match=r"scanner-1: replay:.*a scanner.capture is at its end"):
            one.read(LONG_S)
        one.close()
        one.open()
    one.close()


def test_it_can_begin_again_by_itself(recorded: Path) -> None:
    one = port(recorded, "?speed=0&end=loop")
    pieces = []
    while len(pieces) < 7:
        pieces += [piece for piece in [one.read(LONG_S)] if piece]
    assert pieces == [b"SN01\r", b"SN", b"\xff02\r"] * 2 + [b"SN01\r"]
    one.close()


def test_a_cancel_ends_the_wait_for_the_next_piece(recorded: Path) -> None:
    one = port(recorded)
    one.read(LONG_S)
    canceller = threading.Thread(target=one.cancel)
    begin = time.monotonic()
    canceller.start()
    assert one.read(LONG_S) == b""
    assert one.cancelled
    assert time.monotonic() - begin < LONG_S / 2
    canceller.join()
    one.close()


def test_a_capture_has_no_modem_lines(recorded: Path) -> None:
    """They were not recorded: nothing is made up."""
    one = port(recorded)
    with pytest.raises(DriverUnusableError, match="no modem lines"):
        one.lines()
    one.close()


def test_a_missing_capture_is_gone_with_its_remedy(tmp_path: Path) -> None:
    with pytest.raises(DeviceGoneError, match=r"does not play .*No such file.*`lineside record` wrote"):
        port(tmp_path / "absent.capture")


def test_another_file_is_gone_with_its_remedy(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xff\xfe")
    with pytest.raises(DeviceGoneError, match=r"does not play .*no capture"):
        port(tmp_path / "x")


def test_a_capture_that_breaks_off_in_a_wrong_line_is_a_loss(recorded: Path) -> None:
    """What came before it was played."""
    recorded.write_text(recorded.read_text() + "nonsense\n")
    one = port(recorded, "?speed=0")
    assert [one.read(LONG_S) for _ in range(2)] == [b"SN01\r", b"SN"]
    with pytest.raises(DeviceGoneError, match="line 7 is none of a capture"):
        one.read(LONG_S)
    one.close()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("replay:x.capture", "names no full path: write replay:/full/path"),
        ("replay:", "names no full path"),
        ("replay:/x?speed=fast", "speed 'fast' is no number from 0 up"),
        ("replay:/x?speed=-1", "speed '-1'"),
        ("replay:/x?speed=nan", "speed 'nan'"),
        ("replay:/x?speed=inf", "speed 'inf'"),
        ("replay:/x?end=stop", "end 'stop' is none of silence, gone, loop"),
        ("replay:/x?loop=1", "unknown option 'loop'"),
    ],
)
def test_wrong_options_are_told_with_the_right_ones(text: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        PortSettings(name="s", driver="any", port=text)
    assert words in str(caught.value)
