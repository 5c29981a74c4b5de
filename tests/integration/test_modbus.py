"""Modbus drivers against real pymodbus servers, over TCP and on an RTU line, and everything that goes wrong there."""

from __future__ import annotations

import json
import os
import threading
import time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError
from pymodbus.constants import ExcCodes
from pymodbus.framer import FramerRTU
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.register_message import ReadHoldingRegistersResponse, ReadInputRegistersResponse

from drivers.andon.modbus import ModbusIo
from drivers.andon.modbus_inputs import Block, reads
from drivers.contract import (
    Ask,
    Condition,
    Contact,
    DeviceBusyError,
    DeviceGoneError,
    Driver,
    Lamp,
    Lamps,
    Noise,
    Reading,
    Signal,
)
from drivers.gauges.modbus import ModbusGauge
from simulators.modbus import ModbusDevice, RtuDevice, TcpDevice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LONG_S = 30.0
"""Longer than any test may take: a wait that should have ended shows."""

RTU = {"parity": "N", "baudrate": 115200, "timeout_s": 0.05}
FLOAT = {"address": 0, "type": "float32", "unit": "mm", "poll_s": 0.01}
TEN = (0x4120, 0x0000)


@pytest.fixture
def line(tmp_path: Path) -> Iterator[RtuDevice]:
    with RtuDevice(tmp_path / "rs485") as device:
        device.set("holding", 0, *TEN)
        yield device


@pytest.fixture
def net() -> Iterator[TcpDevice]:
    with TcpDevice() as device:
        device.set("holding", 0, *TEN)
        yield device


@pytest.fixture(params=["rtu", "tcp"])
def device(request: pytest.FixtureRequest) -> ModbusDevice:
    fixture = {"rtu": "line", "tcp": "net"}[request.param]
    found: ModbusDevice = request.getfixturevalue(fixture)
    return found


@pytest.fixture
def made() -> Iterator[Callable[..., Any]]:
    """Makes drivers with settings checked as the agent checks them; all are closed in the end."""
    drivers: list[Driver] = []

    def make(kind: Any, device: ModbusDevice, **more: Any) -> Driver:
        on_the_line = RTU if isinstance(device, RtuDevice) else {"timeout_s": 0.2}
        document = {"name": "device-1", "driver": "any", "port": device.port, **on_the_line, **more}
        drivers.append(kind(TypeAdapter(kind.Settings).validate_json(json.dumps(document))))
        return drivers[-1]

    yield make
    for driver in drivers:
        driver.close()


def heard(driver: Driver, count: int = 1) -> list[Signal]:
    """The next `count` signals, or fewer if none comes for long."""
    signals: list[Signal] = []
    while len(signals) < count and (more := driver.read(LONG_S / 10)):
        signals += more
    return signals


def until(driver: Driver, wanted: type[Signal]) -> list[Signal]:
    """All signals up to the first of the kind wanted."""
    signals: list[Signal] = []
    deadline = time.monotonic() + LONG_S
    while not any(isinstance(signal, wanted) for signal in signals) and time.monotonic() < deadline:
        signals += driver.read(LONG_S / 10)
    return signals


def reaches(driver: Driver, is_so: Callable[[], bool]) -> bool:
    """Let the driver work until something is so."""
    deadline = time.monotonic() + LONG_S
    while not is_so() and time.monotonic() < deadline:
        driver.read(0.02)
    return is_so()


# --- a gauge


def test_a_float_is_read_exactly(device: ModbusDevice, made: Any) -> None:
    gauge = made(ModbusGauge, device, **FLOAT)
    gauge.open()
    (reading,) = heard(gauge)
    assert isinstance(reading, Reading)
    assert (reading.text, reading.value, reading.unit, reading.stable) == ("10", Decimal(10), "mm", True)


