"""Tell of each input when it was its turn to be decided, where the moment at which it was seen does not.

Each device is read by a thread of its own: what was seen first may come to the recorder second.  Facts of several lanes
could not be put back into the order of their decisions then, and a replay would decide otherwise.
Used by the recorder's thread alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.signals import Input


class Turns:
    """Turns grow from input to input; also one that is decided a second time has a later turn then."""

    def __init__(self) -> None:
        self._last_ns = 0

    def of(self, happened: Input) -> Input:
        """Return the input whose turn it is, with its turn if others that were seen later had theirs already."""
        moment = happened.moment
        if moment.monotonic_ns > self._last_ns:
            self._last_ns = moment.monotonic_ns
            return happened
        self._last_ns += 1
        return replace(happened, moment=replace(moment, turn_ns=self._last_ns))
