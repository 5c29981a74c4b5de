"""What gauges on a serial line have in common: values that are pushed, polled, streamed or asked for, and silence.

A driver adds its words (requests) and what one frame means.  Knows no gauge.  Zero and tare are never sent: whoever
measures decides about them at the gauge.
"""

from __future__ import annotations

import math
import re
import time
from abc import abstractmethod
from contextlib import suppress
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, ClassVar, Literal, TypeVar

from pydantic import Field

from drivers.contract import Ask, Condition, DeviceError, Indication, Noise, Reading, Signal
from drivers.framing import LINE_ENDS, Delimited
from drivers.port import PortSettings
from drivers.serial_driver import SerialDriver

if TYPE_CHECKING:
    from drivers.framing import Frame, Framing

NUMBER = rb"[+-]?[0-9]+(?:\.[0-9]+)?"
"""A number as gauges send it; `NaN`, `inf`, exponents and digit groups are none."""

MAX_LENGTH = 64
"""Bytes of a frame; the longest known value has 20, the rest is room to show what came instead."""

VERDICTS = {b"=": "inside", b"<": "below", b">": "above"}
"""The gauge's own limits, as Sylvac and Mahr tell them.  Source: manuals of Sylvac UniCal and Mahr Millimar C1202."""

TOP_BIT = re.compile(rb"[\x80-\xff]")

SILENT = "silent"


class GaugeSettings(PortSettings):
    """Keys of every gauge that can be asked."""

    mode: Literal["push", "poll", "stream", "ask"] = Field(
        default="push",
        description='"push": the gauge sends when its key is pressed; "poll": it is asked every interval_s; "stream": '
        "it sends by itself without end, started at open where it knows a command; "
        '"ask": it is asked by a foot switch; default push.',
    )
    interval_s: float = Field(
        default=1.0, ge=0.01, le=3600, description="Poll: from one request to the next, s; default 1."
    )
    silence_s: float = Field(
        default=5.0, ge=0.05, le=3600, description="Without an answer or stream for so long it is silent, s; default 5."
    )


@dataclass(frozen=True, slots=True)
class Words:
    """What a gauge understands, bytes as sent; empty where it knows no such command."""

    request: bytes = b""
    start: bytes = b""
    stop: bytes = b""
    identify: bytes = b""


GaugeSettingsT = TypeVar("GaugeSettingsT", bound=GaugeSettings)


