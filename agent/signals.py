"""What reaches the decision: device signals, device states and commands, each stamped with its moment.

Pure data.  Made by the runtime, read by the station.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.events import Moment
    from drivers.contract import Signal


@dataclass(frozen=True, slots=True)
class DeviceOpened:
    """A device works (again)."""


@dataclass(frozen=True, slots=True)
class DeviceLost:
    """A device does not work, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class AgentStarted:
    """The agent begins to record."""

    version: str


@dataclass(frozen=True, slots=True)
class AgentStopped:
    """The agent stops on purpose, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class JournalDamaged:
    """The journal was damaged and put aside; a new one was begun."""

    reason: str
    aside: str
    old_epoch: str
    new_epoch: str


@dataclass(frozen=True, slots=True)
class RecordingLost:
    """Nothing can be written, and why."""

    reason: str


@dataclass(frozen=True, slots=True)
class RecordingBack:
    """What happens can be written again."""


@dataclass(frozen=True, slots=True)
class ClockStepped:
    """The wall clock was set; seconds to add to times of this boot from before, to read them on the new clock."""

    offset_s: float


OwnSignal = AgentStarted | AgentStopped | JournalDamaged | RecordingLost | RecordingBack | ClockStepped


@dataclass(frozen=True, slots=True)
class Command:
    """An order from the central server: `cmd/<name>` and its JSON document."""

    name: str
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that happened, who said it (device name, "agent" or "central"), and when it was seen."""

    source: str
    what: Signal | DeviceOpened | DeviceLost | OwnSignal | Command
    moment: Moment
