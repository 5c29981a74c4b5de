"""The recording half of the agent in the hand of the test: a real station, recorder and journal, without devices.

`step` is the recorder's; `deliver` reads as the forwarder does and reports damage as it does.
"""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from agent.events import LANES, Kind
from agent.journal.errors import JournalCorruptError, JournalError
from agent.journal.journal import Journal
from agent.runtime.clock import Clock
from agent.runtime.health import Health
from agent.runtime.inbox import Inbox
from agent.runtime.intake import Intake
from agent.runtime.recorder import Recorder
from agent.runtime.streams import Streams
from agent.signals import Input
from agent.station.rules import AndonCall, CallMode, Operation, Rules, ScanRule
from agent.station.station import Station
from drivers.contract import Answer, Contact, Lamp, Scan, Verdict
from tests.journals import encode, events_of, read_all, salvaged, spans

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.journal.journal import JournalSettings

RULES = Rules(
    scan=(
        ScanRule(name="badge", pattern=r"OP-(?P<operator>\d+)"),
        ScanRule(name="unit", pattern=r"(?P<unit>SN\d+)"),
    ),
    operation=(Operation(name="pass", units=r"SN\d+"),),
    call=(AndonCall(name="cord", type="process", mode=CallMode.STOP, device="box", input="cord"),),
)

Identity = tuple[str, str, int]


class Recording:
    """Open between `start` and `stop`; starts again in the same file as often as wanted.

    `delivered` is what a central would have by now, by (epoch, lane, number).
    """

    def __init__(self, path: Path, settings: JournalSettings | None = None) -> None:
        self.path = path
        self.clock = Clock()
        self.settings = settings
        self.health = Health()
        self.answers: list[Answer] = []
        self.lamps: list[set[Lamp]] = []
        self.delivered: dict[Identity, str] = {}
        self.journal: Journal
        self.recorder: Recorder
        self._inbox = Inbox(10_000)

    def start(self) -> None:
        self.journal = Journal(self.path, encode, self.clock.now, self.settings)
        self.journal.open()
        self.recorder = Recorder(
            Intake(self._inbox, 500, linger_s=0.0),
            Station(RULES),
            self.journal,
            self.clock,
            self.health,
            show_answer=lambda _device, answer: self.answers.append(answer),
            show_lamps=lambda lamps: self.lamps.append(set(lamps.lit)),
            wake=lambda: None,
            streams=Streams(1.0, 200),
        )
        self.recorder.open()

    def stop(self) -> None:
        self.recorder.close()
        with suppress(JournalError):
            self.journal.close()

    def scan(self, *texts: str) -> list[Verdict]:
        """Scan, let the recorder take a step, and return the verdicts."""
        before = len(self.answers)
        for text in texts:
            self._inbox.put(Input("scanner-1", Scan(text.encode(), text), self.clock.now()), 0)
        self.recorder.step()
        return [answer.verdict for answer in self.answers[before:]]

    def cord(self, *, active: bool) -> None:
        self._inbox.put(Input("box", Contact(b"", "cord", active), self.clock.now()), 0)
        self.recorder.step()

    def idle(self, steps: int = 1) -> None:
        """Steps with nothing to record."""
        for _ in range(steps):
            self._inbox.wake()
            self.recorder.step()

    def deliver(self) -> None:
        """Read all there is; damage that shows is reported to the recorder, and the rest is for the next time."""
        try:
            for lane in LANES:
                self._take(read_all(self.journal, lane))
            for lanes in salvaged(self.journal).values():
                for rows in lanes.values():
                    self._take(list(rows.values()))
        except JournalCorruptError as error:
            self.journal.suspect(str(error))

    def settle(self, most: int = 300) -> None:
        """Deliver and tidy until nothing is suspect, owed or left to save."""
        for _ in range(most):
            self.deliver()
            self.idle()
            with self.journal.reader() as reader:
                if not self.journal.suspicion and not self.recorder._owed and reader.meta("salvage") is None:
                    break
        else:
            raise AssertionError(f"does not come to rest: {self.journal.suspicion or self.trouble}")
        self.deliver()
        assert not self.journal.suspicion

    @property
    def trouble(self) -> str:
        return str(self.health.entries("recorder").get("recorder", {}).get("trouble", ""))

    def told(self, kind: Kind) -> list[dict[str, Any]]:
        return events_of(self.path, kind)

    def missing(self) -> set[Identity]:
        """What `journal.recovered` events name, of every epoch, as delivered."""
        return set(self._missing())

    def _missing(self) -> Iterator[Identity]:
        for body in self.delivered.values():
            event = json.loads(body)
            if event["type"].endswith(Kind.JOURNAL_RECOVERED):
                for lane, ranges in event["data"]["missing"].items():
                    yield from ((event["data"]["old_epoch"], lane, number) for number in spans(ranges))

    def _take(self, bodies: list[str]) -> None:
        for body in bodies:
            event = json.loads(body)
            identity = event["epoch"], event["lane"], int(event["sequence"])
            assert self.delivered.setdefault(identity, body) == body, f"{identity} came with two contents"
