"""The floors: what the disk, SQLite and MQTT cost when nothing of ours is in the way."""

from __future__ import annotations

import os
import sqlite3
import time
from queue import SimpleQueue
from threading import Semaphore
from typing import TYPE_CHECKING, Self

from paho.mqtt.client import Client, MQTTv5
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from simulators.broker import HOST

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path
    from types import TracebackType

    from agent.events import Row

RING_BYTES = 4 * 1024 * 1024
"""Size of SQLite's write-ahead log in the steady state (1000 pages)."""

ANSWER_S = 10.0
"""Longest wait for the broker."""


class SyncedFile:
    """Write + fdatasync of a few bytes.

    Writes round and round in a file that has its full size, as SQLite's write-ahead log does once it is warm: a file
    that grows would cost the file system a second write for its size, and make the floor higher.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._data = b"x" * size
        self._at = 0
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC)
        os.write(self._descriptor, bytes(RING_BYTES))
        os.fsync(self._descriptor)

    def write_s(self) -> float:
        """Write once; return the seconds it took."""
        self._at = (self._at + len(self._data)) % (RING_BYTES - len(self._data))
        began = time.perf_counter()
        os.pwrite(self._descriptor, self._data, self._at)
        os.fdatasync(self._descriptor)
        return time.perf_counter() - began

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._descriptor)


class PlainTable:
    """`executemany` into one table with the columns of the journal's; WAL and synchronous FULL, all else default."""

    def __init__(self, path: Path) -> None:
        self._connection = sqlite3.connect(path, isolation_level=None)
        self._connection.execute("PRAGMA journal_mode = WAL")
        self._connection.execute("PRAGMA synchronous = FULL")
        self._connection.execute(
            "CREATE TABLE event (seq INTEGER PRIMARY KEY, type TEXT, time TEXT, subject TEXT, body TEXT, crc INTEGER)"
        )

    def insert(self, rows: Sequence[Row]) -> None:
        """Insert `rows` as one transaction, on disk when this returns."""
        self._connection.execute("BEGIN IMMEDIATE")
        self._connection.executemany("INSERT INTO event VALUES (?, ?, ?, ?, ?, ?)", rows)
        self._connection.execute("COMMIT")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()


class BareClient:
    """A bare paho client with the agent's settings: MQTT 5, QoS 1, a window, a content type with every message."""

    def __init__(self, port: int, window: int) -> None:
        self._port = port
        self._window = window
        self._connected: SimpleQueue[None] = SimpleQueue()
        self._slots = Semaphore(window)
        self._properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
        self._properties.ContentType = "application/cloudevents-batch+json; charset=utf-8"
        self._client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTv5)
        self._client.max_inflight_messages_set(window)
        self._client.on_connect = lambda *_: self._connected.put(None)
        self._client.on_publish = lambda *_: self._slots.release()

    def flood(self, topic: str, payloads: Iterable[bytes]) -> None:
        """Publish all, never more than the window in the air; return when the last is acknowledged."""
        for payload in payloads:
            self._take_slot()
            self._client.publish(topic, payload, qos=1, properties=self._properties)
        for _ in range(self._window):
            self._take_slot()
        self._slots.release(self._window)

    def round_trip_s(self, topic: str, payload: bytes) -> float:
        """Publish one message; return the seconds until its acknowledgement."""
        began = time.perf_counter()
        self._client.publish(topic, payload, qos=1, properties=self._properties).wait_for_publish(ANSWER_S)
        return time.perf_counter() - began

    def __enter__(self) -> Self:
        self._client.connect(HOST, self._port)
        self._client.loop_start()
        self._connected.get(timeout=ANSWER_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _take_slot(self) -> None:
        if not self._slots.acquire(timeout=ANSWER_S):
            raise TimeoutError(f"the broker acknowledged nothing for {ANSWER_S:.0f} s")
