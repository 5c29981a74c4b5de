"""Contacts and lamps on modem lines: on pyserial's loop, where RTS comes back as CTS and DTR as DSR."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from drivers.andon.serial_lines import SerialLines
from drivers.contract import (
    Condition,
    Contact,
    DeviceGoneError,
    DriverUnusableError,
    Lamp,
    Lamps,
    Noise,
    Signal,
)
from drivers.port import ModemLines, Port, PortSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_S = 30.0
"""Longer than any test may take: a wait that should have ended shows."""

DARK = ModemLines(cts=False, dsr=False, dcd=False, ri=False)


def settings(**more: Any) -> Any:
    document = {"name": "lines", "driver": "serial-lines", "port": "loop://", **more}
    return TypeAdapter(SerialLines.Settings).validate_json(json.dumps(document))


@pytest.fixture
def made() -> Iterator[Any]:
    drivers: list[SerialLines] = []

    def make(**more: Any) -> SerialLines:
        drivers.append(SerialLines(settings(**more)))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()


def contacts(signals: Any) -> list[tuple[str, bool]]:
    return [(signal.input, signal.active) for signal in signals if isinstance(signal, Contact)]


def lit(*lamps: Lamp, blinking: tuple[Lamp, ...] = (), horn: bool = False) -> Lamps:
    return Lamps(frozenset(lamps), frozenset(blinking), horn)


def until(driver: SerialLines, wanted: tuple[str, bool]) -> bool:
    """Whether a contact is told in the end."""
    deadline = time.monotonic() + LONG_S
    while time.monotonic() < deadline:
        if wanted in contacts(driver.read(1.0)):
            return True
    return False


def test_a_contact_follows_its_line(made: Any) -> None:
    """The lamp's RTS is the button's CTS here: told after opening, and at each change."""
    one = made(inputs={"stop": {"line": "cts"}}, lamps={"red": "rts"})
    one.open()
    assert until(one, ("stop", False))
    one.show(lit(Lamp.RED))
    assert until(one, ("stop", True))
    one.show(lit(Lamp.GREEN))
    assert until(one, ("stop", False))


def test_a_normally_closed_contact(made: Any) -> None:
    one = made(inputs={"stop": {"line": "dsr", "contact": "nc"}}, lamps={"red": "dtr"})
    one.open()
    assert until(one, ("stop", True))


def test_a_supply_line_stays_on(made: Any) -> None:
    """A dry contact needs a line that feeds it: it is on from the opening, whatever the lamps do."""
    one = made(inputs={"fed": {"line": "cts"}}, lamps={"red": "dtr"}, supply="rts")
    one.open()
    assert until(one, ("fed", True))
    one.show(lit(Lamp.RED))
    assert contacts(one.read(0.1)) == []


def test_an_inverted_lamp_is_lit_by_a_line_that_is_off(made: Any) -> None:
    """So it is lit, too, when the agent is gone and the kernel has dropped the line."""
    one = made(inputs={"line": {"line": "cts"}}, lamps={"red": "rts"}, inverted=["red"])
    one.open()
    assert until(one, ("line", True))
    one.show(lit(Lamp.RED))
    assert until(one, ("line", False))


@pytest.mark.parametrize("keys", [{"run": "rts"}, {"stop": "rts", "inverted": ["stop"]}])
def test_the_line_runs_only_while_a_picture_lets_it(made: Any, keys: dict[str, Any]) -> None:
    """With RTS off, as the kernel leaves it, the line is stopped: before the first picture, and after reopening."""
    one = made(inputs={"runs": {"line": "cts"}}, **keys)
    one.open()
    assert until(one, ("runs", False))
    one.show(lit())
    assert until(one, ("runs", True))
    one.show(Lamps(stop=True))
    assert until(one, ("runs", False))
    one.show(lit())
    assert until(one, ("runs", True))
    one.close()
    one.open()
    assert until(one, ("runs", False))


def test_a_blinking_lamp_blinks_while_the_device_is_read(made: Any) -> None:
    one = made(inputs={"line": {"line": "cts"}}, lamps={"red": "rts"}, horn="dtr", blink_s=0.2)
    one.open()
    one.show(lit(Lamp.RED, blinking=(Lamp.RED,), horn=True))
    for level in (True, False, True):
        assert until(one, ("line", level))


def test_broken_wires_of_a_pair_are_seen(made: Any) -> None:
    """All that the lines may say, by hand."""
    one = made(inputs={"stop": {"line": "cts", "pair": "dcd", "debounce_s": 0, "fault_delay_s": 0.5}})
    at_rest, pressed = DARK._replace(dcd=True), DARK._replace(cts=True)
    assert contacts(one._sampled(at_rest, 0.0)) == [("stop", False)]
    assert contacts(one._sampled(pressed, 1.0)) == [("stop", True)]
    assert contacts(one._sampled(at_rest, 2.0)) == [("stop", False)]
    assert one._sampled(DARK, 3.0) == []
    condition, contact = one._sampled(DARK, 3.5)
    assert isinstance(condition, Condition)
    assert (condition.name, condition.part, condition.detail) == ("wire-break", "stop", "both contacts are open")
    assert contacts([contact]) == [("stop", True)]
    assert condition.raw == b"cts=0 dsr=0 dcd=0 ri=0"


def test_a_port_without_modem_lines_is_said_to_be_unusable(made: Any, cable: Any) -> None:
    """A pseudo-terminal has none; better told at open than a button that never answers."""
    one = made(port=cable.port, inputs={"stop": {"line": "cts"}})
    with pytest.raises(DriverUnusableError, match=rf"lines: {cable.port}: has no modem lines .*CTS"):
        one.open()
    one.close()


def test_a_missing_port_is_gone(made: Any) -> None:
    with pytest.raises(DeviceGoneError, match="no such port"):
        made(port="/dev/absent").open()


def test_bytes_on_the_port_are_noise(made: Any) -> None:
    one = made(inputs={}, lamps={"red": "rts"})
    one.open()
    one._port.write(b"\xff")
    assert one.read(LONG_S) == [Noise(b"\xff", "bytes on a port that is used for its lines only")]


def test_silence_and_cancel_end_a_read(made: Any) -> None:
    one = made(inputs={"stop": {"line": "cts"}})
    one.cancel()
    one.open()
    signals: list[Signal] = [*one.read(LONG_S)]
    begin = time.monotonic()
    while not signals:
        signals += one.read(LONG_S)
    assert one.read(0.05) == []
    canceller = threading.Thread(target=one.cancel)
    canceller.start()
    assert one.read(LONG_S) == []
    assert time.monotonic() - begin < LONG_S / 2
    canceller.join()


def test_reopening_tells_the_inputs_again_and_shows_nothing_by_itself(made: Any) -> None:
    one = made(inputs={"line": {"line": "cts"}}, lamps={"red": "rts"})
    one.open()
    one.show(lit(Lamp.RED))
    assert until(one, ("line", True))
    one.close()
    one.open()
    assert until(one, ("line", False))


def test_lines_driven_before_opening_are_so_when_open() -> None:
    """The port asserts both otherwise: a lamp would flash at each start."""
    for rts, dtr in ((False, False), (True, False), (False, True)):
        port = Port(PortSettings(name="lines", driver="any", port="loop://"))
        port.drive(rts=rts, dtr=dtr)
        port.open()
        assert port.lines()[:2] == (rts, dtr)
        port.drive(rts=not rts, dtr=not dtr)
        assert port.lines()[:2] == (not rts, not dtr)
        port.close()


def test_driving_a_port_without_lines_is_told(cable: Any) -> None:
    port = Port(PortSettings(name="lines", driver="any", port=cable.port))
    port.open()
    with pytest.raises(DriverUnusableError, match="no modem lines"):
        port.drive(rts=True, dtr=True)
    port.close()
    with pytest.raises(DeviceGoneError, match="not open"):
        port.lines()


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"port": "socket://host:4001"}, "use rfc2217://"),
        ({"port": "COM3"}, "full path"),
        ({"lamps": {"red": "rts"}, "horn": "rts"}, "share one line"),
        ({"lamps": {"red": "rts"}, "supply": "rts"}, "share one line"),
        ({"run": "rts", "supply": "rts"}, "share one line"),
        ({"stop": "rts"}, "name stop in inverted"),
        ({"run": "rts", "inverted": ["run"]}, "use run, which must not be in it"),
        ({"inputs": {"a": {"line": "cts"}, "b": {"line": "dsr", "pair": "cts"}}}, "share one line"),
        ({"inputs": {"a": {"line": "rts"}}}, "cts"),
        ({"lamps": {"red": "cts"}}, "rts"),
        ({"safe": {"red": True}}, "safe"),
    ],
)
def test_wrong_settings_say_what_is_wrong(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        settings(**keys)
