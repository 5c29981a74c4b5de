"""Play a scenario: a real station, recorder and journal file; the story is the hand, the eye and the clock.

A folder a scenario: README.md, story.txt, and where they are needed station.toml and reference files.
"""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from agent import config
from agent.events import LANES, Kind, Moment
from agent.journal.journal import Journal
from agent.runtime.clock import Clock
from agent.runtime.health import Health
from agent.runtime.inbox import Inbox
from agent.runtime.intake import Intake
from agent.runtime.library import Library
from agent.runtime.recorder import Recorder
from agent.runtime.streams import Streams
from agent.signals import (
    AgentStarted,
    AgentStopped,
    Command,
    DeviceLost,
    DeviceOpened,
    Input,
    LineProgress,
    Offer,
    Progress,
    ReferenceOffered,
)
from agent.station import timers
from agent.station.reference import NOTHING
from agent.station.sets.change import Paper, prepare
from agent.station.station import Station
from drivers.contract import Answer, Ask, Contact, Lamps, Noise, Reading, Scan, Verdict
from tests.journals import encode, read_all
from tests.support import story

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.story import Line

BASE = "station.toml"
RAISING = 1_000
"""Nanoseconds between two looks at the clock."""


class StoryClock(Clock):
    """The clock of the story; each boot counts its monotonic time from its own beginning."""

    def __init__(self) -> None:
        super().__init__()
        self._time_ns = 0
        self._since_ns = 0
        self._boots = 0
        self._looks = 0
        self.boot_again()

    def boot_again(self) -> None:
        self._boots += 1
        self.boot = f"boot{self._boots}"
        self._since_ns = self._time_ns - 60 * 1_000_000_000

    def set(self, time_ns: int) -> None:
        if not self._time_ns:
            self._since_ns = time_ns - 60 * 1_000_000_000
        self._time_ns = time_ns

    def now(self) -> Moment:
        self._looks += 1
        return Moment(
            self._time_ns, self._time_ns - self._since_ns + self._looks * RAISING, synced=True, boot=self.boot
        )

    def stepped(self) -> float | None:
        return None


class Scenario:
    """One folder, played in another one.  `play` raises AssertionError with every line that went otherwise."""

    def __init__(self, folder: Path, work: Path) -> None:
        self.folder = folder
        self.lines = story.read(folder / "story.txt")
        self.journal_file = work / "journal.db"
        self.station = config.parse(tables(folder, self.journal_file), folder / BASE)
        self._clock = StoryClock()
        self._inbox = Inbox(1000)
        self._answers: list[Answer] = []
        self._lamps = Lamps()
        self._seen: dict[str, int] = defaultdict(int)
        self._journal: Journal
        self._library: Library
        self._recorder: Recorder

    def play(self) -> None:
        """Play the whole story."""
        self._clock.set(self.lines[0].when_ns)
        self._start()
        wrong: list[str] = []
        try:
            for line in self.lines:
                self._pass_time(line.when_ns)
                told = [*self._play(line)]
                if told:
                    wrong.append(f"line {line.number}: {line.text}\n" + "\n".join(f"      {one}" for one in told))
        finally:
            self._stop()
        assert not wrong, f"{self.folder.name}:\n" + "\n".join(wrong)

    def _pass_time(self, until_ns: int) -> None:
        """Let the timers end that do so before, each at its time."""
        while (end_ns := self._next_end_ns()) is not None and end_ns <= until_ns:
            self._clock.set(end_ns)
            self._recorder.step()
        self._clock.set(until_ns)

    def _next_end_ns(self) -> int | None:
        """Wall time at which the next timer ends; None if none runs."""
        now = self._clock.now()
        running = [one for key, one in self._journal.documents().items() if key.startswith(timers.PREFIX)]
        left_ns = [timers.due_ns(timer, now) - now.monotonic_ns for timer in running]
        return now.time_ns + max(0, min(left_ns)) if left_ns else None

    def _play(self, line: Line) -> list[str]:
        """Do what the line says; return what went otherwise."""
        self._answers.clear()
        if (line.who, line.verb) == ("agent", "waits"):
            return [*self._compared(line, self._news())]
        if line.who == "agent":
            self._agent(line.verb)
            return []
        if line.who == "plant":
            return [*self._compared(line, self._load(line))]
        self._say(Input(line.who, _what(line), self._clock.now()))
        return [*self._compared(line, self._news())]

    def _agent(self, verb: str) -> None:
        if verb == "restart":
            self._say(Input("agent", AgentStopped("SIGTERM"), self._clock.now()))
            self._stop()
        elif verb == "power-cut":
            self._journal.close()
            self._clock.boot_again()
        else:
            raise story.StoryError(f"the agent can wait, restart or suffer a power-cut, not {verb!r}")
        self._start()

    def _load(self, line: Line) -> list[dict[str, Any]]:
        """Hand a document of reference data to the recorder, as the loader does."""
        payload = (self.folder / line.rest).read_bytes()
        base = self._library.reference or NOTHING
        offered = ReferenceOffered(prepare(base, [Paper(payload)], self._clock.now()), (Offer(payload, "file"),))
        self._say(Input("file", offered, self._clock.now()))
        return self._news()

    def _say(self, happened: Input) -> None:
        self._inbox.put(happened, 0)
        self._recorder.step()

    def _start(self) -> None:
        self._journal = Journal(self.journal_file, encode, self._clock.now)
        self._journal.open()
        self._library = Library(self._journal, self._clock)
        self._recorder = Recorder(
            Intake(self._inbox, 500, linger_s=0.0),
            Station(self.station.rules),
            self._journal,
            self._clock,
            Health(),
            show_answer=self._show,
            show_lamps=self._light,
            wake=lambda: None,
            streams=Streams(1.0, 200),
            library=self._library,
        )
        self._recorder.open()
        self._say(Input("agent", AgentStarted("0"), self._clock.now()))
        self._news()

    def _stop(self) -> None:
        self._recorder.close()
        self._journal.close()

    def _show(self, _device: str, answer: Answer | Ask) -> None:
        if isinstance(answer, Answer):
            self._answers.append(answer)

    def _light(self, lamps: Lamps) -> None:
        self._lamps = lamps

    def _news(self) -> list[dict[str, Any]]:
        """Events that were not there before, lane by lane."""
        found = []
        for lane in LANES:
            bodies = read_all(self._journal, lane)[self._seen[lane] :]
            self._seen[lane] += len(bodies)
            found += [json.loads(body) for body in bodies]
        return found

    def _compared(self, line: Line, events: list[dict[str, Any]]) -> list[str]:
        wrong = [*_verdict(line, self._answers)]
        if line.lamps is not None and self._lamps.lit != line.lamps:
            lit = " ".join(sorted(self._lamps.lit)) or story.DARK
            wrong.append(f"lamps are {lit}, not {' '.join(sorted(line.lamps)) or story.DARK}")
        if not line.facts and not line.quiet:
            return wrong
        order = [fact for lane in LANES for fact in line.facts if Kind(fact.kind).lane is lane]
        kinds = [event["type"].removeprefix("lineside.") for event in events]
        if kinds != [fact.kind for fact in order]:
            wrong.append(f"events are {kinds}: {[event['data'].get('reason') for event in events]}")
            return wrong
        for fact, event in zip(order, events, strict=True):
            wrong += [f"{fact.kind}: {told}" for told in story.differences(fact, event)]
        return wrong