def test_the_raw_bytes_are_the_frame_on_the_line(line: RtuDevice, made: Any) -> None:
    """Source: FIELD.md, section 3."""
    gauge = made(ModbusGauge, line, **FLOAT)
    gauge.open()
    (reading,) = heard(gauge)
    assert reading.raw == bytes.fromhex("01 03 04 41 20 00 00 EF C5")


def test_input_registers_with_a_scale(device: ModbusDevice, made: Any) -> None:
    """A value may change between two polls; both are told, exactly."""
    device.set("input", 7, 0xFFFF)
    gauge = made(ModbusGauge, device, table="input", address=7, scale=0.001, unit="mm", poll_s=0.01)
    gauge.open()
    (below,) = heard(gauge)
    device.set("input", 7, 12345)
    (above,) = heard(gauge)
    assert isinstance(below, Reading)
    assert isinstance(above, Reading)
    assert (below.text, above.text) == ("-0.001", "12.345")


def test_a_gauge_that_is_only_asked_says_nothing_unasked(device: ModbusDevice, made: Any) -> None:
    gauge = made(ModbusGauge, device, **(FLOAT | {"poll_s": 0}))
    gauge.open()
    assert gauge.read(0.05) == []
    assert device.requests == []
    gauge.show(Ask())
    assert isinstance(heard(gauge)[0], Reading)
    assert gauge.read(0.05) == []


def test_no_number_is_noise_with_its_registers_told_once(device: ModbusDevice, made: Any) -> None:
    """A broken sensor polled ten times a second does not fill the journal; whoever asks is answered again."""
    device.set("holding", 0, 0x7FC0, 0x0000)
    gauge = made(ModbusGauge, device, **FLOAT)
    gauge.open()
    (noise,) = heard(gauge)
    assert isinstance(noise, Noise)
    assert b"\x7f\xc0\x00\x00" in noise.raw
    assert noise.reason == "nan is no number (registers 0x7fc0 0x0000)"
    assert gauge.read(0.1) == []
    gauge.show(Ask())
    (again,) = heard(gauge)
    assert isinstance(again, Noise)
    assert again.reason == noise.reason
    device.set("holding", 0, *TEN)
    assert isinstance(until(gauge, Reading)[-1], Reading)


def test_a_refusal_is_told_by_its_name_and_once(device: ModbusDevice, made: Any) -> None:
    gauge = made(ModbusGauge, device, **(FLOAT | {"address": 4000}))
    gauge.open()
    (noise,) = heard(gauge)
    assert isinstance(noise, Noise)
    assert noise.reason == ("the device refuses: exception 2, illegal data address (function 3, address 4000, count 2)")
    assert gauge.read(0.1) == []


# --- what goes wrong on the way


def test_an_unknown_unit_is_gone_after_three_tries(device: ModbusDevice, made: Any) -> None:
    gauge = made(ModbusGauge, device, **FLOAT, unit_id=7)
    gauge.open()
    noises = heard(gauge, 3)
    assert [type(noise) for noise in noises] == [Noise, Noise, Noise]
    assert "no answer of unit 7" in noises[0].reason  # type: ignore[union-attr]  # it is Noise
    with pytest.raises(DeviceGoneError, match=r"device-1: .* unit 7: 3 requests failed.*no answer.*check power"):
        gauge.read(LONG_S)


def test_a_device_that_goes_and_comes_is_lost_and_found(device: ModbusDevice, made: Any) -> None:
    gauge = made(ModbusGauge, device, **FLOAT)
    for _ in range(2):
        gauge.open()
        assert isinstance(heard(gauge)[0], Reading)
        device.stop()
        with pytest.raises(DeviceGoneError, match="device-1"):
            until(gauge, Contact)
        gauge.close()
        with pytest.raises(DeviceGoneError, match="device-1"):
            gauge.open()
        gauge.close()
        device.start()
        device.set("holding", 0, *TEN)


