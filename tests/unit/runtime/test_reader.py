"""The device reader: everything a device says is passed on, once and in order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agent.runtime import reader as room
from agent.runtime.clock import Clock
from agent.runtime.health import Health
from agent.runtime.inbox import Inbox
from agent.runtime.reader import DeviceReader
from agent.signals import DeviceLost, DeviceOpened
from drivers.contract import Answer, DeviceGoneError, DeviceSettings, Driver, Lamp, Lamps, Noise, Scan, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.contract import Indication, Signal

RED = Lamps(frozenset({Lamp.RED}))
GREEN = Lamps(frozenset({Lamp.GREEN}))
PASS = Answer(Verdict.PASS, "good")


class ScriptedDriver(Driver):
    """A device that says what its script holds, a list of signals or an error a time."""

    Settings = DeviceSettings

    def __init__(self, settings: Any = None) -> None:
        del settings
        self.script: list[list[Signal] | Exception] = []
        self.open_script: list[Exception] = []
        self.shown: list[Indication] = []
        self.reads = 0
        self.cancelled = 0
        self.is_open = False

    def open(self) -> None:
        if self.open_script:
            raise self.open_script.pop(0)
        self.is_open = True

    def read(self, timeout_s: float) -> Sequence[Signal]:
        del timeout_s
        self.reads += 1
        said = self.script.pop(0) if self.script else []
        if isinstance(said, Exception):
            raise said
        return said

    def cancel(self) -> None:
        self.cancelled += 1

    def close(self) -> None:
        self.is_open = False

    def show(self, indication: Indication) -> None:
        self.shown.append(indication)


class Bench:
    """A device, its reader, and the queue behind it."""

    def __init__(self, queue_size: int = 100) -> None:
        self.driver = ScriptedDriver()
        self.queue = Inbox(queue_size)
        self.health = Health()
        self.reader = DeviceReader("scanner-1", self.driver, self.queue, Clock(), self.health)

    def heard(self) -> list[Any]:
        """Take from the queue what has arrived."""
        found = []
        while not self.queue.empty():
            happened = self.queue.get(0)
            assert happened is not None
            assert happened.source == "scanner-1"
            found.append(happened.what)
        return found

    @property
    def entry(self) -> dict[str, Any]:
        return self.health.entries("device")["scanner-1"]


def scan(text: str) -> Scan:
    return Scan(text.encode(), text)


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture(autouse=True)
def _short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "READ_S", 0.01)


def test_what_the_device_says_is_passed_on_in_order(bench: Bench) -> None:
    """Signals of one read and of many."""
    bench.driver.script = [[scan("1"), Noise(b"?", "noise")], [], [scan("2")]]
    for _ in range(3):
        bench.reader.step()
    assert bench.heard() == [scan("1"), Noise(b"?", "noise"), scan("2")]


def test_each_signal_bears_its_moment(bench: Bench) -> None:
    """Seen when the device said it, not when somebody had time for it."""
    bench.driver.script = [[scan("1")], [scan("2")]]
    before = Clock().now().monotonic_ns
    bench.reader.step()
    bench.reader.step()
    first, second = bench.queue.get(0), bench.queue.get(0)
    assert first is not None
    assert second is not None
    assert before <= first.moment.monotonic_ns <= second.moment.monotonic_ns <= Clock().now().monotonic_ns


def test_a_full_queue_loses_nothing() -> None:
    """While nobody takes, the device is not read; then all comes in order."""
    bench = Bench(queue_size=2)
    bench.driver.script = [[scan("1"), scan("2"), scan("3"), scan("4")], [scan("5")]]
    for _ in range(3):
        bench.reader.step()
    assert bench.driver.reads == 1
    found = bench.heard()
    while len(found) < 5:
        bench.reader.step()
        found += bench.heard()
    assert found == [scan(n) for n in "12345"]


def test_what_was_heard_before_a_loss_comes_before_it() -> None:
    """Also when the queue was full at that moment."""
    bench = Bench(queue_size=1)
    bench.driver.script = [[scan("1"), scan("2")], DeviceGoneError("unplugged")]
    bench.reader.step()
    found = bench.heard()
    with pytest.raises(DeviceGoneError):
        bench.reader.step()
    bench.reader.failed(DeviceGoneError("unplugged"))
    found += bench.heard()
    bench.reader.close()
    bench.reader.open()
    while len(found) < 4:
        bench.reader.step()
        found += bench.heard()
    assert found == [scan("1"), scan("2"), DeviceLost("unplugged"), DeviceOpened()]


def test_an_opened_device_is_told(bench: Bench) -> None:
    """With the first step, and on the board at once."""
    bench.reader.open()
    assert bench.driver.is_open
    assert bench.entry["state"] == "open"
    bench.reader.step()
    assert bench.heard() == [DeviceOpened()]


def test_a_lost_device_is_told_once_a_reason(bench: Bench) -> None:
    """However often it is tried in vain."""
    for reason in ("unplugged", "unplugged", "permission denied", "permission denied"):
        bench.reader.failed(DeviceGoneError(reason))
    assert bench.heard() == [DeviceLost("unplugged"), DeviceLost("permission denied")]
    assert (bench.entry["state"], bench.entry["reason"]) == ("lost", "permission denied")


def test_a_device_lost_again_is_told_again(bench: Bench) -> None:
    """Between two losses it worked."""
    bench.reader.failed(DeviceGoneError("unplugged"))
    bench.reader.open()
    bench.reader.failed(DeviceGoneError("unplugged"))
    assert bench.heard() == [DeviceLost("unplugged"), DeviceOpened(), DeviceLost("unplugged")]


def test_a_loss_without_words_has_the_name_of_its_error(bench: Bench) -> None:
    """A reason is never empty."""
    bench.reader.failed(RuntimeError())
    assert bench.heard() == [DeviceLost("RuntimeError")]


def test_a_device_that_does_not_open_is_not_told_as_open(bench: Bench) -> None:
    """Nothing is promised that did not happen."""
    bench.driver.open_script = [DeviceGoneError("no such port")]
    with pytest.raises(DeviceGoneError):
        bench.reader.open()
    assert bench.entry["state"] == "starting"
    assert bench.heard() == []


def test_an_indication_is_shown_in_the_next_step(bench: Bench) -> None:
    """A waiting read is ended for it."""
    bench.reader.show(PASS)
    bench.reader.show(RED)
    assert bench.driver.cancelled == 2
    assert bench.driver.shown == []
    bench.reader.step()
    assert bench.driver.shown == [PASS, RED]


def test_a_device_that_comes_back_shows_the_newest_lamps(bench: Bench) -> None:
    """Answers to scans of before the loss are not shown: nobody would know what they answer."""
    bench.reader.show(GREEN)
    bench.reader.show(PASS)
    bench.reader.show(RED)
    bench.reader.open()
    bench.reader.step()
    assert bench.driver.shown == [RED]


def test_lamps_are_lit_again_after_a_loss(bench: Bench) -> None:
    """A box that was without power shows what is true now."""
    bench.reader.show(RED)
    bench.reader.step()
    bench.driver.shown.clear()
    bench.reader.open()
    assert bench.driver.shown == [RED]


class Beeper(ScriptedDriver):
    """Answers, and nothing else."""

    has_lamps = False


class Mute(ScriptedDriver):
    """Shows nothing at all."""

    show = Driver.show


@pytest.mark.parametrize(("kind", "woken"), [(ScriptedDriver, 1), (Beeper, 0), (Mute, 0)])
def test_a_device_without_lamps_is_not_woken_for_them(kind: type[ScriptedDriver], woken: int) -> None:
    """Each thread that wakes for nothing makes the one with the red lamp wait."""
    driver = kind()
    reader = DeviceReader("scanner-1", driver, Inbox(10), Clock(), Health())
    reader.show(RED)
    assert driver.cancelled == woken
    reader.show(PASS)
    assert driver.cancelled == woken + 1
    reader.step()
    assert driver.shown == {ScriptedDriver: [RED, PASS], Beeper: [PASS], Mute: []}[kind]


def test_the_board_counts_what_the_device_said(bench: Bench) -> None:
    """Signals and noise apart; opening and losing are not the device's words."""
    bench.driver.script = [[scan("1"), scan("2"), Noise(b"?", "noise")]]
    bench.reader.open()
    bench.reader.step()
    bench.reader.failed(DeviceGoneError("unplugged"))
    assert (bench.entry["signals"], bench.entry["noise"]) == (2, 1)


def test_a_stop_ends_a_waiting_read(bench: Bench) -> None:
    """Passed on to the driver, which must not block."""
    bench.reader.cancel()
    assert bench.driver.cancelled == 1
