"""Health: the picture of the station, told by age."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.events import NS_PER_S, Envelope, Event, Kind, Lane, Moment
from agent.journal.journal import Journal
from agent.runtime.clock import Clock
from agent.runtime.health import OLDEST_UNCONFIRMED_S, Health, StatusReport

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SOURCE = "/acme/plant1/assembly/line3/st-040"


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    one = Journal(tmp_path / "journal.db", Envelope(SOURCE).finish, Clock().now)
    one.open()
    yield one
    one.close()


@pytest.fixture
def health() -> Health:
    return Health()


@pytest.fixture
def report(journal: Journal, health: Health) -> Iterator[StatusReport]:
    one = StatusReport(journal, health, Clock(), SOURCE, list)
    yield one
    one.close()


def seen_ago(seconds: float) -> Moment:
    now = Clock().now()
    ago_ns = int(seconds * NS_PER_S)
    return Moment(now.time_ns - ago_ns, now.monotonic_ns - ago_ns, synced=True, boot=now.boot)


def test_a_quiet_station_is_well(report: StatusReport, journal: Journal) -> None:
    """Nothing waits, nothing is broken."""
    status = report()
    assert (status["ok"], status["reasons"], status["epoch"], status["source"]) == (True, [], journal.epoch, SOURCE)


def test_a_fact_that_waits_too_long_is_a_reason(report: StatusReport, journal: Journal) -> None:
    """However good the connection looks."""
    journal.append([Event(Kind.ANDON_RAISED, "", {}, seen_ago(OLDEST_UNCONFIRMED_S + 5))], {})
    status = report()
    assert status["ok"] is False
    assert status["reasons"][0].startswith("andon: oldest fact waits 305 s")
    assert status["lanes"]["andon"]["depth"] == 1


def test_a_confirmed_fact_has_no_age(report: StatusReport, journal: Journal) -> None:
    """What the central has does not wait."""
    journal.append([Event(Kind.ANDON_RAISED, "", {}, seen_ago(1000))], {})
    journal.confirmed(Lane.ANDON, 1)
    journal.settle()
    assert report()["lanes"]["andon"]["oldest_age_s"] is None


def test_an_age_from_before_the_boot_is_told_by_the_wall(report: StatusReport, journal: Journal) -> None:
    """No monotonic clock reaches across boots."""
    now = Clock().now()
    before = Moment(now.time_ns - 50 * NS_PER_S, 10**18, synced=True, boot="another")
    journal.append([Event(Kind.ANDON_RAISED, "", {}, before)], {})
    assert report()["lanes"]["andon"]["oldest_age_s"] == pytest.approx(50, abs=5)


def test_a_lost_device_is_a_reason(report: StatusReport, health: Health) -> None:
    """In its own words, which name the device and the remedy."""
    health.report("device", "gauge-1", state="lost", reason="gauge-1: unplugged")
    assert report()["reasons"] == ["gauge-1: unplugged"]


def test_a_recorder_in_trouble_is_a_reason(report: StatusReport, health: Health) -> None:
    """The page says why everything is red."""
    health.report("recorder", "recorder", trouble="disk full")
    assert report()["reasons"] == ["cannot record: disk full"]


def test_a_worker_that_does_not_move_is_a_reason(journal: Journal, health: Health) -> None:
    """Named, so that somebody can look."""
    report = StatusReport(journal, health, Clock(), SOURCE, lambda: ["forwarder"])
    assert report()["reasons"] == ["forwarder does not move"]
    report.close()


def test_a_journal_that_cannot_be_read_is_told(tmp_path: Path, health: Health) -> None:
    """The page stays up and says so."""
    report = StatusReport(
        Journal(tmp_path / "none.db", Envelope(SOURCE).finish, Clock().now), health, Clock(), SOURCE, list
    )
    status = report()
    assert status["ok"] is False
    assert "none.db: no such file" in status["reasons"][0]
    assert status["lanes"] == {}


def test_an_entry_is_a_copy(health: Health) -> None:
    """Who reads cannot change what others read."""
    health.count("device", "gauge-1", signals=1)
    health.entries("device")["gauge-1"]["signals"] = 99
    health.count("device", "gauge-1", signals=2)
    assert health.entries("device") == {"gauge-1": {"signals": 3}}