def test_a_second_master_is_told_who_holds_the_line(line: RtuDevice, made: Any) -> None:
    first, second = made(ModbusGauge, line, **FLOAT), made(ModbusGauge, line, **FLOAT)
    first.open()
    with pytest.raises(DeviceBusyError, match=rf"in use by pid {os.getpid()} \(this process\)"):
        second.open()
    assert isinstance(heard(first)[0], Reading)


def frame(pdu: ModbusPDU, unit_id: int = 1) -> bytes:
    """An answer with a good checksum."""
    pdu.dev_id = unit_id
    return FramerRTU(DecodePDU(False)).buildFrame(pdu)


WRONG = {
    "another unit's": frame(ReadHoldingRegistersResponse(registers=[1, 2]), 9),
    "another function's": frame(ReadInputRegistersResponse(registers=[1, 2])),
    "too short": frame(ReadHoldingRegistersResponse(registers=[1])),
    "too long": frame(ReadHoldingRegistersResponse(registers=[1, 2, 3])),
    "of no registers": frame(ReadHoldingRegistersResponse(registers=[])),
    "a request": bytes.fromhex("01 03 00 00 00 02 C4 0B"),
    "two at once": 2 * frame(ReadHoldingRegistersResponse(registers=[1, 2])),
    "late in garbage": b"\xff\x00" + frame(ReadHoldingRegistersResponse(registers=[1, 2])),
    "followed by garbage": frame(ReadHoldingRegistersResponse(registers=[1, 2])) + b"\x00",
    "half": frame(ReadHoldingRegistersResponse(registers=[1, 2]))[:6],
    "one byte": b"\x01",
}


@pytest.mark.parametrize("wrong", WRONG)
def test_an_answer_that_is_not_exactly_ours_is_noise(line: RtuDevice, made: Any, wrong: str) -> None:
    """Its bytes are kept, and the next good answer is read."""
    gauge = made(ModbusGauge, line, **FLOAT)
    gauge.open()
    good = line.spoil
    line.spoil = lambda _answer: WRONG[wrong]
    (noise,) = heard(gauge)
    assert isinstance(noise, Noise)
    assert noise.raw.startswith(WRONG[wrong][:1])
    line.spoil = good
    signals = until(gauge, Reading)
    assert [signal for signal in signals[:-1] if not isinstance(signal, Noise)] == []
    assert signals[-1].value == 10  # type: ignore[union-attr]  # it is a Reading


@hypothesis_settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_no_damage_on_the_line_is_ever_a_value(line: RtuDevice, made: Any, data: st.DataObject) -> None:
    """Changed, lost and added bytes: noise or loss, never another number."""
    answer = bytes.fromhex("01 03 04 41 20 00 00 EF C5")
    at = data.draw(st.integers(0, len(answer) - 1))
    kind = data.draw(st.sampled_from(["change", "lose", "add", "anything"]))
    spoilt = {
        "change": answer[:at] + bytes([answer[at] ^ data.draw(st.integers(1, 255))]) + answer[at + 1 :],
        "lose": answer[:at] + answer[at + data.draw(st.integers(1, 9)) :],
        "add": answer[:at] + data.draw(st.binary(min_size=1, max_size=4)) + answer[at:],
        "anything": data.draw(st.binary(max_size=300)),
    }[kind]
    line.spoil = lambda _answer: spoilt
    gauge = made(ModbusGauge, line, **(FLOAT | {"poll_s": 0, "timeout_s": 0.02}))
    gauge.open()
    gauge.show(Ask())
    signals: list[Signal] = []
    while not signals:
        signals += gauge.read(1.0)
    gauge.close()
    line.spoil = lambda answer: answer
    if spoilt != answer:
        assert {type(signal) for signal in signals} == {Noise}


