"""What is given up, and when: confirmed and old; over budget, oldest first and told; thinned before that."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from agent.events import LANES, Event, Kind, Lane
from agent.journal import retention
from agent.journal.errors import JournalCorruptError
from agent.journal.journal import JournalSettings
from tests.journals import NOW, Now, ask, events_of, fact, facts, given_up, kept, opened, tidied

if TYPE_CHECKING:
    from pathlib import Path

    from agent.journal.journal import Journal

DAY_S = 86_400.0


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def aged(path: Path, now: Now, lane: Lane = Lane.WORK, settings: JournalSettings | None = None) -> Journal:
    """Ten events, one an hour."""
    journal = opened(path, settings or JournalSettings(keep_days=1.0), now)
    for number in range(10):
        journal.append([fact(lane, str(number), now())], {})
        now.pass_(3600)
    return journal


# --- confirmed and old


@pytest.mark.parametrize(
    ("confirmed", "hours", "first_left"),
    [
        (10, 0, 1),
        (10, 24.5 - 10, 2),
        (10, 28.5 - 10, 6),
        (4, 28.5 - 10, 5),
        (0, 1000, 1),
        (10, 1000, 11),
    ],
    ids=["young", "one old", "half old", "old, not all confirmed", "not confirmed", "all old and confirmed"],
)
def test_what_is_confirmed_and_old_goes_and_nothing_else(
    path: Path, confirmed: int, hours: float, first_left: int
) -> None:
    """No gap record: the central has it."""
    now = Now()
    journal = aged(path, now)
    journal.confirmed(Lane.WORK, confirmed)
    now.pass_(hours * 3600)
    tidied(journal)
    assert list(kept(path, Lane.WORK)) == list(range(first_left, 11))
    assert events_of(path, Kind.JOURNAL_GAP) == []
    journal.close()


def test_nothing_is_old_while_the_clock_is_not_to_be_trusted(path: Path) -> None:
    """A clock that stands in the year 2040 would forget everything."""
    now = Now()
    journal = aged(path, now)
    journal.confirmed(Lane.WORK, 10)
    now.pass_(5000 * DAY_S)
    now.synced = False
    tidied(journal)
    assert len(kept(path, Lane.WORK)) == 10
    now.synced = True
    tidied(journal)
    assert kept(path, Lane.WORK) == {}
    journal.close()


@pytest.mark.parametrize("count", [3, 1200], ids=["a few", "more than a piece"])
def test_what_was_seen_before_the_clock_was_set_is_as_old_as_what_came_after_it(path: Path, count: int) -> None:
    """A machine that starts in 1970, or where it was switched off, does not forget its first minutes once it is set."""
    now = Now(time_ns=0, synced=False)
    journal = opened(path, JournalSettings(keep_days=1.0), now)
    journal.append([fact(Lane.WORK, "", now()) for _ in range(count)], {})
    now.time_ns, now.synced = Now.time_ns, True
    journal.append([fact(Lane.WORK, "", now()) for _ in range(count)], {})
    journal.confirmed(Lane.WORK, 2 * count)
    tidied(journal)
    assert len(kept(path, Lane.WORK)) == 2 * count
    now.pass_(1.1 * DAY_S)
    journal.append([fact(Lane.WORK, "", now())], {})
    tidied(journal)
    assert list(kept(path, Lane.WORK)) == [2 * count + 1]
    journal.close()


def test_numbers_go_on_behind_what_was_forgotten(path: Path) -> None:
    """Also across a restart, when the lane is empty."""
    now = Now()
    journal = aged(path, now)
    journal.confirmed(Lane.WORK, 10)
    now.pass_(1000 * DAY_S)
    tidied(journal)
    journal.close()
    journal = opened(path, None, now)
    journal.append([fact()], {})
    assert list(kept(path, Lane.WORK)) == [11]
    journal.close()


@pytest.mark.parametrize("lane", LANES)
def test_each_lane_forgets_by_itself(path: Path, lane: Lane) -> None:
    now = Now()
    journal = opened(path, JournalSettings(keep_days=1.0), now)
    journal.append([fact(each, moment=now()) for each in LANES], {})
    now.pass_(2 * DAY_S)
    journal.confirmed(lane, 1)
    tidied(journal)
    assert [each for each in LANES if not kept(path, each)] == [lane]
    journal.close()


# --- over budget


@pytest.mark.parametrize("lane", [Lane.ANDON, Lane.WORK, Lane.HEALTH])
def test_over_budget_the_oldest_go_and_a_gap_record_names_each(path: Path, lane: Lane) -> None:
    journal = opened(path, JournalSettings({lane: 30_000}))
    journal.append(facts(100, lane), {})
    before = kept(path, lane)
    assert journal.crowded
    tidied(journal)
    assert not journal.crowded
    left = kept(path, lane)
    assert 20_000 < sum(map(len, left.values())) <= 30_000
    assert list(left) == list(range(101 - len(left), 101))
    gaps = events_of(path, Kind.JOURNAL_GAP)
    assert set().union(*map(given_up, gaps)) == set(before) - set(left)
    assert sum(gap["count"] for gap in gaps) == len(before) - len(left)
    assert {gap["reason"] for gap in gaps} == {"over-budget"}
    assert {gap["lane"] for gap in gaps} == {lane}
    journal.close()


def test_a_gap_record_tells_from_when_to_when(path: Path) -> None:
    now = Now()
    journal = aged(path, now, Lane.HEALTH, JournalSettings({Lane.HEALTH: 1000}))
    times = [json.loads(body)["time"] for body in kept(path, Lane.HEALTH).values()]
    tidied(journal)
    gaps = events_of(path, Kind.JOURNAL_GAP)
    assert gaps[0]["from"] == times[0]
    assert gaps[-1]["to"] == times[gaps[-1]["to_seq"] - 1]
    journal.close()


def test_over_budget_what_is_confirmed_goes_first_and_without_a_word(path: Path) -> None:
    journal = opened(path, JournalSettings({Lane.WORK: 33_000}))
    journal.append(facts(100), {})
    journal.confirmed(Lane.WORK, 60)
    tidied(journal)
    left = kept(path, Lane.WORK)
    assert set(range(61, 101)) <= set(left)
    assert events_of(path, Kind.JOURNAL_GAP) == []
    journal.close()


def test_one_lane_over_its_budget_costs_no_other(path: Path) -> None:
    journal = opened(path, JournalSettings({Lane.HEALTH: 10_000}))
    journal.append([event for lane in LANES for event in facts(50, lane)], {})
    tidied(journal)
    assert len(kept(path, Lane.HEALTH)) < 50
    assert all(len(kept(path, lane)) == 50 for lane in LANES if lane not in {Lane.HEALTH, Lane.ALARM})
    journal.close()


def test_gap_records_outlive_their_own_lanes_budget_and_drive_no_new_alarm_out(path: Path) -> None:
    """Old alarms go, the records of what was given up stay, even when they alone are too much."""
    journal = opened(path, JournalSettings({Lane.WORK: 1_000, Lane.ALARM: 2_000}))
    for number in range(1300):
        journal.append([*facts(3), fact(Lane.ALARM, str(number))], {})
        while journal.crowded and journal.tidy():
            pass
    gaps = events_of(path, Kind.JOURNAL_GAP)
    told = set().union(*(given_up(gap) for gap in gaps if gap["lane"] == "work"))
    assert told == set(range(1, 3901)) - set(kept(path, Lane.WORK))
    named = set().union(*(given_up(gap) for gap in gaps if gap["lane"] == "alarm"))
    alarms = [seq for (seq,) in ask(path, "SELECT seq FROM event_alarm WHERE type <> 'journal.gap'")]
    assert not named & set(alarms)
    assert len(named) + len(alarms) == 1300
    assert len(alarms) >= 150
    journal.close()


# --- thinning


def measured(journal: Journal, values: list[tuple[float | None, str]], gauge: str = "g1") -> None:
    journal.append(
        [fact(Lane.MEASUREMENT, "x" * 200, value=value, verdict=verdict, gauge=gauge) for value, verdict in values], {}
    )


def test_measurements_are_thinned_before_any_is_dropped(path: Path) -> None:
    """n, mean, min and max of what went; what was out of limits, or no number, stays as it was."""
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 40_000}))
    values: list[tuple[float | None, str]] = [
        (None, "none") if number % 31 == 0 else (number / 10, "fail" if number % 10 == 0 else "pass")
        for number in range(1, 101)
    ]
    measured(journal, values)
    before = kept(path, Lane.MEASUREMENT)
    tidied(journal)
    (summary,) = events_of(path, Kind.MEASUREMENT_SUMMARY)
    gone = [number for number, (value, verdict) in enumerate(values, 1) if verdict != "fail" and value is not None]
    expected = [number / 10 for number in gone]
    assert (summary["n"], summary["min"], summary["max"]) == (len(expected), min(expected), max(expected))
    assert summary["mean"] == pytest.approx(sum(expected) / len(expected))
    (gap,) = events_of(path, Kind.JOURNAL_GAP)
    assert (gap["reason"], given_up(gap), gap["count"]) == ("thinned", set(gone), len(gone))
    left = kept(path, Lane.MEASUREMENT)
    assert {seq: body for seq, body in left.items() if seq <= 100} == {
        seq: body for seq, body in before.items() if seq not in gone
    }
    journal.close()


def test_each_gauge_and_unit_has_a_summary_of_its_own(path: Path) -> None:
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 20_000}))
    for gauge in ("g1", "g2"):
        measured(journal, [(float(number), "pass") for number in range(30)], gauge)
    tidied(journal)
    found = events_of(path, Kind.MEASUREMENT_SUMMARY)
    assert {(summary["gauge"], summary["n"]) for summary in found} == {("g1", 30), ("g2", 30)}
    journal.close()


def series(values: list[float | None], text: str = "x" * 200) -> Event:
    """A stream's values of one second, ten milliseconds apart."""
    offsets = [10_000 * place for place in range(len(values))]
    data = {"gauge": "g1", "unit": "mm", "count": len(values), "offsets_us": offsets, "values": values, "text": text}
    return Event(Kind.MEASUREMENT_SERIES, "g1", data, NOW())


