"""What lasts too long becomes an alarm, and only that: by age, never by "socket is up"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agent.events import NS_PER_S, Event, Kind, Lane, Moment
from agent.journal.journal import Journal
from agent.runtime.watch import Watch
from agent.signals import ClockTrusted, SpaceChanged, UplinkChanged
from agent.station.alarms.declared import AlarmSettings
from tests.journals import encode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.station.decision import Document

AWAY = {"state": "offline", "reason": "connection refused"}
HERE = {"state": "online", "reason": ""}


class Bench:
    """A journal and a health board by hand; `memory` is what the station would remember."""

    def __init__(self, path: Path, **settings: Any) -> None:
        self.journal = Journal(path, encode, lambda: self.moment)
        self.journal.open()
        self.broker: dict[str, str] | None = HERE
        self.memory: dict[str, Document] = {}
        self.synced = True
        self.seconds = 10
        self.watch = Watch(AlarmSettings(**{"space_mb": 0, **settings}), self.journal, lambda: self.broker)

    @property
    def moment(self) -> Moment:
        return Moment(self.seconds * NS_PER_S, self.seconds * NS_PER_S, synced=self.synced, boot="b1")

    def wait(self, seconds: int) -> list[Any]:
        """Look every second, and remember what is told as the station does."""
        told = []
        for _ in range(seconds):
            found = self.watch.look(self.memory, self.moment)
            for one in found:
                self.remember(one)
            told += found
            self.seconds += 1
        return told

    def remember(self, told: Any) -> None:
        match told:
            case UplinkChanged(up):
                self.memory["alarm/uplink-down/broker"] = {"active": not up}
            case ClockTrusted(synced):
                self.memory["alarm/clock-unsynced/clock"] = {"active": not synced}
            case SpaceChanged(low):
                self.memory["alarm/disk-low/journal"] = {"active": low}

    def fact(self) -> None:
        self.journal.append([Event(Kind.AGENT_STARTED, "", {}, self.moment)], {})


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    one = Bench(tmp_path / "journal.db", uplink_after_s=30, clock_after_s=20)
    yield one
    one.journal.close()


def test_a_broker_that_is_away_for_long_is_told_once(bench: Bench) -> None:
    """With the reason, and its return as well; what was short is not told."""
    bench.broker = AWAY
    assert bench.wait(20) == []
    bench.broker = HERE
    assert bench.wait(5) == []
    bench.broker = AWAY
    assert bench.wait(200) == [UplinkChanged(up=False, reason="broker away for 30 s: connection refused")]
    bench.broker = HERE
    assert bench.wait(100) == [UplinkChanged(up=True)]


def test_a_broker_that_passes_nothing_on_is_as_good_as_none(bench: Bench) -> None:
    """The socket is up; nothing is confirmed.  One confirmation is life."""
    bench.fact()
    bench.fact()
    assert bench.wait(100) == [UplinkChanged(up=False, reason="nothing confirmed for 30 s")]
    bench.journal.confirmed(Lane.HEALTH, 1)
    assert bench.wait(20) == [UplinkChanged(up=True)]
    bench.journal.confirmed(Lane.HEALTH, 2)
    assert bench.wait(100) == []


def test_a_backlog_that_drains_slowly_is_no_alarm(bench: Bench) -> None:
    for number in range(1, 20):
        bench.fact()
        bench.fact()
        bench.journal.confirmed(Lane.HEALTH, number)
        assert bench.wait(20) == []


def test_what_was_an_alarm_before_a_restart_is_told_when_it_is_over(bench: Bench) -> None:
    bench.memory["alarm/uplink-down/broker"] = {"active": True}
    assert bench.wait(5) == [UplinkChanged(up=True)]


def test_a_clock_that_nobody_sets_is_told(bench: Bench) -> None:
    bench.synced = False
    assert bench.wait(15) == []
    assert bench.wait(100) == [ClockTrusted(synced=False, reason="not synchronised for 20 s")]
    bench.synced = True
    assert bench.wait(100) == [ClockTrusted(synced=True)]


def test_little_space_is_told_in_megabytes(tmp_path: Path) -> None:
    """More than any disk has is always too much to ask."""
    bench = Bench(tmp_path / "journal.db", space_mb=10**12)
    (low,) = bench.wait(5)
    assert low.low
    assert low.reason.endswith(" MB left")
    bench.watch._settings = AlarmSettings(space_mb=0)
    assert bench.wait(5) == [SpaceChanged(low=False)]
    bench.journal.close()


def test_zero_switches_it_off(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "journal.db", uplink_after_s=0, clock_after_s=0)
    bench.broker, bench.synced = AWAY, False
    assert bench.wait(1000) == []
    bench.journal.close()
