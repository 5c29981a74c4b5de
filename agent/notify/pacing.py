"""Decide which message a target gets next: one event, a digest of many, or none yet.

Pure: ages and monotonic seconds come in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

IDLE_S = 60.0
"""Wait where nothing is due; something new ends it."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One event that a target is to be told of; `age_s` since it was heard."""

    id: int
    urgent: bool
    gather: bool
    age_s: float


@dataclass(frozen=True, slots=True)
class Pace:
    """At most `messages` in `in_s`; what is to be gathered waits `gather_s` for company."""

    messages: int
    in_s: float
    gather_s: float


@dataclass(frozen=True, slots=True)
class Send:
    """The next message: these events, as a digest or (only one) by itself."""

    ids: tuple[int, ...]
    digest: bool


def next_message(
    waiting: Sequence[Waiting], sent_s: Sequence[float], now_s: float, pace: Pace, *, quiet: bool
) -> Send | float:
    """Return the next message, or how long there is none, seconds.

    `sent_s` are the monotonic times of the messages before, oldest first.  In quiet hours only what is urgent goes.
    A flood, more than the pace leaves room for, becomes one digest; the next one comes when the pace allows, or, if
    something urgent waits, after an even share of it.
    """
    ready = [one for one in waiting if one.urgent or not quiet]
    single = [one for one in ready if one.urgent or not one.gather]
    gathered_s = _until_gathered(ready, pace)
    if not single and gathered_s > 0:
        return gathered_s
    recent = [at_s for at_s in sent_s if now_s - at_s < pace.in_s]
    room = pace.messages - len(recent)
    if room <= 0 and (wait_s := _until_room(recent, now_s, pace, urgent=any(one.urgent for one in ready))) > 0:
        return min(wait_s, IDLE_S)
    if gathered_s > 0 and len(single) <= room:
        return Send((single[0].id,), digest=False)
    if len(ready) <= room and len(single) == len(ready):
        return Send((ready[0].id,), digest=False)
    return Send(tuple(one.id for one in ready), digest=len(ready) > 1)


def _until_gathered(ready: Sequence[Waiting], pace: Pace) -> float:
    """Seconds until the oldest that is gathered has waited long enough."""
    ages = [one.age_s for one in ready if one.gather and not one.urgent]
    if not ages:
        return IDLE_S
    oldest = max(ages)
    return 0.0 if min(ages) < 0 else min(IDLE_S, max(0.0, pace.gather_s - oldest))  # the clock was set back: at once


def _until_room(recent: Sequence[float], now_s: float, pace: Pace, *, urgent: bool) -> float:
    if urgent:
        return recent[-1] + pace.in_s / pace.messages - now_s
    return recent[-pace.messages] + pace.in_s - now_s
