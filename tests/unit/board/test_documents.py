"""What stations say is read tolerantly; garbage is told, never hides a call, and never moves the cursor."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.board import documents
from agent.board.documents import Alarm, Call, Line
from agent.board.reading import LONGEST_TEXT, GarbageError

READERS = (documents.agent, documents.calls, documents.alarms)


def calls(*entries: Any, **document: Any) -> documents.Listing:
    return documents.calls(json.dumps({"calls": entries, **document}).encode())


def alarms(*entries: Any) -> documents.Listing:
    return documents.alarms(json.dumps({"alarms": entries}).encode())


def test_a_call_is_read_whole() -> None:
    listing = calls(
        {
            "call": "19e2-7", "name": "cord", "type": "process", "mode": "call", "state": "acknowledged", "level": 2,
            "stop": "pending", "stop_after_s": 60, "escalated_to": "supervisor", "severity": "major",
            "raised": "2026-11-21T10:00:00.000Z", "acknowledged": "2026-11-21T10:00:09.000Z", "arrived": None,
            "by": "team leader", "delivered": False,
        },
        time="2026-11-21T10:00:10.000Z",
        epoch="7f3a",
        line={"state": "released", "since": "2026-11-21T10:00:00.000Z", "calls": ["19e2-7"]},
        unclosed=[{"call": "19e2-6"}],
    )  # fmt: skip
    expected = Call(
        "19e2-7", "cord", "process", "call", "acknowledged", 2, 1795255200.0, "team leader", delivered=False,
        stop="pending", stop_after_s=60, escalated_to="supervisor", severity="major",
    )  # fmt: skip
    line = Line("released", 1795255200.0)
    assert listing == documents.Listing((expected,), 1795255210.0, (), line, 1)
    assert line.stands
    assert (expected.stops, expected.will_stop) == (False, True)
    assert not expected.unanswered


def test_missing_and_unknown_keys_are_no_mistake() -> None:
    listing = calls({"call": "c", "colour": "red"}, {"call": "d", "by": None, "level": None}, shoe_size=43)
    assert listing.mistakes == ()
    assert [entry.unanswered for entry in listing.entries if isinstance(entry, Call)] == [True, True]


@pytest.mark.parametrize(
    ("entry", "stops", "will_stop"),
    [
        ({"mode": "stop"}, True, False),  # of a station that tells no stops
        ({"mode": "call"}, False, False),
        ({"mode": "call", "stop": "stopped"}, True, False),
        ({"mode": "call", "stop": "pending"}, False, True),
        ({"mode": "stop", "stop": "perhaps"}, True, False),
    ],
)
def test_what_a_call_does_to_the_line(entry: dict[str, Any], *, stops: bool, will_stop: bool) -> None:
    (call,) = calls({"call": "c", **entry}).entries
    assert isinstance(call, Call)
    assert (call.stops, call.will_stop) == (stops, will_stop)


@pytest.mark.parametrize("line", [7, [], {"state": "flying"}, {"state": 7}, {"state": "stopped", "since": "noon"}])
def test_a_line_that_makes_no_sense_is_told(line: object) -> None:
    assert len(calls(line=line).mistakes) >= 1


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        ({"call": "c", "level": "two"}, "level is no number"),
        ({"call": "c", "level": -1}, "level is no number"),
        ({"call": "c", "level": True}, "level is no number"),
        ({"call": "c", "level": 1e300}, "level is no number"),
        ({"call": "c", "raised": "at noon"}, "raised is no time"),
        ({"call": "c", "raised": 7}, "raised is no time"),
        ({"call": "c", "raised": "2026-02-30T10:00:00Z"}, "raised is no time"),
        ({"call": "c", "stop": "perhaps"}, "stop is none of no, pending, stopped"),
        ({"call": "c", "stop_after_s": "soon"}, "stop_after_s is no number of seconds"),
        ({"call": "c", "stop_after_s": -1}, "stop_after_s is no number of seconds"),
        ({"call": 7}, "call is no text"),
        ({"name": "cord"}, "no identifier"),
        ({}, "no identifier"),
    ],
)
def test_a_value_that_makes_no_sense_is_told_and_does_not_hide_the_call(entry: object, told: str) -> None:
    listing = calls(entry)
    assert len(listing.entries) == 1
    assert told in listing.mistakes[0]


def test_entries_that_are_no_objects_are_told() -> None:
    assert alarms(7, {"alarm": "a"}, None).mistakes == ("one of alarms is no object",) * 2


@pytest.mark.parametrize(
    ("priority", "rank"),
    [("critical", 1), ("HIGH", 2), ("medium", 3), ("low", 4), (1, 1), (3, 3), (700, 9), (-5, 1), ("?", 9), (None, 9)],
)
def test_priorities_are_words_or_numbers(priority: object, rank: int) -> None:
    (alarm,) = alarms({"alarm": "a", "priority": priority}).entries
    assert isinstance(alarm, Alarm)
    assert alarm.rank == rank


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    "payload", [b"\xff", b"{", b"[]", b"7", b"null", b"{}", b'{"calls": 1, "alarms": {}}', b"[" * 99_999]
)
def test_a_message_without_sense_is_refused_as_a_whole(read: Any, payload: bytes) -> None:
    with pytest.raises(GarbageError):
        read(payload)


def test_words_of_a_station_cannot_move_the_cursor() -> None:
    (entry,) = calls({"call": "c", "name": "\x1b[2J\r\nall is well\u202e" + "x" * 999}).entries
    assert entry.name.isprintable()
    assert len(entry.name) == LONGEST_TEXT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
KEYS = st.sampled_from(
    [
        "call",
        "alarm",
        "name",
        "type",
        "mode",
        "state",
        "level",
        "raised",
        "by",
        "delivered",
        "device",
        "priority",
        "status",
        "stop",
        "stop_after_s",
        "escalated_to",
        "line",
        "since",
        "unclosed",
    ]
)
ENTRIES = st.lists(st.dictionaries(KEYS, JSON) | JSON, max_size=4)


@given(st.sampled_from(READERS), ENTRIES, st.dictionaries(KEYS, JSON))
def test_no_document_breaks_a_reader(read: Any, entries: list[Any], more: dict[str, Any]) -> None:
    payload = json.dumps({**more, "calls": entries, "alarms": entries}).encode()
    try:
        found = read(payload)
    except GarbageError:
        return
    if isinstance(found, documents.Listing):
        assert len(found.entries) <= sum(isinstance(entry, dict) for entry in entries)


@given(st.sampled_from(READERS), st.binary())
def test_no_bytes_break_a_reader(read: Any, payload: bytes) -> None:
    with suppress(GarbageError):
        read(payload)
