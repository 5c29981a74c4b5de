"""The test card: its codes can be read, and each kind of wrong set-up is told by name with its remedy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from agent.cli import test_card as command
from agent.cli.test_card import drawing
from agent.cli.test_card.codes import CODES, CardCode
from agent.cli.test_card.diagnosis import Setup, diagnose
from drivers.contract import Noise, Scan
from drivers.scanners.hid import HidScanner, HidScannerSettings
from tests.support.stands.hid import hid
from tests.support.typist import CAPS, F1, TAB, Typist, packed

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
BY_NAME = {code.name: code for code in CODES}
PIXELS_A_MM = 12
SVG = "{http://www.w3.org/2000/svg}"

STATION = """
[station]
enterprise = "acme"
site = "plant1"
area = "assembly"
line = "line3"
station = "st-040"
[broker]
host = "localhost"
[journal]
path = "/nonexistent/st-040.db"
[[device]]
name = "scanner-1"
driver = "hid-scanner"
device = "{device}"
{more}
"""


# --- the page


@pytest.fixture(scope="module")
def page() -> ET.Element:
    return ET.fromstring(drawing.page())


def seen(group: ET.Element) -> list[tuple[str, str]]:
    """Text and symbology identifier of what a camera reads of one drawn code, on white paper."""
    pixels = np.full((297 * PIXELS_A_MM, 210 * PIXELS_A_MM), 255, np.uint8)
    for rect in group.iter(f"{SVG}rect"):
        x, y, width, height = (round(float(rect.attrib[key]) * PIXELS_A_MM) for key in ("x", "y", "width", "height"))
        pixels[y : y + height, x : x + width] = 0
    found = zxingcpp.read_barcodes(pixels, text_mode=zxingcpp.TextMode.Plain)
    return [(one.text, one.symbology_identifier) for one in found]


@pytest.mark.parametrize("code", CODES, ids=lambda code: code.name)
def test_every_code_on_the_page_reads_as_its_text(code: CardCode, page: ET.Element) -> None:
    """What is drawn is what the verification expects, with the identifier it expects."""
    (group,) = (one for one in page.iter(f"{SVG}g") if one.attrib["id"] == code.name)
    assert seen(group) == [(code.text, code.identifier)]


def test_codes_keep_their_quiet_zones(page: ET.Element) -> None:
    """No words and no other code come near: ten bars beside a bar code, four cells around a matrix code."""
    boxes = [_box(group) for group in page.iter(f"{SVG}g")]
    assert len(boxes) == len(CODES)
    for left, top, right, bottom in boxes:
        assert left >= 10
        assert right <= 200
        others = [box for box in boxes if box != (left, top, right, bottom)]
        assert not [b for b in others if b[0] < right + 4 and b[2] > left - 4 and b[1] < bottom + 4 and b[3] > top - 4]
        lines = [
            float(text.attrib["y"]) for text in page.iter(f"{SVG}text") if left - 1 < float(text.attrib["x"]) < right
        ]
        assert not [y for y in lines if top - 2 < y < bottom + 6]


def _box(group: ET.Element) -> tuple[float, float, float, float]:
    rects = [{key: float(value) for key, value in rect.attrib.items()} for rect in group.iter(f"{SVG}rect")]
    return (
        min(rect["x"] for rect in rects),
        min(rect["y"] for rect in rects),
        max(rect["x"] + rect["width"] for rect in rects),
        max(rect["y"] + rect["height"] for rect in rects),
    )


# --- what scanners do wrong, typed by a scanner that is set up so

Scanner = Callable[[CardCode], Typist]


def typing(layout: str, *, controls: str = "alt", change: Callable[[str], str] = str, **keys: Any) -> Scanner:
    return lambda code: Typist(layout).type(change(code.text), controls=controls, **keys)


def with_caps(code: CardCode) -> Typist:
    return Typist("us").tap(CAPS).type(code.text)


def with_function_keys(code: CardCode) -> Typist:
    typist = Typist("us")
    for character in code.text:
        if character in "\x1d\x1e":
            typist.tap(F1 + 7 + "\x1d\x1e".index(character))
        elif character != "\x04":
            typist.type(character, end=None)
    return typist.type("")


def without_controls(text: str) -> str:
    return text.translate(dict.fromkeys((0x1D, 0x1E, 0x04)))


SEPARATED = {"gs1-128", "gs1-matrix", "iso15434"}
EVERY = set(BY_NAME)

# set-up of the scanner, keys in the station file, codes that must be found wrong, what must be told of each
SET_UPS: list[tuple[str, Scanner, dict[str, Any], set[str], str]] = [
    ("right us", typing("us"), {}, set(), ""),
    ("right uk", typing("uk", controls="ctrl"), {"layout": "uk"}, set(), ""),
    ("right de", typing("de", controls="ctrl"), {"layout": "de"}, set(), ""),
    ("right fr", typing("fr", controls="oem"), {"layout": "fr"}, set(), ""),
    ("de scanner", typing("de"), {}, EVERY - {"digits", "case"}, 'set layout = "de"'),
    ("fr scanner", typing("fr"), {}, EVERY - {"case"}, 'set layout = "fr"'),
    ("us scanner on fr", typing("us"), {"layout": "fr"}, EVERY - {"case"}, 'set layout = "us"'),
    ("uk scanner", typing("uk"), {}, {"layout", "signs"}, 'set layout = "uk"'),
    ("no controls", typing("us", change=without_controls), {}, SEPARATED, "GS is lost"),
    ("no controls, remedy", typing("us", change=without_controls), {}, SEPARATED, "Ctrl + ASCII"),
    ("no EOT", typing("us", change=lambda text: text.replace("\x04", "")), {}, {"iso15434"}, "EOT is lost"),
    ("de, no controls", typing("de", change=without_controls), {}, EVERY - {"digits", "case"}, 'layout = "de"'),
    ("GS as |", typing("us", change=lambda text: text.replace("\x1d", "|")), {}, SEPARATED, '{ "|" = "GS" }'),
    (
        "GS as words",
        typing("us", change=lambda text: text.replace("\x1d", "<GS>")),
        {},
        SEPARATED,
        "GS comes as '<GS>'",
    ),
    ("function keys", with_function_keys, {}, SEPARATED, '{ "F8" = "GS" }'),
    (
        "function keys mapped",
        with_function_keys,
        {"substitutes": {"F8": "GS", "F9": "RS"}},
        {"iso15434"},
        "EOT is lost",
    ),
    ("caps lock", typing("us", change=str.swapcase), {}, EVERY, "Caps Lock"),
    ("caps lock key", with_caps, {}, EVERY, "Caps Lock"),
    ("lower", typing("us", change=str.lower), {}, EVERY, "letters come as small letters"),
    ("upper", typing("us", change=str.upper), {}, {"case", "layout", "signs"}, "letters come as capitals"),
    ("identifiers sent", typing("us", change=lambda text: "]C0" + text), {}, EVERY, "set symbology_identifier = true"),
    ("identifiers missing", typing("us"), {"symbology_identifier": True}, EVERY, "no symbology identifier comes"),
    ("prefix sent", typing("us", change=lambda text: "#" + text), {}, EVERY, 'set prefix = "#"'),
    ("prefix missing", typing("us"), {"prefix": "#"}, EVERY, "prefix '#' is missing"),
    ("suffix sent", typing("us", change=lambda text: text + "$"), {}, EVERY, "'$' comes after the code"),
    ("no Enter", typing("us", end=None), {}, EVERY, "suffix CR"),
    ("Tab for Enter", typing("us", end=TAB), {}, EVERY, "suffix CR"),
]


def findings(scanner: Scanner, keys: dict[str, Any], code: CardCode) -> str:
    """All that is told of one code, typed by `scanner` and read by the driver."""
    document = {"name": "s", "driver": "hid-scanner", "device": "/dev/input/none", **keys}
    settings = HidScannerSettings.model_validate_json(json.dumps(document))
    driver = HidScanner(settings)
    signals = driver.feed(packed(scanner(code).events)) or driver._collector.flush()
    heard = signals[0]
    assert isinstance(heard, Scan | Noise)
    return "\n".join(f"{found.what}: {found.remedy}" for found in command._checked(code, heard, settings))


@pytest.mark.parametrize(
    ("scanner", "keys", "wrong", "told"), [row[1:] for row in SET_UPS], ids=[r[0] for r in SET_UPS]
)
def test_a_wrong_set_up_is_told_by_name(scanner: Scanner, keys: dict[str, Any], wrong: set[str], told: str) -> None:
    """The codes that prove it are found wrong and no others, each with the remedy."""
    found = {code.name: words for code in CODES if (words := findings(scanner, keys, code))}
    assert set(found) == wrong
    assert {name: words for name, words in found.items() if told not in words} == {}


def test_two_mistakes_are_both_told() -> None:
    """A German scanner without control characters needs both remedies."""
    words = findings(typing("de", change=without_controls), {}, BY_NAME["iso15434"])
    assert 'set layout = "de"' in words
    assert words.count("\n") == 3
    assert all(f"{name} is lost" in words for name in ("GS", "RS", "EOT"))


def test_what_the_station_file_expects_is_no_mistake() -> None:
    """Prefix and substitutes that are set are not told when the layout is all that is wrong."""
    german = typing("de", change=lambda text: "#" + text.replace("\x1d", "|"))
    words = findings(german, {"prefix": "#", "substitutes": {"|": "GS"}}, BY_NAME["gs1-128"])
    assert words.startswith('the scanner types in layout "de" and not in "us": set layout = "de"')
    assert "\n" not in words


# --- scanners that do not type


@pytest.mark.parametrize(
    ("name", "heard", "setup", "told"),
    [
        ("digits", Scan(b"", "SN0123456789"), Setup(), []),
        ("digits", Scan(b"", "SN0123456789", "]C0"), Setup(identifiers=True), []),
        ("digits", None, Setup(), ["nothing came"]),
        ("digits", Scan(b"", "something else"), Setup(), ["from character 1 on it is another text"]),
        ("digits", Scan(b"", "SN01234567"), Setup(), ["from character 11 on it is another text"]),
        ("digits", Noise(b"\xff", "not utf-8 text"), Setup(), ["not utf-8 text"]),
        ("gs1-128", Scan(b"", BY_NAME["gs1-128"].text, "]C0"), Setup(identifiers=True), ["told as ]C0 and not as ]C1"]),
        ("gs1-128", Scan(b"", without_controls(BY_NAME["gs1-128"].text)), Setup(), ["GS is lost"]),
        ("gs1-128", Scan(b"", BY_NAME["gs1-128"].text.replace("\x1d", " ")), Setup(), ["GS comes as ' '"]),
        ("iso15434", Scan(b"", without_controls(BY_NAME["iso15434"].text)), Setup(), ["RS is", "GS is", "EOT is"]),
    ],
)
def test_what_is_told_of_a_scanner_that_does_not_type(
    name: str, heard: Scan | Noise | None, setup: Setup, told: list[str]
) -> None:
    """Each finding, in the order in which it is told."""
    found = diagnose(BY_NAME[name], heard, setup, {})
    assert len(found) == len(told)
    assert all(words in one.what for words, one in zip(told, found, strict=True)) or told == [
        "GS is",
        "RS is",
        "EOT is",
    ]
    assert all(one.remedy for one in found)


@given(code=st.sampled_from(CODES), text=st.text(max_size=80), noise=st.booleans())
def test_anything_may_arrive(code: CardCode, text: str, noise: bool) -> None:  # noqa: FBT001  drawn by hypothesis
    """Whatever came in place of a code, at least one finding says so, and none does of the code itself."""
    heard = Noise(b"", "some reason") if noise else Scan(b"", text)
    assert diagnose(code, heard, Setup(), {}) or text == code.text
    assert diagnose(code, Scan(b"", code.text), Setup(), {}) == []


# --- the command


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "agent.cli", "test-card", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[str]:
    with hid(tmp_path) as keys:
        yield keys["device"]


def station_file(folder: Path, device: str, more: str = "") -> str:
    file = folder / "station.toml"
    file.write_text(STATION.format(device=device, more=more))
    return str(file)


def type_card(device: str, layout: str) -> None:
    """Put all scans of a card into the pipe, before anybody reads."""
    typist = Typist(layout)
    for code in CODES:
        typist.type(code.text).pause(1_000_000)
    pipe = os.open(device.removeprefix("replay:"), os.O_WRONLY | os.O_NONBLOCK)
    data = packed(typist.events)
    assert os.write(pipe, data) == len(data)
    os.close(pipe)


def test_the_page_is_written(tmp_path: Path) -> None:
    """By default into a file, with - to standard output, both the same."""
    file = tmp_path / "card.svg"
    assert run("--out", str(file)).returncode == 0
    assert run("--out", "-").stdout == file.read_text() == drawing.page()


def test_a_good_scanner_passes(tmp_path: Path, device: str) -> None:
    """Every code is asked for and told good; exit code 0."""
    type_card(device, "de")
    ended = run("--verify", "scanner-1", "--config", station_file(tmp_path, device, 'layout = "de"'))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.count("    good\n") == len(CODES)
    assert "All codes arrive as they should." in ended.stdout


def test_a_wrong_scanner_fails_with_the_remedy_once(tmp_path: Path, device: str) -> None:
    """A German scanner read as an American one: exit code 1, and one thing to do."""
    type_card(device, "de")
    ended = run("--verify", "scanner-1", "--config", station_file(tmp_path, device))
    assert ended.returncode == 1
    assert ended.stdout.count("WRONG") == 5
    assert ended.stdout.count('set layout = "de"') == 1


def test_a_silent_scanner_is_told(tmp_path: Path, device: str) -> None:
    """Nothing within the wait is a finding of its own."""
    ended = run("--verify", "scanner-1", "--config", station_file(tmp_path, device), "--wait", "0")
    assert ended.returncode == 1
    assert ended.stdout.count("nothing came") == len(CODES)


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["--verify", "scanner-1"], 2, "needs the station file"),
        (["--verify", "scanner-9", "--config", "{file}"], 2, "devices: scanner-1"),
        (["--verify", "scanner-1", "--config", "{file}"], os.EX_UNAVAILABLE, "no such device; plugged in"),
        (["--verify", "scanner-1", "--config", "{file}.none"], os.EX_CONFIG, "none"),
        (["--out", "/nonexistent/card.svg"], os.EX_CANTCREAT, "cannot be written"),
    ],
)
def test_what_cannot_be_done_is_told(arguments: list[str], code: int, told: str, tmp_path: Path) -> None:
    """Wrong arguments, a missing device, a bad station file: one line that says so, and an exit code of its own."""
    file = station_file(tmp_path, "/dev/input/by-id/none-event-kbd")
    ended = run(*(argument.format(file=file) for argument in arguments))
    assert ended.returncode == code
    assert told in " ".join(ended.stderr.replace("│", " ").split())
    assert "Traceback" not in ended.stderr


def test_without_the_library_the_extra_is_named(tmp_path: Path) -> None:
    """Where zxing-cpp is not installed, the message says what to install."""
    (tmp_path / "zxingcpp.py").write_text("raise ImportError('not here')")
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"}
    command = [sys.executable, "-m", "agent.cli", "test-card", "--out", str(tmp_path / "card.svg")]
    ended = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == os.EX_UNAVAILABLE
    assert 'pip install "lineside[camera]"' in ended.stderr
