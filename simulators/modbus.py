"""A Modbus device without hardware: a real pymodbus server over TCP, or RTU behind a pseudo terminal.

Its tables can be looked at and changed while it runs, and its answers spoilt, delayed or kept back.  It may have a
watchdog that switches its coils.  Knows no agent.
"""

from __future__ import annotations

import asyncio
import os
import select
import tty
from abc import ABC, abstractmethod
from contextlib import suppress
from dataclasses import dataclass
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Literal, Self, TypeVar

from pymodbus import FramerType
from pymodbus.server import ModbusSerialServer, ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from pathlib import Path
    from types import TracebackType

    from pymodbus.constants import ExcCodes

Table = Literal["coil", "discrete", "holding", "input"]
FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
WRITTEN: dict[int, Table] = {5: "coil", 6: "holding", 15: "coil", 16: "holding"}
"""Function that writes -> the table it writes to."""

SIZE = 128
"""Addresses of each table; whatever is beyond is refused as an illegal data address."""

PATIENCE_S = 10.0
CHUNK_BYTES = 4096
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Watchdog:
    """The module's own: `register` not written for `seconds`, and it sets `coils`.  Begins with the first write."""

    register: int
    seconds: float
    coils: Mapping[int, bool]


class ModbusDevice(ABC):
    """One device with `unit_id` (0: every unit), with four tables of 128 addresses, in a thread of its own.

    `spoil` gets the bytes of each answer and returns what is sent instead; empty: the device is silent.  `writes` are
    the table, the first address and the values of each write that was taken.
    """

    def __init__(self, unit_id: int = 1) -> None:
        self.unit_id = unit_id
        self.spoil: Callable[[bytes], bytes] = lambda answer: answer
        self.refuse_writes: ExcCodes | None = None
        self.delay_s = 0.0
        self.requests: list[bytes] = []
        self.writes: list[tuple[Table, int, list[int]]] = []
        self.watchdog: Watchdog | None = None
        self._watching: asyncio.TimerHandle | None = None
        self._falling: list[asyncio.Task[None]] = []
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="modbus-device")
        self._server: Any = None

    _unit_at = 6
    """Where a frame has the unit."""

    @property
    @abstractmethod
    def port(self) -> str:
        """What a driver is told as its port while the device runs."""

    def start(self) -> None:
        """Be there.  The tables begin at zero.  Raises RuntimeError if the port is not free."""
        if not self._thread.is_alive():
            self._thread.start()
        self._await(self._serve())

    def stop(self) -> None:
        """Go away: connections end, and new ones are refused."""
        self._loop.call_soon_threadsafe(self._unwatch)
        server, self._server = self._server, None
        if server is not None:
            self._await(server.shutdown())

    def get(self, table: Table, address: int, count: int = 1) -> list[int]:
        """Return what stands in a table."""
        values = self._await(self._server.async_getValues(self.unit_id, FUNCTIONS[table], address, count))
        return [int(value) for value in values]

    def set(self, table: Table, address: int, *values: int) -> None:
        """Change what stands in a table."""
        self._await(self._set(table, address, *values))

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @abstractmethod
    def _make(self, device: SimDevice) -> Any:
        """Return pymodbus's server for the tables of `device`."""

    async def _serve(self) -> None:
        tables = [_table(DataType.BITS, SIZE // 16), _table(DataType.BITS, SIZE // 16)]
        tables += [_table(DataType.REGISTERS, SIZE), _table(DataType.REGISTERS, SIZE)]
        coils, discrete, holding, inputs = tables
        server = self._make(SimDevice(self.unit_id, (coils, discrete, holding, inputs), action=self._act))
        await server.serve_forever(background=True)
        self._server = server

    async def _act(
        self, function: int, _start: int, address: int, _count: int, _now: list[int], values: list[Any] | None
    ) -> ExcCodes | None:
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        if values is None or function not in WRITTEN:
            return None
        if self.refuse_writes is None:
            self._written(WRITTEN[function], address, [int(value) for value in values])
        return self.refuse_writes

    def _written(self, table: Table, address: int, values: list[int]) -> None:
        self.writes.append((table, address, values))
        if self.watchdog is not None and (table, address) == ("holding", self.watchdog.register):
            self._unwatch()
            self._watching = self._loop.call_later(self.watchdog.seconds, self._fall, self.watchdog)

    def _unwatch(self) -> None:
        if self._watching is not None:
            self._watching.cancel()

    def _fall(self, watchdog: Watchdog) -> None:
        for address, level in watchdog.coils.items():
            self._falling.append(self._loop.create_task(self._set("coil", address, level)))

    async def _set(self, table: Table, address: int, *values: int) -> None:
        coil = table in ("coil", "discrete")
        written = [bool(value) for value in values] if coil else list(values)
        await self._server.async_setValues(self.unit_id, FUNCTIONS[table], address, written)

    def _traced(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001  pymodbus calls it so
        if sending:
            return self.spoil(data) if self.unit_id in (0, data[self._unit_at]) else b""
        self.requests.append(data)
        return data

    def _await(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)


class TcpDevice(ModbusDevice):
    """Modbus TCP on 127.0.0.1; the port is chosen at the first start and kept."""

    def __init__(self, unit_id: int = 1) -> None:
        super().__init__(unit_id)
        self.number = 0

    @property
    def port(self) -> str:
        """`tcp://127.0.0.1:PORT`."""
        return f"tcp://127.0.0.1:{self.number}"

    def start(self) -> None:
        """Listen."""
        super().start()
        self.number = self._server.transport.sockets[0].getsockname()[1]

    def _make(self, device: SimDevice) -> ModbusTcpServer:
        return ModbusTcpServer(
            device, address=("127.0.0.1", self.number), ignore_missing_devices=True, trace_packet=self._traced
        )


class RtuDevice(ModbusDevice):
    """Modbus RTU behind `link`: two pseudo terminals, and a thread that carries the bytes between them."""

    _unit_at = 0

    def __init__(self, link: Path, unit_id: int = 1) -> None:
        super().__init__(unit_id)
        self._link = link
        self._masters: list[int] = []
        self._slaves: list[int] = []
        self._carrier: Thread | None = None
        self._ended = Event()

    @property
    def port(self) -> str:
        """Path that the driver opens."""
        return str(self._link)

    def start(self) -> None:
        """Plug in, and answer."""
        pairs = [os.openpty(), os.openpty()]
        self._masters = [master for master, _ in pairs]
        self._slaves = [slave for _, slave in pairs]
        for slave in self._slaves:
            tty.setraw(slave)
        self._ended.clear()
        self._carrier = Thread(target=self._carry, args=tuple(self._masters), name="modbus-line")
        self._carrier.start()
        super().start()
        self._link.symlink_to(os.ttyname(self._slaves[0]))

    def stop(self) -> None:
        """Pull the plug: whoever has the port open sees it hang up."""
        super().stop()
        self._ended.set()
        if self._carrier:
            self._carrier.join()
        self._link.unlink(missing_ok=True)
        for end in (*self._masters, *self._slaves):
            os.close(end)
        self._masters, self._slaves, self._carrier = [], [], None

    def say(self, data: bytes) -> None:
        """Put bytes on the line that nobody asked for."""
        os.write(self._masters[0], data)

    def _make(self, device: SimDevice) -> ModbusSerialServer:
        return ModbusSerialServer(
            device,
            framer=FramerType.RTU,
            port=os.ttyname(self._slaves[1]),
            baudrate=115200,
            ignore_missing_devices=True,
            trace_packet=self._traced,
        )

    def _carry(self, first: int, second: int) -> None:
        other = {first: second, second: first}
        while not self._ended.is_set():
            for end in select.select([first, second], [], [], 0.05)[0]:
                with suppress(OSError):
                    os.write(other[end], os.read(end, CHUNK_BYTES))


def _table(kind: DataType, count: int) -> list[SimData]:
    return [SimData(0, count=count, values=0, datatype=kind)]
