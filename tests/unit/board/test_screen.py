"""The screen: what matters most is always on it, stop calls are red, what nobody answered blinks."""

from __future__ import annotations

import io
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from agent.board.board import Age, Entry, Picture, StationView
from agent.board.documents import Alarm, Call
from agent.board.screen import BLINK_S, screen

REVERSE = re.compile(r"\x1b\[[0-9;]*\b7\b[0-9;]*m")


def call(number: int = 1, **values: Any) -> Entry:
    known: dict[str, Any] = {"mode": "call", "state": "raised", "level": 0, "by": "", "delivered": True, **values}
    made = Call(call=f"c{number}", name=f"call-{number}", type="quality", raised_s=0.0, **known)
    return Entry("st-1", made, Age(60.0 + number, sure=True), stale=False)


def alarm(number: int = 1, **values: Any) -> Entry:
    known: dict[str, Any] = {"priority": "high", "rank": 2, "state": "unacknowledged", **values}
    made = Alarm(alarm=f"a{number}", name=f"alarm-{number}", device="gauge-1", raised_s=0.0, detail="", **known)
    return Entry("st-1", made, Age(60.0, sure=True), stale=False)


def station(number: int = 1, *, online: bool = True) -> StationView:
    return StationView(f"st-{number}", "online" if online else "offline", online, 60.0, 0, "")


def picture(*entries: Entry, stations: tuple[StationView, ...] = (), linked: bool = True) -> Picture:
    calls = tuple(entry for entry in entries if isinstance(entry.what, Call))
    alarms = tuple(entry for entry in entries if isinstance(entry.what, Alarm))
    return Picture("a/b/c/d", "gone", linked, 60.0, 5.0, calls, alarms, stations)


def shown(what: Picture, now_s: float = 0.0, height: int = 24, width: int = 100, *, colour: bool = True) -> list[str]:
    console = Console(
        file=io.StringIO(),
        width=width,
        height=height,
        force_terminal=colour,
        color_system="standard" if colour else None,
    )
    console.print(screen(what, now_s, height))
    written = console.file
    assert isinstance(written, io.StringIO)
    return written.getvalue().splitlines()


def line_of(word: str, lines: list[str]) -> str:
    return next(line for line in lines if word in line)


def blinks(entry: Entry, word: str) -> bool:
    phases = [bool(REVERSE.search(line_of(word, shown(picture(entry), count * BLINK_S)))) for count in range(4)]
    assert phases in ([True, False, True, False], [False] * 4)
    return phases[0]


def test_stop_calls_are_red_and_others_are_not() -> None:
    assert "31" in line_of("call-1", shown(picture(call(mode="stop", stop="stopped")), BLINK_S))
    assert "31" not in line_of("call-1", shown(picture(call(stop="pending")), BLINK_S))
    assert "31" not in line_of("call-1", shown(picture(call(mode="help")), BLINK_S))


@pytest.mark.parametrize(("state", "wanted"), [("raised", True), ("acknowledged", False), ("arrived", False)])
def test_only_unanswered_calls_blink(state: str, wanted: bool) -> None:  # noqa: FBT001
    assert blinks(call(state=state), "call-1") == wanted


def test_only_unacknowledged_alarms_blink() -> None:
    assert blinks(alarm(), "alarm-1")
    assert not blinks(alarm(state="acknowledged"), "alarm-1")
    assert not blinks(alarm(state="shelved"), "alarm-1")


def test_without_colours_the_words_say_the_same() -> None:
    entry = call(stop="stopped", level=3, by="team leader", escalated_to="supervisor", delivered=False)
    text = "\n".join(shown(picture(entry), colour=False, width=120))
    for word in ("STOP", "raised", "3", "1:01", "team leader, supervisor told, not delivered"):
        assert word in text


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"stop": "stopped"}, "STOP "),
        ({"stop": "pending", "stop_after_s": 180}, "STOP in 1:59"),
        ({"stop": "pending", "stop_after_s": 60}, "will STOP"),  # due, but not yet told
        ({"stop": "pending", "stop_at": "position"}, "STOP at position"),
        ({"stop": "no"}, "call "),
    ],
)
def test_what_a_call_does_to_the_line_is_told(values: dict[str, Any], words: str) -> None:
    assert words in line_of("call-1", shown(picture(call(**values)), colour=False))


def test_the_line_that_stands_and_the_reasons_that_are_awaited_are_told() -> None:
    stands = StationView("st-1", "online", True, 60.0, 0, "", "stopped", Age(61.0, sure=True), 2)
    lines = shown(picture(stations=(stands,)), colour=False)
    assert "stations: 1 of 1 online; 2 calls wait for their reason" in lines
    assert "st-1: line stopped for 1:01" in lines


def test_the_lost_broker_is_told_on_top() -> None:
    assert "BROKER LOST for 1:00; last news 0:05 ago: gone" in "".join(shown(picture(linked=False))[:2])


def test_markup_in_a_name_is_only_text() -> None:
    entry = call(by="[red]x[/red]")
    assert "[red]x[/red]" in "".join(shown(picture(entry), colour=False))


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40), st.integers(14, 60))
def test_it_fits_and_what_is_left_out_is_counted(calls: int, alarms: int, offline: int, height: int) -> None:
    entries = [*(call(number) for number in range(calls)), *(alarm(number) for number in range(alarms))]
    stations = tuple(station(number, online=False) for number in range(offline))
    lines = shown(picture(*entries, stations=stations), height=height, colour=False)
    assert len(lines) <= height
    for word, count in (("call-", calls), ("alarm-", alarms)):
        seen = sum(word in line for line in lines)
        assert seen >= min(count, 1)
        told = re.search(rf"and (\d+) more {word.strip('-')}s", "\n".join(lines))
        assert seen + int(told[1] if told else 0) == count
