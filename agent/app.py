"""Put the agent together: the only file that knows every part."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from queue import Full
from typing import TYPE_CHECKING, Any, Self

import structlog

from agent import __version__
from agent.events import LANES, Envelope
from agent.journal.journal import Journal, JournalSettings
from agent.runtime.clock import Clock
from agent.runtime.health import Health, StatusReport
from agent.runtime.inbox import Inbox
from agent.runtime.intake import Intake
from agent.runtime.library import Library
from agent.runtime.loader import ReferenceLoader
from agent.runtime.reader import DeviceReader
from agent.runtime.recorder import Recorder
from agent.runtime.streams import Streams
from agent.runtime.supervisor import Supervisor
from agent.runtime.watch import Watch
from agent.signals import AgentStarted, AgentStopped, Input, LineProgress, Offer
from agent.station.alarms.declared import AlarmSettings
from agent.station.station import Station
from agent.uplink.forwarder import Forwarder
from drivers import catalog

if TYPE_CHECKING:
    from types import TracebackType

    from agent.config import JournalFile, StationFile
    from agent.runtime.supervisor import Worker
    from agent.signals import Command
    from agent.station.decision import Document
    from drivers.contract import Answer, Ask, Driver, Lamps

log = structlog.get_logger()

BYTES_A_MB = 1_000_000

STOP_S = 8.0
"""How long one worker may take to end."""


class Agent:
    """The agent of one station, running between `with Agent(...)` and its end.

    Entering raises JournalError where the journal cannot be had; everything else that does not work is retried and
    told.
    """

    def __init__(self, station: StationFile) -> None:
        self._file = station
        self._source = "/" + "/".join(station.station.levels)
        self._clock = Clock()
        self._health = Health()
        self._supervisor = Supervisor()
        self._inbox = Inbox(station.recording.queue_size)
        self._journal = journal_of(station, self._clock)
        self._readers = {
            device.name: DeviceReader(device.name, _driver(device), self._inbox, self._clock, self._health)
            for device in station.device
        }
        self._loader: ReferenceLoader | None = None
        self._parts = ExitStack()
        self.stop_reason = "asked to stop"

    def __enter__(self) -> Self:
        """Start every part, from the disk up to the devices."""
        with ExitStack() as parts:
            self._journal.open()
            parts.callback(self._close_journal)
            forwarder = Forwarder(
                self._file.broker,
                self._file.station.levels,
                self._journal,
                order=self._pass_on,
                report=partial(self._health.report, "broker", "broker"),
            )
            library = Library(self._journal, self._clock, reply=forwarder.answer, settled=self._settled)
            self._loader = ReferenceLoader(
                library, self._journal.path, self._clock, put=self._inbox.put, reply=forwarder.answer
            )
            self._start(parts, forwarder.ahead)
            self._start(parts, forwarder)
            self._start(parts, self._recorder(forwarder, library))
            self._start(parts, self._loader)
            self._say(AgentStarted(__version__))
            parts.callback(self._say_stopped)
            for reader in self._readers.values():
                self._start(parts, reader)
            self._start_panel(parts)
            self._parts = parts.pop_all()
        log.info("agent.started", station=self._source, journal=str(self._journal.path), epoch=self._journal.epoch)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop every part, from the devices down to the disk."""
        self._parts.__exit__(kind, error, trace)
        log.info("agent.stopped", reason=self.stop_reason, survivors=self.survivors)

    @property
    def survivors(self) -> list[str]:
        """Names of workers that did not end in time."""
        return self._supervisor.survivors

    def stuck(self) -> list[str]:
        """Names of workers that do not move."""
        return self._supervisor.stuck()

    def status(self) -> StatusReport:
        """The status of the station, for one reading thread."""
        return StatusReport(self._journal, self._health, self._clock, self._source, self._supervisor.stuck)

    def _recorder(self, forwarder: Forwarder, library: Library) -> Recorder:
        recording = self._file.recording
        return Recorder(
            Intake(self._inbox, recording.group_size, recording.linger_s),
            Station(self._file.rules),
            self._journal,
            self._clock,
            self._health,
            show_answer=self._show_answer,
            show_lamps=self._show_lamps,
            wake=forwarder.wake,
            library=library,
            watch=Watch(self._file.alarms or AlarmSettings(), self._journal, self._broker_entry),
            streams=Streams(recording.series_s, recording.series_values),
        )

    def _broker_entry(self) -> dict[str, Any] | None:
        return self._health.entries("broker").get("broker")

    def _start(self, parts: ExitStack, worker: Worker) -> None:
        parts.callback(self._supervisor.stop, self._supervisor.start(worker), STOP_S)

    def _start_panel(self, parts: ExitStack) -> None:
        if self._file.panel is None:
            return
        from agent.panel.server import PanelServer  # noqa: PLC0415  a station without a page does not pay for it

        status = self.status()
        parts.callback(status.close)
        self._start(parts, PanelServer(self._file.panel, status))

    def _close_journal(self) -> None:
        """Close the journal, unless a worker that may still use it survived: then the process end closes it."""
        if not self.survivors:
            self._journal.close()

    def _show_answer(self, device: str, answer: Answer | Ask) -> None:
        if device in self._readers:
            self._readers[device].show(answer)

    def _show_lamps(self, lamps: Lamps) -> None:
        for reader in self._readers.values():
            reader.show(lamps)

    def _pass_on(self, what: Command | Offer | LineProgress) -> bool:
        """Pass on what came over the broker; False if there is no room for it now."""
        if isinstance(what, Offer):
            return self._loader is not None and self._loader.offer(what)
        source = "line" if isinstance(what, LineProgress) else "central"
        try:
            self._inbox.put(Input(source, what, self._clock.now()), 0)
        except Full:
            return False
        return True

    def _settled(self, outcome: Document | None) -> None:
        if self._loader is not None:
            self._loader.settled(outcome)

    def _say(self, what: AgentStarted | AgentStopped) -> None:
        self._inbox.put(Input("agent", what, self._clock.now()), STOP_S)

    def _say_stopped(self) -> None:
        self._say(AgentStopped(self.stop_reason))


def journal_of(station: StationFile, clock: Clock) -> Journal:
    """Return the journal of a station, not yet opened."""
    envelope = Envelope("/" + "/".join(station.station.levels))
    return Journal(station.journal.path, envelope.finish, clock.now, _journal_settings(station.journal))


def _journal_settings(file: JournalFile) -> JournalSettings:
    budget = {lane: getattr(file.budget_mb, lane) * BYTES_A_MB for lane in LANES}
    return JournalSettings(budget, file.keep_days, file.reserve_mb * BYTES_A_MB)


def _driver(settings: Any) -> Driver:
    driver = catalog.load(settings.driver)
    if isinstance(driver, catalog.NotUsable):
        raise TypeError(f"driver {driver.name} was usable when the station file was read: {driver.reason}")
    return driver(settings)
