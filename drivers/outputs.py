"""Make of a picture of the stack light the level of each output, now and next.

Time comes in as an argument.  Knows no wires: a driver writes the changes and says what it has written.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from pydantic import BaseModel, Field

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from drivers.contract import Lamp, Lamps

HORN: Literal["horn"] = "horn"

Part = Literal["red", "yellow", "green", "blue", "horn"]
"""What a stack light is made of: its lamps by colour, and its horn."""

ROUNDING = 1e-6
"""Steps of blinking; a moment so close before a change counts as the change."""


class BlinkSettings(BaseModel):
    """Keys of every device that has a stack light; each driver adds where the lamps and the horn are wired."""

    blink_s: float = Field(
        default=0.5, ge=0.05, le=10, description="A blinking lamp is lit so long and dark so long, s; default 0.5."
    )


class StackSettings(BlinkSettings):
    """The same, where the outputs stay as they are when the device is closed."""

    safe: dict[Part, bool] = Field(
        default={}, description="Lamps and horn left on when the agent ends, by name; default all off."
    )


class Stack:
    """The outputs of one stack light: what they should be, and what was written.

    `parts` are the lamps and the horn that have an output, in the order in which they are written; what has none is
    left out.  A lamp that begins to blink is lit at once.  A lamp blinks only while the picture also lights it.
    """

    def __init__(self, parts: Collection[Part], blink_s: float, safe: Mapping[Part, bool] | None = None) -> None:
        self._parts = tuple(parts)
        self._blink_s = blink_s
        self._safe = safe or {}
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
        if self._blinking(picture) - self._blinking(self._picture):
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
        return {part: self._safe.get(part, False) for part in self._parts}

    def written(self, levels: Mapping[Part, bool]) -> None:
        """Remember that the device has taken `levels`."""
        self._written.update(levels)

    def known(self) -> dict[Part, bool]:
        """Return the levels that the device has taken, as far as known."""
        return dict(self._written)

    def due(self, now: float) -> float:
        """When a level will change by itself: long ago if one is unwritten, never if nothing blinks."""
        if self.changes(now):
            return -math.inf
        if not any(lamp.value in self._parts for lamp in self._blinking(self._picture)):
            return math.inf
        return self._since + (self._steps(now) + 1) * self._blink_s

    def _levels(self, now: float) -> dict[Part, bool]:
        picture = self._picture
        if picture is None:
            return {}
        lit_phase = self._steps(now) % 2 == 0
        dark = set() if lit_phase else self._blinking(picture)
        on = {lamp.value for lamp in picture.lit - dark} | ({HORN} if picture.horn else set())
        return {part: part in on for part in self._parts}

    def _steps(self, now: float) -> int:
        return math.floor((now - self._since) / self._blink_s + ROUNDING)

    def _unwritten(self, levels: Mapping[Part, bool]) -> dict[Part, bool]:
        return {part: level for part, level in levels.items() if self._written.get(part) is not level}

    @staticmethod
    def _blinking(picture: Lamps | None) -> set[Lamp]:
        return set(picture.blinking & picture.lit) if picture else set()


def parts_of(lamps: Mapping[Lamp, object], *, horn: bool) -> list[Part]:
    """Return the parts that have an output."""
    return [*(lamp.value for lamp in lamps), *([HORN] if horn else [])]