def _verdict(line: Line, answers: list[Answer]) -> list[str]:
    told = "; ".join(f"{answer.verdict}: {answer.text}" for answer in answers) or "nothing is answered"
    last = answers[-1] if answers else None
    if line.verdict is None:
        wrong = last is not None and last.verdict is Verdict.REFUSE and not line.facts
        return [f"is refused: {told}"] if wrong else []
    if last is None or last.verdict is not line.verdict or line.words not in last.text:
        return [f"the operator reads {told!r}, not {line.verdict}: ...{line.words}..."]
    return []


def _what(line: Line) -> Any:  # noqa: PLR0911  a table in words
    rest = line.rest
    match line.verb:
        case "scan":
            return Scan(f"{rest}\r".encode(), rest)
        case "value":
            text, unit, *moving = rest.split()
            return Reading(f"{text}\r".encode(), text, Decimal(text), unit, stable=not moving)
        case "press" | "release":
            active = line.verb == "press"
            return Contact(f"{rest}={int(active)}\n".encode(), rest, active)
        case "lost":
            return DeviceLost(rest)
        case "back":
            return DeviceOpened()
        case "noise":
            return Noise(rest.encode(), "makes no sense")
        case "tells":
            return _progress(line)
        case "order":
            name, _, document = rest.partition(" ")
            return Command(name, json.loads(document or "{}"))
    raise story.StoryError(f"line {line.number}: nobody can {line.verb!r}")


def _progress(line: Line) -> LineProgress:
    """`st-030 1 SN0001 cut done`: station, number of the step, unit, operation (- for none), what became of it."""
    station, number, unit, operation, status = line.rest.split()
    time = f"{datetime.fromtimestamp(line.when_ns // 1_000_000_000, UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    step = Progress(unit, operation.strip("-"), status, int(number), time)
    return LineProgress(station, f"epoch-of-{station}", (step,))


def tables(folder: Path, journal: Path) -> dict[str, Any]:
    """The station file of a scenario: the one that all share, with the tables of its own in place of those."""
    base = tomllib.loads((folder.parent / BASE).read_text(encoding="utf-8"))
    own = folder / BASE
    changed = tomllib.loads(own.read_text(encoding="utf-8")) if own.exists() else {}
    return {**base, **changed, "journal": {"path": str(journal)}}
