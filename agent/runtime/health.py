"""What the workers say of themselves, and the picture of the whole station made from it.

Health is told by age: the oldest fact not delivered, the last confirmation, the last move, never by "socket is up".
"""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from threading import Lock
from typing import TYPE_CHECKING, Any

from agent import __version__
from agent.events import NS_PER_S
from agent.journal.errors import JournalError
from agent.runtime.rates import Rates
from agent.station.alarms import listing
from agent.station.andon import calls
from agent.station.sets import telling
from agent.station.standing import CALLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.events import Lane
    from agent.journal.journal import Journal
    from agent.journal.lanes import LaneState
    from agent.journal.reader import JournalReader, Seen
    from agent.runtime.clock import Clock

OLDEST_UNCONFIRMED_S = 300.0
"""A fact that nobody has confirmed for this long makes the station unhealthy."""


class Health:
    """A board where each worker writes its own entry and everybody may read a copy."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[str, dict[str, dict[str, Any]]] = {}

    def report(self, group: str, name: str, **fields: Any) -> None:
        """Set fields of the entry `name` in `group` ("device", "broker", "recorder")."""
        with self._lock:
            self._entries.setdefault(group, {}).setdefault(name, {}).update(fields)

    def count(self, group: str, name: str, **fields: int) -> None:
        """Add to counters of the entry."""
        with self._lock:
            entry = self._entries.setdefault(group, {}).setdefault(name, {})
            for key, more in fields.items():
                entry[key] = entry.get(key, 0) + more

    def entries(self, group: str) -> dict[str, dict[str, Any]]:
        """A copy of all entries of `group`."""
        with self._lock:
            return {name: dict(entry) for name, entry in self._entries.get(group, {}).items()}


class StatusReport:
    """The status of the station as one JSON document, for one reading thread."""

    def __init__(
        self, journal: Journal, health: Health, clock: Clock, source: str, stuck: Callable[[], list[str]]
    ) -> None:
        self._journal = journal
        self._health = health
        self._clock = clock
        self._source = source
        self._stuck = stuck
        self._rates = Rates()
        self._reader: JournalReader | None = None
        self._epoch = ""

    def __call__(self) -> dict[str, Any]:
        """Return the status now.  Never raises for a journal that cannot be read: says so instead."""
        try:
            reader = self._present_reader()
            lanes = self._lanes(reader)
            memory = reader.documents()
        except JournalError as error:
            self.close()
            lanes, memory, unreadable = {}, {}, [str(error)]
        else:
            unreadable = []
        broker = self._broker()
        devices = self._health.entries("device")
        recorder = self._health.entries("recorder").get("recorder", {})
        trouble = recorder.get("trouble", "")
        reasons = [*unreadable, *self._reasons(lanes, devices), *_refusals(broker, self._journal.quarantine.count)]
        if trouble:
            reasons.append(f"cannot record: {trouble}")
        return {
            "ok": not reasons,
            "reasons": reasons,
            "agent": {"version": __version__, "pid": os.getpid()},
            "source": self._source,
            "epoch": self._journal.epoch,
            "broker": broker,
            "devices": devices,
            "lanes": lanes,
            **_station(memory),
            "reference": telling.ages(memory, self._clock.now()),
            "log_bytes": self._journal.log_bytes,
            "quarantined": self._journal.quarantine.count,
            "trouble": trouble,
            "lamps": recorder.get("lamps", []),
        }

    def close(self) -> None:
        """Let the journal go."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _present_reader(self) -> JournalReader:
        """Read the journal there is now: it may have been begun anew."""
        if self._reader is None or self._epoch != self._journal.epoch:
            self.close()
            self._epoch = self._journal.epoch
            self._reader = self._journal.reader()
        return self._reader

    def _lanes(self, reader: JournalReader) -> dict[str, dict[str, Any]]:
        book = self._journal.delivered(reader.lanes())
        disk = os.statvfs(self._journal.path.parent)
        rates = self._rates.look(book, disk.f_bavail * disk.f_frsize, time.monotonic())
        return {lane.value: {**self._lane(reader, lane, state), **asdict(rates[lane])} for lane, state in book.items()}

    def _lane(self, reader: JournalReader, lane: Lane, state: LaneState) -> dict[str, Any]:
        oldest = reader.oldest(lane, state.confirmed) if state.depth else None
        return {
            "captured": state.last,
            "sent": state.sent,
            "confirmed": state.confirmed,
            "depth": state.depth,
            "bytes": state.size_bytes,
            "budget_bytes": state.budget_bytes,
            "oldest_age_s": self._age_s(oldest) if oldest else None,
        }

    def _age_s(self, seen: Seen) -> float:
        """Age by monotonic time within this boot; by wall time, which may be wrong, across boots."""
        now = self._clock.now()
        age_s = now.seconds_since(seen.monotonic_ns, seen.boot)
        return max(0.0, (now.time_ns - seen.time_ns) / NS_PER_S) if age_s is None else age_s

    def _broker(self) -> dict[str, Any]:
        entry = {"state": "offline", "reason": "", **self._health.entries("broker").get("broker", {})}
        now_s = time.monotonic()
        since_s, confirmed_s = entry.pop("since", now_s), entry.pop("confirmed", None)
        return {
            **entry,
            "since_s": now_s - since_s,
            "confirmed_age_s": None if confirmed_s is None else now_s - confirmed_s,
        }

    def _reasons(self, lanes: dict[str, dict[str, Any]], devices: dict[str, dict[str, Any]]) -> list[str]:
        reasons = [f"{name} does not move" for name in self._stuck()]
        reasons += [entry["reason"] for entry in devices.values() if entry["state"] == "lost"]
        reasons += [
            f"{lane}: oldest fact waits {entry['oldest_age_s']:.0f} s"
            for lane, entry in lanes.items()
            if (entry["oldest_age_s"] or 0) > OLDEST_UNCONFIRMED_S
        ]
        return reasons


def _refusals(broker: dict[str, Any], quarantined: int) -> list[str]:
    """What the broker or nobody behind it takes."""
    reasons = [broker["reason"]] if broker["state"] == "refused" else []
    reasons += [f"{lane}: the broker refuses it: {reason}" for lane, reason in broker.get("refused_lanes", {}).items()]
    if broker.get("unheard"):
        reasons.append("nobody is subscribed to our facts")
    if quarantined:
        reasons.append(f"{quarantined} events in quarantine: lineside quarantine list")
    return reasons


def _station(memory: dict[str, Any]) -> dict[str, Any]:
    """What the operator's page shows of the station's memory."""
    undelivered = calls.undelivered(memory)
    standing = memory.get(CALLS, {})
    opened = [
        {**calls.told(call), "time": call["time"], "delivered": call["name"] not in undelivered}
        for key, call in memory.items()
        if key.startswith(calls.PREFIX)
    ]
    return {
        "operator": memory.get("operator"),
        "operation": memory.get("operation"),
        "last": memory.get("last"),
        "calls": sorted(opened, key=lambda call: str(call["time"])),
        "line": standing.get("line", {}),
        "unclosed": standing.get("unclosed", []),
        **listing.told(memory),
    }
