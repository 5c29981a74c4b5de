"""Put the notifier together: the only file of the room that knows every part."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

import structlog

from agent.notify.delivery import Delivery
from agent.notify.desk import Desk
from agent.notify.file import NoUrlError, url_of
from agent.notify.intake import Intake, utc_now
from agent.notify.pusher import NotUsableError, Pusher
from agent.notify.store import Store
from agent.runtime.supervisor import Supervisor

if TYPE_CHECKING:
    from types import TracebackType

    from agent.notify.settings import NotifyFile
    from agent.runtime.supervisor import Running

log = structlog.get_logger()

STOP_S = 8.0
"""How long one worker may take to end."""


def pushers(file: NotifyFile) -> tuple[dict[str, Pusher], dict[str, str]]:
    """Return every target that can be used, and why the others cannot.  Call it before there are threads."""
    usable: dict[str, Pusher] = {}
    unusable: dict[str, str] = {}
    for target in file.target:
        try:
            usable[target.name] = Pusher(url_of(target), target.timeout_s)
        except (NotUsableError, NoUrlError) as error:
            unusable[target.name] = str(error)
    return usable, unusable


class Notifier:
    """The notifier, running between `with` and its end.  Entering raises StoreError where its file cannot be had."""

    def __init__(self, file: NotifyFile, usable: dict[str, Pusher]) -> None:
        self._file = file
        self._usable = usable
        self._store = Store(file.notify.path)
        self._supervisor = Supervisor()
        self._intake: Running | None = None
        self._stack = ExitStack()

    @property
    def survivors(self) -> list[str]:
        """Workers that did not end in time."""
        return self._supervisor.survivors

    @property
    def damaged(self) -> bool:
        """Whether the file was found damaged: only a new start mends that."""
        return self._store.damaged

    def hears(self) -> bool:
        """Whether the one worker moves that all others wait for.  A target that hangs holds up nobody else."""
        return self._intake is not None and not self._intake.stuck

    def stuck(self) -> list[str]:
        """Names of workers that do not move."""
        return self._supervisor.stuck()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            self._store.open()
            stack.callback(self._store.close)
            if self._store.aside is not None:
                self._store.damaged = False
                log.error("notify.damaged", file=str(self._store.path), aside=str(self._store.aside))
            desk = Desk(self._store, self._usable)
            zone = ZoneInfo(self._file.notify.timezone) if self._file.notify.timezone else None
            for target in self._file.target:
                worker = Delivery(self._file, target, desk, self._usable[target.name], zone=zone, now=utc_now)
                stack.callback(self._supervisor.stop, self._supervisor.start(worker), STOP_S)
            self._intake = self._supervisor.start(Intake(self._file, desk, zone, utc_now))
            stack.callback(self._supervisor.stop, self._intake, STOP_S)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