class AskedGauge(SerialDriver[GaugeSettingsT]):
    """Template of a gauge that sends lines.

    One request is on its way at a time: the next goes out when the answer is in, or `silence_s` later.  An Ask while a
    value is owed sends nothing: the one on its way will do.  These protocols number no answers, so any frame
    counts as the answer, and a value that comes later than `silence_s` is still a value.

    A gauge that owes a value and says nothing has the condition `silent` until the next frame that is understood.  What
    the gauge tells about itself (`overload`, ...) ends at its next value.
    """

    has_lamps: ClassVar[bool] = False

    def __init__(self, settings: GaugeSettingsT) -> None:
        super().__init__(settings)
        self._words = self._make_words()
        self._gauge = ""
        self._state = ""
        self._silent = False
        self._seven_bits = True
        self._owes = False
        self._interrupted = False
        self._identifies = False
        self._ask_waits = False
        self._sent_s = -math.inf
        self._due_s = math.inf

    def show(self, indication: Indication) -> None:
        """Send one request for an Ask, in every mode.  A gauge has no lamps."""
        if not isinstance(indication, Ask) or not self._words.request:
            return
        asked = self._interrupted if self.settings.mode == "stream" else self._owes
        if self._identifies:
            self._ask_waits = True
        elif not asked:
            self._send(self._words.request)

    def close(self) -> None:
        """Stop the stream, if the gauge still listens, and let the port go."""
        if self.settings.mode == "stream" and self._words.stop:
            with suppress(DeviceError):
                self._port.write(self._words.stop)
        super().close()

    def feed(self, data: bytes) -> list[Signal]:
        """Return what the gauge said with `data` and the half frame before it.  Needs no open port."""
        said = super().feed(data)
        if said:
            self._heard()
        return [signal for one in said for signal in self._told(one)]

    @abstractmethod
    def _make_words(self) -> Words:
        """Return what this gauge understands."""

    @abstractmethod
    def _meaning(self, frame: Frame) -> Signal | None:
        """Say what a frame that is not empty means; a Condition while a state lasts, its end is told by itself."""

    def _make_framing(self) -> Framing:
        return Delimited(LINE_ENDS, MAX_LENGTH)

    def _decode(self, frame: Frame) -> Signal | None:
        return self._meaning(frame) if frame.body else None

    def _reading(self, frame: Frame, text: bytes, unit: str, *, stable: bool = True, judged: str = "") -> Reading:
        """Make a value of `text`, which matches NUMBER."""
        number = text.decode("ascii")
        return Reading(frame.raw, number, Decimal(number), unit, stable, self._gauge, judged)

    def _is_called(self, gauge: str) -> None:
        """Take the gauge's name: the answer to `identify`, or what it says at power-on, when no stream runs."""
        self._gauge = gauge
        self._interrupted = True
        self._heard()

    def _greet(self) -> None:
        self._owes = self._ask_waits = False
        self._sent_s = -math.inf
        self._identifies = bool(self._words.identify)
        if self._identifies:
            self._send(self._words.identify)
            self._sent_s = -math.inf
        else:
            self._go_on()

    def _due(self) -> float:
        return self._due_s

    def _tick(self) -> list[Signal]:
        """Send what is due; tell silence once."""
        owed, self._owes = self._owes, False
        self._identifies = False
        self._go_on()
        if not owed or self._silent:
            return []
        self._silent = True
        detail = f"nothing for {self.settings.silence_s:g} s; is the gauge on, are cable, line and mode right?"
        return [Condition(b"", SILENT, active=True, detail=detail)]

    def _go_on(self) -> None:
        """Send the next request or start the stream, and set when to look again."""
        mode, now_s = self.settings.mode, time.monotonic()
        next_s = self._sent_s + self.settings.interval_s
        self._due_s = math.inf
        if self._ask_waits:
            self._ask_waits = False
            self._send(self._words.request)
        elif mode == "poll" and now_s < next_s:
            self._due_s = next_s
        elif mode == "poll":
            self._send(self._words.request)
        elif mode == "stream":
            self._send(self._words.start)
            self._interrupted = False

    def _send(self, words: bytes) -> None:
        """Send `words`, if any; the gauge owes something from now on."""
        if words:
            self._port.write(words)
        self._owes = self._interrupted = True
        self._sent_s = time.monotonic()
        self._due_s = self._sent_s + self.settings.silence_s

    def _heard(self) -> None:
        """Set what is due after a frame.  In a stream a request has ended it, or power-on: it is started anew."""
        if self.settings.mode == "stream":
            self._owes = not self._interrupted
            self._due_s = time.monotonic() + (0 if self._interrupted else self.settings.silence_s)
        elif self._owes:
            self._owes = False
            self._due_s = self._sent_s + self.settings.interval_s if self.settings.mode == "poll" else math.inf
        self._identifies = False
        if self._ask_waits:
            self._due_s = -math.inf

    def _told(self, signal: Signal) -> list[Signal]:
        """Put the ends of conditions before a signal; say a state once."""
        if isinstance(signal, Noise):
            return [_explained(signal) if self._seven_bits else signal]
        if not self._silent and not self._state and isinstance(signal, Reading):
            return [signal]
        return [*self._ended(signal), *self._begun(signal)]

    def _ended(self, signal: Signal) -> list[Signal]:
        over = [SILENT] if self._silent else []
        if self._state and not (isinstance(signal, Condition) and signal.name == self._state):
            over.append(self._state)
            self._state = ""
        self._silent = False
        return [Condition(signal.raw, name, active=False) for name in over]

    def _begun(self, signal: Signal) -> list[Signal]:
        if isinstance(signal, Condition):
            if signal.name == self._state:
                return []
            self._state = signal.name
        return [signal]


def _explained(noise: Noise) -> Noise:
    """Add what bytes above 0x7F point to on a line of 7-bit characters."""
    if not TOP_BIT.search(noise.raw):
        return noise
    return replace(noise, reason=f"{noise.reason}; bytes above 0x7F: are data bits, parity and baud rate the gauge's?")
