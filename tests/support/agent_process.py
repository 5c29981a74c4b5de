"""The agent as a process of its own, and what can be seen of it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from simulators import agent_view
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from simulators.agent_view import Status

STOP_S = 15.0
"""Longest time a stop may take: less than systemd's patience of 90 s, more than one slow worker."""


def lineside(*words: str | Path) -> list[str]:
    """Return the command line of `lineside WORDS`; a warning in it is an error."""
    return [sys.executable, "-X", "faulthandler", "-W", "error", "-m", "agent.cli", *map(str, words)]


def ran(*words: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run `lineside WORDS` to its end and return what it said."""
    return subprocess.run(lineside(*words), capture_output=True, text=True, timeout=STOP_S, check=False, **options)


class AgentProcess:
    """`lineside run --config FILE`, started as often as wanted; its log grows in one file."""

    def __init__(self, file: Path, log: Path, panel_port: int) -> None:
        self.file = file
        self.log = log
        self.environment: dict[str, str] = {}
        self._panel_port = panel_port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        return self._running().pid

    def start(self) -> None:
        """Start it and return at once."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                lineside("run", "--config", self.file),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, **self.environment},
                process_group=0,
            )

    def runs_for(self, seconds: float) -> bool:
        """Let it run; False if it ends before."""
        with suppress(subprocess.TimeoutExpired):
            self._running().wait(seconds)
            return False
        return True

    def kill(self) -> None:
        """SIGKILL: the process is gone when this returns, and so is everything it had not written."""
        self._running().kill()
        self._running().wait()
        self._process = None

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Ask it to stop and return its exit code.  AssertionError if it is still there after STOP_S."""
        process = self._running()
        process.send_signal(number)
        try:
            code = process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the agent does not stop within {STOP_S:g} s") from None
        self._process = None
        return code

    def end(self) -> None:
        """Clean up after a test."""
        if self._process is not None:
            self.kill()

    def status(self) -> Status | None:
        """What its page says now; None if it does not answer."""
        return agent_view.look(self._panel_port)

    def wait_until_ready(self, devices: Sequence[str], broker: str = "online") -> None:
        """Return when it has these devices open and its connection is in this state."""
        try:
            eventually(lambda: self._is_ready(devices, broker))
        except AssertionError:
            process = self._running()
            process.send_signal(signal.SIGABRT)  # faulthandler writes where each thread stands into the log
            process.wait()
            raise AssertionError(f"the agent is not ready: {self.log.read_text()}") from None

    def said(self, event: str) -> list[dict[str, Any]]:
        """Every entry of its log with this event name, of all its lives."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        entries = [json.loads(line) for line in lines if line.startswith("{")]
        return [entry for entry in entries if entry.get("event") == event]

    def _is_ready(self, devices: Sequence[str], broker: str) -> bool:
        if self._running().poll() is not None:
            raise AssertionError(f"the agent ended: {self.log.read_text()}")
        status = self.status()
        return (
            status is not None
            and status.broker == broker
            and all(status.devices[name]["state"] == "open" for name in devices)
        )

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the agent was not started"
        return self._process
