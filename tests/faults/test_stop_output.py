"""An agent is killed: what stops the line falls to the module's safe state, and no restart lets a stopped line run.

The module is a simulated one with a watchdog of its own, or without.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from simulators.broker import free_port
from simulators.modbus import TcpDevice, Watchdog
from tests.support import station_file
from tests.support.agent_process import AgentProcess
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

RED, STOP, RUN = 0, 8, 9
"""Coils."""

STOPPED, RUNNING = [1, 0], [0, 1]
"""Levels of stop and run."""

FED = 30
"""Register of the watchdog."""

WATCHDOG = Watchdog(FED, 1.0, {STOP: True, RUN: False})

SHOWS = """
import sys
from drivers.andon.modbus import ModbusIo
from drivers.contract import Lamps

io = ModbusIo(ModbusIo.Settings.model_validate_json(sys.argv[1]))
io.open()
for word in sys.argv[2:]:
    io.show(Lamps(stop=word == "stop"))
while True:
    io.read(0.05)
"""
"""An agent of one driver: shows the pictures it is told, and reads until it is killed."""


@pytest.fixture
def module() -> Iterator[TcpDevice]:
    with TcpDevice() as device:
        yield device


@pytest.fixture
def shown(module: TcpDevice) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """Starts a process that shows pictures on the module; all are killed in the end."""
    document = json.dumps(io(module))
    processes: list[subprocess.Popen[bytes]] = []

    def start(*pictures: str) -> subprocess.Popen[bytes]:
        processes.append(subprocess.Popen([sys.executable, "-W", "error", "-c", SHOWS, document, *pictures]))
        return processes[-1]

    yield start
    for process in processes:
        process.kill()
        process.wait()


@pytest.fixture
def agent(module: TcpDevice, tmp_path: Path) -> Iterator[AgentProcess]:
    """An agent with the module, a cord on its first input that stops the line, and no broker."""
    panel_port = free_port()
    tables = station_file.station(tmp_path, broker_port=free_port(), panel_port=panel_port)
    tables["device"] = [io(module)]
    tables["operation"] = []
    tables["andon"] = {"call": [{"name": "cord", "type": "process", "mode": "stop", "device": "io-1", "input": "cord"}]}
    process = AgentProcess(station_file.write(tables, tmp_path / "station.toml"), tmp_path / "agent.log", panel_port)
    yield process
    process.end()


def io(module: TcpDevice) -> dict[str, Any]:
    return {
        "name": "io-1",
        "driver": "modbus-io",
        "port": module.port,
        "lamps": {"red": RED},
        "stop": STOP,
        "run": RUN,
        "inputs": {"cord": {"address": 0}},
        "watchdog": {"address": FED, "every_s": 0.2},
    }


def levels(module: TcpDevice) -> list[int]:
    return module.get("coil", STOP, 2)


def lets_run(module: TcpDevice) -> bool:
    """Whether anybody has ever written that the line may run."""
    return ("coil", STOP, RUNNING) in module.writes


def is_recorded(agent: AgentProcess) -> bool:
    """Whether the call that stops the line is on disk."""
    status = agent.status()
    return status is not None and [call["stop"] for call in status.calls] == ["stopped"]


def feeds(module: TcpDevice) -> int:
    return sum(1 for table, address, _ in module.writes if (table, address) == ("holding", FED))


def test_killed_while_the_line_runs_the_modules_watchdog_stops_it(module: TcpDevice, agent: AgentProcess) -> None:
    """And it runs again when an agent is there that says so."""
    module.watchdog = WATCHDOG
    agent.start()
    eventually(lambda: levels(module) == RUNNING)
    agent.kill()
    eventually(lambda: levels(module) == STOPPED)
    agent.start()
    eventually(lambda: levels(module) == RUNNING)
    assert agent.stop() == 0
    assert levels(module) == STOPPED


def test_killed_while_the_line_is_stopped_no_restart_lets_it_run(module: TcpDevice, agent: AgentProcess) -> None:
    """The call is in the station's memory, so that the first picture of the new agent stops again."""
    module.set("discrete", 0, 1)
    agent.start()
    eventually(lambda: module.get("coil", RED) == [1] and is_recorded(agent))  # the lamp waits for no disk
    for _ in range(3):
        agent.kill()
        assert levels(module) == STOPPED
        module.writes.clear()
        agent.start()
        eventually(lambda: feeds(module) >= 3)
        assert not lets_run(module)
        assert levels(module) == STOPPED


@pytest.mark.parametrize("watchdog", [None, WATCHDOG], ids=["keeps its outputs", "has a watchdog"])
def test_a_driver_killed_while_the_line_is_stopped_never_lets_it_run(
    module: TcpDevice, shown: Callable[..., subprocess.Popen[bytes]], watchdog: Watchdog | None
) -> None:
    """Not by dying, not by opening again, and not by the picture that still stops: only by the one that lets it run."""
    module.watchdog = watchdog
    killed = shown("run", "stop")
    eventually(lambda: lets_run(module) and levels(module) == STOPPED)
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    module.writes.clear()

    silent = shown()
    eventually(lambda: feeds(module) >= 3)
    assert levels(module) == STOPPED
    silent.kill()
    silent.wait()
    restarted = shown("stop")
    fed = feeds(module)
    eventually(lambda: feeds(module) >= fed + 3)
    assert levels(module) == STOPPED
    assert not lets_run(module)
    restarted.kill()
    restarted.wait()
    shown("run")
    eventually(lambda: levels(module) == RUNNING)


def test_a_module_without_a_watchdog_is_stopped_by_the_next_agent_until_it_knows(
    module: TcpDevice, shown: Callable[..., subprocess.Popen[bytes]]
) -> None:
    """Killed while the line ran, the module lets it run on: nobody is there to stop it."""
    killed = shown("run")
    eventually(lambda: levels(module) == RUNNING)
    killed.kill()
    killed.wait()
    assert levels(module) == RUNNING
    shown()
    eventually(lambda: levels(module) == STOPPED)
