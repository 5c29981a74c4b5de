"""Whatever a reader, a camera's server or a Modbus device sends, the parsers say what it is or that it is nothing."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, get_args

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.station.codes import CodeReader, Meaning
from agent.station.rules import ScanRule
from drivers.contract import Noise, Scan, Signal
from drivers.modbus import AnswerError, Bus, ModbusSettings, RefusedError
from drivers.scanners.camera.multipart import Multipart
from drivers.scanners.hid import HidScanner
from tests.support.pictures import GS1_TEXT, LABEL_06
from tests.support.typist import EV_KEY, EV_SYN, NATIVE, Typist, packed

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

DAILY = 300
INPUTS = int(os.environ.get("LINESIDE_FUZZ", DAILY))
WAITING = 20
"""A bad answer is waited out: so many times fewer inputs there."""

SIGNALS = get_args(Signal)
CONTROLS = "\x1c\x1d\x1e\x1f\x04"
BOUNDARY = b"frame"
LONGEST_KEY = 0x2FF
"""Highest key code of Linux."""

fuzz = settings(max_examples=INPUTS, deadline=None, suppress_health_check=list(HealthCheck), database=None)
randoms = st.randoms(use_true_random=INPUTS > DAILY)

READER = CodeReader(
    ScanRule.model_validate_json(rule)
    for rule in (
        '{"name": "g", "format": "gs1", "elements": {"part": "01", "lot": "10"}, "also": ["17"], "maybe": ["21"]}',
        '{"name": "gs1-unit", "format": "gs1", "elements": {"unit": "21"}, "also": ["01"], "maybe": ["3103"]}',
        '{"name": "supplier", "format": "iso15434", "elements": {"part": "P", "lot": "1T"}, "maybe": ["Q", "S"]}',
        '{"name": "plain", "pattern": "SN(?P<unit>[0-9]+)"}',
    )
)


def spoilt(text: str, random: Random) -> str:
    """A label with some characters changed, lost, doubled or put in."""
    for _ in range(random.randrange(5)):
        at = random.randrange(len(text) + 1)
        piece = random.choice((random.choice(CONTROLS), chr(random.randrange(0x180)), random.choice("0123456789PQST")))
        text = random.choice((text[:at] + piece + text[at:], text[:at] + text[at + 1 :], text + text[:at], text[:at]))
    return text


@fuzz
@given(randoms)
def test_no_label_breaks_the_reading(random: Random) -> None:
    """One meaning, several, or none with the reason; what is read was on the label."""
    start = random.choice((GS1_TEXT, LABEL_06, "SN12", "".join(chr(random.randrange(0x250)) for _ in range(60))))
    text = spoilt(start, random)
    symbology = random.choice(("", "]C1", "]d2", "]d1", "]Q3", "]A0"))
    meanings = READER.meanings(text, symbology)
    assert meanings or READER.why_not(text, symbology)
    for meaning in meanings:
        assert isinstance(meaning, Meaning)
        for value in (*meaning.groups.values(), *meaning.elements.values()):
            assert value in text


@fuzz
@given(randoms)
def test_no_key_strokes_break_the_reading(random: Random) -> None:
    """Whole events and torn ones, keys that no keyboard has, presses without releases, lost events."""
    layout = random.choice(("us", "uk", "de", "fr"))
    made = HidScanner.Settings.model_validate_json(
        f'{{"name": "k", "driver": "hid-scanner", "device": "/dev/none", "layout": "{layout}", "max_length": 40}}'
    )
    scanner = HidScanner(made)  # type: ignore[arg-type]
    data = b""
    for _ in range(random.randrange(12)):
        match random.randrange(3):
            case 0:
                data += packed(Typist(layout).type(random.choice(("SN1", GS1_TEXT, "aB-/"))).events)
            case 1:
                kind, code = random.choice((EV_KEY, EV_SYN, random.randrange(0x20))), random.randrange(LONGEST_KEY + 1)
                data += NATIVE.pack(random.randrange(10**6), random.randrange(10**6), kind, code, random.randrange(4))
            case _:
                data += random.randbytes(NATIVE.size * random.randrange(3))
    cut = random.randrange(len(data) + 1)
    for signal in [*scanner.feed(data[:cut]), *scanner.feed(data[cut:])]:
        assert isinstance(signal, Scan | Noise)
        assert signal.raw


@fuzz
@given(randoms)
def test_no_stream_of_pictures_breaks_the_cutting(random: Random) -> None:
    """Parts are pieces of what came, however it was split."""
    stream = b""
    for _ in range(random.randrange(6)):
        body = random.randbytes(random.randrange(40))
        length = random.choice((len(body), len(body) + 3, 10**12))
        told = random.choice((b"", b"Content-Length: %d\r\n" % length, b"content-length:\xff\r\n"))
        stream += random.choice((b"--frame\r\n" + told + b"\r\n" + body + b"\r\n", body, b"--frame", b"\r\n\r\n"))
    whole = Multipart(BOUNDARY).feed(stream)
    assert all(part in stream for part in whole)
    split = Multipart(BOUNDARY)
    cut = random.randrange(len(stream) + 1)
    assert len(split.feed(stream[:cut]) + split.feed(stream[cut:])) <= len(whole) + 1


@pytest.fixture
def bus() -> Iterator[tuple[Bus, SimpleQueue[bytes]]]:
    """A Modbus client over TCP, and what the device is to answer to the next request."""
    answers: SimpleQueue[bytes] = SimpleQueue()

    def serve(device: socket.socket) -> None:
        while device.recv(4096):
            device.sendall(answers.get())

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        document: dict[str, Any] = {"name": "m", "driver": "modbus-gauge", "port": f"tcp://127.0.0.1:{port}"}
        bus = Bus(ModbusSettings(**document, timeout_s=0.02))
        bus.open()
        device, _ = server.accept()
        with device:
            thread = Thread(target=serve, args=(device,))
            thread.start()
            yield bus, answers
            bus.close()
            thread.join()


@settings(fuzz, max_examples=max(DAILY, INPUTS // WAITING))
@given(random=randoms)
def test_no_answer_breaks_the_asking(bus: tuple[Bus, SimpleQueue[bytes]], random: Random) -> None:
    """An answer is exactly what was asked for, or told as what is wrong with it."""
    asking, answers = bus
    number = asking._number % 0xFFFF + 1
    good = number.to_bytes(2) + bytes.fromhex("0000 0005 01 03 02") + random.randbytes(2)
    answer = random.choice((good, spoilt(good.decode("latin-1"), random).encode("utf-8"), random.randbytes(12), b""))
    answers.put(answer)
    told = None
    with suppress(AnswerError, RefusedError):
        told = asking.read("holding", 0, 1)
    assert told is None or (told[0], len(told[1])) == (good, 1)
    asking.told()
