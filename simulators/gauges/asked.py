"""A gauge with a display, a DATA key, and ears: what all of them do, whatever they speak."""

from __future__ import annotations

import re
from abc import abstractmethod
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from simulators.report import readable, say
from simulators.stand_in import StandIn, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from simulators.pty_line import PtyLine

STATES = ("stable", "moving", "over", "under", "mute")
"""How the gauge is: at rest, moving, out of range on either side, or hearing and saying nothing."""

COMMAND_END = re.compile(rb"[\r\n]+")


class AskedGauge(StandIn):
    """Shows a number; sends it when told to, when asked, and while it streams."""

    unit = "mm"

    def __init__(self, name: str, line: PtyLine) -> None:
        super().__init__(name, line)
        self.shown = Decimal("12.345")
        self.state = "stable"
        self.streaming = False
        self._heard = b""
        self.verbs |= {"value": self.value, "show": self.show, "state": self.be}

    def value(self, text: str) -> None:
        """Show a number and send it, as the DATA key does.  Raises ValueError if no frame can hold it."""
        self.show(text)
        self.transmit()

    def show(self, text: str) -> None:
        """Show a number such as `12.345` or `-0.02`.  Raises ValueError if it is none or no frame can hold it."""
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise ValueError(f"{text!r} is no number") from None
        self.number(number)
        self.shown = number

    def be(self, state: str) -> None:
        """Be in one of the states from now on.  Raises ValueError for another word."""
        if state not in STATES:
            raise ValueError(f"no state {state!r}; there are {', '.join(STATES)}")
        self.state = state

    def transmit(self) -> None:
        """Send what the gauge has to say about its display now; nothing if it is mute."""
        if self.state != "mute":
            self.send(self.frame(), value=str(self.shown), state=self.state)

    def hear(self, raw: bytes) -> None:
        """Take commands, in any split of the stream."""
        *commands, self._heard = COMMAND_END.split(self._heard + raw)
        for command in filter(None, commands):
            say("asked", device=self.name, raw=readable(command))
            if self.state != "mute":
                self.answer(command)

    @abstractmethod
    def number(self, number: Decimal) -> str:
        """Return `number` as the frame holds it.  Raises ValueError if it does not fit."""

    @abstractmethod
    def frame(self) -> bytes:
        """Return what is sent for the display in the present state."""

    @abstractmethod
    def answer(self, command: bytes) -> None:
        """Do what a command asks for."""


def drift(gauge: AskedGauge, numbers: Iterable[Decimal], interval_s: float) -> Iterator[Wait]:
    """Show all `numbers`, `interval_s` apart, and send them only while the gauge streams; then say `done`."""
    count = 0
    for count, number in enumerate(numbers, 1):  # noqa: B007  the number of the last one is said at the end
        gauge.show(str(number))
        if gauge.streaming:
            gauge.transmit()
        yield Wait(interval_s)
    say("done", device=gauge.name, values=count)


def padded(text: str, width: int) -> str:
    """Put blanks in front of `text`.  Raises ValueError if it is longer than `width`."""
    if len(text) > width:
        raise ValueError(f"{text!r} has more than {width} characters")
    return text.rjust(width)
