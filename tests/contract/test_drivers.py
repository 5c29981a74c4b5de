"""One suite that every driver of a serial device passes, over a real pseudo-terminal."""

from __future__ import annotations

import json
import os
import threading
import time
import tty
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import TypeAdapter

from drivers import catalog
from drivers.contract import (
    Answer,
    Ask,
    DeviceBusyError,
    DeviceGoneError,
    Driver,
    Lamp,
    Lamps,
    Noise,
    Reading,
    Signal,
    Verdict,
)
from tests.support.talks import TALKS, Talk

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_S = 30.0
"""Longer than any test may take: a wait that should have ended shows."""

DATA = Path(__file__).parent.parent / "data"
CASES = sorted(path.parent for path in DATA.glob("*/*/expected.json") if path.parent.parent.name in TALKS)


class Cable:
    """A pseudo-terminal behind a symbolic link, as udev makes them: it can be unplugged and come back elsewhere."""

    def __init__(self, link: Path) -> None:
        self.port = link
        self.device = -1
        self.plug()

    def plug(self) -> None:
        self.device, slave = os.openpty()
        tty.setraw(slave)
        self.port.symlink_to(os.ttyname(slave))
        os.close(slave)

    def say(self, data: bytes) -> None:
        os.write(self.device, data)

    def unplug(self) -> None:
        if self.device >= 0:
            os.close(self.device)
            self.port.unlink()
        self.device = -1


@pytest.fixture
def cable(tmp_path: Path) -> Iterator[Cable]:
    one = Cable(tmp_path / "usb-device")
    yield one
    one.unplug()


