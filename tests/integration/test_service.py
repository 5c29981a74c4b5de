"""systemd: the unit files are sound, and the agent says what systemd waits for."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support import station_file
from tests.support.eventually import PATIENCE_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.works import Works

UNITS = Path(__file__).parents[2] / "systemd"
WATCHDOG_USEC = 200_000


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("name", ["lineside.service", "lineside@.service"])
def test_systemd_has_nothing_to_say_against_the_unit(tmp_path: Path, name: str) -> None:
    """As installed: the program it names is there (here a stand-in for it)."""
    unit = tmp_path / name
    program = tmp_path / "lineside"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    text = (UNITS / name).read_text()
    assert text.count("ExecStart=/opt/lineside/venv/bin/lineside ") == 1
    unit.write_text(text.replace("/opt/lineside/venv/bin/lineside", str(program)))
    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[socket.socket]:
    """The socket of a service manager."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(PATIENCE_S)
        yield listening


def test_the_service_manager_hears_ready_alive_and_stopping(works: Works, manager: socket.socket) -> None:
    """Ready once the journal is there; alive again and again; stopping at once with the signal."""
    works.agent.environment = {"NOTIFY_SOCKET": manager.getsockname(), "WATCHDOG_USEC": str(WATCHDOG_USEC)}
    station_file.write(works.station, works.agent.file)
    works.agent.start()
    assert manager.recv(100) == b"READY=1"
    assert works.journal.exists()
    for _ in range(5):
        assert manager.recv(100) == b"WATCHDOG=1"
    works.agent.wait_until_ready(["scanner-1"])
    os.kill(works.agent.pid, signal.SIGTERM)
    while (said := manager.recv(100)) == b"WATCHDOG=1":
        pass
    assert said == b"STOPPING=1"
    works.settle()


def test_a_watchdog_that_is_meant_for_another_process_is_not_fed_faster(works: Works, manager: socket.socket) -> None:
    """WATCHDOG_PID names somebody else: the agent is not asked for signs of life."""
    works.agent.environment = {
        "NOTIFY_SOCKET": manager.getsockname(),
        "WATCHDOG_USEC": str(WATCHDOG_USEC),
        "WATCHDOG_PID": "1",
    }
    works.start_agent()
    assert manager.recv(100) == b"READY=1"
    manager.settimeout(5 * WATCHDOG_USEC / 1_000_000)
    with pytest.raises(TimeoutError):
        manager.recv(100)
    works.settle()


def test_a_service_manager_that_does_not_listen_costs_nothing(works: Works) -> None:
    """Its socket is gone for a moment while it is upgraded: the station works on."""
    works.agent.environment = {"NOTIFY_SOCKET": str(works.folder / "gone"), "WATCHDOG_USEC": str(WATCHDOG_USEC)}
    works.start_agent()
    works.sign_on()
    works.settle()
