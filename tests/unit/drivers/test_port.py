"""The port: errors with a remedy, waits that end, nothing lost."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from drivers.contract import DeviceBusyError, DeviceGoneError
from drivers.port import WRITE_TIMEOUT_S, Port, PortSettings
from tests.support.descriptors import open_descriptors

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_S = 30.0
"""Longer than any test may take: a wait that should have ended shows."""

NOBODY = 65534


def settings(port: str, **more: Any) -> PortSettings:
    return PortSettings(name="gauge-1", driver="any", port=port, **more)


@contextmanager
def opened(port: str, **more: Any) -> Iterator[Port]:
    one = Port(settings(port, **more))
    try:
        one.open()
        yield one
    finally:
        one.close()


@contextmanager
def without_rights() -> Iterator[None]:
    """An ordinary user for a moment, if the tests run as root."""
    root = os.geteuid() == 0
    if root:
        os.seteuid(NOBODY)
    try:
        yield
    finally:
        if root:
            os.seteuid(0)


@pytest.fixture
def converter() -> Iterator[socket.socket]:
    """A serial converter on the network: a listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def url(server: socket.socket) -> str:
    return f"socket://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture(params=["pty", "socket", "loop"])
def silent_port(request: pytest.FixtureRequest, cable: Any, converter: socket.socket) -> str:
    """A port of each kind that says nothing."""
    return str({"pty": cable.port, "socket": url(converter), "loop": "loop://"}[request.param])


def test_bytes_arrive_as_they_are(cable: Any) -> None:
    """All 256 byte values pass both ways: no line discipline interferes."""
    every = bytes(range(256))
    with opened(cable.port) as port:
        cable.say(every)
        assert port.read(LONG_S) == every
        port.write(every)
        assert cable.heard(256) == every


def test_read_returns_what_is_there(cable: Any) -> None:
    """One byte is enough to end the wait; no buffer has to fill."""
    with opened(cable.port) as port:
        cable.say(b"a")
        assert port.read(LONG_S) == b"a"


def test_read_ends_after_its_time(cable: Any) -> None:
    """A silent device gives no bytes and no error, not before the time is over."""
    with opened(cable.port) as port:
        begin = time.monotonic()
        assert port.read(0.05) == b""
        assert 0.05 <= time.monotonic() - begin < LONG_S
        assert port.read(0) == b""
        assert port.read(-1) == b""


def test_waiting_costs_no_processor_time(cable: Any) -> None:
    """An idle device sleeps in the kernel."""
    with opened(cable.port) as port:
        begin = time.thread_time()
        port.read(0.2)
        assert time.thread_time() - begin < 0.01


def test_cancel_ends_a_wait(silent_port: str) -> None:
    """A read that waits ends when another thread cancels, on every kind of port."""
    with opened(silent_port) as port:
        canceller = threading.Thread(target=port.cancel)
        begin = time.monotonic()
        canceller.start()
        assert port.read(LONG_S) == b""
        assert time.monotonic() - begin < LONG_S / 2
        canceller.join()


def test_a_cancel_before_the_read_is_not_lost(silent_port: str) -> None:
    """Twice cancelled ends one read, the next; the one after that waits again."""
    with opened(silent_port) as port:
        port.cancel()
        port.cancel()
        assert port.read(LONG_S) == b""
        begin = time.monotonic()
        port.read(0.05)
        assert time.monotonic() - begin >= 0.05


def test_a_cancel_of_a_closed_port_ends_the_first_read(cable: Any) -> None:
    """Even a cancel from before opening is not lost, and never raises."""
    port = Port(settings(cable.port))
    port.cancel()
    port.open()
    assert port.read(LONG_S) == b""
    port.close()
    port.cancel()


def test_a_cancel_loses_no_bytes(cable: Any) -> None:
    """What came in beside a cancel is there at the next read."""
    with opened(cable.port) as port:
        cable.say(b"kept")
        port.cancel()
        assert port.read(LONG_S) == b""
        assert port.read(LONG_S) == b"kept"


def test_cancels_from_many_threads_and_reopenings_do_no_harm(cable: Any) -> None:
    """Cancel may come at any moment of open, read and close."""
    port = Port(settings(cable.port))
    done = threading.Event()

    def nag() -> None:
        while not done.is_set():
            port.cancel()

    naggers = [threading.Thread(target=nag) for _ in range(2)]
    for nagger in naggers:
        nagger.start()
    for _ in range(50):
        port.open()
        assert port.read(LONG_S) == b""
        port.close()
    done.set()
    for nagger in naggers:
        nagger.join()


def test_a_missing_port_is_named_with_its_remedy() -> None:
    with pytest.raises(DeviceGoneError, match=r"gauge-1: /dev/none: no such port; plugged in\?.*/dev/serial/by-id"):
        Port(settings("/dev/none")).open()


def test_a_forbidden_port_names_the_group(cable: Any) -> None:
    Path(cable.port).chmod(0)
    with without_rights(), pytest.raises(DeviceGoneError, match=r"gauge-1: .*permission denied.*dialout"):
        Port(settings(cable.port)).open()


@contextmanager
def held_by_another_process(port: str) -> Iterator[int]:
    """Number of a process that has the port open exclusively."""
    program = f"import serial; p = serial.Serial({port!r}, exclusive=True); print('held', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        yield holder.pid
        holder.stdin.write("\n")
        holder.stdin.close()


