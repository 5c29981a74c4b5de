"""A scanner that types: captures, time, losses, and everything a device file can do, over a real named pipe.

The pipe stands in for the event device; from the bytes upwards all is the driver's own.  What only an event device can
do (grab, keys held, lamps) is in test_hid_uinput.py.
"""

from __future__ import annotations

import errno
import json
import os
import threading
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from drivers.contract import Answer, DeviceBusyError, DeviceGoneError, Lamps, Noise, Scan, Signal, Verdict
from drivers.scanners.hid import HidScanner, HidScannerSettings
from drivers.scanners.hid.events import EVENT
from drivers.scanners.hid.source import EventDevice
from tests.support.stands.hid import hid
from tests.support.typist import ENTER, EV_KEY, KEYPAD_ENTER, Event, Typist, packed, recorded, strokes

if TYPE_CHECKING:
    from collections.abc import Iterator

LONG_S = 30.0
"""Longer than any test may take: a wait that should have ended shows."""

CASES = sorted(path.parent for path in (Path(__file__).parents[2] / "data" / "hid-scanner").glob("*/expected.json"))


def made(device: str, **more: Any) -> HidScanner:
    """A driver with settings checked as the agent checks them: strictly, from JSON."""
    document = {"name": "scanner-1", "driver": "hid-scanner", "device": device, **more}
    return HidScanner(TypeAdapter(HidScannerSettings).validate_json(json.dumps(document)))


