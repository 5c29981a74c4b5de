"""A clock that is wrong or steps: captured times stay, the step is told, order and durations do not care.

And a month without a network, on a clock that runs fast.
"""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest

from agent.events import LANES, Kind, Lane
from agent.journal.journal import JournalSettings
from agent.runtime.clock import Clock, kernel_says_synced
from tests.journals import Now, ask, events_of, fact, given_up, kept, opened, tidied
from tests.support.devices import PASS
from tests.support.faketime import FakeTime

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.works import Works

HOUR_S = 3600
DAY_S = 86_400.0
DAYS = 30
MINUTES_A_STEP = 60


def in_order(works: Works) -> list[dict[str, Any]]:
    """Every event at the central, by lane and sequence."""
    events = [json.loads(body) for body in works.book.bodies()]
    return sorted(events, key=lambda event: (LANES.index(event["lane"]), int(event["sequence"])))


def seen_at(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["time"]).timestamp()


def check_order(works: Works) -> None:
    """Within a lane, sequence goes with monotonic time, whatever the wall said."""
    for before, after in pairwise(in_order(works)):
        if before["lane"] == after["lane"]:
            assert int(after["sequence"]) == int(before["sequence"]) + 1
            if before["bootid"] == after["bootid"] and before["lane"] == "work":
                assert int(after["monotonicns"]) >= int(before["monotonicns"])


def call_for_a_second(works: Works, between: int, fake: FakeTime) -> float:
    """Press the cord, let the clock step to the offset `between`, release it; return how long it really was."""
    began_s = time.monotonic()
    works.box.press("cord")
    works.wait_for_fact("andon.raised", name="cord")
    fake.set(between)
    works.wait_for_fact("clock.stepped")
    works.box.release("cord")
    ended_s = time.monotonic()
    works.wait_for_fact("andon.resolved", name="cord")
    return ended_s - began_s


def test_1970_until_the_network_time_comes(works: Works) -> None:
    """Events keep the time they were seen at; one event tells the central how to read them."""
    fake = FakeTime(works.folder, 100 - int(time.time()))
    works.agent.environment = dict(fake.environment)
    works.start_agent()
    works.sign_on()
    assert works.scanner.scan("KIT0000000001") == PASS
    assert works.scanner.scan("4711-A/L1") == PASS
    lasted_s = call_for_a_second(works, 0, fake)
    assert works.scanner.scan("4712-B/L2") == PASS
    works.wait_until_delivered()

    (stepped,) = works.book.events("clock.stepped")
    assert stepped["data"]["offset_s"] == pytest.approx(time.time() - 100, abs=60)
    raised, resolved = works.book.events("andon.raised")[0], works.book.events("andon.resolved")[0]
    assert datetime.fromtimestamp(seen_at(raised), UTC).year == 1970
    assert seen_at(resolved) == pytest.approx(time.time(), abs=60)
    assert seen_at(raised) + stepped["data"]["offset_s"] == pytest.approx(seen_at(resolved), abs=lasted_s + 2)
    assert resolved["data"]["duration_s"] == pytest.approx(lasted_s, abs=1.0)
    (completed,) = works.book.events("operation.completed")
    assert 0 < completed["data"]["duration_s"] < 60
    expected = "synced" if kernel_says_synced() else "unsynced"
    assert {event["clock"] for event in in_order(works)} == {expected}
    check_order(works)
    works.settle()


@pytest.mark.parametrize("offset_s", [-HOUR_S, HOUR_S, -400 * 24 * HOUR_S], ids=["back", "forth", "a year back"])
def test_a_step(works: Works, offset_s: int) -> None:
    """The offset is told; a call that was open meanwhile lasted as long as it did."""
    fake = FakeTime(works.folder, 0)
    works.agent.environment = dict(fake.environment)
    works.start_agent()
    works.sign_on()
    lasted_s = call_for_a_second(works, offset_s, fake)
    (stepped,) = works.book.events("clock.stepped")
    assert stepped["data"]["offset_s"] == pytest.approx(offset_s, abs=0.5)
    (resolved,) = works.book.events("andon.resolved")
    assert resolved["data"]["duration_s"] == pytest.approx(lasted_s, abs=1.0)
    assert works.scanner.scan("OP-2") == PASS
    status = works.agent.status()
    assert status is not None
    assert status.document["ok"] or "waits" not in str(status.document["reasons"])
    works.wait_until_delivered()
    assert len(works.book.events("clock.stepped")) == 1
    check_order(works)
    works.settle()


