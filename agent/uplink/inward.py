"""What comes over the broker for the station: orders, reference data, the word of other stations.

Kept until there is room for it.  Knows nothing of how the connection is made or of what the station does with it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from agent.signals import Command, LineProgress, Offer, Reply
from agent.uplink import downlink

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.uplink.client import Arrived
    from agent.uplink.topics import Topics

Passed = Command | Offer | LineProgress
"""What comes for the station."""

LOAD = "reference/load"
"""The command that brings reference data: large, and read elsewhere."""

REPLAY = "replay"
"""The command that is for the uplink itself."""


class Inward:
    """What came and was not passed on yet.  `order` takes one and says whether there was room for it."""

    def __init__(self, topics: Topics, order: Callable[[Passed], bool]) -> None:
        self._topics = topics
        self._order = order
        self._waiting: deque[Passed] = deque()

    def ordered(self, request: Arrived) -> dict[str, Any] | None:
        """Keep an order for the station; return what it says if it is one for the uplink itself."""
        name = self._topics.command(request.topic)
        deadline_ns = 0 if request.retained else request.deadline_ns  # who knows for how long the broker has kept it
        command = Command(name, {}, _identity(request), _reply(request), deadline_ns)
        if name == LOAD:
            self._waiting.append(Offer(request.payload, "order", order=command))
            return None
        order = downlink.command(request.payload)
        if name == REPLAY:
            return order
        named = order.get("id")
        self._waiting.append(replace(command, data=order, id=named if isinstance(named, str) else command.id))
        return None

    def heard(self, news: Arrived) -> None:
        """Keep what other stations and the holder of reference data say; of a station, what it said last."""
        if self._topics.is_reference(news.topic):
            if news.payload:
                self._waiting.append(Offer(news.payload, "topic", news.topic, news.retained))
        elif (station := self._topics.neighbour(news.topic)) is not None:
            told = downlink.progress(station, news.payload)
            if told is not None:
                others = (one for one in self._waiting if not _is_from(one, station))
                self._waiting = deque((*others, told))

    def pass_on(self) -> None:
        """Pass on what there is room for; one that is not taken holds up only those of its own sort."""
        left: deque[Passed] = deque()
        for one in self._waiting:
            if any(type(other) is type(one) for other in left) or not self._order(one):
                left.append(one)
        self._waiting = left


def _reply(request: Arrived) -> Reply | None:
    return Reply(request.response_topic, request.correlation) if request.response_topic else None


def _identity(request: Arrived) -> str:
    """What tells one order from another of the same asker; empty where the asker does not."""
    if not request.correlation:
        return ""
    return f"{request.response_topic} {request.correlation.hex()}"


def _is_from(one: Passed, station: str) -> bool:
    return isinstance(one, LineProgress) and one.station == station