@hypothesis_settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(spoilt=st.binary(max_size=300))
def test_no_bytes_over_tcp_break_the_driver(net: TcpDevice, asking: ModbusGauge, spoilt: bytes) -> None:
    net.spoil = lambda _answer: spoilt
    asking.show(Ask())
    try:
        signals = asking.read(LONG_S)
    except DeviceGoneError:
        asking.close()
        asking.open()
        return
    assert {type(signal) for signal in signals} == {Noise}


@pytest.fixture
def asking(net: TcpDevice, made: Any) -> ModbusGauge:
    """A gauge over TCP that is asked, and does not wait long."""
    gauge: ModbusGauge = made(ModbusGauge, net, **(FLOAT | {"poll_s": 0, "timeout_s": 0.02}))
    gauge.open()
    return gauge


def test_a_late_answer_is_not_taken_for_the_next(line: RtuDevice, made: Any) -> None:
    """It is noise, although it is a good frame: an RTU answer does not say what it answers."""
    gauge = made(ModbusGauge, line, **(FLOAT | {"poll_s": 0}))
    gauge.open()
    late: list[bytes] = []

    def keep(answer: bytes) -> bytes:
        late.append(answer)
        return b""

    line.spoil = keep
    gauge.show(Ask())
    (noise,) = heard(gauge)
    assert isinstance(noise, Noise)
    assert "no answer" in noise.reason
    line.spoil = lambda answer: answer
    line.set("holding", 0, 0x4248, 0x0000)
    line.say(late[0])
    stray, reading = heard(gauge, 2)
    assert (type(stray), stray.raw) == (Noise, late[0])
    assert isinstance(reading, Reading)
    assert reading.value == 50


def test_after_a_failed_request_the_line_must_fall_silent(line: RtuDevice, made: Any) -> None:
    """A late answer that is still under way when the next value is asked for is waited for, and is noise."""
    gauge = made(ModbusGauge, line, **(FLOAT | {"poll_s": 0, "timeout_s": 0.3}))
    gauge.open()
    gauge.show(Ask())
    assert isinstance(heard(gauge)[0], Reading)
    late: list[bytes] = []

    def keep(answer: bytes) -> bytes:
        late.append(answer)
        return b""

    line.spoil = keep
    gauge.show(Ask())
    assert isinstance(heard(gauge)[0], Noise)
    line.spoil = lambda answer: answer
    line.set("holding", 0, 0x4248, 0x0000)
    slow = threading.Timer(0.02, line.say, late)
    slow.start()
    stray, reading = heard(gauge, 2)
    slow.join()
    assert (type(stray), stray.raw) == (Noise, late[0])
    assert isinstance(reading, Reading)
    assert reading.value == 50


def test_a_bad_line_is_no_lost_device(device: ModbusDevice, made: Any) -> None:
    """Two failed requests now and then are noise; only three in a row are a loss."""
    gauge = made(ModbusGauge, device, **FLOAT)
    gauge.open()
    fates = iter([False, False, True] * 3)
    device.spoil = lambda answer: answer if next(fates) else b""
    kinds = [type(signal) for signal in heard(gauge, 9)]
    assert kinds == [Noise, Noise, Reading] * 3
    device.spoil = lambda answer: answer


def test_a_late_answer_over_tcp_is_known_by_its_number(net: TcpDevice, made: Any) -> None:
    gauge = made(ModbusGauge, net, **(FLOAT | {"poll_s": 0}))
    gauge.open()
    late: list[bytes] = []

    def keep(answer: bytes) -> bytes:
        late.append(answer)
        return b""

    net.spoil = keep
    gauge.show(Ask())
    assert isinstance(heard(gauge)[0], Noise)
    net.spoil = lambda answer: late[0] + answer
    net.set("holding", 0, 0x4248, 0x0000)
    stray, reading = sorted(heard(gauge, 2), key=lambda signal: isinstance(signal, Reading))
    assert (type(stray), stray.raw) == (Noise, late[0])
    assert isinstance(reading, Reading)
    assert reading.value == 50