def test_the_age_of_the_oldest_is_not_told_by_the_wall(works: Works) -> None:
    """A clock that steps a year makes nothing a year old."""
    fake = FakeTime(works.folder, 0)
    works.agent.environment = dict(fake.environment)
    works.start_agent()
    works.broker.stop()
    assert works.scanner.scan("OP-1") == PASS
    fake.set(400 * 24 * HOUR_S)
    assert works.scanner.scan("OP-2") == PASS
    status = works.agent.status()
    assert status is not None
    assert all((lane["oldest_age_s"] or 0) < 60 for lane in status.document["lanes"].values())
    works.broker.start()
    works.wait_until_delivered()
    works.settle()


def test_the_kernel_is_asked_again_after_a_step() -> None:
    """What it said before the step is not used for times after it."""
    clock = Clock()
    assert clock.now().synced == kernel_says_synced()
    assert clock.stepped() is None
    clock._offset_ns -= 10**10
    clock._synced = not kernel_says_synced()
    assert clock.stepped() == pytest.approx(10.0, abs=0.1)
    assert clock.now().synced == kernel_says_synced()


# --- a month without a network


def test_thirty_days_offline(tmp_path: Path) -> None:
    """Budgets bound the file, gap records name every event that went, and confirmation gives the space back."""
    path = tmp_path / "journal.db"
    budget = {Lane.MEASUREMENT: 3_000_000, Lane.WORK: 2_000_000, Lane.HEALTH: 300_000}
    now = Now()
    journal = opened(path, JournalSettings(budget, keep_days=7.0), now)
    given = dict.fromkeys(LANES, 0)
    largest = largest_log = 0
    for minute in range(0, DAYS * 24 * 60, MINUTES_A_STEP):
        now.pass_(60 * MINUTES_A_STEP)
        moment = now()
        hour = minute // 60
        events = [fact(Lane.MEASUREMENT, "x" * 100, moment, value=float(n), verdict="pass") for n in range(60)]
        events += [fact(Lane.MEASUREMENT, "out", moment, value=99.0, verdict="fail")]
        events += [fact(Lane.WORK, "x" * 200, moment) for _ in range(20)]
        events += [fact(Lane.HEALTH, "x" * 50, moment) for _ in range(2)]
        events += [fact(Lane.ANDON, "x", moment)] if hour % 8 == 0 else []
        journal.append(events, {"hour": {"n": hour}})
        while journal.crowded and journal.tidy():
            pass
        if minute % (6 * 60) == 0:
            tidied(journal)
            largest = max(largest, path.stat().st_size)
            largest_log = max(largest_log, journal.log_bytes)
    tidied(journal)

    with journal.reader() as reader:
        book = reader.lanes()
    gaps = events_of(path, Kind.JOURNAL_GAP)
    for lane in LANES:
        there = kept(path, lane)
        named = set().union(*(given_up(gap) for gap in gaps if gap["lane"] == lane))
        assert set(range(1, book[lane].last + 1)) == set(there) | named
        assert book[lane].size_bytes == sum(map(len, there.values()))
        assert book[lane].size_bytes <= budget.get(lane, 10**9)
        given[lane] = len(there)
    assert given[Lane.ANDON] == DAYS * 3
    summaries = events_of(path, Kind.MEASUREMENT_SUMMARY)
    assert summaries, "nothing was thinned"
    fails = ask(path, 'SELECT count(*) FROM event_measurement WHERE body LIKE \'%"verdict":"fail"%\'')[0][0]
    assert fails > DAYS * 24 * 0.9, "what was out of limits went although there was something else"
    told_bytes = sum(len(body) for body in kept(path, Lane.ALARM).values())
    assert largest < 1.5 * (sum(budget.values()) + told_bytes) + 2_000_000
    assert largest_log <= 17 * 1024 * 1024

    for lane in LANES:
        journal.confirmed(lane, book[lane].last)
    now.pass_(8 * DAY_S)
    tidied(journal)
    journal.close()
    assert path.stat().st_size < largest / 4
    assert {gap["lane"] for gap in events_of(path, Kind.JOURNAL_GAP)} == {gap["lane"] for gap in gaps}
