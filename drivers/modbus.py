"""Talk Modbus RTU or TCP over a port: one request, its one answer, and never a wrong value.

The only user of pymodbus among the drivers: its frames and requests.  The bytes go through drivers/port.py, so that
exclusive opening, its errors and its cancel are those of every other device.  Knows no device.

An answer counts only if it is exactly one frame that belongs to the request: unit, function, length, checksum (and
number of the transaction with TCP).  An RTU frame carries no number: after a failed request the line must first be
silent for a whole time-out, so that a late answer is not taken for the next one.
"""

from __future__ import annotations

import math
import struct
import time
from typing import Literal

from pydantic import Field, field_validator, model_validator
from pymodbus.exceptions import ModbusException
from pymodbus.framer import FramerRTU, FramerSocket
from pymodbus.pdu import DecodePDU, ModbusPDU
from pymodbus.pdu.bit_message import (
    ReadCoilsRequest,
    ReadDiscreteInputsRequest,
    WriteMultipleCoilsRequest,
    WriteSingleCoilRequest,
)
from pymodbus.pdu.register_message import (
    ReadHoldingRegistersRequest,
    ReadInputRegistersRequest,
    WriteSingleRegisterRequest,
)

from drivers.contract import Noise, Signal
from drivers.port import Port, PortSettings

TCP = "tcp://"
TCP_PORT = 502
"""Source: Modbus messaging on TCP/IP implementation guide, the registered port."""

RTU_UNIT_MOST = 247
"""Highest address of a device on a serial line.  Source: Modbus over serial line 1.02, 2.2."""

QUIET_CHARACTERS = 3.5
QUIET_LEAST_S = 0.00175
"""Silence between two RTU frames: in characters, and above 19200 bit/s.  Source: Modbus over serial line, 2.5.1."""

MOST = {"coil": 2000, "discrete": 2000, "holding": 125, "input": 125}
"""Read in one request, at most.  Source: Modbus application protocol 1.1b3, 6.1 to 6.4."""

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal data address",
    3: "illegal data value",
    4: "server device failure",
    5: "acknowledge",
    6: "server device busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target device failed to respond",
}
"""Exception codes.  Source: Modbus application protocol 1.1b3, 7."""

FRAME_ERRORS = (ModbusException, struct.error, ValueError, IndexError, TypeError, AttributeError, KeyError)
"""What pymodbus lets through when bytes make no frame."""

EXCEPTION_BIT = 0x80

Table = Literal["coil", "discrete", "holding", "input"]
READS: dict[str, type[ModbusPDU]] = {
    "coil": ReadCoilsRequest,
    "discrete": ReadDiscreteInputsRequest,
    "holding": ReadHoldingRegistersRequest,
    "input": ReadInputRegistersRequest,
}


class ModbusSettings(PortSettings):
    """Keys of every Modbus device."""

    port: str = Field(
        description="Device file of the RS-485 adapter, best /dev/serial/by-id/..., for RTU; tcp://HOST or "
        "tcp://HOST:PORT for Modbus TCP; socket://HOST:PORT or rfc2217://HOST:PORT for RTU through a converter."
    )
    baudrate: int = Field(default=19200, gt=0, description="Bits a second, for RTU; default 19200.")
    parity: Literal["N", "E", "O"] = Field(
        default="E", description="None, even or odd, for RTU; default E, the standard's; many devices come with N."
    )
    unit_id: int = Field(default=1, ge=0, le=255, description="Address of the device on the line; default 1.")
    timeout_s: float = Field(
        default=0.3, ge=0.02, le=0.5, description="Longest wait for an answer, s, at most 0.5; default 0.3."
    )

    @field_validator("port")
    @classmethod
    def _full_path_or_known_url(cls, port: str) -> str:
        if not port.startswith(TCP):
            return super()._full_path_or_known_url(port)
        host, colon, number = port.removeprefix(TCP).rpartition(":")
        if not (host if colon else number) or (colon and not number.isdecimal()):
            raise ValueError(f"{port!r} is not tcp://HOST or tcp://HOST:PORT")
        return port

    @model_validator(mode="after")
    def _unit_of_the_line(self) -> ModbusSettings:
        if not self.is_tcp and not 1 <= self.unit_id <= RTU_UNIT_MOST:
            raise ValueError(f"unit_id {self.unit_id} is none of an RTU device: 1 to {RTU_UNIT_MOST}")
        return self

    @property
    def is_tcp(self) -> bool:
        """Whether the device speaks Modbus TCP; else RTU."""
        return self.port.startswith(TCP)


