"""Telling systemd: the words of sd_notify(3) on a real socket, silence where nobody listens."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

import pytest

from agent.runtime import notify

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("abstract", [False, True], ids=["file", "abstract"])
def test_a_state_reaches_the_manager(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, abstract: bool) -> None:
    """Both kinds of address that systemd hands out work."""
    address = f"@lineside-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(address.replace("@", "\0"))
        monkeypatch.setenv("NOTIFY_SOCKET", address)
        notify.tell("READY=1")
        assert manager.recv(100) == b"READY=1"


def test_without_systemd_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same program runs in a terminal."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify.tell("READY=1")


def test_a_manager_that_is_gone_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The line works on; the manager will miss the signs of life by itself."""
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify.tell("WATCHDOG=1")


@pytest.mark.parametrize(
    ("period", "pid", "expected"),
    [
        ("30000000", None, 30.0),
        ("500000", str(os.getpid()), 0.5),
        ("30000000", "1", None),
        (None, None, None),
        ("", None, None),
    ],
)
def test_the_watchdog_period_is_systemds(
    monkeypatch: pytest.MonkeyPatch, period: str | None, pid: str | None, expected: float | None
) -> None:
    """In seconds; None where none is wanted of this process."""
    for name, value in (("WATCHDOG_USEC", period), ("WATCHDOG_PID", pid)):
        if value is None:
            monkeypatch.delenv(name, raising=False)
        else:
            monkeypatch.setenv(name, value)
    assert notify.watchdog_s() == expected
