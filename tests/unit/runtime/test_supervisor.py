"""The supervisor: one worker's failure is its own, and an end has a deadline."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from threading import Thread, current_thread
from typing import TYPE_CHECKING

import pytest
from structlog.testing import capture_logs

from agent.runtime import supervisor as room
from agent.runtime.supervisor import Supervisor
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

SOON_S = 10.0
LONG_S = 3600.0


class TroubleError(Exception):
    """Part of this worker's life."""


class Scripted:
    """A worker that does what its script says, and tells each call it gets."""

    retry_max_s = 0.1
    expected = (TroubleError,)

    def __init__(self, name: str, *, wait_s: float = 0.0) -> None:
        self.name = name
        self.wait_s = wait_s
        self.calls: SimpleQueue[str] = SimpleQueue()
        self.script: SimpleQueue[str | BaseException] = SimpleQueue()
        self.open_script: SimpleQueue[BaseException] = SimpleQueue()
        self.close_script: SimpleQueue[BaseException] = SimpleQueue()
        self.hears_cancel = True
        self.thread: Thread | None = None

    def open(self) -> None:
        self.thread = current_thread()
        self.calls.put("open")
        _raise_next(self.open_script)

    def step(self) -> None:
        todo = self.script.get()
        if isinstance(todo, BaseException):
            raise todo
        self.calls.put(todo)

    def cancel(self) -> None:
        if self.hears_cancel:
            self.script.put("cancelled")

    def failed(self, error: Exception) -> float | None:
        self.calls.put(f"failed: {error}")
        return self.wait_s

    def close(self) -> None:
        self.calls.put("close")
        _raise_next(self.close_script)

    def next_calls(self, count: int) -> list[str]:
        return [self.calls.get(timeout=SOON_S) for _ in range(count)]


def _raise_next(script: SimpleQueue[BaseException]) -> None:
    try:
        raise script.get_nowait()
    except Empty:
        return


@pytest.fixture
def supervisor() -> Supervisor:
    return Supervisor()


@pytest.fixture
def worker(supervisor: Supervisor) -> Iterator[Scripted]:
    """A worker that runs; stopped at the end."""
    one = Scripted("worker")
    running = supervisor.start(one)
    assert one.next_calls(1) == ["open"]
    yield one
    one.script.put("last")
    running.stop(SOON_S)


def test_a_worker_steps_in_a_thread_of_its_own(worker: Scripted) -> None:
    """Named like the worker, so that a dump tells who is who."""
    worker.script.put("one")
    worker.script.put("two")
    assert worker.next_calls(2) == ["one", "two"]
    assert worker.thread is not None
    assert (worker.thread.name, worker.thread is current_thread()) == ("worker", False)


@pytest.mark.parametrize("error", [TroubleError("unplugged"), ZeroDivisionError("a bug")])
def test_a_worker_that_fails_is_started_again(worker: Scripted, error: Exception) -> None:
    """Closed, told why, opened: an expected trouble and a bug alike."""
    worker.script.put(error)
    worker.script.put("works again")
    assert worker.next_calls(4) == ["close", f"failed: {error}", "open", "works again"]


def test_a_worker_that_cannot_open_is_closed_and_tried_again(supervisor: Supervisor) -> None:
    """Half an opening leaves nothing behind."""
    worker = Scripted("worker")
    worker.open_script.put(TroubleError("not yet"))
    running = supervisor.start(worker)
    worker.script.put("works")
    assert worker.next_calls(5) == ["open", "close", "failed: not yet", "open", "works"]
    supervisor.stop(running, SOON_S)


def test_a_worker_that_cannot_close_is_started_again(worker: Scripted) -> None:
    """Letting go may fail too."""
    worker.close_script.put(OSError("stuck port"))
    worker.script.put(TroubleError("unplugged"))
    worker.script.put("works again")
    assert worker.next_calls(4) == ["close", "failed: stuck port", "open", "works again"]


