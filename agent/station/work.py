"""What a process engineer declares of the work: operations with their components, characteristics and steps.

The station's own words, validated when the station file is read.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from agent.station.tables import Declared, Name, Pattern, first_repeated

Exact = Annotated[Decimal, Field(allow_inf_nan=False)]

KEYS_OF_KIND = {
    "scan": {"part", "times"},
    "measure": {"measurement", "times"},
    "tick": {"device", "input"},
    "await": {"signal", "active"},
}
"""Kind of step -> the keys that say something of it."""


class PartNeed(Declared):
    """A component that an operation builds in, traced by lot or serial number."""

    number: str = Field(min_length=1, description="Part number, as the label says it.")
    quantity: int = Field(default=1, ge=1, le=1000, description="How many scans of it, in pieces.")
    serial: bool = Field(default=False, description="Whether each piece must tell a serial number.")


class Characteristic(Declared):
    """A measured characteristic with its limits, both ends included."""

    name: str = Field(min_length=1, description="Name on the drawing.")
    gauge: Name = Field(description="Name of the gauge device that measures it.")
    unit: str = Field(min_length=1, description="Unit of the limits; a value in another unit is refused or converted.")
    nominal: Exact = Field(description="Nominal value, in `unit`.")
    low: Exact = Field(description="Lower specification limit, in `unit`.")
    high: Exact = Field(description="Upper specification limit, in `unit`.")
    sample: Literal["unit", "shift", "lot"] = Field(
        default="unit", description="Measured on units by `every`, on the first unit of a shift, or when a lot is new."
    )
    every: int = Field(default=1, ge=1, le=100_000, description="Measured on each so manieth unit, beginning at once.")

    @model_validator(mode="after")
    def _limits_stand_in_order(self) -> Self:
        if not self.low <= self.nominal <= self.high:
            raise ValueError(
                f"limits of {self.name!r} must satisfy low <= nominal <= high; "
                f"they are {self.low}, {self.nominal}, {self.high}"
            )
        if self.sample != "unit" and self.every != 1:
            raise ValueError(f'every of {self.name!r} counts units: it says nothing with sample = "{self.sample}"')
        return self


class Step(Declared):
    """One thing to do in an operation."""

    name: Name = Field(description="Name of the step, unique in its operation.")
    kind: Literal["scan", "measure", "tick", "await"] = Field(
        description="scan a part, measure a characteristic, tick a card or button, await a machine's signal."
    )
    part: str = Field(default="", description="Of scan: the part number.")
    measurement: str = Field(default="", description="Of measure: the name of the characteristic.")
    times: int = Field(default=1, ge=1, le=1000, description="Of scan and measure: how often.")
    device: str = Field(default="", description="Of tick: device with the button; empty: the card tick:NAME only.")
    input: str = Field(default="", description="Of tick: input of that device.")
    signal: str = Field(default="", description="Of await: name of the machine signal.")
    active: bool = Field(default=True, description="Of await: the state that it must change to.")

    def __hash__(self) -> int:
        """By name alone, which is quick: look-ups of what follows from a declaration stand in the way of each scan."""
        return hash(self.name)

    @model_validator(mode="after")
    def _keeps_to_its_kind(self) -> Self:
        known = KEYS_OF_KIND[self.kind]
        if wrong := self.model_fields_set - known - {"name", "kind"}:
            raise ValueError(f"{min(wrong)} is no key of step {self.name!r}, which is a {self.kind!r}")
        needed = {"scan": self.part, "measure": self.measurement, "await": self.signal}.get(self.kind, "-")
        if not needed:
            raise ValueError(f"step {self.name!r} lacks its {min(known & {'part', 'measurement', 'signal'})}")
        if bool(self.device) != bool(self.input):
            raise ValueError(f"step {self.name!r} needs device and input together")
        return self


class Operation(Declared):
    """One operation on one unit, and all that it requires."""

    name: Name = Field(description="Name of the operation in the route.")
    units: Pattern = Field(default=".+", description="Which units it is for: must match the whole unit number.")
    operator: bool = Field(default=True, description="Whether somebody must be signed on.")
    products: tuple[str, ...] = Field(default=(), description="Products it is for; empty: all whose route has it.")
    instruction: str = Field(default="", description="Revision of the work instruction that hangs here; empty: none.")
    rework: bool = Field(default=False, description="Whether it may be done again on a unit that is to be reworked.")
    order: Literal["set", "sequence"] = Field(default="set", description="Whether its steps have an order.")
    part: tuple[PartNeed, ...] = Field(default=(), description="Components to scan.")
    measurement: tuple[Characteristic, ...] = Field(default=(), description="Characteristics to measure, in order.")
    step: tuple[Step, ...] = Field(default=(), description="Steps; parts and measurements without one come after.")

    def __hash__(self) -> int:
        """By name alone, which is quick: look-ups of what follows from a declaration stand in the way of each scan."""
        return hash(self.name)

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        for label, values in (
            ("part number", [part.number for part in self.part]),
            ("measurement", [characteristic.name for characteristic in self.measurement]),
            ("step", [step.name for step in self.step]),
        ):
            if twice := first_repeated(values):
                raise ValueError(f"operation {self.name!r} names {label} {twice!r} twice")
        return self

    @model_validator(mode="after")
    def _steps_can_be_done(self) -> Self:
        parts = {part.number: part.quantity for part in self.part}
        measurements = [characteristic.name for characteristic in self.measurement]
        scans: Counter[str] = Counter()
        for step in self.step:
            scans[step.part] += step.times if step.kind == "scan" else 0
            if step.kind == "measure" and step.measurement not in measurements:
                raise ValueError(f"step {step.name!r} measures {step.measurement!r}; the operation has {measurements}")
            if step.kind == "scan" and parts and step.part not in parts:
                raise ValueError(f"step {step.name!r} scans {step.part!r}; the operation has {[*parts]}")
            if step.kind == "scan" and parts and scans[step.part] > parts[step.part]:
                raise ValueError(
                    f"step {step.name!r} can never be done: the steps scan {step.part!r} {scans[step.part]} times, "
                    f"its quantity is {parts[step.part]}"
                )
        return self
