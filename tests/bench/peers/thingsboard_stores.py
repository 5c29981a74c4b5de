"""The three storages of ThingsBoard IoT Gateway, used as the gateway uses them: `put`, `get_event_pack`, done.

Settings: SQLite the defaults of its settings class; file and memory the sizes of the configuration that the package
ships, because the classes' own (15 records) would hold nothing.  All read packs of 1000.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from base64 import b64decode
from contextlib import closing
from typing import TYPE_CHECKING, Any

from thingsboard_gateway.storage.file.file_event_storage import FileEventStorage
from thingsboard_gateway.storage.memory.memory_event_storage import MemoryEventStorage
from thingsboard_gateway.storage.sqlite.sqlite_event_storage import SQLiteEventStorage
from thingsboard_gateway.tb_utility.tb_logger import TbLogger

from tests.bench.peers.store import PACK, RefusedError, given_out, number_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

POLL_S = 0.005


class GatewayStore:
    """One of the gateway's storages behind our seam."""

    group = 1

    def __init__(self, storage: Any) -> None:
        self._storage = storage
        self._count = 0

    def put(self, records: Sequence[str]) -> None:
        for text in records:
            if not self._storage.put(text):
                raise RefusedError(f"after {self._count:,} records")
            self._count += 1

    def settle(self) -> None:
        """Memory has no file; the file is written when `put` returns."""

    def take(self) -> list[int]:
        pack = [number_of(text) for text in self._storage.get_event_pack()]
        if pack:
            self._storage.event_pack_processing_done()
        return pack

    def held(self) -> list[int]:
        return given_out(self)

    def close(self) -> None:
        self._storage.stop()


class GatewayFileStore(GatewayStore):
    """Its reader may leave records behind where several data files wait: what is held is read from the files."""

    def __init__(self, storage: Any, folder: Path) -> None:
        super().__init__(storage)
        self._folder = folder

    def held(self) -> list[int]:
        lines = (line for path in self._folder.glob("data_*.txt") for line in path.read_bytes().splitlines())
        return [number_of(b64decode(line).decode()) for line in lines]


class GatewaySqliteStore(GatewayStore):
    """`put` leaves the record to a thread: what is in the file is asked of the file."""

    def __init__(self, storage: Any, path: Path) -> None:
        super().__init__(storage)
        self._path = path

    def settle(self) -> None:
        with closing(sqlite3.connect(f"file:{self._path}?mode=ro", uri=True)) as connection:
            while (connection.execute("SELECT max(id) FROM messages").fetchone()[0] or 0) < self._count:
                time.sleep(POLL_S)


def opened(name: str, folder: Path) -> GatewayStore:
    logging.setLoggerClass(TbLogger)
    logger, stop = logging.getLogger("storage"), threading.Event()
    logger.setLevel(logging.CRITICAL)
    where = f"{folder}/"
    if name == "thingsboard-sqlite":
        return GatewaySqliteStore(SQLiteEventStorage({"data_file_path": where}, logger, stop), folder / "data.db")
    if name == "thingsboard-file":
        sizes = {"max_file_count": 10, "max_records_per_file": 10_000, "max_read_records_count": PACK}
        return GatewayFileStore(FileEventStorage({"data_folder_path": where, **sizes}, logger, stop), folder)
    sizes = {"max_records_count": 100_000, "read_records_count": PACK}
    return GatewayStore(MemoryEventStorage(sizes, logger, stop))
