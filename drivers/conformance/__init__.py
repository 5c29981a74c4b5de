"""Does a driver keep the contract?  A suite of plain functions for a device that is there.

Runs on a real device (`lineside drivers test`) and in tests, for our drivers and for those of third parties.  Knows
the contract and no driver.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from drivers.conformance.checks import CHECKS, WITHOUT_DEVICE, opens_in_time
from drivers.conformance.subject import Fault, NotApplicable, Subject
from drivers.contract import Condition, Contact, DeviceError, Held, Noise, Reading, Scan

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from drivers.contract import Signal

__all__ = ["Fault", "Outcome", "Result", "Subject", "listen", "outcome", "run", "wrong_with"]


class Result(StrEnum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_APPLICABLE = "not applicable"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one check found; `words` say why it failed or does not apply."""

    check: str
    result: Result
    words: str = ""


def run(subject: Subject) -> Iterator[Outcome]:
    """Yield the outcome of each check, in order; what needs an open device is left out if it does not open."""
    stopped = ""
    for check in CHECKS:
        if stopped and check not in WITHOUT_DEVICE:
            yield Outcome(_name(check), Result.NOT_APPLICABLE, stopped)
            continue
        found = outcome(check, subject)
        if check is opens_in_time and found.result is Result.FAILED:
            stopped = "the device does not open"
        yield found


def outcome(check: Callable[[Subject], None], subject: Subject) -> Outcome:
    """Make one check."""
    name = _name(check)
    try:
        check(subject)
    except NotApplicable as reason:
        return Outcome(name, Result.NOT_APPLICABLE, str(reason))
    except (Fault, DeviceError) as error:
        return Outcome(name, Result.FAILED, str(error))
    except Exception as error:  # noqa: BLE001  whatever a driver lets through is what the suite is there to find
        return Outcome(name, Result.FAILED, f"{type(error).__name__} is no error of the contract: {error}")
    return Outcome(name, Result.PASSED)


def listen(subject: Subject, seconds: float) -> Iterator[Signal]:
    """Yield what the device says for so long.  Raises DeviceError, and Fault for a signal that is none."""
    deadline = time.monotonic() + seconds
    with subject.opened() as driver:
        while (left := deadline - time.monotonic()) > 0:
            for signal in driver.read(left):
                if words := wrong_with(signal):
                    raise Fault(f"{signal!r}: {words}")
                yield signal


def wrong_with(signal: Any) -> str:
    """What is wrong with a signal by the contract; empty if nothing is."""
    if not isinstance(getattr(signal, "raw", None), bytes):
        return "raw is not bytes"
    match signal:
        case Scan(_, text):
            return "" if text else "text is empty"
        case Reading(_, text, value):
            return "" if text and isinstance(value, Decimal) and value.is_finite() else "text or value is no number"
        case Contact(_, name) | Held(_, name) | Condition(_, name):
            return "" if name else "it has no name"
        case Noise(_, reason):
            return "" if reason else "it has no reason"
    return "it is none of the contract's signals"


def _name(check: Callable[[Subject], None]) -> str:
    return check.__name__.replace("_", " ")
