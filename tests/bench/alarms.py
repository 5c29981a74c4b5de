"""500 alarms whose signals change 5,000 times a second, while somebody scans: is anything lost, and who waits?

Recorder, station and journal run in a thread of this process as they do in the agent; device readers are played by
another thread, which puts each change of a contact on the queue at its time.  Every change is a fact of its own and
raises or clears an alarm, which is a second one; none chatters away (chatter_count = 0).  Scans come every 50 ms.

The floor of a scan is one write + fdatasync of as many bytes as its events have, on the journal's disk, in turn with
it.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
from typing import TYPE_CHECKING, Self

import orjson

from agent.cli.commands import SWITCH_S
from agent.events import Envelope, Kind, Lane
from agent.journal.journal import Journal
from agent.runtime.clock import Clock
from agent.runtime.health import Health
from agent.runtime.inbox import Inbox
from agent.runtime.intake import Intake
from agent.runtime.recorder import Recorder
from agent.signals import AgentStarted, Input
from agent.station.rules import Alarm, MachineSignal, Operation, Rules, ScanRule
from agent.station.station import Station
from drivers.contract import Contact, Scan
from tests.bench.floors import SyncedFile
from tests.bench.rows import Row, against, at_least, at_most, quantile
from tests.bench.station import SOURCE

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from drivers.contract import Answer, Ask
    from tests.bench.plan import Plan

ALARMS = 500
RATE = 5_000
SECONDS = 60
QUICK_SECONDS = 6
SCAN_EVERY_S = 0.05
EVENT_BYTES = 850
PATIENCE_S = 30.0
BURST = 5
"""Changes put on the queue at once: a Modbus module tells all its inputs together."""


class Line:
    """A recorder in its thread, and the answers that it gave."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.journal = Journal(folder / "journal.db", Envelope(SOURCE).finish, self.clock.now)
        self.inbox = Inbox(1_000_000)
        self.answered = threading.Event()
        self._stop = threading.Event()
        self._recorder = Recorder(
            Intake(self.inbox, 500, linger_s=0.0),
            Station(_rules()),
            self.journal,
            self.clock,
            Health(),
            show_answer=self._show,
            show_lamps=lambda _lamps: None,
            wake=lambda: None,
        )

    def __enter__(self) -> Self:
        self.journal.open()
        self._recorder.open()
        self.say("agent", AgentStarted("bench"))
        gc.collect()
        gc.freeze()  # as the agent does when it has started
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        self._thread = threading.Thread(target=self._work)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self.inbox.wake()
        self._thread.join()
        sys.setswitchinterval(self._switch_s)
        self._recorder.close()
        self.journal.close()

    def say(self, source: str, what: object) -> None:
        self.inbox.put(Input(source, what, self.clock.now()), PATIENCE_S)  # type: ignore[arg-type]  signals of the bench

    def scan_s(self, code: str) -> float:
        """Seconds from a scan on the queue until its pass is shown."""
        self.answered.clear()
        began = time.perf_counter()
        self.say("scanner-1", Scan(code.encode(), code))
        if not self.answered.wait(PATIENCE_S):
            raise AssertionError(f"{code} was not answered within {PATIENCE_S:g} s")
        return time.perf_counter() - began

    def _work(self) -> None:
        while not self._stop.is_set():
            self._recorder.step()

    def _show(self, _device: str, _answer: Answer | Ask) -> None:
        self.answered.set()


def measure(plan: Plan) -> Iterator[Row]:
    seconds = QUICK_SECONDS if plan.quick else SECONDS
    with Line(plan.folder) as line, SyncedFile(plan.folder / "floor", EVENT_BYTES) as file:
        quiet_s, floors_s = _scans(line, file, until_s=time.perf_counter() + 2, first=1)
        changes = threading.Thread(target=_change, args=(line, seconds))
        began = time.perf_counter()
        changes.start()
        busy_s, busy_floors_s = _scans(line, file, until_s=began + seconds, first=10_000)
        changes.join()
        line.scan_s("SN0000000000")
        took_s = time.perf_counter() - began
    wanted = RATE * seconds
    first = ALARMS // 2  # signals that are told as inactive at first: no alarm ends by that
    lost = {"signals": wanted, "alarms": wanted - first}
    yield Row(f"{ALARMS} alarms, transitions taken in", wanted / took_s, "1/s", goal=at_least(0.95 * RATE, "1/s"))
    for kind, told in _kept(line.journal).items():
        note = f"of {lost[kind]:,}"
        yield Row(f"{ALARMS} alarms, {kind} lost", lost[kind] - told, "events", goal=at_most(0, "events"), note=note)
    for name, at, goal in (("p50", 0.5, None), ("p99", 0.99, at_most(3))):
        floor = 1000 * quantile(busy_floors_s, at)
        yield against(f"a scan while alarms come, {name}", 1000 * quantile(busy_s, at), "ms", floor, goal)
    floor = 1000 * quantile(floors_s, 0.99)
    yield against("a scan while none comes, p99", 1000 * quantile(quiet_s, 0.99), "ms", floor, None)


def _rules() -> Rules:
    names = [f"m{number}" for number in range(ALARMS)]
    return Rules(
        scan=(ScanRule(name="unit", pattern=r"(?P<unit>SN\d+)"),),
        operation=(Operation(name="pass", units=r"SN\d+", operator=False),),
        machine=tuple(MachineSignal(name=name, device="io-1", input=name) for name in names),
        alarm=tuple(Alarm(name=f"alarm-{name}", signal=name, acknowledge=False) for name in names),
    )


def _change(line: Line, seconds: int) -> None:
    """Change one contact after the other, each RATE / ALARMS times a second; about half of the alarms stand."""
    began = time.perf_counter()
    for number in range(0, RATE * seconds, BURST):
        time.sleep(max(0.0, began + number / RATE - time.perf_counter()))
        for one in range(number, number + BURST):
            active = (one // ALARMS + one) % 2 == 0
            line.say("io-1", Contact(b"1" if active else b"0", f"m{one % ALARMS}", active))


def _scans(line: Line, file: SyncedFile, *, until_s: float, first: int) -> tuple[list[float], list[float]]:
    scans_s, floors_s = [], []
    while time.perf_counter() < until_s:
        time.sleep(SCAN_EVERY_S / 2)
        floors_s.append(file.write_s())
        time.sleep(SCAN_EVERY_S / 2)
        scans_s.append(line.scan_s(f"SN{first + len(scans_s):010}"))
    return scans_s, floors_s


def _kept(journal: Journal) -> dict[str, int]:
    """Facts of signals and of alarms that are in the journal, each in its order without a hole."""
    alarms = 0
    with journal.reader() as reader:
        signals = reader.lanes()[Lane.WORK].last
        after = 0
        while chunk := reader.next(Lane.ALARM, after, 10_000, 2**31):
            told = [orjson.loads(body)["type"].removeprefix("lineside.") for body in chunk.bodies]
            alarms += sum(kind in {Kind.ALARM_RAISED, Kind.ALARM_CLEARED} for kind in told)
            after += len(told)
        scans = 0
        after = 0
        while after < signals and (chunk := reader.next(Lane.WORK, after, 10_000, 2**31)):
            told = [orjson.loads(body)["type"].removeprefix("lineside.") for body in chunk.bodies]
            scans += sum(kind != Kind.MACHINE_CHANGED for kind in told)
            after += len(told)
    return {"signals": signals - scans, "alarms": alarms}
