"""Two agents of one line on one broker: what one completes, the other knows, also after it was away."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from simulators.broker import free_port
from tests.support import station_file
from tests.support.agent_process import AgentProcess, ran
from tests.support.devices import PASS, REFUSE, Scanner
from tests.support.eventually import eventually
from tests.support.works import Works

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

ROUTE = {
    "documents": [
        {
            "set": "routes",
            "revision": "r1",
            "issued": "2026-11-21T06:00:00Z",
            "data": [{"name": "R1", "operations": ["cut", "pack"]}],
        },
        {
            "set": "products",
            "revision": "p1",
            "issued": "2026-11-21T06:00:00Z",
            "data": [{"number": "P1", "route": "R1", "units": "SN\\d{10}"}],
        },
    ]
}
UNITS = [f"SN{number:010}" for number in range(1, 4)]


def set_up(tables: dict[str, Any], operation: str) -> None:
    """One operation without parts or values: it is complete with the unit's scan."""
    tables["operation"] = [{"name": operation, "units": "SN.+"}]
    tables["interlock"] = {"route": "block"}
    tables["line"] = {}


class Packing:
    """The second station: a scanner and an agent of its own, on the first one's broker."""

    def __init__(self, folder: Path, works: Works) -> None:
        folder.mkdir()
        panel_port = free_port()
        self.scanner = Scanner(folder / "scanner")
        self.agent = AgentProcess(folder / "station.toml", folder / "agent.log", panel_port)
        tables = station_file.station(folder, works.broker.port, panel_port)
        tables["station"]["station"] = "st-050"
        tables["device"] = tables["device"][:1]
        tables["andon"] = {}
        set_up(tables, "pack")
        station_file.write(tables, self.agent.file)

    def start(self) -> None:
        self.agent.start()
        self.agent.wait_until_ready(("scanner-1",))


@pytest.fixture
def line(tmp_path: Path) -> Iterator[tuple[Works, Packing]]:
    """Both run, have the route, and somebody is signed on."""
    with Works(tmp_path) as works:
        set_up(works.station, "cut")
        works.start_agent()
        packing = Packing(tmp_path / "packing", works)
        with packing.scanner.line:
            packing.start()
            route = tmp_path / "route.json"
            route.write_text(json.dumps(ROUTE))
            for agent, scanner in ((works.agent, works.scanner), (packing.agent, packing.scanner)):
                told = ran("reference", "load", route, "--config", agent.file)
                assert told.returncode == 0, told.stderr
                assert scanner.scan("OP-4711") == PASS
            yield works, packing
            packing.agent.end()


def test_a_unit_that_skipped_a_station_is_refused_until_it_was_there(line: tuple[Works, Packing]) -> None:
    """And a station does not take its own word for another's."""
    cutting, packing = line
    assert packing.scanner.scan(UNITS[0]) == REFUSE
    assert cutting.scanner.scan(UNITS[0]) == PASS
    eventually(lambda: packing.scanner.scan(UNITS[0]) == PASS)
    assert cutting.scanner.scan(UNITS[0]) == REFUSE
    assert cutting.book.events("line.conflict") == []


def test_a_station_that_was_away_catches_up(line: tuple[Works, Packing]) -> None:
    """Whatever was done meanwhile stands on the broker."""
    cutting, packing = line
    packing.agent.kill()
    for unit in UNITS[1:]:
        assert cutting.scanner.scan(unit) == PASS
    packing.start()
    for unit in UNITS[1:]:
        eventually(lambda unit=unit: packing.scanner.scan(unit) == PASS)  # type: ignore[misc]
    assert packing.scanner.scan(UNITS[0]) == REFUSE
