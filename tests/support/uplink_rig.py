"""The uplink of one station in the hand of the test: a real journal, the real forwarder in its thread, a real broker.

The test's own thread is the one that writes the journal, as the recorder's is in the agent.
"""

from __future__ import annotations

from contextlib import ExitStack
from itertools import count
from typing import TYPE_CHECKING, Any, Self

from agent.config import Broker
from agent.events import Envelope, Event, Kind
from agent.journal.journal import Journal, JournalSettings
from agent.runtime.clock import Clock
from agent.runtime.health import Health, StatusReport
from agent.runtime.supervisor import Supervisor
from agent.signals import Command
from agent.uplink.forwarder import Forwarder
from simulators import ledger
from simulators.children import simulator
from simulators.proxy import Proxy
from tests.support.eventually import PATIENCE_S, eventually
from tests.support.tuned_broker import TunedMosquitto

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from agent.events import Lane
    from agent.journal.lanes import LaneState
    from agent.runtime.supervisor import Running
    from agent.uplink.forwarder import Passed
    from simulators.children import Child
    from simulators.ledger import Counts

LEVELS = ("acme", "plant1", "assembly", "line3", "st-040")
SOURCE = "/" + "/".join(LEVELS)
TOPIC = "lineside/v1" + SOURCE
USER = "st-040"

SETTINGS: dict[str, Any] = {
    "host": "127.0.0.1",
    "username": USER,
    "keepalive_s": 5,
    "connect_timeout_s": 1.0,
    "resend_after_s": 1.0,
    "ack_timeout_s": 10.0,
    "retry_max_s": 0.2,
    "refused_retry_s": 0.2,
}


class Rig:
    """The journal is open and the broker is up between `with` and its end; `start` begins to send.

    `settings` are those of [broker].  With `proxied`, the forwarder goes through `proxy`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        broker: TunedMosquitto | None = None,
        proxied: bool = False,
        journal: JournalSettings | None = None,
        **settings: Any,
    ) -> None:
        self.folder = folder
        self.book = folder / "central.db"
        self.broker = broker or TunedMosquitto(folder / "broker")
        self.proxy = Proxy(self.broker.port)
        port = self.proxy.port if proxied else self.broker.port
        self.settings = Broker(**{**SETTINGS, "port": port, **settings})
        self.clock = Clock()
        self.health = Health()
        self.journal = Journal(folder / "journal.db", Envelope(SOURCE).finish, self.clock.now, journal)
        self.states: list[tuple[str, str]] = []
        self.orders: list[tuple[str, Mapping[str, Any]]] = []
        self.passed: list[Passed] = []
        self.full = False
        self._supervisor = Supervisor()
        self._numbers = count(1)
        self._stack = ExitStack()
        self._central: Child | None = None
        self._sending: tuple[Forwarder, list[Running]] | None = None

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.broker)
            stack.enter_context(self.proxy)
            self.journal.open()
            stack.callback(self.journal.close)
            status = StatusReport(self.journal, self.health, self.clock, SOURCE, self._supervisor.stuck)
            stack.callback(status.close)
            self.status = status
            stack.callback(self.stop_central)
            stack.callback(self.stop)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def start(self) -> None:
        """Begin to send."""
        forwarder = Forwarder(self.settings, LEVELS, self.journal, order=self._order, report=self._report)
        self._sending = forwarder, [self._supervisor.start(worker) for worker in (forwarder.ahead, forwarder)]

    def stop(self) -> None:
        """Send what is left and hang up, as at the end of the agent."""
        sending, self._sending = self._sending, None
        if sending is not None:
            for running in reversed(sending[1]):
                self._supervisor.stop(running, PATIENCE_S)
            assert self._supervisor.survivors == []

    def start_central(self, *options: str) -> Child:
        """Put the central server up, and return when it hears the broker."""
        words = ("--port", str(self.broker.port), "--db", str(self.book), "--replay-after", "0", *options)
        central = self._central = simulator("central", *words, log=self.folder / "central.log")
        central.wait_for("connected", PATIENCE_S)
        return central

    def stop_central(self) -> None:
        """Take the central server away; the broker keeps its session."""
        central, self._central = self._central, None
        if central is not None:
            central.end()

    def capture(self, number: int = 1, kind: Kind = Kind.SCAN_REPEATED, *, size: int = 10, **data: Any) -> None:
        """Write so many events, each with a number of its own and a text of `size` bytes, and wake the forwarder."""
        now = self.clock.now()
        told = [{"number": next(self._numbers), "text": "x" * size, **data} for _ in range(number)]
        self.journal.append([Event(kind, "SN1", one, now) for one in told], {})
        self.wake()

    def wake(self) -> None:
        """Say that the journal has something new, as the recorder does."""
        if self._sending is not None:
            self._sending[0].wake()

    def tidy(self) -> None:
        """Do all the housekeeping there is."""
        while self.journal.tidy():
            pass

    def until(self, look: Callable[[], Any], timeout_s: float = PATIENCE_S) -> Any:
        """Wait for a fact; meanwhile marks and quarantine orders are written, as the recorder does."""

        def looked() -> Any:
            self.journal.settle()
            if self._central is not None:
                self._central.poll()
            return look()

        return eventually(looked, timeout_s)

    def until_settled(self) -> Counts:
        """Return the central's counts, once it has, or was told of, every event, and has confirmed all of them."""
        self.until(self._is_settled)
        counts = self.counts()
        assert (counts.lost, counts.repeated) == (0, 0)
        return counts

    def counts(self) -> Counts:
        return ledger.counts(self.book)

    def lanes(self) -> dict[Lane, LaneState]:
        with self.journal.reader() as reader:
            return reader.lanes()

    @property
    def captured(self) -> int:
        return sum(state.last for state in self.lanes().values())

    @property
    def broker_entry(self) -> dict[str, Any]:
        """What the status says of the broker."""
        entry: dict[str, Any] = self.status()["broker"]
        return entry

    def is_online(self) -> bool:
        return bool(self.broker_entry["state"] == "online")

    def _is_settled(self) -> bool:
        lanes = self.lanes().values()
        return all(state.confirmed == state.last for state in lanes) and not self.journal.quarantine.pending

    def _order(self, what: Passed) -> bool:
        if self.full:
            return False
        self.passed.append(what)
        if isinstance(what, Command):
            self.orders.append((what.name, what.data))
        return True

    def _report(self, **fields: Any) -> None:
        """Keep every state and its reason, in order."""
        if "state" in fields and (fields["state"], fields["reason"]) not in self.states[-1:]:
            self.states.append((fields["state"], fields["reason"]))
        self.health.report("broker", "broker", **fields)