def test_bytes_that_nobody_asked_for_are_noise(line: RtuDevice, made: Any) -> None:
    gauge = made(ModbusGauge, line, **(FLOAT | {"poll_s": 0}))
    gauge.open()
    line.say(b"\xff\xfe")
    (noise,) = heard(gauge)
    assert isinstance(noise, Noise)
    assert noise.raw == b"\xff\xfe"


def test_cancel_ends_a_wait(device: ModbusDevice, made: Any) -> None:
    gauge = made(ModbusGauge, device, **(FLOAT | {"poll_s": 0}))
    gauge.open()
    canceller = threading.Thread(target=gauge.cancel)
    begin = time.monotonic()
    canceller.start()
    assert gauge.read(LONG_S) == []
    assert time.monotonic() - begin < LONG_S / 2
    canceller.join()


def test_a_cancel_during_a_request_is_not_lost_and_costs_no_value(net: TcpDevice, made: Any) -> None:
    """The request is finished first."""
    gauge = made(ModbusGauge, net, **FLOAT)
    gauge.open()
    gauge.cancel()
    assert isinstance(gauge.read(LONG_S)[0], Reading)


def test_a_closed_device_gives_errors_of_the_contract(device: ModbusDevice, made: Any) -> None:
    io = made(ModbusIo, device, lamps={"red": 0})
    with pytest.raises(DeviceGoneError):
        io.read(0)
    with pytest.raises(DeviceGoneError):
        io.show(Lamps(frozenset({Lamp.RED})))
    io.close()


# --- inputs


def contacts(signals: list[Signal]) -> list[tuple[str, bool]]:
    return [(signal.input, signal.active) for signal in signals if isinstance(signal, Contact)]


def test_all_inputs_are_told_after_opening_and_then_changes(device: ModbusDevice, made: Any) -> None:
    inputs = {"stop": {"address": 0, "contact": "nc"}, "help": {"table": "coil", "address": 9}}
    io = made(ModbusIo, device, inputs=inputs, poll_s=0.005)
    for _ in range(2):
        device.set("discrete", 0, 1)
        io.open()
        assert contacts(heard(io, 2)) == [("stop", False), ("help", False)]
        device.set("discrete", 0, 0)
        assert contacts(heard(io)) == [("stop", True)]
        io.close()


def test_bits_and_thresholds_of_registers(device: ModbusDevice, made: Any) -> None:
    """Any register can be a machine's state: one of its bits, or its value beyond a limit with a deadband."""
    inputs = {
        "fault": {"table": "holding", "address": 20, "bit": 9},
        "hot": {"table": "input", "address": 4, "scale": 0.1, "above": 70, "deadband": 2},
    }
    device.set("holding", 20, 0b10_0000_0000)
    device.set("input", 4, 699)
    io = made(ModbusIo, device, inputs=inputs, poll_s=0.005)
    io.open()
    assert contacts(heard(io, 2)) == [("fault", True), ("hot", False)]
    device.set("input", 4, 700)
    assert contacts(heard(io)) == [("hot", True)]
    device.set("input", 4, 690)
    assert io.read(0.1) == []
    device.set("input", 4, 680)
    assert contacts(heard(io)) == [("hot", False)]


def test_a_broken_wire_is_a_condition_and_a_safe_reading(device: ModbusDevice, made: Any) -> None:
    inputs = {"stop": {"address": 0, "pair": 1, "fault_delay_s": 0.05}}
    device.set("discrete", 0, 0, 1)
    io = made(ModbusIo, device, inputs=inputs, poll_s=0.005)
    io.open()
    assert contacts(heard(io)) == [("stop", False)]
    device.set("discrete", 1, 0)
    broken, contact = heard(io, 2)
    assert isinstance(broken, Condition)
    assert (broken.name, broken.active, broken.part, broken.detail) == (
        "wire-break",
        True,
        "stop",
        "both contacts are open",
    )
    assert contacts([contact]) == [("stop", True)]
    device.set("discrete", 1, 1)
    ended, contact = heard(io, 2)
    assert isinstance(ended, Condition)
    assert (ended.name, ended.active) == ("wire-break", False)
    assert contacts([contact]) == [("stop", False)]


