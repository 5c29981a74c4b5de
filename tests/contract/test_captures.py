"""Recorded captures, dropped into a folder as `lineside record` wrote them, play and mean what stands in them."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter

from drivers import capture, catalog
from drivers.capture import What
from drivers.contract import DeviceGoneError

DATA = Path(__file__).parent.parent / "data"
CAPTURES = sorted(DATA.glob("*/*/*.capture"))


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: str(path.relative_to(DATA)))
def test_a_recorded_capture_means_what_stands_in_it(path: Path) -> None:
    """Played as fast as it is read, through the port, each device says what it said; nothing is left over."""
    header = capture.header_of(path)
    driver = catalog.load(header.driver)
    assert not isinstance(driver, catalog.NotUsable)
    table = {**header.settings, "port": f"replay:{path}?speed=0&end=gone"}
    device: Any = driver(TypeAdapter(driver.Settings).validate_json(json.dumps(table)))
    device.open()
    signals: list[dict[str, Any]] = []
    with suppress(DeviceGoneError):
        while True:
            signals += [capture.told(signal) for signal in device.read(1)]
    device.close()
    assert signals == [line.data for line in capture.lines_of(path) if line.what is What.SIGNAL]


def test_there_is_a_capture() -> None:
    """The folder was found."""
    assert CAPTURES
