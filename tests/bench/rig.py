"""The whole agent as a process, with a broker and devices on pseudo terminals around it."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Self

from simulators.broker import Mosquitto, free_port
from simulators.pty_line import PtyLine
from tests.bench import station

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

START_S = 20.0
STOP_S = 15.0
ANSWER_S = 5.0
POLL_S = 0.02


class RigError(Exception):
    """The agent does not do what is to be measured; the message says what it did."""


def answered_s(line: PtyLine, code: str) -> float:
    """Send `code`; return the seconds from its bytes until the pass is heard.  Raises RigError for anything else."""
    began = time.perf_counter()
    line.write(code.encode() + b"\r")
    answer = line.read(ANSWER_S)
    took_s = time.perf_counter() - began
    if answer != station.ACK:
        raise RigError(f"{code} was answered by {answer!r}")
    return took_s


class Rig:
    """Broker and devices are there between `with` and its end; the agent, which is `module`, while it is started."""

    def __init__(self, folder: Path, module: str = "agent.cli") -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self._module = module
        self.journal = folder / "journal.db"
        self.log = folder / "agent.log"
        self.broker = Mosquitto(folder / "broker", free_port())
        self.file = station.write(folder, self.broker.port)
        self.scanner = PtyLine(folder / "scanner")
        self.gauge = PtyLine(folder / "gauge")
        self.box = PtyLine(folder / "box")
        self._process: subprocess.Popen[bytes] | None = None
        self._stack = ExitStack()

    @property
    def pid(self) -> int:
        if self._process is None:
            raise RigError("the agent was not started")
        return self._process.pid

    def start(self) -> None:
        """Start the agent, and return when it is connected to the broker and answers the scanner."""
        already = self._times_online()
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self._module, "run", "--config", str(self.file)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        deadline_s = time.monotonic() + START_S
        while self._times_online() == already or not self._hears_badges():
            if self._process.poll() is not None or time.monotonic() > deadline_s:
                raise RigError(f"the agent does not come up; its words are in {self.log}")
            time.sleep(POLL_S)

    def stop(self) -> None:
        """End the agent in good order."""
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise RigError(f"the agent did not stop within {STOP_S:.0f} s") from None

    def scan_s(self, code: str) -> float:
        """Scan `code`; return the seconds from its bytes until the pass is heard.  Raises RigError for a refusal."""
        return answered_s(self.scanner, code)

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.broker)
            for line in (self.scanner, self.gauge, self.box):
                stack.enter_context(line)
            stack.callback(self.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _times_online(self) -> int:
        return self.log.read_bytes().count(b"broker.online") if self.log.exists() else 0

    def _hears_badges(self) -> bool:
        """Whether a badge is answered; what was sent before the port was open is lost."""
        self.scanner.write(b"OP-4711\r")
        return self.scanner.read(1.0) != b"" and self.scanner.read(0.3) == b""
