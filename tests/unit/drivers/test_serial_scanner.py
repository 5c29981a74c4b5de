"""The scanner's own beeper and its settings; what it reads is told by tests/data/serial-scanner."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from drivers.contract import Answer, DeviceGoneError, Lamps, Verdict
from drivers.scanners.serial import SerialScanner, SerialScannerSettings


def settings(**more: Any) -> SerialScannerSettings:
    return SerialScannerSettings(name="scanner", driver="serial-scanner", **{"port": "/dev/none", **more})


def test_the_verdict_reaches_the_scanner(cable: Any) -> None:
    """Good-read and bad-read commands go out byte for byte; lamps it has none."""
    scanner = SerialScanner(settings(port=cable.port, on_pass="\x06é", on_refuse="\x15"))
    scanner.open()
    scanner.show(Lamps())
    scanner.show(Answer(Verdict.PASS, "go on"))
    scanner.show(Answer(Verdict.REFUSE, "wrong part"))
    assert cable.heard(3) == b"\x06\xe9\x15"
    scanner.close()


def test_a_scanner_without_commands_is_told_nothing() -> None:
    """Nothing to send needs no port."""
    SerialScanner(settings()).show(Answer(Verdict.PASS, ""))


def test_a_verdict_for_a_lost_scanner_is_an_error() -> None:
    with pytest.raises(DeviceGoneError, match="scanner: /dev/none"):
        SerialScanner(settings(on_pass="\x06")).show(Answer(Verdict.PASS, ""))


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("prefix", "€", "no single byte"),
        ("suffix", "→", "no single byte"),
        ("encoding", "utf-9", "extends ASCII"),
        ("encoding", "utf-16", "extends ASCII"),
        ("encoding", "hex", "extends ASCII"),
        ("max_length", 0, "greater than 0"),
        ("symbology_identifier", "yes", "boolean"),
    ],
)
def test_wrong_settings_say_what_is_wrong(key: str, value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**{key: value})


def test_settings_come_from_json() -> None:
    """The station file reaches the driver as JSON, checked strictly."""
    read = TypeAdapter(SerialScannerSettings).validate_json(
        r'{"name": "s", "driver": "serial-scanner", "port": "/dev/x", "prefix": "\u0002", "parity": "E"}'
    )
    assert (read.prefix, read.parity, read.suffix) == ("\x02", "E", "")
