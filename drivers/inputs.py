"""Make of the raw level of a contact what is told about it: debounce, delays, and wires that broke.

Time comes in as an argument.  Knows no device: a driver samples, or tells edges, and passes on what comes out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, model_validator

from drivers.contract import NAME_PATTERN, Condition, Contact

if TYPE_CHECKING:
    from collections.abc import Callable

WIRE_BREAK = "wire-break"
"""Name of the condition that a wire, or the contact itself, is broken."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A level that is not known; two faults of one name are the same fault, whatever their details."""

    name: str
    detail: str = field(compare=False)


Level = bool | Fault
"""True: the contact is closed, the bit is set, the value is beyond its threshold."""

T = TypeVar("T")

InputName = Annotated[str, Field(pattern=NAME_PATTERN)]
"""What a `[device.inputs.NAME]` table may be called."""


class InputSettings(BaseModel):
    """Keys of every `[device.inputs.NAME]` table; each driver adds where the input is wired."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    contact: Literal["no", "nc"] = Field(
        default="no", description="no: active when closed (bit set, value beyond); nc: active when open; default no."
    )
    debounce_s: float = Field(
        default=0.02, ge=0, le=10, description="A level must hold still so long before it counts, s; default 0.02."
    )
    on_delay_s: float = Field(
        default=0.0, ge=0, le=86400, description="Told active only after so long without a break, s; default 0."
    )
    off_delay_s: float = Field(
        default=0.0, ge=0, le=86400, description="Told inactive only after so long without a break, s; default 0."
    )
    fault_delay_s: float = Field(
        default=0.5, ge=0, le=60, description="A wire counts as broken only after so long, s; default 0.5."
    )
    safe: Literal["active", "inactive"] = Field(
        default="active", description="What is told while the wire is broken: active or inactive; default active."
    )


class ThresholdSettings(BaseModel):
    """Keys that make a contact of a number."""

    above: Decimal | None = Field(default=None, description="The level is on from this value upwards; default none.")
    below: Decimal | None = Field(default=None, description="The level is on from this value downwards; default none.")
    deadband: Decimal = Field(
        default=Decimal(0), ge=0, description="It goes off only so far on the other side of the threshold; default 0."
    )
    broken_below: Decimal | None = Field(default=None, description="A value below is a broken wire; default none.")
    broken_above: Decimal | None = Field(default=None, description="A value above is a broken wire; default none.")

    @model_validator(mode="after")
    def _one_threshold(self) -> ThresholdSettings:
        if self.above is not None and self.below is not None:
            raise ValueError("above and below are both given: keep one, or make two inputs of it")
        if self.above is None and self.below is None and (self.deadband or self.has_breaks):
            raise ValueError("deadband, broken_below and broken_above need a threshold: give above or below")
        return self

    @property
    def has_threshold(self) -> bool:
        """Whether the input is a number and not a bit."""
        return self.above is not None or self.below is not None

    @property
    def has_breaks(self) -> bool:
        """Whether some values mean a broken wire."""
        return self.broken_below is not None or self.broken_above is not None


class Threshold:
    """Level of a number: on beyond the threshold, off again on the other side of the deadband."""

    def __init__(self, settings: ThresholdSettings) -> None:
        self._settings = settings
        self._on = False

    def level(self, value: Decimal) -> Level:
        """Return whether `value` is beyond the threshold, or that it says the wire is broken."""
        settings = self._settings
        if settings.broken_below is not None and value < settings.broken_below:
            return Fault(WIRE_BREAK, f"{value} is below {settings.broken_below}")
        if settings.broken_above is not None and value > settings.broken_above:
            return Fault(WIRE_BREAK, f"{value} is above {settings.broken_above}")
        slack = settings.deadband if self._on else Decimal(0)
        if settings.above is not None:
            self._on = value >= settings.above - slack if not slack else value > settings.above - slack
        elif settings.below is not None:
            self._on = value <= settings.below + slack if not slack else value < settings.below + slack
        return self._on


def pair(closed: bool, other_closed: bool) -> Level:  # noqa: FBT001  the two contacts are the arguments
    """Level of the first of two contacts of one button, of which always exactly one is closed."""
    if closed != other_closed:
        return closed
    return Fault(WIRE_BREAK, "both contacts are closed" if closed else "both contacts are open")


class Steady(Generic[T]):
    """Follows a value, but only once it has held still for its delay; undecided (None) until the first has."""

    def __init__(self, delay_s: Callable[[T], float]) -> None:
        self._delay_s = delay_s
        self.value: T | None = None
        self._newest: T | None = None
        self._since = 0.0

    def feed(self, value: T, now: float) -> None:
        """Take the value that holds from `now` on."""
        if value != self._newest:
            self._since = now
        self._newest = value

    def due(self) -> float:
        """When the newest value will have held still long enough; never, if it is the one that counts already."""
        if self._newest is None or self._newest == self.value:
            return math.inf
        return self._since + self._delay_s(self._newest)

    def settle(self) -> T | None:
        """Let the newest value count."""
        self.value = self._newest
        return self.value

    def force(self, value: T) -> None:
        """Let `value` count at once."""
        self.value = self._newest = value


class Input:
    """One contact: takes raw levels, gives Contacts and Conditions.

    The first state is told once it has held for its delays, then every change.  While the level is a Fault, the
    Condition of that name holds, its detail beginning with the input's name, and the contact is told in its safe
    reading.  What was told of a fault outlives `restart`, so that its end is told.
    """

    def __init__(self, name: str, settings: InputSettings) -> None:
        self.name = name
        self._settings = settings
        self._fault: Fault | None = None
        self._raw = b""
        self.restart()

    def restart(self) -> None:
        """Forget the state: it will be told again."""
        self._bounced: Steady[Level] = Steady(self._still_s)
        self._delayed: Steady[bool] = Steady(self._delay_s)

    def sampled(self, level: Level, raw: bytes, now: float) -> list[Contact | Condition]:
        """Take a sample: nothing is known of the time since the last one, so a lone sample proves no stillness."""
        self._raw = raw
        self._bounced.feed(level, now)
        return self.elapsed(now)

    def changed(self, level: Level, raw: bytes, now: float) -> list[Contact | Condition]:
        """Take an edge: the level was what it was until `now`."""
        told = self.elapsed(now)
        return told + self.sampled(level, raw, now)

    def elapsed(self, now: float) -> list[Contact | Condition]:
        """Return what became due until `now`, as the level has not changed."""
        told: list[Contact | Condition] = []
        while (due := self.due()) <= now:
            told += self._step(due)
        return told

    def due(self) -> float:
        """When `elapsed` will have something to do; never, if nothing is under way."""
        return min(self._bounced.due(), self._delayed.due())

    def _step(self, at: float) -> list[Contact | Condition]:
        if self._bounced.due() <= self._delayed.due():
            return self._settled(self._bounced.settle(), at)
        return [self._contact(active=bool(self._delayed.settle()))]

    def _settled(self, level: Level | None, at: float) -> list[Contact | Condition]:
        if isinstance(level, Fault):
            return self._faulty(level)
        told: list[Contact | Condition] = [*self._fault_ended()]
        self._delayed.feed((level is True) == (self._settings.contact == "no"), at)
        return told

    def _faulty(self, fault: Fault) -> list[Contact | Condition]:
        told: list[Contact | Condition] = []
        if self._fault != fault:
            told += self._fault_ended()
            self._fault = fault
            told.append(Condition(self._raw, fault.name, active=True, detail=fault.detail, part=self.name))
        safe = self._settings.safe == "active"
        if self._delayed.value is not safe:
            told.append(self._contact(active=safe))
        self._delayed.force(safe)
        return told

    def _fault_ended(self) -> list[Condition]:
        fault, self._fault = self._fault, None
        return [Condition(self._raw, fault.name, active=False, part=self.name)] if fault else []

    def _contact(self, *, active: bool) -> Contact:
        return Contact(self._raw, self.name, active=active)

    def _still_s(self, level: Level) -> float:
        return self._settings.fault_delay_s if isinstance(level, Fault) else self._settings.debounce_s

    def _delay_s(self, active: bool) -> float:  # noqa: FBT001  the value is the argument
        return self._settings.on_delay_s if active else self._settings.off_delay_s
