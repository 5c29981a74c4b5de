"""The box's lamps and its settings; what its buttons say is told by tests/data/serial-box."""

from __future__ import annotations

import json
import select
import time
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from drivers.andon.serial_box import SerialBox, SerialBoxSettings
from drivers.contract import Answer, Contact, DeviceGoneError, Lamp, Lamps, Noise, Verdict

ALL_DARK = b"red=0\nyellow=0\ngreen=0\nblue=0\n"
QUERY = b"?\n"


def settings(**more: Any) -> SerialBoxSettings:
    document = {"name": "box", "driver": "serial-box", "port": "/dev/none", **more}
    return TypeAdapter(SerialBoxSettings).validate_json(json.dumps(document))


def lit(*lamps: Lamp) -> Lamps:
    return Lamps(frozenset(lamps))


LONG_S = 30.0
"""Longer than any test may take: a wait that should have ended shows."""


def sent(box: SerialBox, cable: Any, length: int) -> bytes:
    """The first `length` bytes that the box is sent while it is read and says nothing."""
    data = b""
    deadline = time.monotonic() + LONG_S
    while len(data) < length and time.monotonic() < deadline:
        assert box.read(0.01) == []
        if select.select([cable.device], [], [], 0)[0]:
            data += cable.heard(1)
    return data


def test_the_box_is_asked_for_its_inputs_at_open(cable: Any) -> None:
    box = SerialBox(settings(port=cable.port))
    box.open()
    assert cable.heard(len(QUERY)) == QUERY
    box.close()


def test_only_changed_lamps_are_sent(cable: Any) -> None:
    """The first picture is sent whole, then only what changed; an answer is none of the box's business."""
    box = SerialBox(settings(port=cable.port, query=""))
    box.open()
    box.show(lit())
    box.show(lit())
    box.show(lit(Lamp.GREEN))
    box.show(Answer(Verdict.REFUSE, "wrong part"))
    box.show(lit(Lamp.RED, Lamp.GREEN))
    box.show(lit(Lamp.RED))
    expected = ALL_DARK + b"green=1\nred=1\ngreen=0\n"
    assert cable.heard(len(expected)) == expected
    box.close()


def test_all_lamps_are_sent_again_after_reopening(cable: Any) -> None:
    """A box that lost its power shows the right picture again."""
    box = SerialBox(settings(port=cable.port, query=""))
    for _ in range(2):
        box.open()
        box.show(lit())
        assert cable.heard(len(ALL_DARK)) == ALL_DARK
        box.close()


def test_a_picture_that_was_not_sent_is_sent_whole_later(cable: Any) -> None:
    """What failed to go out does not count as shown."""
    box = SerialBox(settings(port=cable.port, query=""))
    with pytest.raises(DeviceGoneError):
        box.show(lit())
    box.open()
    box.show(lit())
    assert cable.heard(len(ALL_DARK)) == ALL_DARK
    box.close()


def test_lamps_are_named_as_the_box_names_them(cable: Any) -> None:
    """Colours without an output are left out."""
    box = SerialBox(
        settings(port=cable.port, query="", output="SET {lamp},{level};", lamps={"red": "Q1", "blue": "Q4"})
    )
    box.open()
    box.show(lit(Lamp.BLUE, Lamp.YELLOW))
    assert cable.heard(18) == b"SET Q1,0;SET Q4,1;"
    box.close()


def test_an_optional_group_that_is_missing_is_noise() -> None:
    """A line that names no input or no state is not guessed at."""
    box = SerialBox(settings(pattern="^(?P<input>[a-z]*)(=(?P<state>[01]))?$"))
    assert [type(signal) for signal in box.feed(b"stop\n=1\nstop=1\n")] == [Noise, Noise, Contact]


def test_the_horn_is_an_output_like_a_lamp(cable: Any) -> None:
    box = SerialBox(settings(port=cable.port, query="", lamps={"red": "Q1"}, horn="Q2"))
    box.open()
    box.show(Lamps(frozenset({Lamp.RED}), horn=True))
    assert cable.heard(10) == b"Q1=1\nQ2=1\n"
    box.close()


