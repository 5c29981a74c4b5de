"""Ranges that the central asked for once more.

They go out behind everything else, each message once: what a broken connection swallows is asked for again.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from agent.events import Lane
    from agent.journal.lanes import LaneState
    from agent.journal.reader import JournalReader
    from agent.uplink.downlink import Wanted
    from agent.uplink.outlet import Outlet

WAITING_MAX = 16
"""Ranges that may wait; a central that asks for more hears that we are busy."""


@dataclass(slots=True)
class Replay:
    """What is left of one range: the numbers behind `after`, up to `last`."""

    lane: Lane
    after: int
    last: int


class Replays:
    """The ranges that wait, in the order they were asked for."""

    def __init__(self) -> None:
        self._waiting: deque[Replay] = deque()

    def clear(self) -> None:
        """Forget all: the journal they were in is no longer in use."""
        self._waiting.clear()

    def ask(self, wanted: Wanted, epoch: str, state: LaneState) -> dict[str, Any]:
        """Note a range of a lane that is in this `state`; return the answer: what will come, or why nothing will."""
        first, last = max(wanted.first, state.first), min(wanted.last, state.last)
        told = {"ok": False, "epoch": epoch, "lane": wanted.lane, "from": first, "to": last}
        if wanted.epoch not in {"", epoch}:
            return {**told, "reason": f"the journal in use is {epoch}"}
        if first > last:
            return {**told, "reason": f"kept are {state.first} to {state.last}"}
        replay = Replay(wanted.lane, first - 1, last)
        if replay not in self._waiting:
            if len(self._waiting) >= WAITING_MAX:
                return {**told, "reason": "busy: too many ranges are waiting"}
            self._waiting.append(replay)
        return {**told, "ok": True}

    def send(self, outlet: Outlet, reader: JournalReader, now_s: float) -> None:
        """Send as much as there is room for."""
        while self._waiting and outlet.has_room(self._waiting[0].lane, now_s):
            replay = self._waiting[0]
            events = min(outlet.batch_events(now_s), replay.last - replay.after)
            message = reader.message(replay.lane, replay.after, events, outlet.batch_bytes)
            if message and message.first <= replay.last and len(message.payload) <= outlet.largest_bytes:
                outlet.publish(replay.lane, message.payload, message.events, now_s)
            replay.after = replay.last if message is None else message.last
            if replay.after >= replay.last:
                self._waiting.popleft()
