"""What becomes of inputs while nothing can be written: work is refused, calls are kept, states are noticed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Event, Kind
from agent.signals import CallsDelivered, ClockTrusted, RecordingBack, SpaceChanged, TimeUp, UplinkChanged
from drivers.contract import Noise, Reading, Scan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.signals import Input

REFUSABLE = (Scan, Reading, Noise)
"""What is refused, not kept, while nothing can be written: the operator sees red and does it again later."""

TOLD_AGAIN = (TimeUp, CallsDelivered, UplinkChanged, ClockTrusted, SpaceChanged)
"""What is not kept while it cannot be written: it is still so afterwards, and is noticed again."""

WHY = "cannot record: do not go on"
"""What the operator is told."""


def refused(inputs: Iterable[Input]) -> list[Input]:
    """What must be done again later."""
    return [happened for happened in inputs if isinstance(happened.what, REFUSABLE)]


def owed(inputs: Iterable[Input]) -> list[Input]:
    """What must be recorded all the same."""
    return [happened for happened in inputs if not isinstance(happened.what, (*REFUSABLE, RecordingBack))]


def lasting(inputs: Iterable[Input]) -> list[Input]:
    """Of that, what nobody would notice again."""
    return [happened for happened in inputs if not isinstance(happened.what, TOLD_AGAIN)]


def failure(happened: Input, error: Exception) -> Event:
    """The fact that our own code could not decide an input."""
    told = {"source": happened.source, "what": repr(happened.what), "error": repr(error)}
    return Event(Kind.SIGNAL_FAILED, "", told, happened.moment)
