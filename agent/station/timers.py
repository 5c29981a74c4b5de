"""Have something looked at again later: a timer is a document of the memory, and its end comes in as an input.

Timers run by monotonic time, so that a clock that is set moves none of them.  Across boots of the machine the wall
clock tells how long it was off, where it can be trusted before and after; where not, what is waited for is due at once:
doubt falls towards the stop and the louder call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import NS_PER_S

if TYPE_CHECKING:
    from agent.events import Moment
    from agent.signals import TimeUp
    from agent.station.decision import Document, Draft

PREFIX = "timer/"
"""Documents of running timers are kept under this and the timer's name."""

AFTER = "after_s"


def mark(moment: Moment) -> Document:
    """What to keep of a moment, to tell later how long ago it was."""
    return {
        "monotonic_ns": moment.monotonic_ns,
        "boot": moment.boot,
        "time_ns": moment.time_ns,
        "synced": moment.synced,
    }


def elapsed_s(now: Moment, since: Document) -> float | None:
    """Seconds since a `mark`; None where no clock can tell.  Never below zero."""
    within = now.seconds_since(since["monotonic_ns"], since["boot"])
    if within is not None:
        return max(0.0, within)
    if not (since["synced"] and now.synced):
        return None
    by_wall_s = (now.time_ns - since["time_ns"]) / NS_PER_S
    return by_wall_s if by_wall_s >= 0 else None


def start(draft: Draft, name: str, after_s: float, since: Document | None = None) -> None:
    """Let timer `name` end `after_s` seconds after the mark `since`, or after now; one that runs begins anew."""
    draft.put(PREFIX + name, {**(since or mark(draft.moment)), AFTER: after_s})


def stop(draft: Draft, name: str) -> None:
    """Let timer `name` not end, if it runs."""
    if draft.get(PREFIX + name) is not None:
        draft.forget(PREFIX + name)


def take(draft: Draft, ended: TimeUp) -> bool:
    """Let a timer be over; False if it is not the one that runs now, and so nothing follows from it."""
    running = draft.get(PREFIX + ended.timer)
    if running is None or (ended.document is not None and ended.document != running):
        return False
    draft.forget(PREFIX + ended.timer)
    return True


def due_ns(timer: Document, now: Moment) -> int:
    """When a timer ends, in monotonic nanoseconds of the boot of `now`; 0: at once, since nobody can tell."""
    if timer["boot"] == now.boot:
        return int(timer["monotonic_ns"] + timer[AFTER] * NS_PER_S)
    waited_s = elapsed_s(now, timer)
    return 0 if waited_s is None else now.monotonic_ns + int((timer[AFTER] - waited_s) * NS_PER_S)
