"""Requests, streams and silence, which all gauges have in common; shown with the plainest of them."""

from __future__ import annotations

import json
import time
from decimal import Decimal
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from drivers.contract import Answer, Ask, Condition, DeviceGoneError, Lamps, Noise, Reading, Signal, Verdict
from drivers.gauges.text import TextGauge, TextGaugeSettings

LONG_S = 30.0
"""Longer than any test may take."""

SHORT_S = 0.05
REQUEST, START, STOP = b"READ\n", b"RUN\n", b"HALT\n"

SILENT = Condition(
    b"", "silent", active=True, detail=f"nothing for {SHORT_S:g} s; is the gauge on, are cable, line and mode right?"
)


def settings(**more: Any) -> TextGaugeSettings:
    document = {
        "name": "gauge", "driver": "text-gauge", "port": "/dev/none",
        "request": "READ\n", "start": "RUN\n", "stop": "HALT\n", **more,
    }  # fmt: skip
    return TypeAdapter(TextGaugeSettings).validate_json(json.dumps(document))


def value(number: str) -> Reading:
    return Reading(f"{number} Nm\n".encode(), number, Decimal(number), "Nm")


def spoken(gauge: TextGauge, timeout_s: float = LONG_S) -> list[Signal]:
    """The next thing that the gauge's driver says."""
    deadline_s = time.monotonic() + timeout_s
    while not (signals := gauge.read(max(0.0, deadline_s - time.monotonic()))):
        assert time.monotonic() < deadline_s
    return list(signals)


def opened(cable: Any, **more: Any) -> TextGauge:
    one = TextGauge(settings(port=cable.port, **more))
    one.open()
    return one


# --- push and ask


@pytest.mark.parametrize("mode", ["push", "ask"])
def test_a_gauge_that_owes_nothing_is_never_silent(cable: Any, mode: str) -> None:
    gauge = opened(cable, mode=mode, silence_s=SHORT_S)
    assert gauge.read(4 * SHORT_S) == []
    cable.say(b"1.5 Nm\n")
    assert spoken(gauge) == [value("1.5")]
    gauge.close()


@pytest.mark.parametrize("mode", ["push", "ask"])
def test_an_ask_sends_one_request(cable: Any, mode: str) -> None:
    """More of them before the answer send nothing: the value on its way is the one."""
    gauge = opened(cable, mode=mode)
    gauge.show(Ask())
    gauge.show(Ask())
    gauge.show(Answer(Verdict.PASS, ""))
    gauge.show(Lamps())
    assert cable.heard(len(REQUEST)) == REQUEST
    cable.say(b"1.5 Nm\n")
    assert spoken(gauge) == [value("1.5")]
    gauge.show(Ask())
    assert cable.heard(len(REQUEST)) == REQUEST
    assert cable.pending() == b""
    gauge.close()


def test_a_request_without_an_answer_is_silence_and_the_next_ask_is_sent(cable: Any) -> None:
    """Told once; over at the next value, which is told after its end."""
    gauge = opened(cable, silence_s=SHORT_S)
    gauge.show(Ask())
    assert spoken(gauge) == [SILENT]
    gauge.show(Ask())
    assert cable.heard(2 * len(REQUEST)) == 2 * REQUEST
    assert gauge.read(4 * SHORT_S) == []
    cable.say(b"1.5 Nm\n1.6 Nm\n")
    assert spoken(gauge) == [Condition(b"1.5 Nm\n", "silent", active=False), value("1.5"), value("1.6")]
    gauge.close()


def test_noise_is_an_answer_but_ends_no_silence(cable: Any) -> None:
    gauge = opened(cable, silence_s=SHORT_S)
    gauge.show(Ask())
    assert spoken(gauge) == [SILENT]
    cable.say(b"?!\n")
    (noise,) = spoken(gauge)
    assert isinstance(noise, Noise)
    cable.say(b"1.5 Nm\n")
    assert spoken(gauge) == [Condition(b"1.5 Nm\n", "silent", active=False), value("1.5")]
    gauge.close()


def test_a_gauge_that_cannot_be_asked_takes_an_ask(cable: Any) -> None:
    gauge = opened(cable, request="")
    gauge.show(Ask())
    assert cable.pending() == b""
    gauge.close()


def test_asking_a_gauge_that_is_gone_is_a_loss(cable: Any) -> None:
    gauge = TextGauge(settings(port=cable.port))
    with pytest.raises(DeviceGoneError, match="gauge"):
        gauge.show(Ask())


# --- poll


def test_polling_asks_at_open_and_after_each_answer(cable: Any) -> None:
    """One request, one value: none is sent before the answer to the last."""
    gauge = opened(cable, mode="poll", interval_s=0.01)
    for number in ("1.5", "-0.02", "3"):
        assert gauge.read(0) == []
        assert cable.heard(len(REQUEST)) == REQUEST
        assert gauge.read(0.03) == []
        assert cable.pending() == b""
        cable.say(f"{number} Nm\n".encode())
        assert spoken(gauge) == [value(number)]
        gauge.read(0.02)
    gauge.close()


