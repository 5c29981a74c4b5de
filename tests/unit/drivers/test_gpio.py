"""GPIO lines: on a chip of our own that behaves as the kernel's, and on a simulated one where the kernel has it."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

import gpiod
import pytest
from gpiod.line import Direction, Value
from pydantic import TypeAdapter, ValidationError

from drivers.andon.gpio import Gpio
from drivers.contract import (
    Condition,
    Contact,
    DeviceBusyError,
    DeviceGoneError,
    DriverUnusableError,
    Lamp,
    Lamps,
    Noise,
    Signal,
)
from tests.support.stands.gpio import simulated_chip

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_S = 30.0
"""Longer than any test may take: a wait that should have ended shows."""


class Chip:
    """A chip with physics: lines that are pulled from outside, edges with numbers and time stamps, one consumer."""

    def __init__(self) -> None:
        self.high: dict[int, bool] = {}
        self.driven: dict[int, bool] = {}
        self.config: dict[Any, gpiod.LineSettings] = {}
        self.released = 0
        self.gone = False
        self._events: deque[gpiod.EdgeEvent] = deque()
        self._count = 0
        self.fd = -1

    # what the driver calls: the names and the meaning are gpiod's

    def request_lines(self, _path: str, config: dict[Any, Any], consumer: str, output_values: dict[Any, Any]) -> Chip:
        assert consumer
        if self.fd >= 0:
            raise OSError(errno.EBUSY, "Device or resource busy")
        self.config = config
        self.fd = os.eventfd(0, os.EFD_NONBLOCK)
        self._count = 0
        self.set_values(output_values)
        return self

    @property
    def lines(self) -> list[int]:
        return list(self.config)

    @property
    def offsets(self) -> list[int]:
        return list(self.config)

    def get_values(self, lines: list[int]) -> list[Value]:
        self._check()
        return [Value.ACTIVE if self._is_active(line) else Value.INACTIVE for line in lines]

    def set_values(self, values: dict[int, Value]) -> None:
        self._check()
        for line, value in values.items():
            assert self.config[line].direction is Direction.OUTPUT
            self.driven[line] = (value is Value.ACTIVE) != self.config[line].active_low

    def read_edge_events(self) -> list[gpiod.EdgeEvent]:
        os.eventfd_read(self.fd)
        self._check()
        events = list(self._events)
        self._events.clear()
        return events

    def release(self) -> None:
        os.close(self.fd)
        self.fd = -1
        self.released += 1

    # what happens outside

    def pull(self, line: int, *, high: bool, at_s: float | None = None, lost: bool = False) -> None:
        self.high[line] = high
        self._count += 1
        if lost:
            return
        at_ns = int((time.monotonic() if at_s is None else at_s) * 1e9)
        rising = gpiod.EdgeEvent.Type.RISING_EDGE if self._is_active(line) else gpiod.EdgeEvent.Type.FALLING_EDGE
        self._events.append(gpiod.EdgeEvent(rising.value, at_ns, line, self._count, self._count))
        os.eventfd_write(self.fd, 1)

    def vanish(self) -> None:
        self.gone = True
        os.eventfd_write(self.fd, 1)

    def _is_active(self, line: int) -> bool:
        return self.high.get(line, True) != self.config[line].active_low

    def _check(self) -> None:
        if self.gone:
            raise OSError(errno.ENODEV, "No such device")


def settings(**more: Any) -> Any:
    document = {"name": "pins", "driver": "gpio", **more}
    return TypeAdapter(Gpio.Settings).validate_json(json.dumps(document))


@pytest.fixture
def chip() -> Chip:
    return Chip()


@pytest.fixture
def made(chip: Chip) -> Iterator[Any]:
    drivers: list[Gpio] = []

    def make(**more: Any) -> Gpio:
        drivers.append(Gpio(settings(**more), chip.request_lines))  # type: ignore[arg-type]  # it behaves as gpiod's
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()


def contacts(signals: Any) -> list[tuple[str, bool]]:
    return [(signal.input, signal.active) for signal in signals if isinstance(signal, Contact)]


def lit(*lamps: Lamp, blinking: tuple[Lamp, ...] = (), horn: bool = False) -> Lamps:
    return Lamps(frozenset(lamps), frozenset(blinking), horn)


STOP = {"stop": {"line": 17}}
QUICK = {"debounce_s": 0.0}


def test_inputs_are_told_after_opening_and_then_edges(made: Any, chip: Chip) -> None:
    """A contact to ground with a pull-up is the default: low is active."""
    one = made(inputs=STOP | {"help": {"line": 18, "contact": "nc"}})
    one.open()
    assert contacts(one.read(LONG_S)) == [("stop", False), ("help", True)]
    chip.pull(17, high=False)
    assert contacts(one.read(LONG_S)) == [("stop", True)]
    chip.pull(17, high=True)
    assert contacts(one.read(LONG_S)) == [("stop", False)]


def test_the_kernel_debounces_and_pulls_as_set(made: Any, chip: Chip) -> None:
    one = made(
        inputs={"a": {"line": 1, "debounce_s": 0.005}, "b": {"line": 2, "bias": "disabled", "active_low": False}}
    )
    one.open()
    assert chip.config[1].debounce_period.total_seconds() == 0.005
    assert (chip.config[1].bias.name, chip.config[1].active_low) == ("PULL_UP", True)
    assert (chip.config[2].bias.name, chip.config[2].active_low) == ("DISABLED", False)


def test_edges_that_came_together_are_told_in_order(made: Any, chip: Chip) -> None:
    """A short press is a press, also if it is read when it is over."""
    one = made(inputs=STOP)
    one.open()
    one.read(LONG_S)
    chip.pull(17, high=False)
    chip.pull(17, high=True)
    assert contacts(one.read(LONG_S)) == [("stop", True), ("stop", False)]


def test_delays_count_from_the_kernels_time_stamps(made: Any, chip: Chip) -> None:
    """An edge that is read late is late for nobody: its delay is over already."""
    one = made(inputs={"fault": {"line": 3, "on_delay_s": 1000.0}})
    one.open()
    one.read(0)
    chip.pull(3, high=False, at_s=time.monotonic() - 500)
    assert one.read(0.05) == []
    chip.pull(3, high=True, at_s=time.monotonic() - 1)
    chip.pull(3, high=False, at_s=time.monotonic() - 1000.5)
    chip.pull(3, high=False, at_s=time.monotonic())
    assert contacts(one.read(LONG_S)) == [("fault", True)]


def test_lost_edges_are_noise_and_the_lines_are_looked_at_again(made: Any, chip: Chip) -> None:
    one = made(inputs=STOP | {"help": {"line": 18}})
    one.open()
    one.read(LONG_S)
    chip.pull(18, high=False, lost=True)
    chip.pull(17, high=False)
    signals = one.read(LONG_S)
    assert isinstance(signals[0], Noise)
    assert sorted(contacts(signals)) == [("help", True), ("stop", True)]


def test_a_pair_shows_a_broken_wire(made: Any, chip: Chip) -> None:
    chip.high = {17: True, 27: False}
    one = made(inputs={"stop": {"line": 17, "pair": 27, "fault_delay_s": 0.05}})
    one.open()
    assert contacts(one.read(LONG_S)) == [("stop", False)]
    chip.pull(27, high=True)
    condition, contact = one.read(LONG_S)
    assert isinstance(condition, Condition)
    assert (condition.name, condition.active, condition.part) == ("wire-break", True, "stop")
    assert contacts([contact]) == [("stop", True)]


def test_lamps_begin_safe_and_end_safe(made: Any, chip: Chip) -> None:
    """Between, they show the picture; the horn is a line like any other."""
    one = made(lamps={"red": 5, "green": 6}, horn=7, safe={"red": True})
    one.open()
    assert chip.driven == {5: True, 6: False, 7: False}
    one.show(lit(Lamp.GREEN, Lamp.BLUE, horn=True))
    assert chip.driven == {5: False, 6: True, 7: True}
    one.close()
    assert chip.driven == {5: True, 6: False, 7: False}
    assert chip.released == 1


def test_lamps_may_be_lit_by_a_low_line(made: Any, chip: Chip) -> None:
    one = made(lamps={"red": 5}, lamps_active_low=True)
    one.open()
    assert chip.driven == {5: True}
    one.show(lit(Lamp.RED))
    assert chip.driven == {5: False}


def test_taking_and_giving_back_the_lines_stops_the_line(made: Any, chip: Chip) -> None:
    """It runs only while a picture lets it."""
    one = made(stop=8, run=9)
    one.open()
    assert chip.driven == {8: True, 9: False}
    one.read(0)
    assert chip.driven == {8: True, 9: False}
    one.show(lit())
    assert chip.driven == {8: False, 9: True}
    one.show(Lamps(stop=True))
    assert chip.driven == {8: True, 9: False}
    one.show(lit())
    one.close()
    assert chip.driven == {8: True, 9: False}


def test_a_line_that_runs_on_without_the_agent_is_stopped_by_taking_it(made: Any, chip: Chip) -> None:
    """Taking a line needs a level, and a line that stood must not run by it."""
    one = made(run=9, safe={"run": True})
    one.open()
    assert chip.driven == {9: False}
    one.read(0)
    assert chip.driven == {9: False}
    one.close()
    assert chip.driven == {9: True}


def test_a_blinking_lamp_blinks_while_the_device_is_read(made: Any, chip: Chip) -> None:
    one = made(lamps={"red": 5}, blink_s=0.05)
    one.open()
    one.show(lit(Lamp.RED, blinking=(Lamp.RED,)))
    deadline = time.monotonic() + LONG_S
    for level in (True, False, True):
        while chip.driven[5] is not level and time.monotonic() < deadline:
            one.read(0.01)
        assert chip.driven[5] is level


def test_a_chip_that_vanishes_is_gone_and_comes_back(made: Any, chip: Chip) -> None:
    one = made(inputs=STOP, lamps={"red": 5})
    one.open()
    one.read(LONG_S)
    chip.vanish()
    with pytest.raises(DeviceGoneError, match="pins: /dev/gpiochip0: lost"):
        one.read(LONG_S)
    with pytest.raises(DeviceGoneError, match="lost"):
        one.show(lit(Lamp.RED))
    one.close()
    chip.gone = False
    one.open()
    assert contacts(one.read(LONG_S)) == [("stop", False)]


def test_cancel_ends_a_wait_and_is_not_lost(made: Any) -> None:
    one = made(lamps={"red": 5})
    one.cancel()
    one.open()
    assert one.read(LONG_S) == []
    canceller = threading.Thread(target=one.cancel)
    begin = time.monotonic()
    canceller.start()
    assert one.read(LONG_S) == []
    assert time.monotonic() - begin < LONG_S / 2
    canceller.join()


def test_lines_of_another_are_busy(made: Any) -> None:
    first, second = made(lamps={"red": 5}), made(lamps={"red": 5})
    first.open()
    with pytest.raises(DeviceBusyError, match="lines in use by"):
        second.open()


@pytest.mark.parametrize(
    ("path", "error", "words"),
    [
        ("/dev/gpiochip99", DeviceGoneError, "no such chip; list the chips with: gpiodetect"),
        ("/dev/null", DriverUnusableError, "no chip"),
        ("/", DriverUnusableError, "no chip|refused"),
    ],
)
def test_what_is_no_chip_is_told_with_its_remedy(path: str, error: type[Exception], words: str) -> None:
    """The real library on this machine."""
    one = Gpio(settings(chip=path, inputs=STOP))
    with pytest.raises(error, match=rf"pins: {path}: .*({words})"):
        one.open()
    one.close()


@pytest.mark.parametrize(
    ("error", "expected", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), DeviceGoneError, "group gpio"),
        (ValueError("line offset of out range"), DriverUnusableError, "compare lines"),
        (OSError(errno.EINVAL, "Invalid argument"), DriverUnusableError, "compare lines"),
    ],
)
def test_what_the_kernel_refuses_is_told_with_its_remedy(
    error: Exception, expected: type[Exception], words: str
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    with pytest.raises(expected, match=words):
        Gpio(settings(inputs=STOP), refuse).open()


def test_a_closed_device_gives_errors_of_the_contract(made: Any) -> None:
    one = made(lamps={"red": 5})
    with pytest.raises(DeviceGoneError, match="pins"):
        one.read(0)
    with pytest.raises(DeviceGoneError, match="pins"):
        one.show(lit(Lamp.RED))
    one.close()
    one.close()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({}, "no line is used"),
        ({"lamps": {"red": 5, "green": 5}}, "used twice"),
        ({"lamps": {"red": 17}, "inputs": STOP}, "used twice"),
        ({"lamps": {"red": -1}}, "no line"),
        ({"stop": 5, "run": 5}, "used twice"),
        ({"stop": 17, "inputs": STOP}, "used twice"),
        ({"stop": 5, "safe": {"stop": True, "run": True}}, "opposites"),
        ({"inputs": {"a b": {"line": 1}}}, "pattern"),
        ({"chip": "gpiochip0", "lamps": {"red": 5}}, "chip"),
    ],
)
def test_wrong_settings_say_what_is_wrong(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**keys)


def test_a_simulated_chip_of_the_kernel() -> None:
    """The real library and the real kernel, where there is gpio-sim."""
    with simulated_chip() as real:
        inputs = {"stop": {"line": 0, "bias": "as-is", "active_low": False, **QUICK}}
        one = Gpio(settings(chip=real.path, inputs=inputs, lamps={"red": 4}, safe={"red": True}))
        real.pull(0, high=False)
        one.open()
        signals: list[Signal] = [*one.read(LONG_S)]
        real.pull(0, high=True)
        signals += one.read(LONG_S)
        assert contacts(signals) == [("stop", False), ("stop", True)]
        one.show(lit())
        assert not real.is_high(4)
        one.show(lit(Lamp.RED))
        assert real.is_high(4)
        second = Gpio(settings(chip=real.path, lamps={"red": 4}))
        with pytest.raises(DeviceBusyError, match="lineside"):
            second.open()
        one.close()
