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
class SpaceChanged:
    """The journal's disk has little space left, in words, or again enough."""

    low: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class UplinkChanged:
    """What is recorded arrives at the central again, or has not for so long that it is an alarm, and why."""

    up: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ClockTrusted:
    """The wall clock is synchronised again, or has not been for so long that it is an alarm, and why."""

    synced: bool
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceLost:
    """A set of reference data that was in use cannot be read any more."""

    which: str


@dataclass(frozen=True, slots=True)
class ClockStepped:
    """The wall clock was set; seconds to add to times of this boot from before, to read them on the new clock."""

    offset_s: float


@dataclass(frozen=True, slots=True)
class TimeUp:
    """Timer `timer` of the memory has ended; `document` is what it was, None: whatever runs under that name."""

    timer: str
    document: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class CallsDelivered:
    """Whoever must confirm has every fact of the andon lane that was recorded so far."""


OwnSignal = (
    AgentStarted
    | AgentStopped
    | JournalDamaged
    | RecordingLost
    | RecordingBack
    | SpaceChanged
    | UplinkChanged
    | ClockTrusted
    | ReferenceLost
    | ClockStepped
    | TimeUp
    | CallsDelivered
)


@dataclass(frozen=True, slots=True)
class Reply:
    """Where an answer goes: the MQTT 5 response topic and correlation data of who asks."""

    topic: str
    mark: bytes = b""


@dataclass(frozen=True, slots=True)
class Command:
    """An order from the central server: `cmd/<name>` and its JSON document.

    `id` tells one order from another, empty where the central does not; after `deadline_ns` (monotonic time of this
    boot) it must not be obeyed any more.
    """

    name: str
    data: Mapping[str, Any]
    id: str = ""
    reply: Reply | None = None
    deadline_ns: int | None = None


@dataclass(frozen=True, slots=True)
class Offer:
    """A document of reference data as it came; nobody has read it yet.

    `origin` is `topic`, `order` or `file`.  `retained`: the broker kept it, for how long nobody knows; `key` then is
    the topic.  `order` is the command that brought it, `file` the name it was left under.
    """

    payload: bytes
    origin: str
    key: str = ""
    retained: bool = False
    order: Command | None = None
    file: str = ""


@dataclass(frozen=True, slots=True)
class ReferenceOffered:
    """Documents of reference data, read and checked; `change` is what `agent.station.sets.change` makes of them."""

    change: Any
    offers: tuple[Offer, ...]
    order: Command | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """One step of one unit at another station: operation done, or a status (`hold`, `scrap`, `ok`) given.

    `sequence` is the number of the fact in that station's work lane, `time` when it was seen there.
    """

    unit: str
    operation: str
    status: str
    sequence: int
    time: str


@dataclass(frozen=True, slots=True)
class LineProgress:
    """What another station of the line tells of the units it worked on last, newest last."""

    station: str
    epoch: str
    steps: tuple[Progress, ...]


@dataclass(frozen=True, slots=True)
class Input:
    """One thing that happened, who said it, and when it was seen.

    Who: the name of a device, "agent", "central", "line" or "file".
    """

    source: str
    what: Signal | DeviceOpened | DeviceLost | OwnSignal | Command | LineProgress | ReferenceOffered
    moment: Moment