def test_each_value_of_a_series_counts(path: Path) -> None:
    """A series of a hundred weighs a hundred times as much as a value; one that holds no number stays as it was."""
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 6000}))
    streams = [[float(number) for number in range(100 * place, 100 * place + 100)] for place in range(1, 6)]
    journal.append([series([*values]) for values in streams] + [series([1.0, None])], {})
    measured(journal, [(1.0, "none")])
    tidied(journal)
    (summary,) = [one for one in events_of(path, Kind.MEASUREMENT_SUMMARY) if not one["name"]]
    numbers = [*(value for values in streams for value in values), 1.0]
    assert (summary["n"], summary["min"], summary["max"]) == (501, 1.0, 599.0)
    assert summary["mean"] == pytest.approx(sum(numbers) / len(numbers))
    (gap,) = events_of(path, Kind.JOURNAL_GAP)
    assert (gap["count"], given_up(gap)) == (6, {1, 2, 3, 4, 5, 7})
    assert [data["values"] for data in events_of(path, Kind.MEASUREMENT_SERIES)] == [[1.0, None]]
    journal.close()


def test_a_summary_lasts_until_the_last_value_of_its_last_series(path: Path) -> None:
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 1000}))
    journal.append([series([1.0] * 300, "x" * 3000)], {})
    tidied(journal)
    (summary,) = events_of(path, Kind.MEASUREMENT_SUMMARY)
    lasted = datetime.fromisoformat(summary["to"]) - datetime.fromisoformat(summary["from"])
    assert lasted == timedelta(milliseconds=2990)
    assert summary["to"].endswith("Z")
    journal.close()


