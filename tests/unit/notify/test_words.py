"""Templates say what they were given and nothing else."""

from __future__ import annotations

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify import words
from agent.notify.news import News
from agent.notify.words import Phrases
from tests.unit.notify.mail import CALL, MONDAY, PATH

RAISED = News(PATH, "e", "andon", 1, "andon.raised", time=MONDAY, data=CALL)
BERLIN = ZoneInfo("Europe/Berlin")


def test_a_message_tells_what_where_and_when() -> None:
    """In the plant's time; lines about what there is not are left out."""
    phrases = Phrases()
    told = words.fields(RAISED, {}, phrases, BERLIN, 0)
    title, body = words.message(told, phrases.title, phrases.body)
    assert title == "Call: quality (line3/st-040)"
    assert body.splitlines() == [
        "Call: quality",
        "acme/plant1/assembly/line3/st-040",
        "2026-11-16 11:00:00",
        "type: quality, mode: call",
    ]


def test_the_plants_language_is_used() -> None:
    """Words and templates are UTF-8 text of the plant."""
    phrases = Phrases(title="{what}:{about} {duration}", over="已结束 {time}")
    ended = News(PATH, "e", "andon", 2, "andon.resolved", time=MONDAY, data={**CALL, "name": "质量", "duration_s": 125})
    told = words.fields(ended, {"andon.resolved": "解决"}, phrases, BERLIN, 0)
    assert words.message(told, phrases.title, "")[0] == "解决:质量 2 min 5 s"
    assert words.over(told, phrases) == "已结束 2026-11-16 11:00:00"


def test_late_and_unsure_times_are_told_as_such() -> None:
    """With the true time of the event."""
    told = words.fields(RAISED, {}, Phrases(), BERLIN, 11_100)
    assert (told["time"], told["late"]) == ("2026-11-16 11:00:00", "heard 3 h 5 min late")
    unsure = News(PATH, "e", "andon", 1, "andon.raised", synced=False, data=CALL)
    assert words.fields(unsure, {}, Phrases(), BERLIN, 0)["unsure"] == "(clock of the station not set)"


@pytest.mark.parametrize(
    ("template", "told"),
    [
        ("{sation}", "did you mean 'station'"),
        ("{0}", "unknown field '0'"),
        ("{call.__class__}", "unknown field"),
        ("{data[x]}", "unknown field"),
        ("{station!r}", "alone"),
        ("{station:>10}", "alone"),
        ("{station", "no template"),
        ("}", "no template"),
    ],
)
def test_a_template_that_cannot_be_filled_is_told_when_the_file_is_read(template: str, told: str) -> None:
    """Not at night, when the first call comes."""
    with pytest.raises(ValueError, match=told):
        words.checked(template)


def test_a_digest_counts_and_lists() -> None:
    """Counts of each kind, the first lines, and how many more there are."""
    phrases = Phrases(digest_lines=2)
    told = [words.fields(RAISED, {}, phrases, BERLIN, 0)] * 3
    ended = News(PATH, "e", "andon", 2, "andon.resolved", time=MONDAY, data=CALL)
    title, body = words.digest([*told, words.fields(ended, {}, phrases, BERLIN, 0)], phrases)
    assert title == "4 messages"
    assert body.splitlines() == [
        "3 x Call",
        "1 x Resolved",
        "",
        "2026-11-16 11:00:00 line3/st-040 Call: quality",
        "2026-11-16 11:00:00 line3/st-040 Call: quality",
        "... and 2 more",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59.9, "59 s"), (60, "1 min"), (3661, "1 h 1 min"), (90_000, "1 d 1 h")]
)
def test_spans_are_told_by_their_two_largest_units(seconds: float, text: str) -> None:
    """Short enough to be read."""
    assert words.age(seconds) == text
    assert words.age(timedelta(days=3).total_seconds()) == "3 d"


@given(st.text(max_size=40))
def test_what_a_station_says_is_never_read_as_a_template(name: str) -> None:
    """Braces in a name stay braces, and a title stays one line."""
    news = News(PATH, "e", "andon", 1, "andon.raised", data={**CALL, "name": name, "detail": "{station}"})
    told = words.fields(news, {}, Phrases(), BERLIN, 0)
    title, body = words.message(told, "{name}|{detail}", "{detail}")
    assert title.endswith("|{station}") if told["name"] else title == "|{station}"
    assert body == "{station}"
    assert title.isprintable()
