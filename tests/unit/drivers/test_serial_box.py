"""The box's lamps and its settings; what its buttons say is told by tests/data/serial-box."""

from __future__ import annotations

import json
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
    ],
)
def test_wrong_settings_say_what_is_wrong(key: str, value: Any, words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**{key: value})
