"""The seam: what every buffer that is compared must do.  Runs in the peer's own environment: standard library only."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RECORD_BYTES = 500
PACK = 1000
"""Records read at once: the peer's own default, taken for all."""


class Store(Protocol):
    """A buffer in a folder.  `group` records are put by one call."""

    group: int

    def put(self, records: Sequence[str]) -> None:
        """Hand over; return when the buffer says that it has them.  Raises RefusedError if it says that it has not."""

    def settle(self) -> None:
        """Return when all that was put can be read in the file, however long that takes."""

    def take(self) -> list[int]:
        """Read the next pack and confirm it; return its numbers.  Empty: there is nothing more now."""

    def held(self) -> list[int]:
        """After a restart: the numbers of all records that the file still has."""

    def close(self) -> None:
        """End in good order."""


class RefusedError(Exception):
    """The buffer did not take a record."""


QUIET_S = 1.0
"""A buffer that gave nothing for so long has nothing left."""


def given_out(store: Store) -> list[int]:
    """Take until nothing more comes."""
    seen: list[int] = []
    last_s = time.monotonic()
    while time.monotonic() - last_s < QUIET_S:
        if pack := store.take():
            seen += pack
            last_s = time.monotonic()
        else:
            time.sleep(0.01)
    return seen


def record(number: int) -> str:
    """A finished record of 500 bytes that names its number."""
    head = f'{{"n":{number},"deviceName":"gauge-1","telemetry":"'
    return head + "x" * (RECORD_BYTES - len(head) - 2) + '"}'


def number_of(text: str) -> int:
    """Cut out, not parsed: parsing is not what is compared."""
    return int(text.rpartition('"n":')[2].partition(",")[0])


def opened(name: str, folder: Path) -> Store:
    """Open the buffer of that name; only here is its library imported."""
    if name.startswith("thingsboard-"):
        from tests.bench.peers import thingsboard_stores  # noqa: PLC0415  only in the peer's environment

        return thingsboard_stores.opened(name, folder)
    from tests.bench.peers import lineside_store  # noqa: PLC0415  only in ours

    return lineside_store.opened(name, folder)
