"""The demonstration: a small plant at work, its broker taken away and brought back, and an honest sum at the end.

Knows the schedule and what counts as well.  The parts are in `plant.py`, the view is in `screen.py`.
"""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from rich.console import Console
from rich.live import Live

from simulators import agent_view
from simulators.broker import BrokerError
from simulators.children import ChildError
from simulators.ledger import Counts, counts
from simulators.plant import Plant, PlantError
from simulators.screen import Picture, read_facts, render

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TICK_S = 0.25
LOG_INTERVAL_S = 1.0
AWAY_SHARE = (0.3, 0.55)
"""With a length given, the broker is away from the first to the second share of it, and 3 s at least."""
AWAY_MIN_S = 3.0
AWAY_S = (15.0, 22.0)
AWAY_EVERY_S = 60.0
"""Without a length, the broker is away from 15 s to 22 s of every minute."""
BACKLOG_SEEN = 2
"""Events by which the backlog must grow while the broker is away."""
DRAIN_TIMEOUT_S = 30.0
AGENT_STOP_TIMEOUT_S = 20.0


class View(Protocol):
    """Where the picture goes."""

    def show(self, picture: Picture) -> None:
        """Show it now, or leave it out."""


class Screen:
    """A live view on a terminal."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, picture: Picture) -> None:
        """Draw the picture."""
        self._live.update(render(picture, self._live.console.height), refresh=True)


class Log:
    """A line a second, where there is no terminal."""

    def __init__(self) -> None:
        self._due_s = 0.0

    def show(self, picture: Picture) -> None:
        """Print the picture as one line, if the last one is old enough."""
        if time.monotonic() >= self._due_s:
            self._due_s = time.monotonic() + LOG_INTERVAL_S
            print(picture.line(), flush=True)


@dataclass(slots=True)
class Outcome:
    """The sum at the end, and what was wrong, in words."""

    captured: int = 0
    counts: Counts = field(default_factory=Counts)
    wrong: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Add what the numbers say."""
        if self.captured != self.counts.delivered:
            self.wrong.append(f"the agent captured {self.captured} events, the central has {self.counts.delivered}")
        if self.counts.lost:
            self.wrong.append(f"{self.counts.lost} events are lost")
        if self.counts.repeated:
            self.wrong.append(f"{self.counts.repeated} events are in effect twice")
        if not self.captured:
            self.wrong.append("nothing was captured")

    def line(self) -> str:
        """Return the last line of the demonstration."""
        one = self.counts
        return f"captured={self.captured} delivered={one.delivered} lost={one.lost} repeated={one.repeated}"


