"""Where the inputs of a Modbus module stand, and which requests read them all.

Knows settings and addresses; nothing of ports and of time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from pydantic import Field, model_validator

from drivers.inputs import InputSettings, ThresholdSettings
from drivers.modbus import MOST, Table
from drivers.registers import NumberSettings

if TYPE_CHECKING:
    from collections.abc import Iterable

REGISTER_BITS = 16
BIT_TABLES = ("coil", "discrete")


class Block(NamedTuple):
    """Neighbours of one table that are read in one request."""

    table: Table
    address: int
    size: int

    @property
    def end(self) -> int:
        """The first address after it."""
        return self.address + self.size


class ModbusInputSettings(InputSettings, ThresholdSettings, NumberSettings):
    """Keys of a `[device.inputs.NAME]` table of a `modbus-io`."""

    table: Table = Field(
        default="discrete", description="coil, discrete, holding or input: where it is read; default discrete."
    )
    address: int = Field(ge=0, le=65535, description="Address as it is sent, from 0: 10001 in a manual is 0 here.")
    debounce_s: float = Field(
        default=0.0,
        ge=0,
        le=10,
        description="A level must hold still so long before it counts, s: at least two readings; default 0, since most "
        "modules filter by themselves.",
    )
    bit: int | None = Field(
        default=None, ge=0, le=15, description="Bit of the register, 0 is the lowest; default none."
    )
    pair: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Address (for a register its bit) of the button's other contact, which is closed when this one is "
        "open; both alike is a broken wire; default none.",
    )

    @model_validator(mode="after")
    def _bit_or_number(self) -> ModbusInputSettings:
        if self.table in BIT_TABLES:
            if self.bit is not None or self.has_threshold:
                raise ValueError(f"{self.table} is one bit: bit, above and below are for holding and input")
        elif (self.bit is None) == (not self.has_threshold):
            raise ValueError(f"{self.table} is a register: give either bit, or above or below")
        if self.pair is not None and (self.has_threshold or self.pair == self._own_place):
            raise ValueError("pair is the address (or bit) of a second contact; a number has none")
        if self.bit is not None and self.pair is not None and self.pair >= REGISTER_BITS:
            raise ValueError(f"pair {self.pair}: bits of a register are 0 to 15")
        return self

    @property
    def _own_place(self) -> int:
        return self.address if self.bit is None else self.bit

    @property
    def blocks(self) -> list[Block]:
        """What must be read for this input; the registers of one number are one block, never read in pieces."""
        if self.has_threshold:
            return [Block(self.table, self.address, self.registers)]
        places = [self.address]
        if self.pair is not None and self.bit is None:
            places.append(self.pair)
        return [Block(self.table, place, 1) for place in places]


def reads(blocks: Iterable[Block]) -> dict[Block, list[Block]]:
    """Return the requests that read all blocks, each with its blocks: neighbours together, as many as it may read.

    No address is read that no block names: modules refuse a whole request for one address that they do not have.
    """
    found: dict[Block, list[Block]] = {}
    request: Block | None = None
    for block in sorted(set(blocks)):
        wider = _joined(request, block) if request else None
        inside = found.pop(request) if request and wider else []
        request = wider or block
        found[request] = [*inside, block]
    return found


def _joined(first: Block, second: Block) -> Block | None:
    """Return one block of both, if they touch and one request may read it."""
    if first.table != second.table or second.address > first.end:
        return None
    joined = Block(first.table, first.address, max(first.end, second.end) - first.address)
    return joined if joined.size <= MOST[first.table] else None
