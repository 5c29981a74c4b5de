"""What a process engineer declares of alarms: where they come from, how urgent they are, and who is bothered how long.

The station's own words, validated when the station file is read.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from agent.station.tables import Declared, Name
from agent.station.work import Exact  # noqa: TC001  pydantic reads annotations at run time

LONGEST_SHELF_S = 7 * 86_400
LONGEST_DELAY_S = 86_400
MOST_FLOOD_COUNT = 100

OWN = {
    "disk": "cannot-record",
    "space": "disk-low",
    "journal": "journal-damaged",
    "clock": "clock-unsynced",
    "uplink": "uplink-down",
    "reference": "reference-lost",
    "line": "line-conflict",
    "device": "device-lost",
    "condition": "device-condition",
}
"""What `own` may say -> the alarm it is about.  These alarms are there whether they are declared or not."""

DELAYED = {"device", "condition"}
"""Of these, the ones whose delays are the alarm's; the others are noticed late already, or must not wait."""

Priority = Literal["critical", "high", "medium", "low"]


class Alarm(Declared):
    """An alarm: one of a machine's signal, of a gauge's limits, of a device's loss, or of the agent itself."""

    name: Name = Field(description="Name of the alarm, unique in this station; its identifier on the wire.")
    priority: Priority = Field(default="medium", description='"critical", "high", "medium" or "low".')
    text: str = Field(default="", description="What it means, in the plant's words.")
    consequence: str = Field(default="", description="What happens if nobody does anything.")
    action: str = Field(default="", description="What to do.")
    signal: str = Field(default="", description="Of a machine: name of a [[machine]] signal.")
    active: bool = Field(default=True, description="State of that signal that is the alarm.")
    gauge: str = Field(default="", description="Of a value: name of the gauge.")
    low: Exact | None = Field(default=None, description="A value below is the alarm; default: no lower limit.")
    high: Exact | None = Field(default=None, description="A value above is the alarm; default: no upper limit.")
    unit: str = Field(default="", description="Unit of the limits; a value in another unit is converted, or passed by.")
    deadband: Exact = Field(default=Decimal(0), ge=0, description="So far inside the limit it ends, in `unit`.")
    device: str = Field(default="", description="Of a device: name of the device whose loss it is.")
    own: Literal["", "disk", "space", "journal", "clock", "uplink", "reference", "line", "device", "condition"] = Field(
        default="", description="Of the agent itself: how one of the alarms that are always there behaves."
    )
    on_delay_s: float = Field(
        default=0.0, ge=0, le=LONGEST_DELAY_S, description="It must last so long before it is raised, seconds."
    )
    off_delay_s: float = Field(
        default=0.0, ge=0, le=LONGEST_DELAY_S, description="It must be gone for so long before it ends, seconds."
    )
    acknowledge: bool = Field(
        default=True, description="Whether it stays, as `returned`, until somebody has acknowledged it."
    )
    latch: bool = Field(default=False, description="Whether it stays, as `latched`, until somebody resets it.")
    shelve_max_s: float | None = Field(
        default=None, ge=0, le=LONGEST_SHELF_S, description="Longest shelving, seconds; 0: none; default: of [alarms]."
    )
    suppress_by: str = Field(default="", description="[[machine]] signal that suppresses it; empty: none does.")
    suppress_while: bool = Field(default=False, description="State of that signal in which it is suppressed.")
    group: str = Field(default="", description="Alarms of one group tell which of them was the first out.")
    call: str = Field(default="", description="Andon call that it raises; empty: none.")
    chatter_count: int = Field(
        default=0, ge=0, le=100, description="It chatters if it comes so often within chatter_s; 0: never."
    )
    chatter_s: float = Field(
        default=60.0, gt=0, le=3600, description="See chatter_count, seconds; as long for its end."
    )
    stale_after_s: float = Field(
        default=0.0, ge=0, description="Told as stale if the gauge is silent, or it stays, for so long, s; 0: never."
    )

    @property
    def sources(self) -> list[str]:
        """The keys that say where it comes from, as far as given."""
        return [key for key in ("signal", "gauge", "device", "own") if getattr(self, key)]

    @model_validator(mode="after")
    def _comes_from_one_place(self) -> Self:
        if len(self.sources) != 1:
            told = " and ".join(self.sources) or "none of them"
            raise ValueError(f"alarm {self.name!r} needs one of signal, gauge, device and own; it has {told}")
        if self.name in {*OWN.values(), "flood"}:
            raise ValueError(f"{self.name!r} is the name of an alarm that is always there: choose another")
        return self

    @model_validator(mode="after")
    def _limits_make_sense(self) -> Self:
        given = [limit for limit in (self.low, self.high) if limit is not None]
        if bool(self.gauge) != bool(given) or bool(self.gauge) != bool(self.unit):
            raise ValueError(f"alarm {self.name!r}: gauge, unit, and low or high belong together")
        if len(given) > 1 and given[0] + 2 * self.deadband >= given[1]:
            raise ValueError(f"alarm {self.name!r} would never end: low and high must be more than two deadbands apart")
        if self.deadband and not self.gauge:
            raise ValueError(f"alarm {self.name!r}: deadband says nothing without gauge")
        return self

    @model_validator(mode="after")
    def _waits_where_it_can(self) -> Self:
        if self.own and self.own not in DELAYED and (self.on_delay_s or self.off_delay_s or self.chatter_count):
            raise ValueError(
                f'alarm {self.name!r}: own = "{self.own}" has no delays and does not chatter; see [alarms]'
            )
        return self


class AlarmSettings(Declared):
    """What all alarms of the station have in common."""

    flood_count: int = Field(
        default=10, ge=1, le=MOST_FLOOD_COUNT, description="More alarms than this within flood_s are a flood."
    )
    flood_s: float = Field(default=600.0, gt=0, le=86_400, description="See flood_count, seconds.")
    flood_end_count: int = Field(default=5, ge=1, description="A flood ends with fewer alarms than this in flood_s.")
    uplink_after_s: float = Field(
        default=300.0,
        ge=0,
        description="Broker away, or nothing confirmed, for so long is an alarm, seconds; 0: never.",
    )
    clock_after_s: float = Field(
        default=300.0, ge=0, description="Clock not synchronised for so long is an alarm, seconds; 0: never."
    )
    space_mb: int = Field(
        default=100, ge=0, description="Less space than this on the journal's disk is an alarm, megabytes; 0: never."
    )
    shelve_max_s: float = Field(
        default=28_800.0, ge=0, le=LONGEST_SHELF_S, description="Longest shelving, seconds; 0: nothing may be shelved."
    )

    @property
    def few(self) -> int:
        """Fewer alarms than this in flood_s end a flood; never more than began it."""
        return min(self.flood_end_count, self.flood_count)