def test_neighbours_are_read_in_one_request(net: TcpDevice, made: Any) -> None:
    inputs = {f"in-{n}": {"address": n} for n in (3, 0, 2, 1, 8)} | {
        "level": {"table": "input", "address": 0, "bit": 0}
    }
    io = made(ModbusIo, net, inputs=inputs, poll_s=60)
    io.open()
    heard(io, 6)
    asked = sorted((request[7], request[8:].hex(" ", 2)) for request in net.requests)
    assert asked == [(2, "0000 0004"), (2, "0008 0001"), (4, "0000 0001")]


def test_requests_are_no_larger_than_allowed_and_tear_no_number() -> None:
    """A number of two registers is read in one request, or it could be half old and half new."""
    blocks = [Block("holding", address, 2) for address in range(0, 400, 2)]
    found = reads(blocks)
    assert [(request.address, request.size) for request in found] == [(0, 124), (124, 124), (248, 124), (372, 28)]
    assert sorted(block for inside in found.values() for block in inside) == blocks
    assert all(
        request.address <= b.address and b.end <= request.end for request, inside in found.items() for b in inside
    )


def test_an_input_that_is_refused_reads_safe_and_leaves_the_others_alone(device: ModbusDevice, made: Any) -> None:
    inputs = {"good": {"address": 0}, "stop": {"address": 5000, "fault_delay_s": 0}}
    io = made(ModbusIo, device, inputs=inputs, poll_s=0.005)
    io.open()
    signals = until(io, Noise)
    signals += heard(io, max(0, 4 - len(signals)))
    assert sorted(contacts(signals)) == [("good", False), ("stop", True)]
    (condition,) = [signal for signal in signals if isinstance(signal, Condition)]
    assert (condition.name, condition.active) == ("no-reading", True)
    assert "illegal data address" in condition.detail
    assert len([signal for signal in signals if isinstance(signal, Noise)]) == 1
    assert io.read(0.1) == []


# --- outputs

LAMPS = {"red": 0, "green": 1, "yellow": 5}


def lit(*lamps: Lamp, blinking: tuple[Lamp, ...] = (), horn: bool = False) -> Lamps:
    return Lamps(frozenset(lamps), frozenset(blinking), horn)


def test_lamps_and_horn_are_coils(device: ModbusDevice, made: Any) -> None:
    """Blue has no output and is left out; on the RTU line the first picture waits for silence, in `read`."""
    io = made(ModbusIo, device, lamps=LAMPS, horn=2)
    io.open()
    io.show(lit(Lamp.GREEN, Lamp.BLUE, horn=True))
    assert reaches(io, lambda: device.get("coil", 0, 6) == [0, 1, 1, 0, 0, 0])
    io.show(lit(Lamp.RED, Lamp.YELLOW))
    assert device.get("coil", 0, 6) == [1, 0, 0, 0, 0, 1]


def test_lamps_are_bits_of_a_register(device: ModbusDevice, made: Any) -> None:
    io = made(ModbusIo, device, lamps={"red": 0, "green": 4}, horn=15, lamp_register=40, safe={"red": True})
    io.open()
    io.show(lit(Lamp.GREEN))
    assert reaches(io, lambda: device.get("holding", 40) == [1 << 4])
    io.show(lit(Lamp.GREEN, horn=True))
    assert device.get("holding", 40) == [1 << 4 | 1 << 15]
    io.close()
    assert device.get("holding", 40) == [1]


