"""Notice what lasts too long: facts that do not arrive, a clock that is not to be trusted, a disk that fills.

Told by age, never by "socket is up": a broker that is there and passes nothing on is as good as none.  Used by the
recorder's thread alone; what it notices goes the way of every input, and the memory says what is known already.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from agent.events import NS_PER_S
from agent.signals import ClockTrusted, SpaceChanged, UplinkChanged
from agent.station.alarms.document import CLOCK_UNSYNCED, DISK_LOW, UPLINK_DOWN, is_active

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.events import Moment
    from agent.journal.journal import Journal
    from agent.signals import OwnSignal
    from agent.station.alarms.declared import AlarmSettings
    from agent.station.decision import Document

LOOK_NS = NS_PER_S
"""Time between two looks, nanoseconds."""

BYTES_A_MB = 1_000_000
ENOUGH = 1.2
"""So many times the space that is too little must be there before it is enough again."""


class Watch:
    """Looks about once a second.  `broker` returns the broker's entry on the health board, None if there is none."""

    def __init__(
        self, settings: AlarmSettings, journal: Journal, broker: Callable[[], Mapping[str, Any] | None]
    ) -> None:
        self._settings = settings
        self._journal = journal
        self._broker = broker
        self._looked_ns: int | None = None
        self._online_ns = self._moved_ns = self._synced_ns = 0
        self._confirmed = -1

    def look(self, memory: Mapping[str, Document], now: Moment) -> list[OwnSignal]:
        """What has become an alarm, or is none any more."""
        now_ns = now.monotonic_ns
        if self._looked_ns is None:
            self._online_ns = self._moved_ns = self._synced_ns = now_ns
        elif now_ns - self._looked_ns < LOOK_NS:
            return []
        self._looked_ns = now_ns
        found = (self._uplink(memory, now_ns), self._clock(memory, now), self._space(memory))
        return [one for one in found if one is not None]

    def _uplink(self, memory: Mapping[str, Document], now_ns: int) -> OwnSignal | None:
        entry, after_s = self._broker(), self._settings.uplink_after_s
        if entry is None:
            return None
        online = entry.get("state") == "online"
        waiting, confirmed = self._journal.progress()
        if online:
            self._online_ns = now_ns
        if not waiting or confirmed != self._confirmed:
            self._moved_ns, self._confirmed = now_ns, confirmed
        away_s, stuck_s = (now_ns - self._online_ns) / NS_PER_S, (now_ns - self._moved_ns) / NS_PER_S
        active, down = is_active(memory, UPLINK_DOWN), bool(after_s) and max(away_s, stuck_s) >= after_s
        if down and not active:
            why = entry.get("reason") or entry.get("state", "")
            away = f"broker away for {after_s:g} s: {why}"
            return UplinkChanged(up=False, reason=f"nothing confirmed for {after_s:g} s" if online else away)
        return UplinkChanged(up=True) if active and online and not down else None

    def _clock(self, memory: Mapping[str, Document], now: Moment) -> OwnSignal | None:
        after_s = self._settings.clock_after_s
        if now.synced:
            self._synced_ns = now.monotonic_ns
        active = is_active(memory, CLOCK_UNSYNCED)
        doubted = bool(after_s) and now.monotonic_ns - self._synced_ns >= after_s * NS_PER_S
        if doubted and not active:
            return ClockTrusted(synced=False, reason=f"not synchronised for {after_s:g} s")
        return ClockTrusted(synced=True) if active and now.synced else None

    def _space(self, memory: Mapping[str, Document]) -> OwnSignal | None:
        disk = os.statvfs(self._journal.path.parent)
        free_mb, least_mb = disk.f_bavail * disk.f_frsize / BYTES_A_MB, self._settings.space_mb
        active = is_active(memory, DISK_LOW)
        if free_mb < least_mb and not active:
            return SpaceChanged(low=True, reason=f"{free_mb:.0f} MB left")
        return SpaceChanged(low=False) if active and free_mb >= ENOUGH * least_mb else None