class AnswerError(Exception):
    """No answer, or none that belongs to the request: try again, a few times.  `raw` is what came instead."""

    def __init__(self, raw: bytes, reason: str) -> None:
        super().__init__(reason)
        self.raw = raw
        self.reason = reason


class RefusedError(Exception):
    """The device answered that it will not: its settings or ours are wrong, or it is not ready.  `raw` is the frame."""

    def __init__(self, raw: bytes, reason: str) -> None:
        super().__init__(reason)
        self.raw = raw
        self.reason = reason


class Bus:
    """The client's end of one Modbus connection.  All but `cancel` belong to one thread."""

    def __init__(self, settings: ModbusSettings) -> None:
        self._settings = settings
        self._port = Port(_port_settings(settings))
        decoder = DecodePDU(False)
        self._framer: FramerRTU | FramerSocket = FramerSocket(decoder) if settings.is_tcp else FramerRTU(decoder)
        self._number = 0
        self._silence_s = 0.0
        self._cancelled = False
        self._told: list[Signal] = []

    def open(self) -> None:
        """Open the port exclusively.  Raises what `Port.open` raises."""
        self._port.open()
        self._silence_s = self._gap_s if self._settings.is_tcp else self._settings.timeout_s
        self._told = []

    def close(self) -> None:
        """Let the port go.  Never raises."""
        self._port.close()

    def cancel(self) -> None:
        """End the `wait` under way or the next one.  A request under way is finished first."""
        self._port.cancel()

    def wait(self, until: float) -> None:
        """Wait until a moment of the monotonic clock, a cancel, or bytes that nobody asked for."""
        data = self._port.read(max(0.0, until - time.monotonic()))
        self._cancelled = self._cancelled or self._port.cancelled
        if data:
            self._spill(data)

    def cancelled(self) -> bool:
        """Tell whether somebody asked to end the wait since the last call."""
        cancelled, self._cancelled = self._cancelled, False
        return cancelled

    def tell(self, noise: Noise) -> None:
        """Keep `noise` for the next `told`: it survives whatever goes wrong until then."""
        self._told.append(noise)

    def told(self) -> list[Signal]:
        """Return the noise since the last call: bytes that nobody asked for, refusals."""
        told, self._told = self._told, []
        return told

    def read(self, table: Table, address: int, count: int) -> tuple[bytes, list[int]]:
        """Return the answer's frame, and `count` bits or registers from `address` on.

        Raises AnswerError, RefusedError, DeviceGoneError.
        """
        raw, answer = self._ask(READS[table](address=address, count=count))
        values = [int(value) for value in (answer.bits if table in ("coil", "discrete") else answer.registers)]
        if table in ("coil", "discrete") and len(values) == math.ceil(count / 8) * 8:
            return raw, values[:count]
        if len(values) != count:
            raise AnswerError(raw, f"{len(values)} values, not the {count} asked for")
        return raw, values

    def write_coils(self, address: int, levels: list[bool], within_s: float = math.inf) -> None:
        """Set the coils from `address` on, waiting `within_s` at most.  Raises as `read` does."""
        if len(levels) == 1:
            self._ask(WriteSingleCoilRequest(address=address, bits=levels), within_s)
        else:
            self._ask(WriteMultipleCoilsRequest(address=address, bits=levels), within_s)

    def write_register(self, address: int, value: int, within_s: float = math.inf) -> None:
        """Set one holding register, waiting `within_s` at most.  Raises as `read` does."""
        self._ask(WriteSingleRegisterRequest(address=address, registers=[value]), within_s)

    @property
    def must_settle(self) -> bool:
        """Whether the next request waits a whole time-out for the line to fall silent."""
        return self._silence_s > self._gap_s

    def _ask(self, request: ModbusPDU, within_s: float = math.inf) -> tuple[bytes, ModbusPDU]:
        self._settle()
        self._number = self._number % 0xFFFF + 1
        request.dev_id = self._settings.unit_id
        request.transaction_id = self._number if self._settings.is_tcp else 0
        if not self._settings.is_tcp:
            self._silence_s = self._settings.timeout_s
        self._port.write(self._framer.buildFrame(request))
        raw, answer = self._answer(request, time.monotonic() + min(self._settings.timeout_s, within_s))
        self._silence_s = self._gap_s
        if answer.function_code & EXCEPTION_BIT:
            raise RefusedError(raw, f"the device refuses: {exception_name(answer.exception_code)} ({_asked(request)})")
        return raw, answer

    def _settle(self) -> None:
        """Let the line be silent for the time it owes; what comes meanwhile is nobody's answer."""
        silent_from = time.monotonic()
        give_up = silent_from + 2 * self._settings.timeout_s + self._silence_s
        while data := self._take(silent_from + self._silence_s):
            self._spill(data)
            silent_from = time.monotonic()
            if silent_from > give_up:
                raise AnswerError(b"", "the line does not fall silent: another master on it, or noise?")

    def _answer(self, request: ModbusPDU, deadline: float) -> tuple[bytes, ModbusPDU]:
        received = b""
        while True:
            used, answer = self._framed(received)
            if answer and self._settings.is_tcp and answer.transaction_id != request.transaction_id:
                self._spill(received[:used])
                received = received[used:]
            elif answer:
                self._check(request, answer, received)
                return received, answer
            elif used:
                raise AnswerError(received, "not a frame: its checksum or length is wrong")
            elif data := self._take(deadline):
                received += data
            else:
                raise AnswerError(received, self._missing(request, received))

    def _missing(self, request: ModbusPDU, received: bytes) -> str:
        what = "half an answer" if received else "no answer"
        return f"{what} of unit {self._settings.unit_id} in {self._settings.timeout_s:g} s ({_asked(request)})"

    def _framed(self, received: bytes) -> tuple[int, ModbusPDU | None]:
        try:
            return self._framer.handleFrame(received, 0, 0)
        except FRAME_ERRORS as error:
            raise AnswerError(received, f"not a Modbus frame: {error}") from error

    def _check(self, request: ModbusPDU, answer: ModbusPDU, received: bytes) -> None:
        """Refuse whatever is not exactly the answer: nothing before it, after it, or in it that was not asked for."""
        if answer.dev_id != self._settings.unit_id:
            raise AnswerError(received, f"unit {answer.dev_id} answered, not {self._settings.unit_id}")
        if answer.function_code & ~EXCEPTION_BIT != request.function_code:
            raise AnswerError(received, f"function {answer.function_code} answered, not {request.function_code}")
        try:
            exactly = self._framer.buildFrame(answer)
        except FRAME_ERRORS as error:
            raise AnswerError(received, f"not a Modbus frame: {error}") from error
        if exactly != received:
            raise AnswerError(received, "more or less than one frame")
        if _writes(request) and not answer.function_code & EXCEPTION_BIT and not _echoes(request, answer):
            raise AnswerError(received, "the answer is not to what was written")

    def _take(self, deadline: float) -> bytes:
        """Return what comes until `deadline`; a cancel is remembered and does not end the wait."""
        while True:
            data = self._port.read(max(0.0, deadline - time.monotonic()))
            self._cancelled = self._cancelled or self._port.cancelled
            if data or (time.monotonic() >= deadline and not self._port.cancelled):
                return data

    def _spill(self, data: bytes) -> None:
        self.tell(Noise(data, "bytes that nobody asked for: a late answer, another master, or noise"))

    @property
    def _gap_s(self) -> float:
        """Silence that an RTU frame needs before it."""
        if self._settings.is_tcp:
            return 0.0
        bits = 2 + self._settings.bytesize + self._settings.stopbits
        return max(QUIET_LEAST_S, QUIET_CHARACTERS * bits / self._settings.baudrate)


def exception_name(code: int) -> str:
    """Return the name of a Modbus exception code."""
    return f"exception {code}, {EXCEPTIONS.get(code, 'unknown code')}"


def _asked(request: ModbusPDU) -> str:
    what = f"function {request.function_code}, address {request.address}"
    return f"{what}, count {request.count}" if request.count > 1 else what


def _writes(request: ModbusPDU) -> bool:
    return isinstance(request, WriteSingleCoilRequest | WriteMultipleCoilsRequest | WriteSingleRegisterRequest)


def _echoes(request: ModbusPDU, answer: ModbusPDU) -> bool:
    if answer.address != request.address:
        return False
    if isinstance(request, WriteMultipleCoilsRequest):
        return answer.count == request.count
    if isinstance(request, WriteSingleCoilRequest):
        return list(map(bool, answer.bits)) == list(map(bool, request.bits))
    return list(answer.registers) == list(request.registers)


def _port_settings(settings: ModbusSettings) -> PortSettings:
    """Return the settings of the port below: Modbus TCP is a plain socket there."""
    if not settings.is_tcp:
        return settings
    address = settings.port.removeprefix(TCP)
    return settings.model_copy(update={"port": f"socket://{address}" + ("" if ":" in address else f":{TCP_PORT}")})