def test_a_blinking_lamp_blinks_while_the_device_is_read(device: ModbusDevice, made: Any) -> None:
    io = made(ModbusIo, device, lamps=LAMPS, blink_s=0.05)
    io.open()
    io.show(lit(Lamp.RED, Lamp.GREEN, blinking=(Lamp.RED,)))
    for level in (1, 0, 1, 0):
        assert reaches(io, lambda level=level: device.get("coil", 0, 2) == [level, 1])  # type: ignore[misc]


def test_closing_leaves_the_declared_safe_state(device: ModbusDevice, made: Any) -> None:
    io = made(ModbusIo, device, lamps=LAMPS, horn=2, safe={"red": True})
    io.open()
    io.show(lit(Lamp.GREEN, horn=True))
    assert reaches(io, lambda: device.get("coil", 0, 3) == [0, 1, 1])
    io.close()
    assert device.get("coil", 0, 6) == [1, 0, 0, 0, 0, 0]


def test_outputs_that_the_module_refuses_are_told_once_and_tried_again(device: ModbusDevice, made: Any) -> None:
    device.refuse_writes = ExcCodes.DEVICE_BUSY
    io = made(ModbusIo, device, lamps={"red": 0})
    io.open()
    io.show(lit(Lamp.RED))
    (noise,) = heard(io)
    assert isinstance(noise, Noise)
    assert "exception 6, server device busy" in noise.reason
    device.refuse_writes = None
    assert reaches(io, lambda: device.get("coil", 0) == [1])


STOPS = {"stop": 8, "run": 9}


def test_the_line_is_stopped_until_the_first_picture_and_at_the_end(device: ModbusDevice, made: Any) -> None:
    """Also where the module was left with the line running; the lamps wait for the picture."""
    device.set("coil", 0, 1, 1)
    device.set("coil", 8, 0, 1)
    io = made(ModbusIo, device, lamps=LAMPS, **STOPS)
    io.open()
    assert reaches(io, lambda: device.get("coil", 8, 2) == [1, 0])
    assert device.get("coil", 0, 2) == [1, 1]
    io.show(lit(Lamp.GREEN))
    assert reaches(io, lambda: device.get("coil", 8, 2) == [0, 1])
    io.show(Lamps(frozenset({Lamp.RED}), stop=True))
    assert device.get("coil", 8, 2) == [1, 0]
    io.show(lit(Lamp.GREEN))
    assert device.get("coil", 8, 2) == [0, 1]
    io.close()
    assert device.get("coil", 8, 2) == [1, 0]


def test_what_stops_the_line_may_be_bits_of_the_register(device: ModbusDevice, made: Any) -> None:
    io = made(ModbusIo, device, lamps={"red": 0}, stop=1, run=2, lamp_register=40)
    io.open()
    assert reaches(io, lambda: device.get("holding", 40) == [0b010])
    io.show(lit(Lamp.RED))
    assert device.get("holding", 40) == [0b101]
    io.show(Lamps(stop=True))
    assert device.get("holding", 40) == [0b010]


def test_a_line_that_may_run_on_without_the_agent_is_left_alone_by_a_start(net: TcpDevice, made: Any) -> None:
    """A line that was stopped when the agent died is not let run, one that ran is not stopped."""
    for levels in ([1, 0], [0, 1]):
        net.set("coil", 8, *levels)
        io = made(ModbusIo, net, lamps=LAMPS, safe={"run": True}, **STOPS)
        io.open()
        io.read(0.05)
        assert net.get("coil", 8, 2) == levels
        io.show(Lamps(stop=True))
        assert net.get("coil", 8, 2) == [1, 0]
        io.close()
        assert net.get("coil", 8, 2) == [0, 1]


def test_the_line_is_stopped_before_the_watchdog_is_fed(net: TcpDevice, made: Any) -> None:
    """A module that gives its outputs back with the first feeding must have been told before."""
    io = made(ModbusIo, net, lamps=LAMPS, watchdog={"address": 30}, **STOPS)
    io.open()
    assert reaches(io, lambda: len(net.writes) >= 2)
    assert net.writes[:2] == [("coil", 8, [1, 0]), ("holding", 30, [1])]