def test_long_events_go_in_shorter_pieces(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One piece is some milliseconds of work, whatever the events are like; all of it goes in the end."""
    monkeypatch.setattr(retention, "CHUNK_SIGNS", 20_000)
    pieces = []
    for length in (0, 4000):
        file = path.with_name(f"{length}.db")
        journal = opened(file, JournalSettings({Lane.MEASUREMENT: 5000}))
        journal.append([series([1.0, 2.0], "x" * length) for _ in range(100)], {})
        pieces.append(tidied(journal))
        assert sum(map(len, kept(file, Lane.MEASUREMENT).values())) <= 5000
        journal.close()
    assert pieces[1] > 3 * pieces[0]


def test_what_cannot_be_thinned_any_more_is_dropped_and_told(path: Path) -> None:
    """A budget is a budget: failures and summaries go too, oldest first, when nothing else is left."""
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 10_000}))
    measured(journal, [(1.0, "fail")] * 100)
    before = kept(path, Lane.MEASUREMENT)
    tidied(journal)
    left = kept(path, Lane.MEASUREMENT)
    assert sum(map(len, left.values())) <= 10_000
    gaps = events_of(path, Kind.JOURNAL_GAP)
    assert set().union(*map(given_up, gaps)) == set(before) - set(left)
    assert {gap["reason"] for gap in gaps} == {"over-budget"}
    journal.close()


def test_a_damaged_value_is_never_averaged(path: Path) -> None:
    """Thinning reads bodies: one whose checksum is wrong is damage, not a number."""
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 10_000}))
    measured(journal, [(1.0, "pass")] * 100)
    journal.close()
    whole = path.read_bytes()
    assert whole.count(b'"value":1.0') >= 100
    path.write_bytes(whole.replace(b'"value":1.0', b'"value":9.0'))
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 10_000}))
    with pytest.raises(JournalCorruptError, match="checksum"):
        tidied(journal)
    journal.close()


# --- space


def test_the_file_gives_space_back(path: Path) -> None:
    now = Now()
    journal = opened(path, JournalSettings(keep_days=1.0), now)
    for _ in range(20):
        journal.append([fact(text="x" * 4000, moment=now()) for _ in range(100)], {})
    journal.confirmed(Lane.WORK, 2000)
    tidied(journal)
    journal.close()
    full = path.stat().st_size
    journal = opened(path, JournalSettings(keep_days=1.0), now)
    now.pass_(2 * DAY_S)
    tidied(journal)
    journal.close()
    assert full > 8_000_000
    assert path.stat().st_size < full / 5
