"""Everything goes wrong at once, at random, for a while; then the balance is drawn up.

Scans, values and calls go on while the agent and the broker are killed and stopped, the network is cut, silent, slow or
byte by byte, devices are unplugged, the disk is full and the clock steps.  LINESIDE_SOAK is for how many seconds
(`make soak MINUTES=10`), LINESIDE_SEED repeats a run: the same steps, though not at the same instants.

Only root can mount the disk that is filled, and only with libfaketime there is a clock to step: without them the rest
goes wrong all the same, and the run says what did not.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections import Counter
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import pytest

from simulators.proxy import Proxy
from tests.support import station_file
from tests.support.devices import PASS, REFUSE
from tests.support.eventually import eventually
from tests.support.faketime import LIBRARIES, FakeTime
from tests.support.small_disk import SIZE_MB, SmallDisk

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.support.works import Works

SECONDS = float(os.environ.get("LINESIDE_SOAK", "12"))
GROWTH_MB_PER_S = 0.2
"""What the journal takes in a busy soak, generously: it is not the journal that fills the disk."""

SEED = int(os.environ.get("LINESIDE_SEED", secrets.randbelow(1_000_000)))

WEATHER = ("pass", "pass", "cut", "delay 20", "half-open", "byte-wise", "slow-acks 50", "hold-acks")
STEPS_S = (0, 0, 3_600, -3_600, 86_400, -86_400)
"""Where the wall clock is put, by the right one."""

BUTTONS = ("quality", "cord", "key", "runs")
CARDS = ("OP-1", "OP-9", "CMD:abort", "CMD:acknowledge:help", "CMD:resolve:cord", "CMD:sign-off", "NONSENSE")
ACCEPTING = {
    f"lineside.{kind}"
    for kind in (
        "operation.started", "operation.aborted", "operator.signed-on", "operator.signed-off", "part.accepted",
        "scan.repeated", "andon.acknowledged", "andon.arrived", "andon.resolved",
    )
}  # fmt: skip
"""Kinds of facts that a green answer stands for."""


class Shift:
    """One shift of a plant in which nothing works for long.  `passed` counts the greens heard for each code."""

    def __init__(self, works: Works, proxy: Proxy, random: Random) -> None:
        self.passed: Counter[str] = Counter()
        self.kills = 0
        self._works = works
        self._proxy = proxy
        self._random = random
        self._units = 0
        self._steps: dict[Callable[[], None], int] = {
            self._scan: 12,
            self._measure: 6,
            self._press: 6,
            self._change_weather: 3,
            self._kill_agent: 2,
            self._stop_agent: 1,
            self._kill_broker: 1,
            self._unplug: 1,
        }

    def on(self, disk: SmallDisk) -> None:
        """The journal is on this disk: it is full now and then."""
        self._steps[lambda: self._fill(disk)] = 1

    def by(self, clock: FakeTime) -> None:
        """The agent lives by this clock: it steps now and then."""
        self._steps[lambda: clock.set(self._random.choice(STEPS_S))] = 1

    def work(self, seconds: float) -> None:
        """Do one thing after the other."""
        deadline_s = time.monotonic() + seconds
        while time.monotonic() < deadline_s:
            (step,) = self._random.choices([*self._steps], [*self._steps.values()])
            step()
            self._works.box.hear()
            self._works.hear_central()

    def end(self) -> None:
        """Everything is well again."""
        self._proxy.tell("pass")
        for name in BUTTONS:
            self._works.box.release(name)

    def _code(self) -> str:
        kind = self._random.choice(("unit", "unit", "part", "part", "part", "kit", "card"))
        match kind:
            case "unit" | "kit":
                self._units += self._random.random() < 0.8
                return f"{'SN' if kind == 'unit' else 'KIT'}{self._units:010d}"
            case "part":
                return f"{self._random.choice(('4711-A', '4712-B'))}/L{self._units}"
            case _:
                return self._random.choice(CARDS)

    def _scan(self) -> None:
        """Scan some codes, each after the answer to the one before."""
        for _ in range(self._random.randint(1, 15)):
            code = self._code()
            self._hear(code, self._works.scanner.scan(code))

    def _hear(self, code: str, answer: bytes) -> None:
        assert answer in (PASS, REFUSE), f"{code} was answered by {answer!r}"
        self.passed[code] += answer == PASS

    def _measure(self) -> None:
        """One value, good or not, or a stream of them."""
        for _ in range(self._random.choice((1, 1, 1, 60))):
            self._works.gauge.value(self._random.choice(("12.345", "12.345", "12.345", "12.999")))
            time.sleep(0.003)

    def _press(self) -> None:
        act = self._random.choice((self._works.box.press, self._works.box.release))
        act(self._random.choice(BUTTONS))

    def _change_weather(self) -> None:
        self._proxy.tell(self._random.choice(WEATHER))

    def _kill_agent(self) -> None:
        """Amid a scan, and now and then once more amid the start."""
        code = self._code()
        self._works.scanner.send(code)
        time.sleep(self._random.uniform(0, 0.004))
        self._works.agent.kill()
        self.kills += 1
        if answer := self._works.scanner.answers(1, 0.0):
            self._hear(code, answer)
        if self._random.random() < 0.3:
            self._works.agent.start()
            assert self._works.agent.runs_for(self._random.uniform(0, 0.8))
            self._works.agent.kill()
        self._start_agent()

    def _stop_agent(self, *codes: int) -> None:
        assert self._works.agent.stop() in {0, *codes}
        self._start_agent()

    def _start_agent(self) -> None:
        """Its devices are open; the broker may be anywhere."""
        self._works.agent.start()
        eventually(self._devices_are_open)

    def _devices_are_open(self) -> bool:
        status = self._works.agent.status()
        return status is not None and all(device["state"] == "open" for device in status.devices.values())

    def _kill_broker(self) -> None:
        """Gone for a while; what it had not saved is gone for good."""
        self._random.choice((self._works.broker.kill, self._works.broker.stop))()
        self._random.choice((self._scan, self._press, self._kill_agent))()
        self._works.broker.start()

    def _fill(self, disk: SmallDisk) -> None:
        """Work goes on as well as it can; a stop cannot leave its last marks.  Then somebody makes room."""
        disk.fill()
        stop = partial(self._stop_agent, os.EX_IOERR)
        for _ in range(self._random.randint(1, 3)):
            self._random.choice((self._scan, self._press, self._measure, self._kill_agent, stop, disk.fill))()
        disk.empty()

    def _unplug(self) -> None:
        """The scanner goes amid the work, which has no answer to wait for then."""
        self._works.scanner.line.unplug()
        self._press()
        eventually(lambda: not self._devices_are_open())
        self._works.scanner.line.plug()
        eventually(self._devices_are_open)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk | None]:
    """A disk for the journal; None where it cannot be mounted."""
    if os.geteuid() != 0:
        print("no full disk: only root can mount one")
        yield None
        return
    with SmallDisk(tmp_path, SIZE_MB + int(SECONDS * GROWTH_MB_PER_S)) as small:
        yield small


def test_a_bad_shift_loses_nothing_repeats_nothing_and_keeps_every_green(disk: SmallDisk | None, works: Works) -> None:
    """Each green is a fact at the central; all that was captured arrives once; replayed, it is decided the same."""
    print(f"LINESIDE_SEED={SEED}")
    with Proxy(works.broker.port) as proxy:
        station_file.with_calls(works.station)
        works.station["broker"] |= {"port": proxy.port, "ack_timeout_s": 1.0, "connect_timeout_s": 1.0}
        shift = Shift(works, proxy, Random(SEED))
        if disk is not None:
            works.journal = disk.folder / "journal.db"
            works.station["journal"] = {"path": str(works.journal), "reserve_mb": 1}
            shift.on(disk)
        if LIBRARIES:
            clock = FakeTime(works.folder, 0)
            works.agent.environment = dict(clock.environment)
            shift.by(clock)
        else:
            print("no stepping clock: libfaketime is not installed")
        works.start_agent()
        shift.work(SECONDS)
        shift.end()
        works.agent.wait_until_ready(())
        works.wait_until_delivered()
        told = Counter(
            event["data"]["text"]
            for event in map(json.loads, works.book.bodies())
            if event["type"] in ACCEPTING and "text" in event["data"]
        )
        unkept = {code: count - told[code] for code, count in shift.passed.items() if count > told[code]}
        print(f"{sum(shift.passed.values())} greens, {shift.kills} kills, {works.book.counts()}")
        assert not unkept, f"shown green and not kept: {unkept}"
        assert shift.passed.total() > 0
        works.settle()
