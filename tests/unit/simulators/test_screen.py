"""The view of the simulated plant: what a call does to the line stands beside how far it is."""

from __future__ import annotations

import io
from typing import Any

import pytest
from rich.console import Console

from simulators.agent_view import Status
from simulators.screen import Picture, render, told_call


def call(**more: Any) -> dict[str, Any]:
    return {"name": "cord", "mode": "call", "state": "raised", "stop": "no", "level": 0, **more}


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "cord raised"),
        ({"stop": "pending", "level": 2}, "cord will stop raised level 2"),
        ({"stop": "stopped", "state": "arrived"}, "cord STOP arrived"),
    ],
)
def test_a_call_is_told_in_a_few_words(more: dict[str, Any], told: str) -> None:
    assert told_call(call(**more)) == told


def test_calls_are_on_the_screen_and_in_the_log() -> None:
    calls = [call(stop="stopped"), call(name="belt", state="arrived")]
    alarms = [{"id": "hot", "name": "press-overheated", "state": "shelved"}, {"id": "x", "state": "returned"}]
    picture = Picture(status=Status({"calls": calls, "alarms": alarms}))
    console = Console(file=io.StringIO(), width=100)
    console.print(render(picture, 24))
    written = console.file
    assert isinstance(written, io.StringIO)
    assert "andon calls: cord STOP raised, belt arrived" in written.getvalue()
    assert "alarms: press-overheated shelved, x returned" in written.getvalue()
    assert "calls=cord-STOP-raised,belt-arrived  alarms=press-overheated-shelved,x-returned " in picture.line()


def test_a_value_and_a_stream_are_on_the_screen() -> None:
    """Of a stream the last value and how many there are."""
    taken = {"verdict": "pass", "value": 12.345, "unit": "mm", "name": "seat"}
    series = {"gauge": "scale", "unit": "g", "count": 3, "values": [1.0, 2.0, 3.5]}
    events = [{"time": "2026-11-21T10:00:00.123Z", "data": data} for data in (taken, series)]
    console = Console(file=io.StringIO(), width=120)
    console.print(render(Picture(measurements=events), 30))
    written = console.file
    assert isinstance(written, io.StringIO)
    assert "pass 12.345 mm  seat" in written.getvalue()
    assert "none 3.5 (3 values) g  scale" in written.getvalue()