def test_a_held_port_names_its_holder(cable: Any) -> None:
    """Another process is told by number and command."""
    with held_by_another_process(cable.port) as pid, pytest.raises(DeviceBusyError) as caught:
        Port(settings(cable.port)).open()
    assert str(caught.value).startswith(f"gauge-1: {cable.port}: in use by pid {pid} ({sys.executable} -c")


def test_a_holder_that_cannot_be_seen_is_said_to_be_so(cable: Any) -> None:
    """Without the right to look, the message says how to."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    Path(cable.port).chmod(0o666)
    busy = pytest.raises(DeviceBusyError, match=r"may not see .*fuser -v")
    with held_by_another_process(cable.port), without_rights(), busy:
        Port(settings(cable.port)).open()


def test_a_file_that_is_no_port_is_gone(tmp_path: Any) -> None:
    plain = tmp_path / "plain"
    plain.touch()
    with pytest.raises(DeviceGoneError, match=r"plain: does not open .*is it a serial port"):
        Port(settings(str(plain))).open()


def test_unplugging_ends_a_read_and_a_write(cable: Any) -> None:
    with opened(cable.port) as port:
        cable.unplug()
        with pytest.raises(DeviceGoneError, match=r"gauge-1: .*lost .*check cable"):
            port.read(LONG_S)
        with pytest.raises(DeviceGoneError, match=r"gauge-1: .*lost"):
            port.write(b"x")


def test_what_was_said_before_a_loss_is_read(converter: socket.socket) -> None:
    """A loss is told only after the last bytes that the operating system still has."""
    with opened(url(converter)) as port:
        peer, _ = converter.accept()
        peer.sendall(b"last")
        peer.close()
        assert port.read(LONG_S) == b"last"
        with pytest.raises(DeviceGoneError):
            port.read(LONG_S)


def test_a_device_that_takes_no_bytes_is_gone_in_time(cable: Any) -> None:
    """A write never waits longer than promised."""
    with opened(cable.port) as port:
        begin = time.monotonic()
        with pytest.raises(DeviceGoneError, match="timeout"):
            port.write(bytes(1_000_000))
        assert time.monotonic() - begin < 2 * WRITE_TIMEOUT_S


def test_a_closed_port_says_so(cable: Any) -> None:
    port = Port(settings(cable.port))
    with pytest.raises(DeviceGoneError, match="not open"):
        port.read(0)
    with pytest.raises(DeviceGoneError, match="not open"):
        port.write(b"")
    port.close()
    port.close()


def test_opening_and_closing_leaves_nothing_open(cable: Any) -> None:
    """No descriptor leaks, whether opening works or not."""
    before = open_descriptors()
    for _ in range(3):
        with opened(cable.port), pytest.raises(DeviceBusyError):
            Port(settings(cable.port)).open()
    assert not open_descriptors() - before


def test_a_network_port_works_and_its_end_is_a_loss(converter: socket.socket) -> None:
    """A converter on the network reads, writes and is lost as a local port is."""
    with opened(url(converter)) as port:
        peer, _ = converter.accept()
        with peer:
            peer.sendall(b"in")
            assert port.read(LONG_S) == b"in"
            port.write(b"out")
            assert peer.recv(3) == b"out"
        with pytest.raises(DeviceGoneError, match=r"gauge-1: socket://.*lost"):
            port.read(LONG_S)


def test_a_silent_network_port_names_its_remedy(converter: socket.socket) -> None:
    silent = url(converter)
    converter.close()
    with pytest.raises(DeviceGoneError, match=rf"gauge-1: {silent}: no answer .*is it switched on"):
        Port(settings(silent)).open()


def test_a_loop_port_reads_what_it_wrote() -> None:
    with opened("loop://") as port:
        port.write(b"abc")
        assert port.read(LONG_S) == b"abc"
        assert port.read(0) == b""


@pytest.mark.parametrize("parity", ["N", "E", "O"])
def test_line_parameters_are_accepted(cable: Any, parity: str) -> None:
    """The frames of all gauges in the field can be set."""
    with opened(cable.port, baudrate=4800, bytesize=7, parity=parity, stopbits=2) as port:
        assert port.read(0) == b""


@pytest.mark.parametrize(
    ("document", "key"),
    [
        ('{"name": "a", "driver": "b"}', "port"),
        ('{"name": "a", "driver": "b", "port": "ttyUSB0"}', "port"),
        ('{"name": "a", "driver": "b", "port": "tcp://x:1"}', "port"),
        ('{"name": "a", "driver": "b", "port": "/dev/x", "parity": "none"}', "parity"),
        ('{"name": "a", "driver": "b", "port": "/dev/x", "bytesize": "8"}', "bytesize"),
        ('{"name": "a", "driver": "b", "port": "/dev/x", "stopbits": 3}', "stopbits"),
        ('{"name": "a", "driver": "b", "port": "/dev/x", "baudrate": 0}', "baudrate"),
        ('{"name": "a", "driver": "b", "port": "/dev/x", "baud": 9600}', "baud"),
    ],
)
def test_wrong_settings_are_told_by_key(document: str, key: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(PortSettings).validate_json(document)
    assert [error["loc"] for error in caught.value.errors()] == [(key,)]
