"""Run a buffer's process, count its fsyncs, or kill it and see what is left."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[3]
CHILD_S = 60.0
KILL_AFTER_S = (0.3, 1.2)
"""A child is killed at a random moment so long after its first report."""

SYNC = re.compile(rb"\b(?:f(?:data)?sync|msync|sync_file_range)\(")
SYNC_RECORDS = 1000
STRACE = ("-f", "-qq", "-e", "trace=fsync,fdatasync,msync,sync_file_range")


class ChildError(Exception):
    """A buffer's process does not do what is to be measured; the message has its last words."""


@dataclass(frozen=True, slots=True)
class Store:
    """A buffer: its name in the child, and the Python that can import it."""

    name: str
    python: Path

    def run(self, what: str, folder: Path, number: int, *before: str) -> dict[str, float]:
        """Do `what` in a process; return what it printed.  Raises ChildError."""
        folder.mkdir(parents=True, exist_ok=True)
        command = [*before, *self._command(what, folder, number)]
        try:
            done = subprocess.run(
                command, cwd=folder, env=_environment(), capture_output=True, check=True, timeout=CHILD_S
            )
        except subprocess.CalledProcessError as error:
            raise ChildError(error.stderr.decode(errors="replace")[-300:]) from error
        except subprocess.TimeoutExpired as error:
            raise ChildError(f"{self.name} {what} takes more than {CHILD_S:.0f} s") from error
        found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
        return found

    def syncs(self, folder: Path) -> float | None:
        """How often 1,000 records put as fast as it goes wait for the disk; None without strace."""
        strace = shutil.which("strace")
        if strace is None:
            return None
        return float(self._syncs(strace, folder / "full", SYNC_RECORDS) - self._syncs(strace, folder / "empty", 0))

    def killed(self, folder: Path, gap_ms: int) -> tuple[int, int]:
        """Let it put and report, kill it, start it again; return how many were reported, and how many are missing."""
        reports = folder / "reports"
        folder.mkdir(parents=True)
        with reports.open("wb") as told, (folder / "errors").open("wb") as errors:
            process = subprocess.Popen(
                self._command("report", folder / "store", gap_ms),
                cwd=folder, env=_environment(), stdout=told, stderr=errors,
            )  # fmt: skip
            try:
                _await_first(reports, process)
                time.sleep(random.uniform(*KILL_AFTER_S))
                ended = process.poll() is not None
            finally:
                process.kill()
                process.wait()
        if ended:
            raise ChildError((folder / "errors").read_text(errors="replace")[-300:])
        whole = reports.read_bytes().rpartition(b"\n")[0]
        reported = int(whole.rpartition(b"\n")[2])
        return reported, reported - int(self.run("left", folder / "store", reported)["present"])

    def _syncs(self, strace: str, folder: Path, records: int) -> int:
        folder.mkdir(parents=True)
        log = folder / "strace.log"
        self.run("put", folder / "store", records, strace, *STRACE, "-o", str(log))
        return len(SYNC.findall(log.read_bytes()))

    def _command(self, what: str, folder: Path, number: int) -> Sequence[str]:
        folder.mkdir(parents=True, exist_ok=True)
        return [str(self.python), "-m", "tests.bench.peers.child", what, self.name, str(folder), str(number)]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _await_first(reports: Path, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + CHILD_S
    while b"\n" not in reports.read_bytes():
        if process.poll() is not None or time.monotonic() > deadline_s:
            raise ChildError("reported nothing")
        time.sleep(0.01)
