"""A broker of one's own, on one port of 127.0.0.1, that can be taken away and brought back.

Mosquitto where it is installed, else `iotcore`, a wheel with the Rust broker rumqttd compiled in.  Mosquitto keeps
sessions and retained messages over `stop` and `start`; iotcore forgets them.
"""

from __future__ import annotations

import os
import random
import shutil
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

HOST = "127.0.0.1"
START_TIMEOUT_S = 10.0
STOP_TIMEOUT_S = 5.0
POLL_S = 0.02

MOSQUITTO_CONF = """\
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {directory}/
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
log_dest file {directory}/mosquitto.log
log_timestamp_format %Y-%m-%dT%H:%M:%S
log_type error
log_type warning
log_type notice
"""
"""`max_queued_messages 0`: the default of 1000 acknowledges and then silently drops for a slow subscriber."""

RUMQTTD_TOML = """\
id = 0

[router]
id = 0
max_connections = 100
max_outgoing_packet_count = 200
max_segment_size = 104857600
max_segment_count = 10

[v5.1]
name = "v5"
listen = "{host}:{port}"
next_connection_delay_ms = 1

[v5.1.connections]
connection_timeout_ms = 5000
max_payload_size = 1048576
max_inflight_count = 100
dynamic_filters = true
"""
"""One listener that speaks MQTT 5 only.  Source: rumqttd's own rumqttd.toml."""

RUMQTTD_BOOTSTRAP = """\
import logging, sys
from iotcore.iotcore import IotCoreBroker
logging.basicConfig(level=logging.WARNING)
logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
IotCoreBroker(config_path=sys.argv[1]).run_forever()
"""
"""rumqttd logs several lines a packet as errors: they are left out."""


class BrokerError(Exception):
    """The broker does not start: the message names its log, or what to install."""


class Broker(ABC):
    """A broker process on `port`, with its files in `directory`.  `start` and `stop` as often as wanted."""

    name: str

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start, and return when the port accepts connections.  Waits 10 s at most.  Raises BrokerError."""
        if self._process is not None:
            return
        if accepts(self.port):
            raise BrokerError(f"port {self.port} of {HOST} is in use by another program")
        self.directory.mkdir(parents=True, exist_ok=True)
        log_path = self.directory / "broker.log"
        with log_path.open("ab") as log:
            self._process = subprocess.Popen(
                self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0
            )
        try:
            self._wait_until_it_listens(log_path)
        except BaseException:  # whatever it is, no process is left behind; then it goes on
            self.stop()
            raise

    def stop(self) -> None:
        """End the process in good order: 5 s for SIGTERM, then SIGKILL.  Does nothing when it is not running."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None

    def kill(self) -> None:
        """End the process at once, as a power cut would.  Does nothing when it is not running."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait()
        self._process = None

    @abstractmethod
    def _command(self) -> list[str]:
        """Write the configuration and return the command that starts the broker."""

    def _wait_until_it_listens(self, log_path: Path) -> None:
        process = self._process
        deadline_s = time.monotonic() + START_TIMEOUT_S
        while not accepts(self.port):
            if process is None or process.poll() is not None:
                raise BrokerError(f"{self.name} ended at once; its words are in {log_path}")
            if time.monotonic() > deadline_s:
                raise BrokerError(f"{self.name} does not listen on port {self.port} after {START_TIMEOUT_S:.0f} s")
            time.sleep(POLL_S)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Mosquitto(Broker):
    """Mosquitto with a configuration of its own; nothing of an installed service is touched."""

    name = "mosquitto"

    @staticmethod
    def program() -> str | None:
        """Path of the program, or None; Debian puts it where only root's PATH looks."""
        return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/local/sbin:/usr/sbin:/sbin")

    def _command(self) -> list[str]:
        program = self.program()
        if program is None:
            raise BrokerError("mosquitto is not installed: apt-get install mosquitto")
        text = MOSQUITTO_CONF.format(port=self.port, host=HOST, directory=self.directory.resolve())
        if os.geteuid() == 0:
            text += "user root\n"
        path = self.directory / "mosquitto.conf"
        path.write_text(text, encoding="utf-8")
        return [program, "-c", str(path)]


class Iotcore(Broker):
    """rumqttd out of the wheel `iotcore`: MQTT 5, QoS 1, retained messages, last wills; all in memory."""

    name = "iotcore"

    @staticmethod
    def installed() -> bool:
        """Whether the wheel is there."""
        return find_spec("iotcore") is not None

    def _command(self) -> list[str]:
        if not self.installed():
            raise BrokerError("iotcore is not installed: pip install 'lineside[demo]'")
        path = self.directory / "rumqttd.toml"
        path.write_text(RUMQTTD_TOML.format(host=HOST, port=self.port), encoding="utf-8")
        return [sys.executable, "-c", RUMQTTD_BOOTSTRAP, str(path)]


KINDS: dict[str, type[Broker]] = {"mosquitto": Mosquitto, "iotcore": Iotcore}


def choose(directory: Path, port: int, kind: str = "auto") -> Broker:
    """Return the broker that is to be had here, not yet started; `kind` may name one.  Raises BrokerError."""
    if kind in KINDS:
        return KINDS[kind](directory, port)
    if Mosquitto.program():
        return Mosquitto(directory, port)
    if Iotcore.installed():
        return Iotcore(directory, port)
    raise BrokerError("no broker here: apt-get install mosquitto, or pip install 'lineside[demo]'")


def accepts(port: int) -> bool:
    """Whether something accepts TCP connections on `port` of 127.0.0.1."""
    with suppress(OSError), socket.create_connection((HOST, port), timeout=1.0):
        return True
    return False


PORTS = range(20_000, 30_000)
"""Ports to choose from: below the range that Linux takes for outgoing connections, which come at any moment."""


_given: set[int] = set()


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nobody uses now, and that no outgoing connection will take.

    Not one that was returned not long ago: whoever has it may not listen yet.
    """
    if len(_given) > len(PORTS) // 2:
        _given.clear()
    while True:
        port = random.choice(PORTS)
        if port in _given:
            continue
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            _given.add(port)
            return port
