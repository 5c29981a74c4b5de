"""What stations say is read strictly where it says which event it is, and tolerantly elsewhere."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify import words
from agent.notify.news import News, plain, read
from tests.unit.notify.mail import MONDAY, PATH, event

if TYPE_CHECKING:
    from collections.abc import Mapping

TOPIC = f"lineside/v1/{PATH}/event/andon"

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def parsed(**changes: Any) -> tuple[list[News], list[str]]:
    return read(TOPIC, json.dumps({**event(), **changes}).encode())


def test_an_event_is_read() -> None:
    """Where it was, which it is, when it was, what it says."""
    (news,), garbage = read(TOPIC, json.dumps(event(sequence=7)).encode())
    assert garbage == []
    assert (news.path, news.lane, news.sequence, news.type) == (PATH, "andon", 7, "andon.raised")
    assert (news.thread, news.level, news.time, news.is_end) == ("c-1", 0, MONDAY, False)


def test_a_batch_loses_only_its_garbage() -> None:
    """One bad event does not hide the good ones beside it."""
    heard, garbage = read(TOPIC, json.dumps([event(sequence=1), 5, {}, event(sequence=2)]).encode())
    assert [news.sequence for news in heard] == [1, 2]
    assert len(garbage) == 2


@pytest.mark.parametrize(
    "changes",
    [
        {"epoch": ""},
        {"epoch": 5},
        {"epoch": "x" * 1000},
        {"lane": "alarm"},
        {"lane": None},
        {"type": "other.raised"},
        {"type": None},
        {"sequence": "0"},
        {"sequence": "-1"},
        {"sequence": "1.5"},
        {"sequence": "٣"},
        {"sequence": str(2**63)},
        {"sequence": "9" * 5000},
        {"sequence": None},
        {"sequence": True},
    ],
)
def test_an_event_that_does_not_say_which_it_is_is_garbage(changes: Mapping[str, Any]) -> None:
    """Without an identity it could be told twice or hide another."""
    heard, garbage = parsed(**changes)
    assert (heard, len(garbage)) == ([], 1)
    assert garbage[0].startswith(PATH)


@pytest.mark.parametrize(
    "changes",
    [{"time": "yesterday"}, {"time": None}, {"time": 5}, {"clock": 1}, {"subject": 5}, {"data": None}, {"data": [1]}],
)
def test_a_call_whose_details_make_no_sense_is_still_a_call(changes: Mapping[str, Any]) -> None:
    """In doubt somebody is told."""
    heard, garbage = parsed(**changes)
    assert (len(heard), garbage) == (1, [])


@pytest.mark.parametrize(
    "topic",
    ["", "event/andon", "lineside/v1/a/b/c/d/event/andon", f"{TOPIC}/x", TOPIC.replace("event", "state"), TOPIC[:-5]],
)
def test_a_topic_that_is_no_lane_is_garbage(topic: str) -> None:
    """Whoever bridges something else to us is told."""
    assert read(topic, json.dumps(event()).encode())[0] == []


def test_a_clock_that_is_not_set_makes_nothing_late() -> None:
    """A station that believes in 1970 is not 56 years late."""
    (news,), _ = parsed(time="1970-01-01T00:00:00Z", clock="unsynced")
    assert news.late_s(MONDAY) == 0
    (news,), _ = parsed(time="2026-11-16T09:00:00Z")
    assert news.late_s(MONDAY) == 3600
    assert news.late_s(datetime(2026, 11, 16, 8, 0, tzinfo=UTC)) == 0


def test_what_stations_say_is_one_line_of_text() -> None:
    """No line breaks into a mail's header, no control characters into a chat."""
    assert plain("a\r\nBcc: b\x00\x1b[31m\u202ec") == "a Bcc: b [31m c"
    assert plain("异常: Ölstand") == "异常: Ölstand"
    assert len(plain("x" * 10_000)) == 300
    assert plain(["a", {"b": 1}, 2]) == "a, 2"
    assert plain({"a": 1}) == plain(None) == ""


@given(st.binary(max_size=200))
def test_no_bytes_raise(payload: bytes) -> None:
    """Whatever comes, it is events or a reason."""
    heard, garbage = read(TOPIC, payload)
    assert heard or garbage or json.loads(payload) == []


@given(JSON, st.dictionaries(st.sampled_from([*event(), "data"]), JSON), st.dictionaries(st.text(max_size=8), JSON))
def test_no_document_raises_and_every_event_can_be_worded(whole: Any, changed: Any, data: Any) -> None:
    """Any JSON, and any good event with anything in any place."""
    phrases = words.Phrases()
    for document in (whole, {**event(), "data": data, **changed}, {**event(), "data": {**data, "duration_s": whole}}):
        heard, garbage = read(TOPIC, json.dumps(document).encode())
        assert heard or garbage or document == []
        for news in heard:
            told = words.fields(news, {}, phrases, UTC, news.late_s(MONDAY))
            assert all(isinstance(value, str) for value in told.values())
            words.message(told, phrases.title, phrases.body)
            assert isinstance(news.thread, str)
