"""Tell of each input when it was its turn to be decided, where the moment at which it was seen does not.

Each device is read by a thread of its own: what was seen first may come to the recorder second.  Facts of several lanes
could not be put back into the order of their decisions then, and a replay would decide otherwise.
Used by the recorder's thread alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.signals import Input


class Turns:
    """Turns grow from input to input, by what is on disk: what could not be written is given its turn again."""

    def __init__(self) -> None:
        self._last_ns = 0
        self._given_ns = 0

    def of(self, inputs: Sequence[Input]) -> list[Input]:
        """Return the inputs whose turn it is, in order: with its turn each that was seen before another had its own.

        Nothing has changed until `commit`.
        """
        last_ns, given = self._last_ns, []
        for happened in inputs:
            seen_ns = happened.moment.monotonic_ns
            if seen_ns > last_ns:
                last_ns = seen_ns
                given.append(happened)
            else:
                last_ns += 1
                given.append(replace(happened, moment=replace(happened.moment, turn_ns=last_ns)))
        self._given_ns = last_ns
        return given

    def commit(self) -> None:
        """What `of` returned last is on disk."""
        self._last_ns = self._given_ns
