"""The station that is measured: its file, and the codes that pass on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = "/acme/plant1/assembly/line3/st-040"
TOPIC = f"lineside/v1{SOURCE}"
SCANNER, GAUGE, BOX = "scanner-1", "gauge-1", "box-1"

ACK = b"\x06"

_FILE = """\
[station]
enterprise = "acme"
site = "plant1"
area = "assembly"
line = "line3"
station = "st-040"

[broker]
host = "127.0.0.1"
port = {port}
confirm = "broker"

[journal]
path = "{folder}/journal.db"

[[device]]
name = "scanner-1"
driver = "serial-scanner"
port = "{folder}/scanner"
on_pass = "\\u0006"
on_refuse = "\\u0015"

[[device]]
name = "gauge-1"
driver = "mitutoyo"
port = "{folder}/gauge"

[[device]]
name = "box-1"
driver = "serial-box"
port = "{folder}/box"

[[scan]]
name = "badge"
pattern = 'OP-(?P<operator>\\d{{4}})'

[[scan]]
name = "unit"
pattern = '(?P<unit>[KS]N\\d{{10}})'

[[scan]]
name = "part-lot"
pattern = '(?P<part>[0-9]{{4}}-[A-Z])/(?P<lot>\\w+)'

[[operation]]
name = "fit-bearing"
units = 'KN.+'
operator = false

[[operation.part]]
number = "4711-A"

[[operation]]
name = "press-bearing"
units = 'SN.+'
operator = false

[[operation.part]]
number = "4711-A"

[[operation.measurement]]
name = "bearing seat diameter"
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

[[andon.call]]
name = "cord"
type = "process"
mode = "stop"
device = "box-1"
input = "cord"
"""


def write(folder: Path, broker_port: int) -> Path:
    """Write the station file; journal and device links are in `folder` too."""
    path = folder / "station.toml"
    path.write_text(_FILE.format(folder=folder, port=broker_port), encoding="utf-8")
    return path


def codes() -> Iterator[str]:
    """Codes of an operator at work: unit, its part's lot, the next unit.  Each passes; three facts in two scans."""
    number = 0
    while True:
        number += 1
        yield f"KN{number:010}"
        yield f"4711-A/L{number:06}"