@pytest.fixture(params=sorted(TALKS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def talk(name: str) -> Talk:
    return TALKS[name]


@pytest.fixture
def driver(name: str, talk: Talk, cable: Cable) -> Iterator[Driver]:
    one = made(name, cable.port, talk.settings)
    yield one
    one.close()


def made(name: str, port: Path, more: dict[str, Any]) -> Driver:
    """A driver with settings checked as the agent checks them: strictly, from JSON."""
    driver: Any = catalog.load(name)
    document = {"name": "device-1", "driver": name, "port": str(port), **more}
    made: Driver = driver(TypeAdapter(driver.Settings).validate_json(json.dumps(document)))
    return made


def heard(driver: Driver, count: int) -> list[Signal]:
    """The next `count` signals of an open driver, or fewer if the device says no more."""
    signals: list[Signal] = []
    while len(signals) < count:
        more = driver.read(LONG_S / 10)
        if not more:
            break
        signals += more
    return signals


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}/{case.name}")
def test_a_capture_means_what_is_written_beside_it(case: Path, cable: Cable) -> None:
    """Every recorded stream gives exactly the signals in its folder, and nothing after them."""
    expected = json.loads((case / "expected.json").read_text())
    driver = made(case.parent.name, cable.port, TALKS[case.parent.name].settings | expected["settings"])
    driver.open()
    cable.say((case / "capture.bin").read_bytes())
    signals = heard(driver, len(expected["signals"]))
    assert [written(signal) for signal in signals] == expected["signals"]
    assert driver.read(0) == []
    driver.close()


def written(signal: Signal) -> dict[str, Any]:
    """A signal as the expectations spell it: bytes as latin-1, numbers as sent."""
    fields = asdict(signal) | {"is": type(signal).__name__, "raw": signal.raw.decode("latin-1")}
    fields = {key: value for key, value in fields.items() if value or key not in ("gauge", "judged", "part")}
    if isinstance(signal, Reading):
        fields["value"] = str(signal.value)
    return fields


def test_every_driver_has_its_talk_and_its_captures() -> None:
    """No serial driver is built in without being tested here."""
    assert set(TALKS) <= set(catalog.BUILTIN)
    assert set(TALKS) == {case.parent.name for case in CASES}


def test_a_frame_is_a_signal(driver: Driver, talk: Talk, cable: Cable) -> None:
    driver.open()
    cable.say(talk.frame)
    assert heard(driver, 1) == [talk.means]


def test_frames_that_arrive_together_are_told_in_order(driver: Driver, talk: Talk, cable: Cable) -> None:
    driver.open()
    cable.say(talk.frame + talk.nonsense + talk.frame)
    first, second, third = heard(driver, 3)
    assert (first, third) == (talk.means, talk.means)
    assert isinstance(second, Noise)


def test_nonsense_is_noise_with_its_bytes_and_a_reason(driver: Driver, talk: Talk, cable: Cable) -> None:
    driver.open()
    cable.say(talk.nonsense)
    (noise,) = heard(driver, 1)
    assert isinstance(noise, Noise)
    assert noise.raw == talk.nonsense
    assert noise.reason


def test_a_frame_byte_by_byte_is_one_signal(driver: Driver, talk: Talk, cable: Cable) -> None:
    """A slow line makes no difference, and a half frame does not end the wait for its rest early."""
    driver.open()
    for byte in talk.frame[:-1]:
        cable.say(bytes([byte]))
        assert driver.read(0) == []
    cable.say(talk.frame[-1:])
    assert heard(driver, 1) == [talk.means]


def test_a_half_frame_waits_as_long_as_silence(driver: Driver, talk: Talk, cable: Cable) -> None:
    """Empty means that the time is over, also when bytes came."""
    driver.open()
    cable.say(talk.frame[:1])
    begin = time.monotonic()
    assert driver.read(0.05) == []
    assert time.monotonic() - begin >= 0.05


def test_silence_ends_after_its_time(driver: Driver) -> None:
    driver.open()
    begin = time.monotonic()
    assert driver.read(0.05) == []
    assert 0.05 <= time.monotonic() - begin < LONG_S / 2


def test_cancel_ends_a_waiting_read(driver: Driver) -> None:
    driver.open()
    canceller = threading.Thread(target=driver.cancel)
    begin = time.monotonic()
    canceller.start()
    assert driver.read(LONG_S) == []
    assert time.monotonic() - begin < LONG_S / 2
    canceller.join()


def test_a_cancel_before_the_read_is_not_lost(driver: Driver, talk: Talk, cable: Cable) -> None:
    """It ends one read, and costs no frame."""
    driver.cancel()
    driver.open()
    cable.say(talk.frame)
    assert driver.read(LONG_S) == []
    assert heard(driver, 1) == [talk.means]


def test_a_missing_port_is_gone_with_its_remedy(driver: Driver, cable: Cable) -> None:
    cable.unplug()
    with pytest.raises(DeviceGoneError, match=rf"device-1: {cable.port}: no such port; .*/dev/serial/by-id"):
        driver.open()
    driver.close()


def test_a_second_opener_is_told_who_holds_the_port(driver: Driver, name: str, talk: Talk, cable: Cable) -> None:
    """The message names this very process, also when the port is named by a link; the first driver works on."""
    driver.open()
    second = made(name, cable.port, talk.settings)
    with pytest.raises(DeviceBusyError, match=rf"device-1: {cable.port}: in use by pid {os.getpid()} \(this process\)"):
        second.open()
    second.close()
    cable.say(talk.frame)
    assert heard(driver, 1) == [talk.means]


def test_a_closed_port_is_free_again(driver: Driver, name: str, talk: Talk, cable: Cable) -> None:
    driver.open()
    driver.close()
    second = made(name, cable.port, talk.settings)
    second.open()
    second.close()


def test_unplugging_is_a_loss_and_plugging_in_again_mends_it(driver: Driver, talk: Talk, cable: Cable) -> None:
    """The device may come back as another port behind the same link."""
    for _ in range(3):
        driver.open()
        cable.say(talk.frame)
        assert heard(driver, 1) == [talk.means]
        cable.unplug()
        with pytest.raises(DeviceGoneError, match=f"device-1: {cable.port}"):
            driver.read(LONG_S)
        driver.close()
        with pytest.raises(DeviceGoneError, match="no such port"):
            driver.open()
        driver.close()
        cable.plug()


def test_unplugging_ends_a_waiting_read(driver: Driver, cable: Cable) -> None:
    driver.open()
    hand = threading.Thread(target=cable.unplug)
    hand.start()
    with pytest.raises(DeviceGoneError):
        driver.read(LONG_S)
    hand.join()


def test_a_half_frame_before_a_loss_is_noise(driver: Driver, talk: Talk, cable: Cable) -> None:
    """It is told before the loss, and never glued to what comes after."""
    half = talk.frame[:3]
    driver.open()
    cable.say(half)
    assert driver.read(0) == []
    cable.unplug()
    (noise,) = driver.read(LONG_S)
    assert isinstance(noise, Noise)
    assert noise.raw == half
    with pytest.raises(DeviceGoneError):
        driver.read(LONG_S)
    driver.close()
    cable.plug()
    driver.open()
    cable.say(talk.frame)
    assert heard(driver, 1) == [talk.means]


def test_a_half_frame_before_closing_is_noise_after_reopening(driver: Driver, talk: Talk, cable: Cable) -> None:
    half = talk.frame[:3]
    driver.open()
    cable.say(half)
    assert driver.read(0) == []
    driver.close()
    driver.open()
    cable.say(talk.frame)
    noise, good = heard(driver, 2)
    assert isinstance(noise, Noise)
    assert noise.raw == half
    assert good == talk.means


def test_reading_a_closed_device_is_an_error_of_the_contract(driver: Driver) -> None:
    with pytest.raises(DeviceGoneError, match="device-1"):
        driver.read(0)


def test_closing_is_always_allowed(driver: Driver) -> None:
    """Before opening, and twice."""
    driver.close()
    driver.open()
    driver.close()
    driver.close()
    driver.cancel()


def test_every_indication_is_taken(driver: Driver) -> None:
    """What the device cannot show is left out, without an error."""
    driver.open()
    driver.show(Answer(Verdict.REFUSE, "wrong part"))
    driver.show(Lamps(frozenset(Lamp), blinking=frozenset(Lamp), horn=True, hurried=frozenset(Lamp), stop=True))
    driver.show(Lamps())
    driver.show(Ask())


def test_constructing_touches_nothing(name: str, talk: Talk, tmp_path: Path) -> None:
    """A driver for a device that is not there can be made."""
    made(name, tmp_path / "absent", talk.settings).close()


def test_all_settings_are_described(name: str) -> None:
    """Every key can be explained to the user."""
    driver = catalog.load(name)
    assert not isinstance(driver, catalog.NotUsable)
    assert [key for key, field in driver.Settings.model_fields.items() if not field.description] == []


@hypothesis_settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pieces=st.lists(st.binary(min_size=1, max_size=300), max_size=8))
def test_no_bytes_can_break_a_driver(driver: Driver, talk: Talk, cable: Cable, pieces: list[bytes]) -> None:
    """Whatever arrives is signals and never an exception; the first good frame after a line end is understood."""
    driver.close()
    driver.open()
    signals: list[Signal] = []
    for piece in pieces:
        cable.say(piece)
        signals += driver.read(0)
    cable.say(b"\r" + talk.frame)
    deadline = time.monotonic() + LONG_S
    while (not signals or signals[-1] != talk.means) and time.monotonic() < deadline:
        signals += driver.read(LONG_S / 10)
    assert signals[-1] == talk.means
