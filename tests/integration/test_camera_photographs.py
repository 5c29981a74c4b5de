"""Photographs with known text: how many are read, and how many wrongly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import zxingcpp

from drivers.contract import Noise, Scan
from drivers.scanners.camera import CameraScanner, decode
from drivers.scanners.camera.symbol import EVERYTHING, Symbology
from tests.support.photographs import ABSENT, MANIFEST, is_known, photographs, scored

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from tests.support.pictures import Frame

pytestmark = pytest.mark.skipif(not MANIFEST.is_file(), reason=ABSENT)

PATIENT_S = 60.0
"""How many are read must not depend on how fast the machine is."""

READ_PERCENT = 93.0
MISREAD_PERCENT = 1.0
CONFIRMED_PERCENT = 88.0
"""What two independent readings of one picture may cost at most."""


def test_enough_codes_are_read_and_hardly_one_wrongly() -> None:
    """More than by the better decoder alone, and above the fixed baseline."""
    score = scored(lambda frame: decode(frame, patience_s=PATIENT_S))
    assert score.read_percent >= READ_PERCENT
    assert score.misread_percent <= MISREAD_PERCENT, score.misread
    assert score.read > scored(bare).read


def test_with_two_readings_no_code_is_read_wrongly() -> None:
    score = scored(lambda frame: decode(frame, patience_s=PATIENT_S, independent=True))
    assert score.misread == ()
    assert score.read_percent >= CONFIRMED_PERCENT


def test_codes_outside_the_wanted_symbologies_are_never_told() -> None:
    wanted = EVERYTHING - {Symbology.ITF}
    for photograph in photographs():
        assert {symbol.symbology for symbol in decode(photograph.frame(), wanted)} <= wanted


def test_the_driver_tells_no_code_that_is_in_no_photograph(tmp_path: Path) -> None:
    """As it stands at a station, with its settings at their defaults, over a folder of them all."""
    pictures = list(photographs())
    for number, photograph in enumerate(pictures):
        (tmp_path / f"{number:04}{photograph.path.suffix}").symlink_to(photograph.path)
    driver = CameraScanner(CameraScanner.Settings(name="camera-1", driver="camera-scanner", source=str(tmp_path)))  # type: ignore[call-arg, arg-type]
    driver.open()
    signals = [signal for batch in iter(lambda: driver.read(2.0), []) for signal in batch]
    driver.close()
    scans = [signal for signal in signals if isinstance(signal, Scan)]
    assert len(scans) > len(pictures) / 2
    assert [signal for signal in signals if isinstance(signal, Noise)] == []
    assert [scan for scan in scans if not is_known(scan.symbology, scan.text)] == []


def bare(frame: Frame) -> Iterable[tuple[str, str]]:
    found = zxingcpp.read_barcodes(frame, text_mode=zxingcpp.TextMode.Plain)
    return [(code.format.name, code.text) for code in found]
