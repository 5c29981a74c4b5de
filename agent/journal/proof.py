"""What is found where a journal is proved: of each lane, how far it goes, and what is broken first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from agent.events import Lane


@dataclass(frozen=True, slots=True)
class Broken:
    """The first thing that is wrong in a lane: the number of the event, when it was seen, and what is wrong."""

    sequence: int
    time: str
    reason: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of one lane of one epoch.

    Events `first` to `last` are expected, `events` of them are there, `holes` numbers were given up in between; from
    number `chained` on each carries the hash of the one before it; `head` is the hash of the last one.  `saved`: events
    of an older epoch, which wait to be delivered.
    """

    epoch: str
    lane: Lane
    first: int
    last: int
    events: int
    holes: int
    chained: int
    head: str
    saved: bool
    broken: Broken | None


@dataclass(frozen=True, slots=True)
class Link:
    """What is known of the event before: number, time, and its hash."""

    sequence: int
    time: str
    hash: str


def event_of(body: str) -> dict[str, Any]:
    """The JSON object that a kept event is; empty where it is none."""
    try:
        event = orjson.loads(body)
    except ValueError:
        return {}
    return event if isinstance(event, dict) else {}