def test_a_lamp_that_the_module_refuses_does_not_keep_the_line_from_stopping(net: TcpDevice, made: Any) -> None:
    """What stops the line is written first and alone, whatever stands beside it."""
    io = made(ModbusIo, net, lamps={"red": 128, "green": 126}, run=127)
    io.open()
    io.show(Lamps(frozenset(Lamp)))
    assert net.get("coil", 127) == [1]
    io.show(Lamps(frozenset(Lamp), stop=True))
    assert net.get("coil", 127) == [0]


def test_a_line_let_run_by_a_write_whose_answer_was_lost_is_stopped_again(net: TcpDevice, made: Any) -> None:
    """Nobody knows whether the module took it: stop is written although run was never confirmed."""
    io = made(ModbusIo, net, **STOPS)
    io.open()
    io.show(Lamps(stop=True))
    assert net.get("coil", 8, 2) == [1, 0]
    net.spoil = lambda _answer: b""
    io.show(lit())
    assert net.get("coil", 8, 2) == [0, 1]
    net.spoil = lambda answer: answer
    io.show(Lamps(stop=True))
    assert reaches(io, lambda: net.get("coil", 8, 2) == [1, 0])


@pytest.mark.parametrize(("toggle", "values"), [(False, [1, 1, 1]), (True, [1, 0, 1])])
def test_the_watchdog_is_fed_while_the_device_is_read(
    net: TcpDevice,
    made: Any,
    toggle: bool,  # noqa: FBT001  a parameter of the test
    values: list[int],
) -> None:
    """It stops with the agent's reading, whatever else still runs."""
    io = made(ModbusIo, net, watchdog={"address": 30, "every_s": 0.1, "toggle": toggle})
    io.open()
    assert reaches(io, lambda: len(net.requests) >= 3)
    assert [int.from_bytes(request[10:12], "big") for request in net.requests[:3]] == values
    assert {request[7:10] for request in net.requests} == {b"\x06\x00\x1e"}
    fed = len(net.requests)
    io.show(lit(Lamp.RED))
    assert len(net.requests) == fed


# --- settings


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"inputs": {"a b": {"address": 0}}}, "pattern"),
        ({"inputs": {"a": {"address": 0, "bit": 3}}}, "bit, above and below are for holding"),
        ({"inputs": {"a": {"table": "holding", "address": 0}}}, "give either bit, or above or below"),
        ({"inputs": {"a": {"table": "input", "address": 0, "bit": 1, "above": 1}}}, "give either bit"),
        ({"inputs": {"a": {"address": 0, "pair": 0}}}, "second contact"),
        ({"inputs": {"a": {"table": "holding", "address": 0, "bit": 1, "pair": 16}}}, "bits of a register"),
        ({"lamps": {"red": 1}, "horn": 1}, "share one output"),
        ({"lamps": {"red": 1}, "run": 1}, "share one output"),
        ({"stop": 1, "run": 1}, "share one output"),
        ({"stop": 16, "lamp_register": 0}, "not within 0 to 15"),
        ({"stop": 1, "safe": {"stop": True, "run": True}}, "opposites"),
        ({"lamps": {"red": 16}, "lamp_register": 0}, "not within 0 to 15"),
        ({"timeout_s": 0.6}, "timeout_s"),
        ({"unit_id": 248}, "1 to 247"),
        ({"port": "tcp://host:port"}, "tcp://HOST:PORT"),
        ({"port": "COM3"}, "full path"),
        ({"safe": {"pink": True}}, "safe"),
    ],
)
def test_wrong_settings_say_what_is_wrong(keys: dict[str, Any], words: str) -> None:
    document = {"name": "io-1", "driver": "modbus-io", "port": "/dev/none", **keys}
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(ModbusIo.Settings).validate_json(json.dumps(document))
