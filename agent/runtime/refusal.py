"""What becomes of inputs while nothing can be written: work is refused, calls are kept, states are noticed again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.signals import CallsDelivered, ClockTrusted, RecordingBack, SpaceChanged, TimeUp, UplinkChanged
from drivers.contract import Answer, Noise, Reading, Scan, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.signals import Input

REFUSABLE = (Scan, Reading, Noise)
"""What is refused, not kept, while nothing can be written: the operator sees red and does it again later."""

TOLD_AGAIN = (TimeUp, CallsDelivered, UplinkChanged, ClockTrusted, SpaceChanged)
"""What is not kept while it cannot be written: it is still so afterwards, and is noticed again."""

ANSWER = Answer(Verdict.REFUSE, "cannot record: do not go on")
"""What the operator is told."""


def owed(inputs: Iterable[Input]) -> list[Input]:
    """What must be recorded all the same."""
    return [happened for happened in inputs if not isinstance(happened.what, (*REFUSABLE, RecordingBack))]


def lasting(inputs: Iterable[Input]) -> list[Input]:
    """Of that, what nobody would notice again."""
    return [happened for happened in inputs if not isinstance(happened.what, TOLD_AGAIN)]
