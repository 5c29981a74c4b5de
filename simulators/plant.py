"""A whole small plant on 127.0.0.1: broker, central server, stand-in devices, and the agent between them.

Knows the processes and their files.  Puts them up in order and takes them down in reverse, each by its own pid.
"""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from typing import TYPE_CHECKING, Self

from simulators import agent_view, broker
from simulators.children import Child, simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from types import TracebackType

MARKER = ".lineside-demo"
"""A file that says: this folder is ours, it may be emptied.  Locked while a demo runs in it."""

ANSWERS = ("--acknowledge-andon", "--acknowledge-after", "2.0", "--shelve-alarms", "6.0")
"""The central acknowledges calls, and later than the first level of `demo.toml`; and it shelves the press's alarm."""

START_TIMEOUT_S = 20.0
POLL_S = 0.05


class PlantError(Exception):
    """The plant cannot be put up: the message says which part, and where its words are."""


@dataclass(slots=True)
class Plant:
    """Everything in one working folder.  Use as a context; parts are there after entering."""

    directory: Path
    broker_kind: str = "auto"
    broker: broker.Broker = field(init=False)
    central: Child = field(init=False)
    devices: Child = field(init=False)
    agent: Child = field(init=False)
    panel_port: int = field(init=False)
    _stack: ExitStack = field(init=False, default_factory=ExitStack)

    @property
    def book(self) -> Path:
        """The central server's SQLite file."""
        return self.directory / "central.db"

    @property
    def journal(self) -> Path:
        """The agent's SQLite file."""
        return self.directory / "journal.db"

    @property
    def page(self) -> str:
        """Address of the station's page."""
        return f"http://127.0.0.1:{self.panel_port}/"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self.directory = stack.enter_context(_own_folder(self.directory))
            self._put_up(stack)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _put_up(self, stack: ExitStack) -> None:
        self.broker = broker.choose(self.directory / "broker", broker.free_port(), self.broker_kind)
        self.panel_port = broker.free_port()
        station_file = self._write_station_file()
        stack.enter_context(self.broker)
        port = str(self.broker.port)
        book = ("--db", str(self.book))
        self.central = stack.enter_context(
            simulator("central", "--port", port, *book, *ANSWERS, log=self.directory / "central.log")
        )
        self.central.wait_for("connected", START_TIMEOUT_S)
        self.devices = stack.enter_context(
            simulator("station", "--dir", str(self.directory), "--paused", log=self.directory / "devices.log")
        )
        self.devices.wait_for("ready", START_TIMEOUT_S)
        cli = [sys.executable, "-m", "agent.cli"]
        self._load_reference([*cli, "reference", "load"], station_file)
        command = [*cli, "run", "--config", str(station_file)]
        self.agent = stack.enter_context(Child("agent", command, self.directory / "agent.log"))
        self._wait_for_agent()

    def _write_station_file(self) -> Path:
        text = files("simulators").joinpath("demo.toml").read_text(encoding="utf-8")
        for word, value in (
            ("@DIR@", str(self.directory)),
            ("@BROKER_PORT@", str(self.broker.port)),
            ("@PANEL_PORT@", str(self.panel_port)),
        ):
            text = text.replace(word, value)
        path = self.directory / "station.toml"
        path.write_text(text, encoding="utf-8")
        return path

    def _load_reference(self, command: list[str], station_file: Path) -> None:
        """Give the station the plant's data, as somebody with a file would."""
        document = self.directory / "reference.json"
        document.write_text(files("simulators").joinpath("demo_reference.json").read_text("utf-8"), "utf-8")
        done = subprocess.run(
            [*command, str(document), "--config", str(station_file)],
            capture_output=True,
            text=True,
            timeout=START_TIMEOUT_S,
            check=False,
        )
        if done.returncode:
            raise PlantError(f"the reference data is refused: {done.stderr.strip()}")

    def _wait_for_agent(self) -> None:
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not self._agent_is_ready():
            if self.agent.exit_code is not None:
                raise PlantError(
                    f"the agent ended with {self.agent.exit_code}; its words are in {self.directory}/agent.log"
                )
            if time.monotonic() > deadline_s:
                raise PlantError(f"the agent does not work after {START_TIMEOUT_S:g} s; see {self.page} and agent.log")
            time.sleep(POLL_S)

    def _agent_is_ready(self) -> bool:
        """Whether it shows a status in which every device is open."""
        status = agent_view.look(self.panel_port)
        states = [device["state"] for device in status.devices.values()] if status else []
        return bool(states) and all(state == "open" for state in states)


@contextmanager
def _own_folder(directory: Path) -> Iterator[Path]:
    """Make or empty a folder and lock it.  Raises PlantError if it holds what is not ours, or is in use."""
    directory = directory.resolve()
    marker = directory / MARKER
    if directory.exists() and any(directory.iterdir()) and not marker.exists():
        raise PlantError(f"{directory} is not empty and no demo made it: name another folder with --dir")
    directory.mkdir(parents=True, exist_ok=True)
    with marker.open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PlantError(f"another demo runs in {directory}: name another folder with --dir") from None
        for path in directory.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            elif path != marker:
                path.unlink()
        yield directory
