"""A small station that is right in every key, for tests to spoil."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from agent import config

GOOD = """
[station]
enterprise = "acme"
site = "plant1"
area = "assembly"
line = "line3"
station = "st-040"

[broker]
host = "broker.example"

[journal]
path = "/var/lib/lineside/st-040.db"

[[device]]
name = "scanner-1"
driver = "serial-scanner"
port = "/dev/ttyUSB0"

[[device]]
name = "gauge-1"
driver = "mitutoyo"
port = "/dev/ttyUSB1"

[[device]]
name = "box-1"
driver = "serial-box"
port = "/dev/ttyUSB2"

[[scan]]
name = "badge"
pattern = 'OP-(?P<operator>\\d{4})'

[[scan]]
name = "unit"
pattern = '(?P<unit>SN\\d{10})'

[[operation]]
name = "press"
[[operation.part]]
number = "4711-A"
[[operation.measurement]]
name = "seat"
gauge = "gauge-1"
unit = "mm"
nominal = 12.345
low = 12.330
high = 12.360

[[andon.call]]
name = "quality"
type = "quality"
device = "box-1"
input = "quality"
"""


@pytest.fixture
def tables() -> dict[str, Any]:
    """The tables of the good station, as TOML reads them."""
    return tomllib.loads(GOOD)


@pytest.fixture
def told() -> Any:
    """Parse tables and return every mistake told, by its place."""

    def tell(tables: dict[str, Any]) -> dict[str, str]:
        try:
            config.parse(tables, Path("station.toml"))
        except config.StationFileError as error:
            return {mistake.where: mistake.what for mistake in error.mistakes}
        return {}

    return tell
