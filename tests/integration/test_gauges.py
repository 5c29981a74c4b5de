"""Every gauge driver in every mode against a stand-in that was written from the makers' manuals alone."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter

from drivers import catalog
from drivers.contract import Ask, Condition, DeviceGoneError, Driver, Reading, Signal
from simulators.children import ChildError, simulator
from simulators.gauges.protocols import PROTOCOLS
from simulators.pty_line import PtyLine
from tests.support.talks import ON_A_PTY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from simulators.gauges.asked import AskedGauge

PATIENCE_S = 10.0
STEP_S = 0.005
MODES = ("push", "poll", "stream", "ask")
NUMBERS = ("12.345", "-0.020", "0.000", "99.99")
SERIAL_NUMBER = "B021002593"

WORDS: dict[str, dict[str, Any]] = {
    "digimatic": {"request": "R\r"},
    "text-gauge": {"request": "READ\n", "start": "RUN\n", "stop": "HALT\n"},
}
"""Settings without which the gauge cannot be asked."""

STARTED_BY_WORD = {"and-balance", "mt-sics", "sylvac", "text-gauge"}


@dataclass
class Pair:
    """A driver and its gauge, on the two ends of one line, in one thread: each step lets both act."""

    driver: Driver
    gauge: AskedGauge
    told: list[Signal] = field(default_factory=list)

    def step(self) -> None:
        self.gauge.hear(self.gauge.line.read())
        self.told += self.driver.read(STEP_S)

    def until(self, done: Callable[[], Any]) -> None:
        deadline_s = time.monotonic() + PATIENCE_S
        while not done():
            assert time.monotonic() < deadline_s, self.told
            self.step()

    def reading(self, number: str) -> Reading:
        """The first value told from now on that is `number`."""
        self.told.clear()
        self.until(lambda: any(isinstance(one, Reading) and one.value == Decimal(number) for one in self.told))
        return next(one for one in self.told if isinstance(one, Reading) and one.value == Decimal(number))

    def condition(self, *, active: bool) -> Condition:
        def found() -> list[Condition]:
            return [one for one in self.told if isinstance(one, Condition) and one.active is active]

        self.until(found)
        return found()[-1]


def joined(name: str, folder: Path, **more: Any) -> Pair:
    cls: Any = catalog.load(name)
    document = {
        "name": "gauge",
        "driver": name,
        "port": str(folder / "gauge"),
        **ON_A_PTY,
        **WORDS.get(name, {}),
        **more,
    }
    settings = TypeAdapter(cls.Settings).validate_json(json.dumps(document))
    return Pair(cls(settings), PROTOCOLS[name]("gauge", PtyLine(folder / "gauge")))


@pytest.fixture(params=sorted(PROTOCOLS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def pair(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """A gauge that is polled every 10 ms, or as the test asks for."""
    one = joined(name, tmp_path, **{"mode": "poll", "interval_s": 0.01, **getattr(request, "param", {})})
    one.gauge.line.plug()
    yield one
    one.driver.close()
    one.gauge.line.unplug()


def shown(pair: Pair, mode: str, number: str) -> Reading:
    """Let the gauge show a number, do what the mode takes, and return what the driver tells."""
    pair.gauge.show(number)
    match mode:
        case "push":
            pair.gauge.transmit()
        case "ask":
            pair.driver.show(Ask())
        case "stream":
            pair.until(lambda: pair.gauge.streaming)
            pair.gauge.transmit()
    return pair.reading(number)


@pytest.mark.parametrize("mode", MODES)
def test_every_value_is_told_in_every_mode_and_after_the_cable_was_pulled(name: str, mode: str, tmp_path: Path) -> None:
    """Number and unit as the gauge shows them; a stream is started anew."""
    pair = joined(name, tmp_path, mode=mode, interval_s=0.01)
    for _ in range(2):
        pair.gauge.streaming = mode == "stream" and name not in STARTED_BY_WORD
        pair.gauge.line.plug()
        pair.driver.open()
        for number in NUMBERS:
            reading = shown(pair, mode, number)
            assert (Decimal(reading.text), reading.unit, reading.stable) == (Decimal(number), pair.gauge.unit, True)
        pair.gauge.line.unplug()
        with pytest.raises(DeviceGoneError, match="gauge"):
            pair.driver.read(PATIENCE_S)
        pair.driver.close()
        with pytest.raises(DeviceGoneError, match="no such port"):
            pair.driver.open()
        pair.driver.close()


@pytest.mark.parametrize("name", sorted(STARTED_BY_WORD), indirect=True)
def test_closing_ends_the_stream(name: str, tmp_path: Path) -> None:
    pair = joined(name, tmp_path, mode="stream")
    with pair.gauge.line:
        pair.driver.open()
        pair.until(lambda: pair.gauge.streaming)
        pair.driver.close()
        pair.gauge.hear(pair.gauge.line.read(PATIENCE_S))
        assert not pair.gauge.streaming


def test_a_gauge_that_is_switched_off_is_silent_until_its_next_value(name: str, tmp_path: Path) -> None:
    """Told once; no value is made up meanwhile."""
    pair = joined(name, tmp_path, mode="poll", interval_s=0.01, silence_s=0.05)
    with pair.gauge.line:
        pair.gauge.be("mute")
        pair.driver.open()
        assert pair.condition(active=True).name == "silent"
        for _ in range(30):
            pair.step()
        assert len(pair.told) == 1
        pair.gauge.be("stable")
        pair.gauge.show("1.5")
        assert pair.condition(active=False).name == "silent"
        assert pair.reading("1.5").unit == pair.gauge.unit
        pair.driver.close()


@pytest.mark.parametrize(
    ("name", "state", "condition"),
    [
        ("and-balance", "over", "overload"),
        ("and-balance", "under", "underload"),
        ("mt-sics", "over", "overload"),
        ("mt-sics", "under", "underload"),
        ("sartorius-sbi", "over", "overload"),
        ("sartorius-sbi", "under", "underload"),
        ("sylvac", "over", "out-of-range"),
        ("sylvac", "moving", "sensor-error"),
    ],
    indirect=["name"],
)
def test_what_the_gauge_tells_about_itself_is_a_condition(pair: Pair, state: str, condition: str) -> None:
    """Told once however often it is asked, and over at the next value."""
    pair.driver.open()
    pair.gauge.be(state)
    pair.told.clear()
    assert pair.condition(active=True).name == condition
    for _ in range(10):
        pair.step()
    assert [one for one in pair.told if isinstance(one, Condition)] == [pair.condition(active=True)]
    pair.gauge.be("stable")
    pair.gauge.show("1.5")
    pair.reading("1.5")
    assert pair.condition(active=False).name == condition


@pytest.mark.parametrize("name", ["and-balance", "mt-sics", "sartorius-sbi"], indirect=True)
def test_a_weight_that_moves_is_told_as_moving(pair: Pair) -> None:
    pair.driver.open()
    pair.gauge.be("moving")
    pair.gauge.show("1.5")
    assert not pair.reading("1.5").stable
    pair.gauge.be("stable")
    pair.gauge.show("1.6")
    assert pair.reading("1.6").stable


@pytest.mark.parametrize(("state", "judged"), [("over", "above"), ("under", "below")])
@pytest.mark.parametrize("name", ["mahr"], indirect=True)
def test_the_gauges_own_verdict_is_kept(pair: Pair, state: str, judged: str) -> None:
    pair.driver.open()
    pair.gauge.be(state)
    pair.gauge.show("1.5")
    assert pair.reading("1.5").judged == judged


@pytest.mark.parametrize("name", ["sartorius-sbi"], indirect=True)
def test_names_in_front_of_weights_and_states(pair: Pair) -> None:
    pair.gauge.named = True  # type: ignore[attr-defined]  # only this one has it
    pair.driver.open()
    assert len(pair.reading("12.345").raw) == 22
    pair.gauge.be("over")
    assert pair.condition(active=True).name == "overload"


@pytest.mark.parametrize("pair", [{"form": "nibbles"}], indirect=True)
@pytest.mark.parametrize("name", ["digimatic"], indirect=True)
def test_nibbles_as_bytes(pair: Pair) -> None:
    pair.gauge.nibbles = True  # type: ignore[attr-defined]  # only this one has it
    pair.driver.open()
    pair.gauge.show("-0.020")
    assert pair.reading("-0.020").raw == b"\x0f\x0f\x0f\x0f\x08\x00\x00\x00\x00\x02\x00\x03\x00"


@pytest.mark.parametrize("pair", [{"mode": "stream"}], indirect=True)
@pytest.mark.parametrize("name", ["mt-sics"], indirect=True)
def test_a_balance_that_loses_its_power_streams_again(pair: Pair) -> None:
    """It says its number when it comes back, and the stream is started anew; an Ask does not end it either."""
    pair.driver.open()
    pair.until(lambda: pair.gauge.streaming)
    pair.gauge.obey("power")
    assert not pair.gauge.streaming
    pair.until(lambda: pair.gauge.streaming)
    pair.driver.show(Ask())
    pair.gauge.hear(pair.gauge.line.read(PATIENCE_S))
    assert not pair.gauge.streaming
    pair.until(lambda: pair.gauge.streaming)
    pair.gauge.transmit()
    assert pair.reading("12.345").gauge == SERIAL_NUMBER


def test_a_gauge_is_a_process_too(tmp_path: Path) -> None:
    """`python -m simulators gauge --protocol NAME --drift`: for trying things out by hand."""
    link = tmp_path / "gauge"
    options = ("--link", str(link), "--protocol", "mt-sics", "--drift", "--rate", "100")
    with simulator("gauge", *options, log=tmp_path / "gauge.log") as child:
        child.wait_for("ready")
        driver = joined("mt-sics", tmp_path, mode="stream").driver
        driver.open()
        readings: list[Signal] = []
        while len(readings) < 20:
            readings += driver.read(PATIENCE_S)
        assert all(isinstance(one, Reading) and one.gauge == SERIAL_NUMBER for one in readings)
        child.tell("state asleep")
        assert "there are stable, moving" in child.wait_for("error")["reason"]
        child.tell("show much")
        assert "'much' is no number" in child.wait_for("error")["reason"]
        driver.close()


def test_a_protocol_that_nobody_speaks_is_told(tmp_path: Path) -> None:
    log = tmp_path / "gauge.log"
    options = ("--link", str(tmp_path / "gauge"), "--protocol", "morse")
    with simulator("gauge", *options, log=log) as child, pytest.raises(ChildError):
        child.wait_for("ready")
    assert "no protocol 'morse'" in log.read_text()