class Plugged:
    """A scanner on a named pipe."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        self._stand = hid(folder)
        self.device = str(self._stand.__enter__()["device"])
        self._pipe = os.open(self.device.removeprefix("replay:"), os.O_WRONLY)

    def say(self, typist: Typist) -> None:
        """Type what the typist typed since the last call."""
        self.say_bytes(packed(typist.events))
        typist.events = []

    def say_bytes(self, data: bytes) -> None:
        assert os.write(self._pipe, data) == len(data)

    def unplug(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._stand.__exit__(None, None, None)
        self._pipe = -1


@pytest.fixture
def plugged(tmp_path: Path) -> Iterator[Plugged]:
    one = Plugged(tmp_path / "one")
    yield one
    one.unplug()


@pytest.fixture
def driver(plugged: Plugged) -> Iterator[HidScanner]:
    one = made(plugged.device)
    one.open()
    yield one
    one.close()


def texts(signals: list[Signal]) -> list[str]:
    return [signal.text for signal in signals if isinstance(signal, Scan)]


def heard(driver: HidScanner, count: int) -> list[Signal]:
    """The next `count` signals, or fewer if the scanner says no more."""
    signals: list[Signal] = []
    while len(signals) < count and (more := driver.read(LONG_S)):
        signals += more
    return signals


def written(signal: Signal) -> dict[str, Any]:
    """A signal as the expectations spell it."""
    return asdict(signal) | {"is": type(signal).__name__, "raw": signal.raw.decode("ascii")}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_capture_means_what_is_written_beside_it(case: Path, plugged: Plugged) -> None:
    """Every recorded stream gives exactly the signals in its folder, and nothing after them."""
    expected = json.loads((case / "expected.json").read_text())
    driver = made(plugged.device, **expected["settings"])
    driver.open()
    plugged.say_bytes(packed(recorded((case / "capture.bin").read_bytes())))
    signals = heard(driver, len(expected["signals"]))
    assert [written(signal) for signal in signals] == expected["signals"]
    assert driver.read(0) == []
    driver.close()


def test_all_four_layouts_have_captures() -> None:
    """No layout is offered without a recorded label in it, by Alt codes and by Ctrl."""
    layouts = TypeAdapter(HidScannerSettings).json_schema()["properties"]["layout"]["enum"]
    assert {f"iso15434_{way}_{layout}" for layout in layouts for way in ("alt", "ctrl")} <= {c.name for c in CASES}


@given(cuts=st.lists(st.integers(min_value=1, max_value=200), max_size=20))
def test_the_split_of_the_stream_makes_no_difference(cuts: list[int]) -> None:
    """Bytes may arrive in any pieces."""
    whole = packed(Typist("de").type("aB\x1d@").type("ô").events)
    driver = made("/dev/input/none", layout="de")
    signals: list[Signal] = []
    for cut in cuts:
        signals += driver.feed(whole[:cut])
        whole = whole[cut:]
    signals += driver.feed(whole)
    assert texts(signals) == ["aB\x1d@", "ô"]


def test_two_scanners_never_mix(plugged: Plugged, driver: HidScanner, tmp_path: Path) -> None:
    """Two scanners that type at once, stroke by stroke, in two layouts, each with shift held while the other types."""
    other = Plugged(tmp_path / "two")
    german = made(other.device, layout="de")
    german.open()
    first, second = Typist("us").type("yZ-SN01", end=ENTER), Typist("de").type("zY-sn02", end=KEYPAD_ENTER)
    for one, two in zip(first.events, second.events, strict=False):
        plugged.say_bytes(packed([one]))
        other.say_bytes(packed([two]))
    plugged.say_bytes(packed(first.events[len(second.events) :]))
    other.say_bytes(packed(second.events[len(first.events) :]))
    assert texts(heard(driver, 1)) == ["yZ-SN01"]
    assert texts(heard(german, 1)) == ["zY-sn02"]
    german.close()
    other.unplug()


def test_half_a_scan_is_told_after_the_silence(plugged: Plugged) -> None:
    """A scan that stops in the middle is a Noise by itself, with what was pressed; the read does not wait longer."""
    driver = made(plugged.device, silence_s=0.01)
    driver.open()
    typist = Typist().type("SN0", end=None)
    raw = strokes(typist.events)
    plugged.say(typist)
    assert heard(driver, 1) == [Noise(raw, "half a scan: the scanner fell silent before its end")]
    plugged.say(typist.type("SN1"))
    assert texts(heard(driver, 1)) == ["SN1"]
    driver.close()


def test_a_scan_may_take_several_reads(plugged: Plugged, driver: HidScanner) -> None:
    """A read that ends before the scan does gives nothing, and loses nothing."""
    typist = Typist().type("SN", end=None)
    plugged.say(typist)
    assert driver.read(0) == []
    plugged.say(typist.type("01"))
    assert texts(heard(driver, 1)) == ["SN01"]


def test_a_dead_key_of_half_a_scan_is_forgotten() -> None:
    """An accent that waited for its letter goes on no letter of the next scan."""
    typist = Typist("de").tap(0x35).pause(1_000_000).type("a")
    assert texts(made("/dev/input/none", layout="de").feed(packed(typist.events))) == ["a"]


def test_a_lone_modifier_says_nothing(plugged: Plugged) -> None:
    """Shift touched and let go is no scan and no half of one."""
    driver = made(plugged.device, silence_s=0.001)
    driver.open()
    plugged.say(Typist().tap(0xE1))
    assert driver.read(0.05) == []
    assert not driver._collector.half
    driver.close()


def test_a_modifier_may_be_held_over_two_scans(plugged: Plugged, driver: HidScanner) -> None:
    """Some scanners let shift go only after the code."""
    plugged.say(Typist().down(0xE1).type("a").up(0xE1).type("a"))
    assert texts(heard(driver, 2)) == ["A", "a"]


def test_cancel_ends_a_waiting_read(driver: HidScanner) -> None:
    """A read under way ends when another thread cancels it."""
    ended: list[int] = []
    reader = threading.Thread(target=lambda: ended.append(len(driver.read(10 * LONG_S))), daemon=True)
    reader.start()
    driver.cancel()
    reader.join(LONG_S)
    assert ended == [0]


def test_cancel_before_a_read_ends_it_and_loses_nothing(plugged: Plugged, driver: HidScanner) -> None:
    """A cancel is remembered for one read, and what was typed is there for the next."""
    plugged.say(Typist().type("A"))
    driver.cancel()
    assert driver.read(LONG_S) == []
    assert texts(heard(driver, 1)) == ["A"]


def test_unplugged_half_a_scan_first_then_gone(plugged: Plugged, driver: HidScanner) -> None:
    """A loss is an error with the device in it, after what was typed is told."""
    plugged.say(Typist().type("SN", end=None))
    assert driver.read(0) == []
    plugged.unplug()
    assert driver.read(LONG_S) == [
        Noise(b"+2a+1f-1f-2a+2a+31-31-2a", "half a scan: the scanner was lost or closed before its end")
    ]
    with pytest.raises(DeviceGoneError, match=r"scanner-1: .*lost"):
        driver.read(LONG_S)


def test_plugged_in_again_it_works_again(plugged: Plugged, driver: HidScanner) -> None:
    """After a loss the same driver opens again; shift and dead keys of the scan before are forgotten."""
    plugged.say(Typist().down(0xE1).type("S", end=None))
    assert driver.read(0) == []
    driver.close()
    plugged.unplug()
    again = Plugged(plugged.folder)
    driver.open()
    again.say(Typist().type("s"))
    told, scan = heard(driver, 2)
    assert isinstance(told, Noise)
    assert texts([scan]) == ["s"]
    again.unplug()


def test_half_an_event_is_not_joined_with_the_next_device(plugged: Plugged, driver: HidScanner) -> None:
    """Bytes of an event that was cut off are forgotten when the device is opened again."""
    plugged.say_bytes(packed(Typist().type("A").events)[: EVENT.size * 2 - 5])
    assert driver.read(0) == []
    driver.close()
    plugged.unplug()
    again = Plugged(plugged.folder)
    driver.open()
    again.say(Typist().type("B"))
    assert texts(heard(driver, 1)) == ["B"]
    again.unplug()


def test_held_by_another_is_busy_and_names_the_holder(plugged: Plugged, driver: HidScanner) -> None:
    """A second reader of the same scanner is refused, and told who has it."""
    second = made(plugged.device)
    with pytest.raises(DeviceBusyError, match=r"in use by pid \d+ .*; stop it"):
        second.open()
    driver.close()
    second.open()
    second.close()


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/dev/input/by-id/none-event-kbd", "no such device; plugged in"),
        ("replay:/none/pipe", "no such device"),
        ("/dev/null", "does not open .*keyboard of a scanner"),
        ("replay:/dev/null", "not a named pipe; make one with mkfifo"),
    ],
)
def test_what_does_not_open_says_why(path: str, told: str) -> None:
    """Every way of not opening is DeviceGoneError with the remedy; closing afterwards, and twice, is harmless."""
    driver = made(path)
    with pytest.raises(DeviceGoneError, match=told):
        driver.open()
    driver.close()
    driver.close()


@pytest.mark.parametrize(
    ("number", "kind", "told"),
    [
        (errno.EACCES, DeviceGoneError, "add the user to group input"),
        (errno.ENODEV, DeviceGoneError, "plugged in"),
        (errno.EBUSY, DeviceBusyError, "in use by"),
        (errno.ENOTTY, DeviceGoneError, "does not open"),
    ],
)
def test_errors_of_the_system_become_errors_of_the_contract(number: int, kind: type[Exception], told: str) -> None:
    """Each says what to do; the numbers are those of open(2) and of the grab."""
    error = EventDevice("scanner-1", "/dev/input/event9")._not_opened(OSError(number, os.strerror(number)))
    assert isinstance(error, kind)
    assert told in str(error)
    assert "scanner-1: /dev/input/event9" in str(error)


def test_reading_before_opening_is_gone(tmp_path: Path) -> None:
    """There is nothing to read from, and constructing touched nothing."""
    with pytest.raises(DeviceGoneError, match="open it first"):
        made(str(tmp_path / "absent")).read(0)


def test_showing_is_harmless(driver: HidScanner) -> None:
    """A keyboard has nothing to show a verdict with."""
    driver.show(Answer(Verdict.REFUSE, "wrong part"))
    driver.show(Lamps())


EVENTS = st.builds(
    Event,
    time_us=st.integers(0, 3_000_000),
    type=st.sampled_from([0, 1, 1, 1, 1, 4, 17, 65535]),
    code=st.integers(0, 127) | st.integers(0, 65535) | st.sampled_from([28, 42, 56, 100, 29, 58]),
    value=st.sampled_from([0, 1, 1, 2, 0x7FFFFFFF, -1]),
)


@given(
    pieces=st.lists(st.binary(max_size=300) | st.lists(EVENTS, max_size=40).map(packed), max_size=6),
    layout=st.sampled_from(["us", "uk", "de", "fr"]),
    longest=st.integers(1, 20),
)
def test_no_bytes_can_break_the_driver(pieces: list[bytes], layout: str, longest: int) -> None:
    """Whatever arrives is signals and never an exception; after a silence the next code is understood."""
    driver = made("/dev/input/none", layout=layout, max_length=longest)
    signals = [signal for piece in pieces for signal in driver.feed(piece)]
    driver.feed(b"\0" * (-sum(map(len, pieces)) % EVENT.size))
    assert all(isinstance(signal, Scan | Noise) for signal in signals)
    driver._collector.flush()
    driver._collector.start()
    driver.feed(packed([Event(0, 0, 0, 0)]))
    assert texts(driver.feed(packed(Typist(layout).type("B").events)))[-1:] == ["B"]


@given(pieces=st.lists(st.lists(EVENTS, max_size=60), max_size=8), longest=st.integers(1, 50))
def test_memory_is_bounded(pieces: list[list[Event]], longest: int) -> None:
    """However long a scan does not end, no more of it is kept than its longest length allows."""
    driver = made("/dev/input/none", max_length=longest)
    for piece in pieces:
        for signal in driver.feed(packed(piece)):
            assert len(signal.raw) <= longest * 64 + 8
        assert len(driver._collector._raw) <= longest * 64


def test_every_stroke_is_in_the_raw_bytes() -> None:
    """The raw bytes of the scans of a session are its strokes, but for those between two scans."""
    typist = Typist("fr").type("A1\x1dé^")
    (scan,) = made("/dev/input/none", layout="fr").feed(packed(typist.events))
    last_release = Event(0, EV_KEY, 28, 0)
    assert scan.raw + strokes([last_release]) == strokes(typist.events)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("device", "event3", "no full path such as /dev/input/by-id"),
        ("device", "replay:pipe", "no full path"),
        ("layout", "es", "'us', 'uk', 'de' or 'fr'"),
        ("terminator", "none", "'enter' or 'tab'"),
        ("silence_s", 0, "greater than 0"),
        ("silence_s", 60, "less than or equal to 10"),
        ("max_length", 0, "greater than 0"),
        ("substitutes", {"||": "GS"}, "neither one character nor a key"),
        ("substitutes", {"F8": "DC1"}, "'FS', 'GS', 'RS', 'US' or 'EOT'"),
        ("alt_code_page", "utf-8", "'cp437' or 'cp850'"),
        ("baudrate", 9600, "Extra inputs"),
    ],
)
def test_settings_that_cannot_be(key: str, value: Any, told: str) -> None:
    """A bad value is told with its key and what it may be."""
    with pytest.raises(ValidationError, match=told) as caught:
        made(**{"device": "/dev/input/event3", key: value})
    assert key in str(caught.value)


def test_all_settings_are_described() -> None:
    """Every key can be explained to the user."""
    assert [key for key, field in HidScannerSettings.model_fields.items() if not field.description] == []
