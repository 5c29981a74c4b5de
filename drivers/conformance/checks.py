"""The checks: what every driver must do, each a function that raises Fault where one does not.

Needs no hand at the device; what the device says meanwhile is no fault.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.conformance.subject import NOWHERE, Fault, NotApplicable, Subject
from drivers.contract import Answer, Ask, DeviceBusyError, DeviceError, DeviceGoneError, Lamp, Lamps, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OPEN_S = 5.0
SHOW_S = 0.5
"""Longest waits that the contract allows."""

SLACK_S = 2.0
"""What a busy machine may add to any wait before the driver is blamed."""

SHORT_S = 0.2
LONG_S = 10.0
"""A read that must end by itself, and one that must be ended."""

TRIES = 5
"""How often a device that just spoke is asked to be silent."""

SHOWN = (
    Answer(Verdict.REFUSE, "conformance test"),
    Lamps(frozenset(Lamp), frozenset({Lamp.RED, Lamp.GREEN}), horn=True, hurried=frozenset({Lamp.RED}), stop=True),
    Lamps(stop=True),
    Ask(),
)
"""One of each kind of indication; the lamps are dark after the last.  No check lets a line run."""


def settings_are_described(subject: Subject) -> None:
    """Every key can be explained to the user."""
    bare = [key for key, field in subject.driver.Settings.model_fields.items() if not field.description]
    if bare:
        raise Fault(f"settings without description: {', '.join(bare)}")


def constructing_touches_nothing(subject: Subject) -> None:
    """The constructor only stores: it opens no file, and it does not need the device."""
    before = _descriptors()
    driver = subject.made()
    opened = _descriptors() - before
    driver.close()
    if opened > 0:
        raise Fault(f"the constructor opened {opened} file(s)")


def closing_is_always_allowed(subject: Subject) -> None:
    """Before opening, and twice; cancel too."""
    driver = subject.made()
    driver.close()
    driver.cancel()
    driver.close()


def reading_a_closed_device_is_an_error(subject: Subject) -> None:
    """DeviceGoneError that names the device."""
    driver = subject.made()
    try:
        driver.read(0)
    except DeviceGoneError as error:
        _names_device(subject, error)
    else:
        raise Fault("read of a device that is not open did not raise DeviceGoneError")
    finally:
        driver.close()


def a_missing_device_is_gone(subject: Subject) -> None:
    """DeviceGoneError that names device and place."""
    driver = subject.nowhere()
    try:
        driver.open()
    except DeviceGoneError as error:
        _names_device(subject, error)
        if NOWHERE not in str(error):
            raise Fault(f"the message does not name {NOWHERE}: {error}") from error
    else:
        raise Fault(f"{NOWHERE} was opened, which is not there")
    finally:
        driver.close()


def opens_in_time(subject: Subject) -> None:
    """Within 5 s, without an error."""
    with _within(OPEN_S, "open"), subject.opened():
        pass


def opens_again(subject: Subject) -> None:
    """Three times in a row, the same driver; nothing stays open."""
    before = _descriptors()
    driver = subject.made()
    for _ in range(3):
        try:
            driver.open()
        finally:
            driver.close()
            driver.close()
    if (left := _descriptors() - before) > 0:
        raise Fault(f"{left} file(s) stayed open after close")


def a_second_opener_is_told(subject: Subject) -> None:
    """DeviceBusyError that names the device; the first driver works on."""
    _, _, path = subject.place()
    if not Path(path).is_char_device():
        raise NotApplicable(f"{path} is no device file, which alone can be held exclusively")
    with subject.opened() as first:
        second = subject.made()
        try:
            second.open()
        except DeviceBusyError as error:
            _names_device(subject, error)
        else:
            raise Fault("a second driver opened the device while the first one had it")
        finally:
            second.close()
        first.read(0)


def silence_ends_after_its_time(subject: Subject) -> None:
    """Read returns nothing after its time-out, not before it and not much later."""
    with subject.opened() as driver:
        for _ in range(TRIES):
            begin = time.monotonic()
            if driver.read(SHORT_S):
                continue
            took = time.monotonic() - begin
            if not SHORT_S <= took <= SHORT_S + SLACK_S:
                raise Fault(f"read({SHORT_S}) returned nothing after {took:.3f} s")
            return
    raise NotApplicable("the device does not stop speaking")


def cancel_ends_a_waiting_read(subject: Subject) -> None:
    """From another thread, soon."""
    with subject.opened() as driver:
        canceller = threading.Timer(SHORT_S, driver.cancel)
        begin = time.monotonic()
        canceller.start()
        while canceller.is_alive() and time.monotonic() - begin < LONG_S:
            driver.read(LONG_S)
        canceller.join()
        took = time.monotonic() - begin
        if took > SHORT_S + SLACK_S:
            raise Fault(f"read ended only {took - SHORT_S:.1f} s after cancel")


def an_early_cancel_is_not_lost(subject: Subject) -> None:
    """Asked for before open, it ends the first reads; the one after it waits again."""
    driver = subject.made()
    driver.cancel()
    try:
        driver.open()
        begin = time.monotonic()
        signals = driver.read(LONG_S)
        took = time.monotonic() - begin
    finally:
        driver.close()
    if took > SLACK_S:
        heard = "the device spoke, so it is not known" if signals else f"it waited {took:.1f} s"
        raise Fault(f"a cancel before open did not end the first read: {heard}")


def every_indication_is_taken(subject: Subject) -> None:
    """Answer, lamps and requests, without an error and in 0.5 s each; what cannot be shown is left out."""
    with subject.opened() as driver:
        for indication in SHOWN:
            with _within(SHOW_S, f"show({type(indication).__name__})"):
                driver.show(indication)


CHECKS: Sequence[Callable[[Subject], None]] = (
    settings_are_described,
    constructing_touches_nothing,
    closing_is_always_allowed,
    reading_a_closed_device_is_an_error,
    a_missing_device_is_gone,
    opens_in_time,
    opens_again,
    a_second_opener_is_told,
    silence_ends_after_its_time,
    cancel_ends_a_waiting_read,
    an_early_cancel_is_not_lost,
    every_indication_is_taken,
)

WITHOUT_DEVICE = CHECKS[: CHECKS.index(opens_in_time) + 1]
"""Checks that mean something without the device."""


@contextmanager
def _within(seconds: float, what: str) -> Iterator[None]:
    """Raise Fault if the body takes longer than the contract allows, with slack."""
    begin = time.monotonic()
    yield
    took = time.monotonic() - begin
    if took > seconds + SLACK_S:
        raise Fault(f"{what} took {took:.1f} s; the contract allows {seconds} s")


def _names_device(subject: Subject, error: DeviceError) -> None:
    if subject.settings.name not in str(error):
        raise Fault(f"the message does not name the device {subject.settings.name!r}: {error}") from error


def _descriptors() -> int:
    with suppress(OSError):
        return len(os.listdir("/proc/self/fd"))  # noqa: PTH208  a count, and no paths are wanted
    return 0