def test_the_others_go_on_while_one_fails(supervisor: Supervisor, worker: Scripted) -> None:
    """A broken worker costs its own work only."""
    broken = Scripted("broken", wait_s=LONG_S)
    running = supervisor.start(broken)
    broken.script.put(TroubleError("for good"))
    assert broken.next_calls(3) == ["open", "close", "failed: for good"]
    worker.script.put("goes on")
    assert worker.next_calls(1) == ["goes on"]
    supervisor.stop(running, SOON_S)


def test_a_stop_closes_the_worker(supervisor: Supervisor) -> None:
    """A waiting step is ended, not waited for."""
    worker = Scripted("worker")
    running = supervisor.start(worker)
    supervisor.stop(running, SOON_S)
    assert supervisor.survivors == []
    assert worker.next_calls(3) == ["open", "cancelled", "close"]


def test_a_stop_does_not_wait_for_the_next_try(supervisor: Supervisor) -> None:
    """A worker that waits an hour before it tries again ends at once."""
    worker = Scripted("worker", wait_s=LONG_S)
    running = supervisor.start(worker)
    worker.script.put(TroubleError("for now"))
    assert worker.next_calls(3) == ["open", "close", "failed: for now"]
    supervisor.stop(running, SOON_S)
    assert supervisor.survivors == []


def test_a_survivor_is_named(supervisor: Supervisor) -> None:
    """A worker that does not end in time is left behind, and everybody hears its name."""
    worker = Scripted("deaf")
    worker.hears_cancel = False
    running = supervisor.start(worker)
    with capture_logs() as logs:
        supervisor.stop(running, 0.05)
    assert supervisor.survivors == ["deaf"]
    assert [(line["event"], line["worker"]) for line in logs] == [("worker.survived", "deaf")]
    worker.script.put("wakes up")
    assert running.stop(SOON_S)


def test_a_worker_that_does_not_move_is_stuck(supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Known by age; once it moves it is well again."""
    monkeypatch.setattr(room, "STUCK_S", 0.2)
    worker = Scripted("slow")
    running = supervisor.start(worker)
    eventually(lambda: supervisor.stuck() == ["slow"])
    monkeypatch.setattr(room, "STUCK_S", LONG_S)
    worker.script.put("moves")
    eventually(lambda: supervisor.stuck() == [])
    supervisor.stop(running, SOON_S)


def test_a_worker_that_waits_for_its_next_try_is_not_stuck(
    supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A slow lane of retries must not let the watchdog bite."""
    monkeypatch.setattr(room, "STUCK_S", 0.01)
    worker = Scripted("patient", wait_s=LONG_S)
    worker.open_script.put(TroubleError("refused"))
    running = supervisor.start(worker)
    assert worker.next_calls(3)[-1] == "failed: refused"
    eventually(lambda: running._alive_until > time.monotonic() + LONG_S / 2)
    assert supervisor.stuck() == []
    supervisor.stop(running, SOON_S)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the death is the point
def test_a_worker_whose_thread_died_is_stuck(supervisor: Supervisor) -> None:
    """Whatever ends a thread, the watchdog hears of it."""
    worker = Scripted("dead")
    supervisor.start(worker)
    worker.script.put(SystemExit())
    eventually(lambda: supervisor.stuck() == ["dead"])


def test_an_expected_trouble_is_told_once(worker: Scripted) -> None:
    """An unplugged device is one line, however often it is tried."""
    with capture_logs() as logs:
        for _ in range(3):
            worker.open_script.put(TroubleError("unplugged"))
        worker.script.put(TroubleError("unplugged"))
        worker.script.put("works")
        assert worker.next_calls(13)[-1] == "works"
    told = [(line["event"], line["log_level"]) for line in logs]
    assert told == [("worker.failed", "warning"), ("worker.works", "info")]


def test_a_bug_is_told_with_its_traceback(worker: Scripted) -> None:
    """What nobody expected can be found."""
    error = ZeroDivisionError("a bug")
    with capture_logs() as logs:
        worker.script.put(error)
        worker.script.put("works")
        assert worker.next_calls(4)[-1] == "works"
    assert (logs[0]["event"], logs[0]["log_level"], logs[0]["exc_info"]) == ("worker.failed", "error", error)
