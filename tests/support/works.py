"""One station with everything around it, in one folder: broker, central server, devices, agent."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

from agent import config
from simulators import agent_view
from simulators.broker import Mosquitto, free_port
from simulators.children import simulator
from tests.support import replaying, station_file
from tests.support.agent_process import AgentProcess
from tests.support.book import Book
from tests.support.devices import Box, Gauge, Scanner
from tests.support.eventually import PATIENCE_S, eventually

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from types import TracebackType

    from simulators.children import Child
    from tests.support.book import Event

DEVICES = ("scanner-1", "gauge-1", "box-1")


class Works:
    """Broker, central and devices are up between `with` and its end; the test starts the agent.

    `station` is the station file as a dictionary: change it before `start_agent`.
    """

    def __init__(self, folder: Path, broker: Mosquitto | None = None) -> None:
        self.folder = folder
        self.broker = broker or Mosquitto(folder / "broker", free_port())
        self.panel_port = free_port()
        self.scanner = Scanner(folder / "scanner")
        self.gauge = Gauge(folder / "gauge")
        self.box = Box(folder / "box")
        self.book = Book(folder / "central.db")
        self.journal = folder / "journal.db"
        self.station = station_file.station(folder, self.broker.port, self.panel_port)
        self.agent = AgentProcess(folder / "station.toml", folder / "agent.log", self.panel_port)
        self._stack = ExitStack()
        self._central: Child

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.broker)
            options = ("--port", str(self.broker.port), "--db", str(self.folder / "central.db"))
            self._central = stack.enter_context(simulator("central", *options, log=self.folder / "central.log"))
            self._central.wait_for("connected", PATIENCE_S)
            for line in (self.scanner.line, self.gauge.line, self.box.line):
                stack.enter_context(line)
            stack.callback(self._tell)
            stack.callback(self.agent.end)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start_agent(self, devices: Sequence[str] = DEVICES, broker: str = "online") -> None:
        """Write the station file, start the agent, and return when devices and connection are as wanted."""
        station_file.write(self.station, self.agent.file)
        self.agent.start()
        self.agent.wait_until_ready(devices, broker)

    def wait_for_fact(self, kind: str, subject: str | None = None, **data: Any) -> Event:
        """Return the first event like this at the central, waiting for it."""
        self._central.poll()
        return eventually(lambda: self.book.events(kind, subject, **data))[0]

    def hear_central(self) -> None:
        """Take what the central server has said: it stands still when nobody does for long."""
        self._central.poll()

    def tell_central(self, *lines: str) -> None:
        """Give the central server commands."""
        for line in lines:
            self._central.tell(line)

    def wait_until_delivered(self) -> None:
        """Return when the central has as many events as the journal has captured."""

        def has_all() -> bool:
            self.hear_central()
            return self.book.counts().delivered == agent_view.captured(self.journal)

        eventually(has_all)

    def settle(self) -> None:
        """Stop the agent and draw up the balance: captured = delivered, lost=0, repeated=0, sound envelopes.

        And what it recorded, replayed under its own rules, is decided the same again.
        """
        assert self.agent.stop() == 0
        captured = agent_view.captured(self.journal)
        eventually(lambda: self.book.counts().delivered >= captured)
        counts = self.book.counts()
        assert (counts.delivered, counts.lost, counts.repeated) == (captured, 0, 0), (captured, counts)
        self.book.check_envelopes()
        differences = replaying.differences(self.journal, config.read(self.agent.file).rules)
        assert not differences, "\n".join(differences)

    def sign_on(self, operator: str = "4711") -> None:
        """Scan a badge."""
        assert self.scanner.scan(f"OP-{operator}") == b"\x06"

    def _tell(self) -> None:
        """Print the agent's log: pytest shows it with a failure."""
        if self.agent.log.exists():
            print(self.agent.log.read_text())