class Demo:
    """One run of the demonstration in a plant that is up."""

    def __init__(self, plant: Plant, seconds: float | None, view: View, stopped: Callable[[], bool]) -> None:
        self._plant = plant
        self._seconds = seconds
        self._view = view
        self._stopped = stopped
        self._picture = Picture(page=plant.page, seconds=seconds, broker=plant.broker.name)
        self._started_s = time.monotonic()
        self._depth_before = 0
        self._growth = 0

    def play(self) -> None:
        """Show the plant until the time is over or somebody stops it; the broker is there at the end."""
        self._plant.devices.tell("go")
        while not self._is_over():
            self._switch_broker(away=is_away(self._elapsed_s, self._seconds))
            self._look()
            time.sleep(TICK_S)
        self._switch_broker(away=False)

    def finish(self) -> Outcome:
        """Stop the devices, let the agent deliver, stop it, and count."""
        outcome = Outcome()
        plant = self._plant
        plant.devices.tell("stop")
        if not self._until(lambda: self._picture.status.depth == 0, DRAIN_TIMEOUT_S):
            outcome.wrong.append(
                f"the backlog did not drain within {DRAIN_TIMEOUT_S:g} s: {self._picture.status.depth} left"
            )
        plant.agent.terminate()
        code = plant.agent.wait(AGENT_STOP_TIMEOUT_S)
        if code is None:
            outcome.wrong.append(f"the agent did not stop within {AGENT_STOP_TIMEOUT_S:g} s")
            plant.agent.kill()
        elif code != 0:
            outcome.wrong.append(f"the agent ended with exit code {code}; see {plant.directory}/agent.log")
        if self._growth < BACKLOG_SEEN:
            outcome.wrong.append("no backlog was seen while the broker was away")
        self._count(outcome)
        outcome.check()
        return outcome

    def abandon(self, error: ChildError) -> Outcome:
        """Count what there is, after a part of the plant has ended by itself."""
        outcome = Outcome(wrong=[str(error)])
        outcome.counts = counts(self._plant.book)
        with suppress(sqlite3.Error):
            outcome.captured = agent_view.captured(self._plant.journal)
        outcome.check()
        return outcome

    @property
    def _elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    def _is_over(self) -> bool:
        return self._stopped() or (self._seconds is not None and self._elapsed_s >= self._seconds)

    def _switch_broker(self, *, away: bool) -> None:
        if away == self._picture.away:
            return
        self._picture.away = away
        if away:
            self._depth_before = self._picture.status.depth
            self._plant.broker.stop()
        else:
            self._plant.broker.start()

    def _look(self) -> None:
        """Take a picture and show it.  Raises ChildError if a part of the plant has ended by itself."""
        plant, picture = self._plant, self._picture
        for child in (plant.agent, plant.central, plant.devices):
            child.poll()
            if child.exit_code is not None:
                raise ChildError(f"{child.name} ended by itself with {child.exit_code}; see {plant.directory}")
        picture.elapsed_s = self._elapsed_s
        picture.status = agent_view.look(plant.panel_port) or picture.status
        picture.counts = counts(plant.book)
        picture.depths.append(picture.status.depth)
        if picture.away:
            self._growth = max(self._growth, picture.status.depth - self._depth_before)
        read_facts(plant.book, picture)
        self._view.show(picture)

    def _until(self, done: Callable[[], bool], timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        self._look()
        while not done():
            if time.monotonic() > deadline_s:
                return False
            time.sleep(TICK_S)
            self._look()
        return True

    def _count(self, outcome: Outcome) -> None:
        """Count what the journal numbered and what the central has, which may still be on its way."""
        outcome.captured = agent_view.captured(self._plant.journal)
        deadline_s = time.monotonic() + DRAIN_TIMEOUT_S
        while counts(self._plant.book).delivered < outcome.captured and time.monotonic() < deadline_s:
            time.sleep(TICK_S)
        outcome.counts = counts(self._plant.book)


def is_away(elapsed_s: float, seconds: float | None) -> bool:
    """Whether the broker is away at this moment of a demonstration of this length (None: endless)."""
    if seconds is None:
        first_s, last_s = AWAY_S
        return first_s <= elapsed_s % AWAY_EVERY_S < last_s
    first, last = AWAY_SHARE
    return first * seconds <= elapsed_s < max(last * seconds, first * seconds + AWAY_MIN_S)


def run(directory: Path, seconds: float | None, kind: str = "auto") -> int:
    """Run the demonstration; return 0 if all was well, else 1.  The last line on standard output is the sum."""
    outcome = Outcome()
    stop = _Stop()
    try:
        outcome = _played(Plant(directory, kind), seconds, stop)
    except (PlantError, BrokerError, ChildError, OSError, sqlite3.Error) as error:
        outcome.wrong.append(str(error))
    for words in outcome.wrong:
        print(f"wrong: {words}")
    print(outcome.line(), flush=True)
    return 1 if outcome.wrong else 0


def _played(plant: Plant, seconds: float | None, stop: _Stop) -> Outcome:
    console = Console()
    print(f"starting broker, central server, devices and agent in {plant.directory} ...", flush=True)
    with plant, ExitStack() as stack:
        view: View = Log()
        if console.is_terminal:
            live = Live(console=console, auto_refresh=False, vertical_overflow="crop")
            view = Screen(stack.enter_context(live))
        demo = Demo(plant, seconds, view, lambda: stop.asked)
        try:
            demo.play()
            return demo.finish()
        except ChildError as error:
            return demo.abandon(error)


class _Stop:
    """Ctrl-C, SIGTERM or a closed terminal ask for the end; asked again, they interrupt."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)

    def _ask(self, number: int, _frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt(f"signal {number} came again")
        self.asked = True
