"""A Mosquitto whose settings a test may add to, and change while it runs."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

from simulators.broker import Mosquitto, free_port

if TYPE_CHECKING:
    from pathlib import Path


class TunedMosquitto(Mosquitto):
    """`settings` are lines of its configuration; the access list is empty, or lines of its own."""

    def __init__(self, directory: Path, settings: str = "", access: str = "") -> None:
        super().__init__(directory, free_port())
        self.settings = settings
        self._access = access

    def allow(self, access: str) -> None:
        """Put another access list in force, without a restart."""
        self._access = access
        self._write_access()
        if self.pid is not None:
            os.kill(self.pid, signal.SIGHUP)

    def _command(self) -> list[str]:
        command = super()._command()
        lines = self.settings
        if self._access:
            self._write_access()
            lines += f"\nacl_file {self.directory}/access\n"
        path = self.directory / "mosquitto.conf"
        path.write_text(path.read_text() + lines + "\n")
        return command

    def _write_access(self) -> None:
        path = self.directory / "access"
        path.write_text(self._access)
        path.chmod(0o600)