def test_the_line_is_stopped_until_the_first_picture_and_at_the_end(cable: Any) -> None:
    """Also when the box restarts, before and after there is a picture."""
    box = SerialBox(settings(port=cable.port, query="", lamps={"red": "R"}, stop="S", run="G", ready="ready"))
    box.open()
    stopped, running = b"S=1\nG=0\n", b"S=0\nG=1\n"
    assert sent(box, cable, len(stopped)) == stopped
    cable.say(b"ready\n")
    assert sent(box, cable, len(stopped)) == stopped
    box.show(lit())
    assert cable.heard(12) == running + b"R=0\n"
    cable.say(b"ready\n")
    assert sent(box, cable, 12) == running + b"R=0\n"
    box.show(Lamps(stop=True))
    assert cable.heard(len(stopped)) == stopped
    box.show(lit())
    box.close()
    assert cable.heard(16) == running + stopped


def test_a_blinking_lamp_blinks_while_the_box_is_read(cable: Any) -> None:
    """The box needs no clock of its own, and when the agent ends, so does the blinking."""
    box = SerialBox(settings(port=cable.port, query="", lamps={"red": "R", "green": "G"}, blink_s=0.05))
    box.open()
    box.show(Lamps(frozenset({Lamp.RED, Lamp.GREEN}), blinking=frozenset({Lamp.RED})))
    expected = b"R=1\nG=1\nR=0\nR=1\nR=0\n"
    assert sent(box, cable, len(expected)) == expected
    box.close()


def test_closing_leaves_the_declared_safe_state(cable: Any) -> None:
    """Only what differs from it is sent; a port that is lost is no error."""
    box = SerialBox(settings(port=cable.port, query="", lamps={"red": "R", "green": "G"}, safe={"red": True}))
    box.open()
    box.show(lit(Lamp.GREEN))
    box.close()
    expected = b"R=0\nG=1\nR=1\nG=0\n"
    assert cable.heard(len(expected)) == expected
    box.open()
    cable.unplug()
    box.close()


def test_a_heartbeat_is_sent_while_the_box_is_read(cable: Any) -> None:
    """It belongs to the reading, so that it stops when the agent does."""
    box = SerialBox(settings(port=cable.port, query="", heartbeat="!\n", heartbeat_s=0.1))
    box.open()
    assert sent(box, cable, 6) == b"!\n!\n!\n"
    box.close()


def test_a_box_that_has_restarted_is_asked_again_and_told_all(cable: Any) -> None:
    """Opening its port restarts it: what was sent before it was ready is lost."""
    box = SerialBox(settings(port=cable.port, ready="^Box v.* ready$", lamps={"red": "R", "green": "G"}))
    box.open()
    box.show(lit(Lamp.RED))
    lost = QUERY + b"R=1\nG=0\n"
    assert cable.heard(len(lost)) == lost
    cable.say(b"Box v1.2 ready\r\n")
    assert box.read(0.05) == []
    assert cable.heard(len(lost)) == lost
    cable.say(b"stop=1\r\n")
    assert box.read(LONG_S) == [Contact(b"stop=1\r\n", "stop", active=True)]
    box.close()


def test_a_ready_line_together_with_inputs_costs_none(cable: Any) -> None:
    box = SerialBox(settings(port=cable.port, ready="ready", lamps={}))
    box.open()
    assert cable.heard(len(QUERY)) == QUERY
    cable.say(b"ready\nstop=1\n")
    assert [type(signal) for signal in box.read(LONG_S)] == [Contact]
    box.read(0)
    assert cable.heard(len(QUERY)) == QUERY
    box.close()


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("pattern", "(", "not a regular expression"),
        ("pattern", r"(\w+)=(\d)", r"missing: \(\?P<input>\.\.\.\), \(\?P<state>"),
        ("pattern", r"(?P<input>\w+)", r"missing: \(\?P<state>"),
        ("output", "on\n", r"missing: \{lamp\}, \{level\}"),
        ("output", "{lamp}\n", r"missing: \{level\}"),
        ("output", "{lamp} {level} {time}", r"unknown place: \{time\}"),
        ("output", "{lamp} {level:d}", "format code"),
        ("output", "{", "output"),
        ("lamps", {"pink": "Q1"}, "lamps.pink"),
        ("lamps", {"red": "Q1", "blue": "Q1"}, "share one output"),
        ("horn", "red", "share one output"),
        ("stop", "red", "share one output"),
        ("safe", {"stop": False, "run": False}, "opposites"),
        ("ready", "(", "not a regular expression"),
        ("heartbeat_s", 0, "heartbeat_s"),
        ("safe", {"pink": True}, "safe"),
    ],
)
def test_wrong_settings_say_what_is_wrong(key: str, value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**{key: value})
