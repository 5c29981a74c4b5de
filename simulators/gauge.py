"""A Mitutoyo gauge behind an input tool that makes a serial port (USB-ITN or VCP).

Frame, from the input tools' description: `01A`, sign, eight characters of number with its point, CR.
Knows nothing of the agent's driver.
"""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from simulators.report import say
from simulators.stand_in import StandIn, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from random import Random

    from simulators.gauges.asked import AskedGauge
    from simulators.pty_line import PtyLine

NUMBER_CHARACTERS = 8
"""Characters of the number in a frame, point included, sign not.  Source: the input tools' data format."""


class Gauge(StandIn):
    """Sends a value when told to, as its DATA key does."""

    def __init__(self, name: str, line: PtyLine) -> None:
        super().__init__(name, line)
        self.verbs["value"] = self.value

    def value(self, text: str) -> None:
        """Send one value, written as on the gauge's display.  Raises ValueError if no frame can hold it."""
        self.send(frame(text), value=text)


def frame(text: str) -> bytes:
    """Return the frame of a value such as `12.345` or `-0.02`.  Raises ValueError if it does not fit."""
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is no number") from None
    digits = f"{abs(number):f}".zfill(NUMBER_CHARACTERS)
    if len(digits) > NUMBER_CHARACTERS:
        raise ValueError(f"{text!r} has more than {NUMBER_CHARACTERS} characters")
    sign = "-" if number.is_signed() else "+"
    return f"01A{sign}{digits}\r".encode("ascii")


def values(random: Random, nominal: Decimal, sigma: float) -> Iterator[Decimal]:
    """Give normally distributed values for ever, with as many decimals as `nominal`; `sigma` in the gauge's unit."""
    while True:
        yield Decimal(random.gauss(float(nominal), sigma)).quantize(nominal)


def stream(gauge: Gauge | AskedGauge, numbers: Iterable[Decimal], interval_s: float) -> Iterator[Wait]:
    """Send all `numbers`, `interval_s` apart, then say `done`."""
    count = 0
    for count, number in enumerate(numbers, 1):  # noqa: B007  the number of the last one is said at the end
        gauge.value(str(number))
        yield Wait(interval_s)
    say("done", device=gauge.name, values=count)
