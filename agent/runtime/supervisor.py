"""Own every thread: loop the workers' steps, start them again after a failure, know when each last moved.

The only file that makes threads.  Knows nothing of what the workers do.
"""

from __future__ import annotations

import time
from threading import Event, Thread
from typing import Protocol

import structlog

from agent.runtime.backoff import Backoff

log = structlog.get_logger()

STUCK_S = 30.0
"""A worker that neither moved nor waits for its next try this long is stuck.  The longest step waits about 5 s."""


class Worker(Protocol):
    """Something that works step by step in a thread of its own."""

    name: str
    retry_max_s: float

    @property
    def expected(self) -> tuple[type[Exception], ...]:
        """Errors that are part of life (a device unplugged): told in one line, without a traceback."""

    def open(self) -> None:
        """Get ready.  Waits 5 s at most."""

    def step(self) -> None:
        """Do one bounded piece of work.  Waits 5 s at most."""

    def cancel(self) -> None:
        """End a waiting step soon.  Called by another thread; never blocks."""

    def failed(self, error: Exception) -> float | None:
        """Hear what ended `open` or `step`; return the wait before the next try in seconds, None for the usual one."""

    def close(self) -> None:
        """Let go of everything.  Always called after `open`, even if that failed."""


class Running:
    """One worker in its thread."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._stop = Event()
        self._backoff = Backoff(worker.retry_max_s)
        self._alive_until = time.monotonic() + STUCK_S
        self._told = ""
        self._thread = Thread(target=self._run, name=worker.name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self, deadline_s: float) -> bool:
        """End the worker; True if it ended within `deadline_s`."""
        self._stop.set()
        self.worker.cancel()
        self._thread.join(deadline_s)
        return not self._thread.is_alive()

    @property
    def stuck(self) -> bool:
        """Whether the worker has not moved for too long, or its thread died."""
        return not self._thread.is_alive() or time.monotonic() > self._alive_until

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            try:
                self._session()
            except Exception as error:  # noqa: BLE001  a worker's failure, even a bug, must not stop the others: told and retried
                self._wait(error, time.monotonic() - began)

    def _session(self) -> None:
        """Open, step until told to stop or a failure, close."""
        worker = self.worker
        try:
            worker.open()
            self._moved()
            if self._told:
                log.info("worker.works", worker=worker.name)
                self._told = ""
            while not self._stop.is_set():
                worker.step()
                self._moved()
        finally:
            worker.close()

    def _wait(self, error: Exception, ran_s: float) -> None:
        asked_s = self.worker.failed(error)
        wait_s = self._backoff.after(ran_s) if asked_s is None else asked_s
        reason = str(error) or type(error).__name__
        if not isinstance(error, self.worker.expected):
            log.error("worker.failed", worker=self.worker.name, reason=reason, exc_info=error)
        elif reason != self._told:
            log.warning("worker.failed", worker=self.worker.name, reason=reason)
        self._told = reason
        self._alive_until = time.monotonic() + wait_s + STUCK_S
        self._stop.wait(wait_s)

    def _moved(self) -> None:
        self._alive_until = time.monotonic() + STUCK_S


class Supervisor:
    """All workers of the agent."""

    def __init__(self) -> None:
        self._running: list[Running] = []
        self.survivors: list[str] = []

    def start(self, worker: Worker) -> Running:
        """Start `worker` in a thread of its own."""
        running = Running(worker)
        self._running.append(running)
        running.start()
        return running

    def stop(self, running: Running, deadline_s: float) -> None:
        """End one worker; a survivor is named in `survivors` and left behind."""
        self._running.remove(running)
        if not running.stop(deadline_s):
            self.survivors.append(running.worker.name)
            log.error("worker.survived", worker=running.worker.name, deadline_s=deadline_s)

    def stuck(self) -> list[str]:
        """Names of workers that do not move."""
        return [running.worker.name for running in self._running if running.stuck]
