"""The sheet of command codes: every code is read by the station that it was printed for, in any language."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import zxingcpp
from hypothesis import given
from hypothesis import strategies as st

from agent import config
from agent.cli.cards import drawing, sheet
from agent.cli.cards.codes import NoCodeError, frame
from agent.config import Cards
from agent.station.codes import CodeReader
from agent.station.rules import Rules, ScanRule
from tests.support import station_file
from tests.support.agent_process import ran

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station_file import Tables

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SVG = "{http://www.w3.org/2000/svg}"
PIXELS_A_MM = 8
PAGE = (794, 1123)
"""An A4 page in CSS pixels, 96 an inch."""

CHINESE = {"sign-off": "签退", "abort": "中止当前工件", "call:quality": "呼叫质量 <急> & co", "call:cord": "停线"}


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    made = station_file.station(tmp_path, broker_port=1883, panel_port=8040)
    made["cards"] = {"title": "三号线 工位四十", "language": "zh-CN", "labels": CHINESE}
    return made


def written(tables: Tables, folder: Path) -> Path:
    return station_file.write(tables, folder / "station.toml")


def drawn(tables: Tables, folder: Path, *words: str) -> list[Path]:
    """The pages that the command writes."""
    out = folder / "cards.svg"
    told = ran("cards", "--config", written(tables, folder), "--out", out, *words)
    assert told.returncode == 0, told.stderr
    return [Path(line.partition(": ")[0]) for line in told.stdout.splitlines()]


def codes(page: Path) -> dict[str, str]:
    """Command -> what a camera reads of its code, on white paper."""
    found = {}
    for group in ET.parse(page).getroot().iter(f"{SVG}g"):
        pixels = np.full((297 * PIXELS_A_MM, 210 * PIXELS_A_MM), 255, np.uint8)
        (path,) = group.iter(f"{SVG}path")
        for box in re.findall(r"M([\d.]+) ([\d.]+)h([\d.]+)v([\d.]+)", path.attrib["d"]):
            x, y, width, height = (float(value) * PIXELS_A_MM for value in box)
            pixels[round(y) : round(y + height), round(x) : round(x + width)] = 0
        (code,) = zxingcpp.read_barcodes(pixels, text_mode=zxingcpp.TextMode.Plain)
        found[group.attrib["id"]] = code.text
    return found


@pytest.mark.parametrize("symbol", ["qr", "code128"])
def test_every_code_is_read_by_the_station_as_its_command(tables: Tables, tmp_path: Path, symbol: str) -> None:
    """From the station file to the paper and back through the scan rules."""
    rules = config.read(written(dict(tables, cards={}), tmp_path)).rules
    reader = CodeReader(rules.scan)
    found = {
        command: text for page in drawn(tables, tmp_path, "--symbol", symbol) for command, text in codes(page).items()
    }
    assert {"sign-off", "abort", "call:quality", "resolve:quality", "call:cord", "resolve:cord"} <= found.keys()
    for command, text in found.items():
        assert [one.groups for one in reader.meanings(text)] == [{"command": command}]


def test_labels_are_in_the_language_of_the_plant(tables: Tables, tmp_path: Path) -> None:
    """UTF-8, escaped, with the language told, and broken into lines without losing a sign."""
    (page,) = drawn(tables, tmp_path)
    root = ET.fromstring(page.read_bytes())
    assert root.attrib["lang"] == "zh-CN"
    assert "CJK" in root.attrib["font-family"]
    assert next(root.iter(f"{SVG}text")).text == "三号线 工位四十"
    for group in root.iter(f"{SVG}g"):
        if label := CHINESE.get(group.attrib["id"]):
            *lines, code = (str(text.text) for text in group.iter(f"{SVG}text"))
            assert "".join(lines).replace(" ", "") == label.replace(" ", "")
            assert code == f"CMD:{group.attrib['id']}"


def test_what_the_station_understands_has_a_card(tables: Tables, tmp_path: Path) -> None:
    """Defects at each place, dispositions, ticks and reasons are cards as well."""
    tables["defect"] = [
        {"code": "scratch", "text": "划痕", "locations": ["front", "back"]},
        {"code": "dent"},
    ]
    tables["interlock"] = {"reasons": ["urgent order"]}
    tables["operation"][1]["step"] = [{"name": "grease", "kind": "tick"}]
    told = ran("cards", "--config", written(tables, tmp_path), "--list")
    listed = dict(line.split("\t") for line in told.stdout.splitlines())
    wanted = {
        "CMD:defect:scratch@front": "划痕 front",
        "CMD:defect:scratch@back": "划痕 back",
        "CMD:defect:dent": "dent",
        "CMD:tick:grease": "Done: grease",
        "CMD:reason:urgent order": "urgent order",
        "CMD:scrap": "Scrap",
    }
    assert listed.items() >= wanted.items()


def test_calls_have_the_cards_that_are_of_use(tables: Tables, tmp_path: Path) -> None:
    """No card for what a badge says, for what is at stake nowhere, or for reasons that are not asked for."""
    tables["andon"]["reasons"] = ["burr", "毛刺"]
    tables["andon"]["call"][0]["needs_reason"] = True
    tables["andon"]["call"].append({"name": "belt", "type": "process", "stop_after_s": 30.0})
    tables["authority"] = [{"role": "lead", "calls": ["process"], "badges": ["9"]}]
    tables["cards"]["labels"] = {"cancel:cord": "误报", "close:quality:burr": "有毛刺", "acknowledge:belt": "来了"}
    told = ran("cards", "--config", written(tables, tmp_path), "--list")
    listed = dict(line.split("\t") for line in told.stdout.splitlines())
    assert {text.removeprefix("CMD:"): label for text, label in listed.items() if text.count(":") > 1} == {
        "call:quality": "Call: quality",
        "resolve:quality": "Resolved: quality",
        "arrive:quality": "Here for: quality",
        "close:quality:burr": "有毛刺",
        "close:quality:毛刺": "quality: 毛刺",
        "call:cord": "STOP: cord",
        "resolve:cord": "Resolved: cord",
        "cancel:cord": "误报",
        "call:belt": "Call: belt",
        "resolve:belt": "Resolved: belt",
        "cancel:belt": "No trouble: belt",
        "acknowledge:belt": "来了",
    }


def test_a_reason_that_no_card_can_say_is_told(tables: Tables, tmp_path: Path) -> None:
    tables["andon"]["reasons"] = ["tool: worn"]
    tables["andon"]["call"][0]["needs_reason"] = True
    told = ran("cards", "--config", written(tables, tmp_path), "--list")
    assert told.returncode == os.EX_CONFIG
    assert "andon.reasons: 'tool: worn' has a ':'" in told.stderr


def test_more_cards_than_a_page_holds_go_to_more_pages(tables: Tables, tmp_path: Path) -> None:
    tables["defect"] = [{"code": f"d{number}"} for number in range(30)]
    pages = drawn(tables, tmp_path)
    assert [page.name for page in pages] == ["cards.svg", "cards-2.svg", "cards-3.svg"]
    assert sum(len(codes(page)) for page in pages) >= 36


FRAMES = [
    ("CMD:(?P<command>.+)", ("CMD:", "")),
    (r"\*(?P<command>[a-z:-]+)\*", ("*", "*")),
    ("(?P<command>.+)", ("", "")),
    (r"^X\.(?P<command>(a|b)[)(]+\))!$", ("X.", "!")),
    (r"C[MN]D:(?P<command>.+)", None),
    (r"\d(?P<command>.+)", None),
    (r"(?:CMD:)?(?P<command>.+)", None),
]


@pytest.mark.parametrize(("pattern", "plain"), FRAMES)
def test_the_plain_text_around_a_command_is_found_or_not_guessed(pattern: str, plain: tuple[str, str] | None) -> None:
    assert frame(pattern) == plain


def station(*scan: ScanRule) -> Rules:
    return Rules(scan=scan)


@pytest.mark.parametrize(
    ("rules", "wanted", "told"),
    [
        (station(), Cards(), "no rule reads commands"),
        (
            station(ScanRule(name="c", pattern=r"C[MN]D:(?P<command>.+)")),
            Cards(),
            "cards.code: scan rule 'c' tells no code",
        ),
        (station(ScanRule(name="c", pattern="CMD:(?P<command>abort)")), Cards(), "for the command 'sign-off'"),
        (
            station(ScanRule(name="c", pattern="CMD:(?P<command>.+)")),
            Cards(code="X:{command}"),
            "the station does not read 'X:abort'",
        ),
        (
            station(
                ScanRule(name="c", pattern="CMD:(?P<command>.+)"), ScanRule(name="u", pattern="(?P<unit>CMD:abort)")
            ),
            Cards(),
            "for the command 'abort'",
        ),
        (
            station(ScanRule(name="c", pattern="CMD:(?P<command>.+)")),
            Cards(labels={"abbort": "x"}),
            "cards.labels.abbort",
        ),
    ],
    ids=["no rule", "no plain text", "not this command", "wrong code", "two meanings", "no such command"],
)
def test_a_command_without_a_code_is_told_with_what_to_set(rules: Rules, wanted: Cards, told: str) -> None:
    with pytest.raises(NoCodeError) as caught:
        sheet.cards(rules, wanted)
    assert [line for line in caught.value.mistakes if told in line], caught.value.mistakes


def test_a_code_that_the_station_file_gives_is_taken(tables: Tables, tmp_path: Path) -> None:
    """For patterns whose text nobody can guess."""
    tables["scan"][3]["pattern"] = r"C[MN]D:(?P<command>.+)"
    tables["cards"]["code"] = "CND:{command}"
    (page,) = drawn(tables, tmp_path)
    assert codes(page)["abort"] == "CND:abort"


def test_a_label_of_identified_elements_can_be_a_command() -> None:
    rules = station(ScanRule(name="c", format="gs1", elements={"command": "91"}))
    assert [card.text for card in sheet.cards(rules, Cards()) if card.command == "abort"] == ["91abort"]


def test_mistakes_end_with_78_and_name_the_file(tables: Tables, tmp_path: Path) -> None:
    tables["cards"]["code"] = "X"
    file = written(tables, tmp_path)
    told = ran("cards", "--config", file)
    assert told.returncode == os.EX_CONFIG
    assert told.stderr.startswith(f"{file}: cards.code: ")


def test_a_place_that_cannot_be_written_is_told(tables: Tables, tmp_path: Path) -> None:
    told = ran("cards", "--config", written(tables, tmp_path), "--out", tmp_path / "no" / "cards.svg")
    assert (told.returncode, "cannot be written" in told.stderr) == (os.EX_CANTCREAT, True)


def test_a_bar_code_that_does_not_fit_is_told(tables: Tables, tmp_path: Path) -> None:
    tables["interlock"] = {"reasons": ["because " * 12]}
    told = ran("cards", "--config", written(tables, tmp_path), "--symbol", "code128")
    assert (told.returncode, "use --symbol qr" in told.stderr) == (os.EX_UNAVAILABLE, True)


@given(st.text(st.characters(exclude_categories=("C", "Z", "M")) | st.just(" "), max_size=60), st.floats(12, 80))
def test_a_label_never_leaves_its_place(label: str, room_mm: float) -> None:
    """It gets smaller, then shorter; no line is wider than its room and none is too many."""
    size_mm, lines = drawing.fitted(label, room_mm, 3)
    assert len(lines) <= 3
    assert all(drawing._width(line) * size_mm <= room_mm + size_mm for line in lines)


# --- in a real browser

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt install chromium")


def screenshot(page: Path, folder: Path) -> Any:
    """What Chromium shows of a page, as a printer would draw it: grey, twice as fine as a screen."""
    picture = folder / f"{page.stem}.png"
    subprocess.run(
        [
            str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--hide-scrollbars", "--force-device-scale-factor=2", f"--window-size={PAGE[0]},{PAGE[1]}",
            f"--user-data-dir={folder / 'profile'}",
            f"--screenshot={picture}", page.as_uri(),
        ],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    cv2 = pytest.importorskip("cv2")
    return cv2.imread(str(picture), cv2.IMREAD_GRAYSCALE)


@needs_chromium
@pytest.mark.parametrize("symbol", ["qr", "code128"])
def test_a_browser_shows_codes_that_can_be_read(tables: Tables, tmp_path: Path, symbol: str) -> None:
    """Every code of a page, found in one picture of it."""
    for page in drawn(tables, tmp_path, "--symbol", symbol):
        wanted = sorted(codes(page).values())
        seen = zxingcpp.read_barcodes(screenshot(page, tmp_path), text_mode=zxingcpp.TextMode.Plain)
        assert sorted(one.text for one in seen) == wanted


def chinese_font() -> bool:
    program = shutil.which("fc-list")
    return program is not None and bool(subprocess.run([program, ":lang=zh"], capture_output=True, check=True).stdout)


@needs_chromium
@pytest.mark.skipif(not chinese_font(), reason="no font with Chinese signs here: apt install fonts-droid-fallback")
def test_a_browser_shows_chinese_signs_not_boxes(tables: Tables, tmp_path: Path) -> None:
    """Each sign has its own picture, and none is the box of a sign that no font has."""
    signs = ["签", "退", "停", "线", "\u2fe0"]
    tables["cards"] |= {"title": "", "labels": {"sign-off": "".join(signs)}}
    (page,) = drawn(tables, tmp_path)
    pictures = [*pictures_of(page, tmp_path, signs)]
    different = [(a, b) for a in range(5) for b in range(a) if not np.array_equal(pictures[a], pictures[b])]
    assert len(different) == 10, "two signs look the same"
    assert all(picture.min() < 128 for picture in pictures[:4]), "a sign is not drawn"


def pictures_of(page: Path, folder: Path, signs: list[str]) -> Iterator[Any]:
    """Each sign by itself, drawn with the page's own fonts at one place."""
    fonts = ET.parse(page).getroot().attrib["font-family"]
    for number, sign in enumerate(signs):
        alone = folder / f"sign-{number}.svg"
        alone.write_text(
            f'<svg xmlns="http://www.w3.org/2000/svg" width="40mm" height="40mm" font-family="{fonts}">'
            f'<text x="20" y="80" font-size="60">{sign}</text></svg>',
            encoding="utf-8",
        )
        yield screenshot(alone, folder)
