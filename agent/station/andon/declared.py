"""What a plant declares of its andon calls: who calls how, when a call becomes a stop, and who hears of it next."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from agent.station.policy import Check  # noqa: TC001  pydantic reads annotations at run time
from agent.station.tables import Declared, Name

ANY_MEASUREMENT = "*"
"""Stands for every measurement in `measurement` of a call."""

DAY_S = 86_400.0


class CallMode(StrEnum):
    """What a call does: asks somebody to come (yellow), asks for help with the work (blue), or stops the line (red)."""

    CALL = "call"
    HELP = "help"
    STOP = "stop"


class AndonCall(Declared):
    """A call: by button, cord or contact, by card, by the central, or by what the station itself judges."""

    name: Name = Field(description="Name of the call, unique in this station.")
    type: Name = Field(description="quality, safety, equipment, material, process, or a word of the plant.")
    severity: str = Field(default="", description="How grave it is, in the plant's words; empty: it is not said.")
    mode: CallMode = Field(default=CallMode.CALL, description="call and help: work goes on; stop: nothing may pass.")
    device: str = Field(default="", description="Device that has the button; empty: no button.")
    input: str = Field(default="", description="Input of that device, as its driver names it.")
    reset_input: str = Field(
        default="", description="Input that resolves the call; empty: releasing the button (or cord) resolves it."
    )
    stop_after_s: float = Field(
        default=0.0, ge=0, le=DAY_S, description="A call that is not resolved by then becomes a stop, s; 0: never."
    )
    stop_at: str = Field(
        default="", description="Machine signal of the fixed position: an open call becomes a stop when it is reached."
    )
    measurement: tuple[str, ...] = Field(
        default=(), description='Measurements whose value out of limits raises the call; "*": any of them.'
    )
    rule: tuple[Check, ...] = Field(default=(), description="Rules of the interlock whose refusal raises the call.")
    needs_reason: bool = Field(
        default=False, description="Resolved, it is closed only when somebody has given the reason."
    )

    @model_validator(mode="after")
    def _can_be_resolved(self) -> Self:
        if self.reset_input and self.reset_input == self.input:
            raise ValueError(f"call {self.name!r} is raised by its reset_input {self.input!r}, so nothing resolves it")
        if bool(self.device) != bool(self.input):
            raise ValueError(f"call {self.name!r} needs both device and input for its button, or neither")
        if self.reset_input and not self.device:
            raise ValueError(f"call {self.name!r} has a reset_input, but no device that has it")
        if self.mode is CallMode.STOP and (self.stop_after_s or self.stop_at):
            raise ValueError(f"call {self.name!r} stops at once (mode = 'stop'): remove stop_after_s and stop_at")
        return self


class Escalation(Declared):
    """One level of a ladder: who hears of a call that nobody has answered in time."""

    type: str = Field(default="", description="Type of the calls it is for; empty: every type without levels.")
    after_s: float = Field(gt=0, le=7 * DAY_S, description="Seconds after the call was raised.")
    to: str = Field(min_length=1, description="Who hears of it, in the plant's words.")
    unless: Literal["acknowledged", "arrived", "resolved"] = Field(
        default="acknowledged", description="What must have happened by then, or the call escalates."
    )


class AndonRules(Declared):
    """What holds for all calls of a station."""

    escalation: tuple[Escalation, ...] = Field(default=(), description="One table a level; ordered by their seconds.")
    escalate_after_s: float = Field(
        default=300.0,
        ge=0,
        le=7 * DAY_S,
        description="Where no level is declared: one level after so long, s; 0: none.",
    )
    escalate_to: str = Field(default="supervisor", min_length=1, description="Who hears of it then.")
    answer_within_s: float = Field(
        default=60.0, gt=0, le=DAY_S, description="A card that needs a badge with authority waits so long for it, s."
    )
    running: str = Field(
        default="",
        description="Machine signal: the line runs.  After a stop it tells the restart; empty: the reset does.",
    )
    reasons: tuple[str, ...] = Field(default=(), description="Reasons that may be given for a call; empty: any.")
    countermeasures: tuple[str, ...] = Field(default=(), description="Countermeasures that may be given; empty: any.")

    def ladder(self, call_type: str) -> tuple[Escalation, ...]:
        """The levels of a type of call, the first one first."""
        own = [level for level in self.escalation if level.type == call_type]
        levels = own or [level for level in self.escalation if not level.type]
        if not levels and self.escalate_after_s:
            levels = [Escalation(after_s=self.escalate_after_s, to=self.escalate_to)]
        return tuple(sorted(levels, key=lambda level: level.after_s))
