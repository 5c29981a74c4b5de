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
