"""Captures: what was recorded is read back, and what is none is refused with its line."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from drivers import capture
from drivers.capture import CaptureError, CaptureWriter, Header, Line, What
from drivers.contract import Contact, Noise, Reading, Scan

if TYPE_CHECKING:
    from pathlib import Path

HEADER = Header("mitutoyo", {"name": "gauge-1", "driver": "mitutoyo", "port": "/dev/x", "unit": "in"}, "0.3.0")


def written(path: Path, *pieces: tuple[float, What, bytes]) -> Path:
    with path.open("w") as file:
        writer = CaptureWriter(file)
        writer.header(HEADER)
        for piece in pieces:
            writer.bytes(*piece)
    return path


WAYS = st.sampled_from([What.RX, What.TX])
PIECES = st.lists(st.tuples(st.floats(0, 1e6), WAYS, st.binary(min_size=1, max_size=50)), max_size=5)


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PIECES)
def test_every_byte_comes_back_with_its_time(tmp_path: Path, pieces: list[tuple[float, What, bytes]]) -> None:
    """All 256 values, to the microsecond."""
    path = written(tmp_path / "x.capture", *pieces)
    assert capture.header_of(path) == HEADER
    assert list(capture.lines_of(path)) == [Line(round(at_s, 6), way, data) for at_s, way, data in pieces]


def test_each_line_is_in_the_file_at_once(tmp_path: Path) -> None:
    """A recording that is killed has lost nothing."""
    path = tmp_path / "x.capture"
    with path.open("w") as file:
        writer = CaptureWriter(file)
        writer.header(HEADER)
        assert capture.header_of(path) == HEADER
        for count in range(3):
            writer.bytes(1.0, What.RX, b"x")
            assert len(list(capture.lines_of(path))) == count + 1


def test_half_a_line_ends_the_capture(tmp_path: Path) -> None:
    """A power cut while it was written costs that line."""
    path = written(tmp_path / "x.capture", (1.0, What.RX, b"first"), (2.0, What.RX, b"second"))
    whole = path.read_text()
    path.write_text(whole[:-4])
    assert [line.data for line in capture.lines_of(path)] == [b"first"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no capture: its first line is no header"),
        ("01A+0000.123\r", "no header"),
        ("[]\n", "no header"),
        ("{}\n", "no header"),
        ('{"capture": 2, "driver": "x", "settings": {}, "lineside": "9"}\n', "format 2 of a newer Lineside"),
        ('{"capture": "1", "driver": "x", "settings": {}, "lineside": "9"}\n', "no header"),
    ],
)
def test_what_is_no_capture_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "x.capture"
    path.write_text(text)
    with pytest.raises(CaptureError, match=words):
        capture.header_of(path)


@pytest.mark.parametrize(
    "line", ["x", "7", "{}", '{"at": 1}', '{"at": 1, "rx": 7}', '{"at": 1, "rx": "\u20ac"}', '{"at": 1, "yx": ""}']
)
def test_a_wrong_line_is_told_by_its_number(tmp_path: Path, line: str) -> None:
    path = written(tmp_path / "x.capture", (1.0, What.RX, b"x"))
    path.write_text(path.read_text() + line + "\n")
    with pytest.raises(CaptureError, match="line 3 is none of a capture"):
        list(capture.lines_of(path))


def test_signals_are_spelt_as_test_cases_spell_them() -> None:
    """Nothing is lost that a test could want to see; what the gauge did not tell is left out."""
    reading = Reading(b"\xb51\r", "1.0", Decimal("1.0"), "mm", gauge="X-1")
    assert capture.told(reading) == {
        "is": "Reading", "raw": "\xb51\r", "text": "1.0", "value": "1.0", "unit": "mm", "stable": True, "gauge": "X-1",
    }  # fmt: skip
    assert capture.told(Scan(b"a", "a")) == {"is": "Scan", "raw": "a", "text": "a", "symbology": ""}
    assert capture.told(Contact(b"a", "stop", active=False))["active"] is False


def test_a_capture_becomes_a_test_case(tmp_path: Path) -> None:
    """The bytes received, the settings that matter, and the signals; what was sent is left out."""
    path = tmp_path / "x.capture"
    with path.open("w") as file:
        writer = CaptureWriter(file)
        writer.header(HEADER)
        writer.bytes(0.1, What.TX, b"?")
        writer.bytes(0.2, What.RX, b"01A+00")
        writer.gone(0.3, "pulled out")
        writer.bytes(0.4, What.RX, b"?\r")
        writer.signal(0.4, Noise(b"01A+00?\r", "no value"))
    capture.write_case(path, tmp_path / "case", promise="It is noise.")
    assert (tmp_path / "case" / "capture.bin").read_bytes() == b"01A+00?\r"
    assert json.loads((tmp_path / "case" / "expected.json").read_text()) == {
        "promise": "It is noise.",
        "settings": {"unit": "in"},
        "signals": [{"is": "Noise", "raw": "01A+00?\r", "reason": "no value"}],
    }
