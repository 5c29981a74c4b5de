"""Make of a picture of the stack light the level of each output, now and next.

Time comes in as an argument.  Knows no wires: a driver writes the changes and says what it has written.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal, TypeVar

from pydantic import BaseModel, Field, model_validator

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from drivers.contract import Lamp, Lamps

HORN: Literal["horn"] = "horn"
STOP: Literal["stop"] = "stop"
RUN: Literal["run"] = "run"

Part = Literal["red", "yellow", "green", "blue", "horn", "stop", "run"]
"""What a stack light is made of: its lamps by colour, its horn, and the two outputs that stop the line.

`stop` is on while the line is stopped; `run` is its opposite, on only while the line may run.
"""

STOPPED: Mapping[Part, bool] = {STOP: True, RUN: False}
"""How the outputs stand that stop the line, while it is stopped."""

ROUNDING = 1e-6
"""Steps of blinking; a moment so close before a change counts as the change."""

Place = TypeVar("Place")


class BlinkSettings(BaseModel):
    """Keys of every device that has a stack light; each driver adds where its parts are wired."""

    blink_s: float = Field(
        default=0.5,
        ge=0.05,
        le=10,
        description="A blinking lamp is lit so long and dark so long, s; half of it while a call has not reached the "
        "server; default 0.5.",
    )

    @property
    def outputs(self) -> Mapping[Part, int | str]:
        """Where each part is wired; what has no output is left out."""
        return {}

    @property
    def stops_the_line(self) -> bool:
        """Whether the device has an output that stops the line."""
        return not STOPPED.keys().isdisjoint(self.outputs)


class StackSettings(BlinkSettings):
    """The same, where the outputs stay as they are when the device is closed."""

    safe: dict[Part, bool] = Field(
        default={},
        description="Lamps, horn, stop and run that are on when the agent ends, by name; default: stop on, others off.",
    )

    @model_validator(mode="after")
    def _one_safe_state(self) -> StackSettings:
        if STOP in self.safe and self.safe[STOP] == self.safe.get(RUN):
            raise ValueError("safe: stop and run are opposites; give one of them, or one on and the other off")
        return self


class Stack:
    """The outputs of one stack light: what they should be, and what was written.

    `parts` are those that have an output, in the order in which they are written; what has none is left out.  A lamp
    that begins to blink, or to blink at another rate, is lit at once.  A lamp blinks only while the picture also lights
    it.  Until there is a picture the line is stopped, unless `safe` lets it run: then these outputs are left alone.
    """

    def __init__(self, parts: Collection[Part], blink_s: float, safe: Mapping[Part, bool] | None = None) -> None:
        self._parts = tuple(parts)
        self._step_s = blink_s / 2
        self._safe = safe or {}
        self._safe_stop = self._safe.get(STOP, not self._safe.get(RUN, False))
        self._picture: Lamps | None = None
        self._since = 0.0
        self._written: dict[Part, bool] = {}

    def forget(self) -> None:
        """The device was opened: nothing is known of its outputs, and there is no picture to show yet."""
        self._picture = None
        self._written = {}

    def unknown(self) -> None:
        """The device may have lost what was written: all of the picture is a change again."""
        self._written = {}

    def show(self, picture: Lamps, now: float) -> None:
        """Take the picture to show from `now` on."""
        if _rates(picture).items() - _rates(self._picture).items():
            self._since = now
        self._picture = picture

    def changes(self, now: float) -> dict[Part, bool]:
        """Return the levels at `now` that were not yet written."""
        return self._unwritten(self._levels(now))

    def at_rest(self) -> dict[Part, bool]:
        """Return the levels of the safe state that were not yet written."""
        return self._unwritten(self.safe_levels())

    def safe_levels(self) -> dict[Part, bool]:
        """Return the level of each part when the agent is not at work."""
        on = {part for part, level in self._safe.items() if level}
        return self._all(on, stop=self._safe_stop)

    def first_levels(self) -> dict[Part, bool]:
        """Return the level of each part where opening the device sets it: the safe state, but the line stopped.

        A restart must not let a line run that was stopped before, whatever the safe state is.
        """
        return {part: STOPPED.get(part, level) for part, level in self.safe_levels().items()}

    def written(self, levels: Mapping[Part, bool]) -> None:
        """Remember that the device has taken `levels`."""
        self._written.update(levels)

    @contextmanager
    def writing(self, levels: Mapping[Part, bool]) -> Iterator[None]:
        """Remember that the device has taken `levels` when the body has ended; if it fails, either may be so."""
        for part in levels:
            self._written.pop(part, None)
        yield
        self.written(levels)

    def known(self) -> dict[Part, bool]:
        """Return the levels that the device has taken, as far as known."""
        return dict(self._written)

    def due(self, now: float) -> float:
        """When a level will change by itself: long ago if one is unwritten, never if nothing blinks."""
        if self.changes(now):
            return -math.inf
        rates = [rate for lamp, rate in _rates(self._picture).items() if lamp.value in self._parts]
        if not rates:
            return math.inf
        period = min(rates)
        return self._since + (self._steps(now) // period + 1) * period * self._step_s

    def _levels(self, now: float) -> dict[Part, bool]:
        picture = self._picture
        if picture is None:
            return {part: STOPPED[part] for part in self._parts if part in STOPPED and self._safe_stop}
        steps = self._steps(now)
        dark = {lamp for lamp, rate in _rates(picture).items() if steps // rate % 2}
        on: set[Part] = {lamp.value for lamp in picture.lit - dark} | ({HORN} if picture.horn else set())
        return self._all(on, stop=picture.stop)

    def _all(self, on: set[Part], *, stop: bool) -> dict[Part, bool]:
        return {part: STOPPED[part] is stop if part in STOPPED else part in on for part in self._parts}

    def _steps(self, now: float) -> int:
        return math.floor((now - self._since) / self._step_s + ROUNDING)

    def _unwritten(self, levels: Mapping[Part, bool]) -> dict[Part, bool]:
        return {part: level for part, level in levels.items() if self._written.get(part) is not level}


def wired(lamps: Mapping[Lamp, Place], horn: Place | None, stop: Place | None, run: Place | None) -> dict[Part, Place]:
    """Return where each part is wired, what stops the line first; what has no output is left out."""
    places: dict[Part, Place | None] = {STOP: stop, RUN: run}
    places |= {lamp.value: place for lamp, place in lamps.items()}
    places[HORN] = horn
    return {part: place for part, place in places.items() if place is not None}


def shared(outputs: Mapping[Part, object]) -> bool:
    """Whether two parts are wired to one output."""
    return len(set(outputs.values())) < len(outputs)


def _rates(picture: Lamps | None) -> dict[Lamp, int]:
    """Return how long each blinking lamp is lit and dark, in half blinks."""
    return {lamp: 1 if lamp in picture.hurried else 2 for lamp in picture.blinking & picture.lit} if picture else {}
