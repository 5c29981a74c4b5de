"""The index of what events name: complete with what is behind it, and gone with its events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agent.events import Event, Kind, Lane
from agent.journal import links
from agent.journal.journal import JournalSettings
from agent.journal.links import BLOCK_EVENTS, What, names
from tests.journals import Now, ask, encode, fact, kept, opened, tidied

if TYPE_CHECKING:
    from pathlib import Path

    from agent.journal.journal import Journal

DAY_S = 86_400.0
NOW = Now()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def part(unit: str, lot: str = "L1", operator: str = "4711", now: Now = NOW) -> Event:
    data = {"unit": unit, "part": "P1", "lot": lot, "operator": operator}
    return Event(Kind.PART_ACCEPTED, unit, data, now())


def found(journal: Journal, what: What, name: str) -> list[tuple[Lane, int]]:
    with journal.reader() as reader:
        return list(links.numbers(reader._connection, what, name))


def named_by(kind: Kind, subject: str, **data: Any) -> set[tuple[What, str]]:
    return names(encode(Event(kind, subject, data, NOW()), "e", 1, "")[0][4])


# --- what is named


@pytest.mark.parametrize(
    ("kind", "subject", "data", "expected"),
    [
        (Kind.OPERATION_STARTED, "SN1", {"unit": "SN1", "operator": "7"}, {(What.UNIT, "SN1"), (What.OPERATOR, "7")}),
        (
            Kind.PART_ACCEPTED,
            "SN1",
            {"unit": "SN1", "part": "P", "lot": "L", "serial": "C9"},
            {(What.UNIT, "SN1"), (What.LOT, "L"), (What.SERIAL, "C9")},
        ),
        (
            Kind.MEASUREMENT_TAKEN,
            "SN1",
            {"gauge": "g1", "unit": "mm", "value": 1.0, "operation": "press"},
            {(What.UNIT, "SN1"), (What.GAUGE, "g1")},
        ),
        (Kind.MEASUREMENT_TAKEN, "g1", {"gauge": "g1", "unit": "mm", "value": 1.0}, {(What.GAUGE, "g1")}),
        (
            Kind.DEFECT_RECORDED,
            "SN1",
            {"gauge": "g1", "unit": "mm", "defect": "out-of-limits"},
            {(What.UNIT, "SN1"), (What.GAUGE, "g1")},
        ),
        (Kind.DEFECT_RECORDED, "SN1", {"defect": "scratch"}, {(What.UNIT, "SN1")}),
        (Kind.ANDON_ACKNOWLEDGED, "call-1", {"call": "call-1", "by": "lead"}, {(What.OPERATOR, "lead")}),
        (
            Kind.OPERATION_STARTED,
            "SN1",
            {"unit": "SN1", "override": {"by": "lead", "given": "ok"}},
            {(What.UNIT, "SN1"), (What.OPERATOR, "lead")},
        ),
        (
            Kind.OPERATION_COMPLETED,
            "SN1",
            {
                "unit": "SN1",
                "started_by": "7",
                "parts": [{"part": "P", "lot": "L"}],
                "measurements": [{"gauge": "g1", "unit": "mm"}],
            },
            {(What.UNIT, "SN1"), (What.OPERATOR, "7"), (What.LOT, "L"), (What.GAUGE, "g1")},
        ),
        (Kind.DEVICE_OPENED, "scanner-1", {"device": "scanner-1"}, set()),
        (Kind.SCAN_UNRECOGNISED, "", {"unit": 5, "lot": None, "parts": "x", "operator": ""}, set()),
    ],
)
def test_an_event_names_what_it_is_about(
    kind: Kind, subject: str, data: dict[str, Any], expected: set[tuple[What, str]]
) -> None:
    """The unit of a value is no unit of the line, whatever the field is called."""
    assert named_by(kind, subject, **data) == expected


@pytest.mark.parametrize("body", ["", "[]", "null", '{"data": 5, "type": "x"}', '{"type": 1}', "\ud800"])
def test_a_body_that_makes_no_sense_names_nothing(body: str) -> None:
    assert names(body) == set()


# --- the index


def test_whole_blocks_are_indexed_while_there_is_nothing_else_to_do(path: Path) -> None:
    """The newest events are not, and an append pays nothing."""
    journal = opened(path)
    journal.append([part(f"SN{number // 10}") for number in range(700)], {})
    assert ask(path, "SELECT count(*) FROM link") == [(0,)]
    tidied(journal)
    (linked,) = ask(path, "SELECT linked_seq FROM lane WHERE name = 'work'")[0]
    assert linked == 2 * BLOCK_EVENTS - 1
    assert found(journal, What.UNIT, "SN3") == [(Lane.WORK, seq) for seq in range(31, 41)]
    assert found(journal, What.OPERATOR, "4711") == [(Lane.WORK, seq) for seq in range(1, linked + 1)]
    assert found(journal, What.UNIT, "SN69") == []
    journal.close()


def test_what_a_block_names_many_times_is_one_row(path: Path) -> None:
    journal = opened(path)
    journal.append([part("SN1") for _ in range(600)], {})
    tidied(journal)
    assert ask(path, "SELECT count(*) FROM link WHERE what = 'o'") == [(2,)]
    journal.close()


def test_the_index_is_due_at_once_when_it_is_far_behind(path: Path) -> None:
    """Where there is never a pause, it must not wait for one."""
    journal = opened(path)
    before, links.LATEST_EVENTS = links.LATEST_EVENTS, 500
    try:
        journal.append([part("SN1") for _ in range(400)], {})
        assert not journal.crowded
        journal.append([part("SN1") for _ in range(400)], {})
        while journal.crowded:
            journal.tidy()
    finally:
        links.LATEST_EVENTS = before
    (linked,) = ask(path, "SELECT linked_seq FROM lane WHERE name = 'work'")[0]
    assert linked >= 300
    journal.close()


# --- retention


def test_what_is_forgotten_leaves_no_row(path: Path) -> None:
    now = Now()
    journal = opened(path, JournalSettings(keep_days=1.0), now)
    journal.append([part(f"SN{number}", now=now) for number in range(600)], {})
    tidied(journal)
    assert ask(path, "SELECT count(*) FROM link WHERE what = 'u'") == [(2 * BLOCK_EVENTS - 1,)]
    now.pass_(2 * DAY_S)
    journal.append([part("young", now=now) for _ in range(100)], {})
    journal.confirmed(Lane.WORK, 600)
    tidied(journal)
    assert list(kept(path, Lane.WORK)) == list(range(601, 701))
    assert ask(path, "SELECT count(*) FROM link") == [(0,)]
    journal.append([part("young", now=now) for _ in range(300)], {})
    tidied(journal)
    assert found(journal, What.UNIT, "young") == [(Lane.WORK, seq) for seq in range(601, 768)]
    journal.close()


def test_a_half_forgotten_block_keeps_the_other_half(path: Path) -> None:
    now = Now()
    journal = opened(path, JournalSettings(keep_days=1.0), now)
    journal.append([part("SN1", now=now) for _ in range(100)], {})
    now.pass_(2 * DAY_S)
    journal.append([part("SN1", now=now) for _ in range(200)], {})
    tidied(journal)
    journal.confirmed(Lane.WORK, 300)
    tidied(journal)
    assert found(journal, What.UNIT, "SN1") == [(Lane.WORK, seq) for seq in range(101, BLOCK_EVENTS)]
    journal.close()


def test_thinned_measurements_leave_no_row(path: Path) -> None:
    """Those that stay are found."""
    journal = opened(path, JournalSettings({Lane.MEASUREMENT: 60_000}))
    journal.append(
        [
            fact(Lane.MEASUREMENT, "x" * 200, gauge=f"g{number % 7}", verdict="fail" if number % 50 == 0 else "pass")
            for number in range(1, 301)
        ],
        {},
    )
    tidied(journal)
    there = set(kept(path, Lane.MEASUREMENT))
    for number in range(7):
        assert {seq for _, seq in found(journal, What.GAUGE, f"g{number}")} <= there
    assert len(found(journal, What.GAUGE, "g1")) == 1
    journal.close()
