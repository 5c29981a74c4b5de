"""What the broker has against whole lanes, as the status shows it: not taken, or nobody subscribes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.events import Lane
    from agent.uplink.topics import Topics

log = structlog.get_logger()


class Complaints:
    """Told once, and again when they end.  `report` takes fields of the broker's health entry."""

    def __init__(self, topics: Topics, report: Callable[..., None]) -> None:
        self._topics = topics
        self._report = report
        self._refused: dict[Lane, str] = {}
        self._unheard: set[Lane] = set()

    def refused(self, lane: Lane, reason: str) -> None:
        """The broker does not take events of `lane` now."""
        if self._refused.get(lane) == reason:
            return
        log.error("uplink.refused", lane=lane, topic=self._topics.event(lane), reason=reason)
        self._refused[lane] = reason
        self._report(refused_lanes=dict(self._refused))

    def taken(self, lane: Lane) -> None:
        """The broker takes events of `lane`."""
        if self._refused.pop(lane, None) is not None:
            log.info("uplink.taken_again", lane=lane)
            self._report(refused_lanes=dict(self._refused))

    def heard(self, lane: Lane, *, heard: bool) -> None:
        """Whether anybody subscribes to `lane`, as the broker says."""
        if heard == (lane not in self._unheard):
            return
        self._unheard ^= {lane}
        self._report(unheard=bool(self._unheard))
