"""The conformance suite: every built-in driver passes it, a foreign one can use it, and it finds what is broken."""

from __future__ import annotations

import json
import os
import time
import tty
from contextlib import AbstractContextManager, contextmanager
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from pydantic import TypeAdapter

from drivers import catalog, conformance
from drivers.conformance import Outcome, Result, Subject, checks
from drivers.conformance.checks import CHECKS
from drivers.contract import Contact, DeviceGoneError, DeviceSettings, Driver, Lamps, Noise, Reading, Scan
from drivers.scanners.serial import SerialScanner
from tests.support.talks import TALKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from drivers.contract import Indication, Signal

STANDS = {
    "camera-scanner": "tests.support.stands.camera:camera",
    "gpio": "tests.support.stands.gpio:gpio",
    "hid-scanner": "tests.support.stands.hid:hid",
    "modbus-gauge": "tests.support.stands.modbus:modbus_gauge",
    "modbus-io": "tests.support.stands.modbus:modbus_io",
    "serial-lines": "tests.support.stands.lines:serial_lines",
}
"""Driver that reads no frames from a serial port -> what plays its device."""


@contextmanager
def on_a_cable(folder: Path, more: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Keys of a serial device that is there and says nothing."""
    device, slave = os.openpty()
    tty.setraw(slave)
    (folder / "port").symlink_to(os.ttyname(slave))
    os.close(slave)
    yield {"port": str(folder / "port"), **more}
    os.close(device)


def stand(name: str, folder: Path) -> AbstractContextManager[dict[str, Any]]:
    if name in TALKS:
        return on_a_cable(folder, TALKS[name].settings)
    module, _, function = STANDS[name].partition(":")
    made: AbstractContextManager[dict[str, Any]] = getattr(import_module(module), function)(folder)
    return made


def subject(name: str, keys: dict[str, Any]) -> Subject:
    """A driver with settings checked as the agent checks them: strictly, from JSON."""
    driver = catalog.load(name)
    assert not isinstance(driver, catalog.NotUsable), driver.reason
    document = {"name": "device-1", "driver": name, **keys}
    return Subject(driver, TypeAdapter(driver.Settings).validate_json(json.dumps(document)))


def failures(outcomes: Sequence[Outcome]) -> dict[str, str]:
    return {one.check: one.words for one in outcomes if one.result is Result.FAILED}


@pytest.mark.parametrize("name", sorted({*TALKS, *STANDS}))
def test_every_driver_keeps_the_contract(name: str, tmp_path: Path) -> None:
    """All checks on a device that is there; on a pseudo-terminal nothing is left out, on other stands little."""
    with stand(name, tmp_path) as keys:
        outcomes = list(conformance.run(subject(name, keys)))
    assert failures(outcomes) == {}
    assert len(outcomes) == len(CHECKS)
    left_out = {one.check for one in outcomes if one.result is Result.NOT_APPLICABLE}
    assert (
        left_out <= set()
        if name in TALKS
        else {"a missing device is gone", "a second opener is told", "silence ends after its time"}
    )


def test_every_built_in_driver_has_something_that_plays_its_device() -> None:
    """No driver is built in without being tested here."""
    assert set(catalog.BUILTIN) == {*TALKS, *STANDS}


def test_trying_a_device_never_lets_a_line_run() -> None:
    """The agent is stopped meanwhile, and nobody has said that the line may go on."""
    pictures = [one for one in checks.SHOWN if isinstance(one, Lamps)]
    assert [picture.stop for picture in pictures] == [True, True]


def test_a_device_that_is_not_there_is_one_failure(tmp_path: Path) -> None:
    """What needs the device is left out with that reason, and the rest is checked."""
    outcomes = list(conformance.run(subject("mitutoyo", {"port": str(tmp_path / "absent")})))
    assert list(failures(outcomes)) == ["opens in time"]
    assert "no such port" in failures(outcomes)["opens in time"]
    assert [one.words for one in outcomes if one.result is Result.NOT_APPLICABLE] == ["the device does not open"] * 6


class Undescribed(DeviceSettings):
    """Keys of a driver whose author was in a hurry."""

    port: str = "/dev/none"


class Decent(Driver):
    """A driver that keeps the contract, to be broken one method at a time."""

    Settings = SerialScanner.Settings

    def __init__(self, settings: Any) -> None:
        self._inner = SerialScanner(settings)

    def open(self) -> None:
        self._inner.open()

    def read(self, timeout_s: float) -> Sequence[Signal]:
        return self._inner.read(timeout_s)

    def cancel(self) -> None:
        self._inner.cancel()

    def close(self) -> None:
        self._inner.close()

    def show(self, indication: Indication) -> None:
        self._inner.show(indication)


class OpensAtOnce(Decent):
    def __init__(self, settings: Any) -> None:
        super().__init__(settings)
        self._file = os.open("/dev/null", os.O_RDONLY)

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
        self._file = -1
        super().close()


class LeaksErrors(Decent):
    def open(self) -> None:
        raise ValueError("oops")


class NamesNothing(Decent):
    def read(self, timeout_s: float) -> Sequence[Signal]:
        try:
            return super().read(timeout_s)
        except DeviceGoneError as error:
            raise type(error)("lost") from None


class IsSharp(Decent):
    """Ends its waits too early."""

    def read(self, _timeout_s: float) -> Sequence[Signal]:
        return super().read(0)


class ForgetsCancel(Decent):
    """Remembers no cancel from before it was opened."""

    def open(self) -> None:
        self._inner = SerialScanner(self._inner.settings)
        super().open()


class IgnoresCancel(Decent):
    def cancel(self) -> None:
        pass


class Leaks(Decent):
    """Leaves a file open each time."""

    left: ClassVar[list[int]] = []

    def open(self) -> None:
        self.left.append(os.open("/dev/null", os.O_RDONLY))
        super().open()


class ClosesOnce(Decent):
    closed = False

    def close(self) -> None:
        super().close()
        if self.closed:
            raise RuntimeError("closed twice")
        self.closed = True


class Shares(Decent):
    """Opens without asking whether somebody has the device."""

    def open(self) -> None:
        pass

    def read(self, timeout_s: float) -> Sequence[Signal]:
        time.sleep(timeout_s)
        return []


class TakesOneKind(Decent):
    def show(self, indication: Indication) -> None:
        if type(indication).__name__ != "Answer":
            raise NotImplementedError(type(indication).__name__)


class Bare(Decent):
    Settings = Undescribed


BROKEN = [
    (Bare, "settings are described", "port"),
    (OpensAtOnce, "constructing touches nothing", "opened 1 file"),
    (ClosesOnce, "closing is always allowed", "RuntimeError is no error of the contract: closed twice"),
    (Shares, "reading a closed device is an error", "did not raise DeviceGoneError"),
    (NamesNothing, "reading a closed device is an error", "does not name the device 'device-1'"),
    (Shares, "a missing device is gone", "was opened, which is not there"),
    (LeaksErrors, "opens in time", "ValueError is no error of the contract: oops"),
    (Leaks, "opens again", "3 file(s) stayed open"),
    (Shares, "a second opener is told", "a second driver opened the device"),
    (IsSharp, "silence ends after its time", "returned nothing after 0.0"),
    (IgnoresCancel, "cancel ends a waiting read", "s after cancel"),
    (ForgetsCancel, "an early cancel is not lost", "did not end the first read: it waited"),
    (TakesOneKind, "every indication is taken", "NotImplementedError"),
]


@pytest.mark.parametrize(("broken", "check", "words"), BROKEN, ids=[f"{row[0].__name__}: {row[1]}" for row in BROKEN])
def test_a_broken_driver_is_found_out(
    broken: type[Driver], check: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check that is there for it fails, and says what is wrong."""
    monkeypatch.setattr(checks, "LONG_S", checks.SLACK_S + 1)
    function = next(one for one in CHECKS if one.__name__ == check.replace(" ", "_"))
    with on_a_cable(tmp_path, {}) as keys:
        document = json.dumps({"name": "device-1", "driver": "x", **keys})
        settings = TypeAdapter(SerialScanner.Settings).validate_json(document)
        found = conformance.outcome(function, Subject(broken, settings))
    assert (found.check, found.result) == (check, Result.FAILED)
    assert words in found.words
    while Leaks.left:
        os.close(Leaks.left.pop())


def test_there_is_a_broken_driver_for_every_check() -> None:
    """No check that cannot fail."""
    assert {check.__name__.replace("_", " ") for check in CHECKS} == {check for _, check, _ in BROKEN}


@pytest.mark.parametrize(
    ("signal", "words"),
    [
        (Scan(b"x", ""), "text is empty"),
        (Scan("x", "x"), "raw is not bytes"),  # type: ignore[arg-type]
        (Reading(b"1", "1", 1.0, "mm"), "no number"),  # type: ignore[arg-type]
        (Reading(b"1", "1", Decimal("NaN"), "mm"), "no number"),
        (Contact(b"", "", active=True), "no name"),
        (Noise(b"x", ""), "no reason"),
        ("SN01", "raw is not bytes"),
    ],
)
def test_a_signal_that_is_none_is_told(signal: Any, words: str) -> None:
    assert words in conformance.wrong_with(signal)


@pytest.mark.parametrize("name", sorted(TALKS))
def test_what_a_device_says_is_of_the_contract(name: str, tmp_path: Path) -> None:
    """Good frames and nonsense alike."""
    assert conformance.wrong_with(TALKS[name].means) == ""
    with stand(name, tmp_path) as keys:
        assert list(conformance.listen(subject(name, keys), 0.05)) == []
