"""Which rules of the interlock hold, what is done when their data is missing or stale, and who may answer for it.

The station's own words, validated when the station file is read.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from agent.station.reference import Set  # noqa: TC001  pydantic reads annotations at run time
from agent.station.tables import Declared, Name


class Check(StrEnum):
    """The rules of the interlock that rest on data, by the names that the facts and the station file give them."""

    OPERATOR = "operator"
    QUALIFICATION = "qualification"
    UNIT = "unit"
    PRODUCT = "product"
    STATUS = "status"
    ROUTE = "route"
    DONE = "done"
    INSTRUCTION = "instruction"
    CALIBRATION = "calibration"
    COMPONENT = "component"
    LOT = "lot"
    SERIAL = "serial"
    EXPIRY = "expiry"


class Policy(StrEnum):
    """What to do when a rule's data is missing or stale.  What the data forbids is refused under each but `off`."""

    AUTO = "auto"
    BLOCK = "block"
    FLAG = "flag"
    ASK = "ask"
    OFF = "off"


class Disposition(StrEnum):
    """What becomes of a unit with a defect."""

    REWORK = "rework"
    SCRAP = "scrap"
    HOLD = "hold"
    USE_AS_IS = "use-as-is"


_HOW = '"auto": missing data is no matter, stale data a flag; "block", "flag", "ask" somebody with authority, "off".'


def _policy(what: str) -> Policy:
    policy: Policy = Field(default=Policy.AUTO, description=f"{what}.  {_HOW}")
    return policy


class Policies(Declared):
    """What is done when the data that a rule rests on is missing or older than it may be; one key a rule."""

    operator: Policy = _policy("The badge is one that the plant knows")
    qualification: Policy = _policy("The operator is qualified for the operation, and still is today")
    unit: Policy = _policy("The unit is known, or a product admits its number")
    product: Policy = _policy("The unit's product is made by this operation")
    status: Policy = _policy("The unit is neither on hold nor scrap nor to be reworked elsewhere")
    route: Policy = _policy("All operations before this one are complete")
    done: Policy = _policy("This operation is not complete already, unless rework is allowed")
    instruction: Policy = _policy("The work instruction has the revision that the product asks for")
    calibration: Policy = _policy("The gauges are within the date of their calibration")
    component: Policy = _policy("The product's bill of material asks for the part")
    lot: Policy = _policy("The lot is not blocked")
    serial: Policy = _policy("The serial number of a component was not used before")
    expiry: Policy = _policy("The component's expiry date is not over")
    max_age_h: float = Field(
        default=0.0, ge=0, description="Data that nobody has confirmed for longer is stale, hours.  0: it never is."
    )
    set_age_h: dict[Set | Literal["line"], float] = Field(
        default={}, description='The same for one set, such as { lots = 4.0 }; "line": word of the other stations.'
    )
    conflict: Literal["hold", "flag"] = Field(
        default="hold", description="A unit that two stations have done the same operation on: put on hold, or told."
    )
    answer_within_s: float = Field(
        default=300.0, gt=0, le=86_400, description="A question waits so long for a badge and a reason, seconds."
    )
    reasons: tuple[str, ...] = Field(default=(), description="Reasons that a reason card may give; empty: any.")
    utc_offset_h: float = Field(
        default=0.0, ge=-14, le=14, description="The plant's clock is ahead of UTC by so much, hours: tells the day."
    )

    def of(self, check: Check) -> Policy:
        """The policy of one rule."""
        policy: Policy = self.__dict__[check]  # the rules' names are the keys'
        return policy

    def max_age_s(self, which: str) -> float:
        """How old a set may be, seconds; infinite where nothing bounds it."""
        hours = next((hours for name, hours in self.set_age_h.items() if name == which), self.max_age_h)
        return hours * 3600 or float("inf")


class Authority(Declared):
    """What the people of one role may answer for."""

    role: Name = Field(description="Role, as the operators' reference data names it.")
    rules: tuple[Check, ...] = Field(default=(), description='Rules whose question (policy "ask") they may answer.')
    dispositions: tuple[Disposition, ...] = Field(default=(), description="What they may make of a unit with a defect.")
    calls: tuple[str, ...] = Field(
        default=(), description='Types of andon calls that they may answer; "*": all.  A type of no role: anybody may.'
    )
    alarms: bool = Field(
        default=False, description="Whether they may acknowledge, shelve and reset alarms; if no role may: anybody."
    )
    badges: tuple[str, ...] = Field(default=(), description="Badges that have the role without reference data.")

    @model_validator(mode="after")
    def _may_something(self) -> Self:
        if not (self.rules or self.dispositions or self.calls or self.alarms):
            raise ValueError(f"role {self.role!r} may answer for nothing: give it rules, dispositions, calls or alarms")
        return self


class Line(Declared):
    """What this station tells the other stations of its line."""

    share: int = Field(default=500, ge=10, le=5000, description="Steps told to a station that was away, at most.")


class Shift(Declared):
    """A shift, by the time of day at which it begins; it lasts until the next one does."""

    name: Name = Field(description="Name of the shift, unique in this station.")
    begin: str = Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Plant time at which it begins, HH:MM.")


class DefectCode(Declared):
    """A defect that can be recorded by its card, `defect:CODE[@LOCATION][*QUANTITY]`."""

    code: Name = Field(description="Code of the defect, unique in this station.")
    text: str = Field(default="", description="What it is, in the plant's language.")
    severity: Literal["minor", "major", "critical"] = Field(default="major", description="How grave it is.")
    locations: tuple[str, ...] = Field(default=(), description="Where it can be; empty: anywhere.")
    disposition: Literal["", "hold", "rework"] = Field(
        default="", description='What becomes of the unit at once: "hold" or "rework"; empty: nothing yet.'
    )
