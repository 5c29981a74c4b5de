"""Values, name and requests; further frames in tests/data/sylvac."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import given
from hypothesis import strategies as st

from drivers.contract import Ask, Reading
from drivers.gauges.sylvac import Sylvac, SylvacSettings

if TYPE_CHECKING:
    from decimal import Decimal

SETTINGS = SylvacSettings(name="gauge", driver="sylvac", port="/dev/none")


@given(st.decimals(-999, 999, places=5), st.sampled_from([("", ""), ("<", "below"), ("=", "inside"), (">", "above")]))
def test_every_number_is_told_exactly(number: Decimal, own: tuple[str, str]) -> None:
    sign, judged = own
    frame = f"{number:+f}{sign}\r".encode()
    assert Sylvac(SETTINGS).feed(frame) == [Reading(frame, f"{number:+f}", number, "mm", judged=judged)]


def test_asking_and_streaming(cable: Any) -> None:
    """The echo of a command is no value and no answer."""
    more = {"port": cable.port, "mode": "stream", "bytesize": 8, "parity": "N"}
    gauge = Sylvac(SETTINGS.model_copy(update=more))
    gauge.open()
    assert cable.heard(5) == b"OUT1\r"
    cable.say(b"OUT1\r+1.000\r")
    assert [signal.raw for signal in gauge.read(10)] == [b"+1.000\r"]
    gauge.show(Ask())
    assert cable.heard(2) == b"?\r"
    cable.say(b"?\r")
    assert gauge.read(0.02) == []
    assert cable.pending() == b""
    gauge.close()
    assert cable.heard(5) == b"OUT0\r"


def test_power_on_starts_the_stream_anew(cable: Any) -> None:
    more = {"port": cable.port, "mode": "stream", "bytesize": 8, "parity": "N"}
    gauge = Sylvac(SETTINGS.model_copy(update=more))
    gauge.open()
    assert cable.heard(5) == b"OUT1\r"
    cable.say(b"SY203.2\r")
    assert gauge.read(0.02) == []
    assert cable.heard(5) == b"OUT1\r"
    gauge.close()


def test_the_line_is_4800_7e2() -> None:
    assert (SETTINGS.baudrate, SETTINGS.bytesize, SETTINGS.parity, SETTINGS.stopbits) == (4800, 7, "E", 2)