def test_polling_waits_its_interval(cable: Any) -> None:
    gauge = opened(cable, mode="poll", interval_s=LONG_S)
    assert cable.heard(len(REQUEST)) == REQUEST
    cable.say(b"1.5 Nm\n")
    assert spoken(gauge) == [value("1.5")]
    assert gauge.read(0.03) == []
    assert cable.pending() == b""
    gauge.close()


def test_polling_goes_on_through_silence(cable: Any) -> None:
    """A gauge that is off is asked again and again, one request a time-out; its silence is told once."""
    gauge = opened(cable, mode="poll", interval_s=0.01, silence_s=SHORT_S)
    assert spoken(gauge) == [SILENT]
    assert gauge.read(3 * SHORT_S) == []
    asked = cable.pending()
    assert asked == REQUEST * (len(asked) // len(REQUEST))
    assert len(asked) >= 2 * len(REQUEST)
    cable.say(b"1.5 Nm\n")
    assert spoken(gauge) == [Condition(b"1.5 Nm\n", "silent", active=False), value("1.5")]
    gauge.close()


def test_silence_does_not_shorten_the_interval(cable: Any) -> None:
    gauge = opened(cable, mode="poll", interval_s=LONG_S, silence_s=SHORT_S)
    assert spoken(gauge) == [SILENT]
    assert gauge.read(2 * SHORT_S) == []
    assert cable.pending() == REQUEST
    gauge.close()


# --- stream


def test_a_stream_is_started_at_open_and_stopped_at_close(cable: Any) -> None:
    gauge = opened(cable, mode="stream")
    assert cable.heard(len(START)) == START
    cable.say(b"1.5 Nm\n1.6 Nm\n")
    assert spoken(gauge) == [value("1.5"), value("1.6")]
    gauge.close()
    assert cable.heard(len(STOP)) == STOP


def test_a_stream_that_stops_is_silence_and_is_started_anew(cable: Any) -> None:
    gauge = opened(cable, mode="stream", silence_s=SHORT_S)
    assert cable.heard(len(START)) == START
    cable.say(b"1.5 Nm\n")
    assert spoken(gauge) == [value("1.5")]
    assert spoken(gauge) == [SILENT]
    assert cable.heard(len(START)) == START
    cable.say(b"1.6 Nm\n")
    assert spoken(gauge) == [Condition(b"1.6 Nm\n", "silent", active=False), value("1.6")]
    gauge.close()


def test_an_ask_in_a_stream_is_sent_once_and_the_stream_started_anew(cable: Any) -> None:
    """A request ends the stream of many a balance."""
    gauge = opened(cable, mode="stream")
    assert cable.heard(len(START)) == START
    gauge.show(Ask())
    gauge.show(Ask())
    assert cable.heard(len(REQUEST)) == REQUEST
    assert gauge.read(0) == []
    assert cable.pending() == b""
    cable.say(b"1.5 Nm\n")
    assert spoken(gauge) == [value("1.5")]
    assert gauge.read(0) == []
    assert cable.heard(len(START)) == START
    gauge.close()


def test_a_stream_without_a_command_is_watched_all_the_same(cable: Any) -> None:
    gauge = opened(cable, mode="stream", start="", stop="", silence_s=SHORT_S)
    assert spoken(gauge) == [SILENT]
    assert cable.pending() == b""
    gauge.close()


def test_closing_a_stream_whose_cable_is_pulled_is_no_error(cable: Any) -> None:
    gauge = opened(cable, mode="stream")
    cable.unplug()
    gauge.close()
    gauge.close()


def test_a_silence_outlives_the_port(cable: Any) -> None:
    """Told once, also when the port was lost and opened again meanwhile."""
    gauge = opened(cable, mode="stream", silence_s=SHORT_S)
    assert spoken(gauge) == [SILENT]
    gauge.close()
    gauge.open()
    assert gauge.read(3 * SHORT_S) == []
    cable.say(b"1.6 Nm\n")
    assert spoken(gauge) == [Condition(b"1.6 Nm\n", "silent", active=False), value("1.6")]
    gauge.close()


# --- settings


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"mode": "shout"}, "mode"),
        ({"mode": "poll", "request": ""}, 'mode "poll" needs `request`'),
        ({"mode": "ask", "request": ""}, 'mode "ask" needs `request`'),
        ({"interval_s": 0}, "interval_s"),
        ({"silence_s": 0}, "silence_s"),
        ({"request": "\u20ac"}, r"above U\+00FF"),
    ],
)
def test_wrong_settings_say_what_is_wrong(more: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**more)
