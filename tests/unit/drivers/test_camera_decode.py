"""The decoder: a picture in, its codes out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from zxingcpp import BarcodeFormat

from drivers.scanners.camera import Symbol, decode, zbar, zxing
from drivers.scanners.camera.cascade import FINDING, Decoder
from drivers.scanners.camera.picture import Picture
from drivers.scanners.camera.symbol import EVERYTHING, Symbology
from tests.support.pictures import (
    GS1_LABEL,
    GS1_TEXT,
    LABEL_06,
    Frame,
    blurred,
    code,
    dark,
    grey,
    noisy,
    scene,
    turned,
)

PATIENT_S = 60.0
"""No test depends on how fast the machine is."""

ROUND_TRIPS = [
    (BarcodeFormat.Aztec, "AZ-1", "Aztec", "]z0", "AZ-1"),
    (BarcodeFormat.Code128, "SN0001234567", "Code128", "]C0", "SN0001234567"),
    (BarcodeFormat.Code39, "PART-4711", "Code39", "]A0", "PART-4711"),
    (BarcodeFormat.Code93, "LOT7", "Code93", "]G0", "LOT7"),
    (BarcodeFormat.DataMatrix, "SN0001234567", "DataMatrix", "]d1", "SN0001234567"),
    (BarcodeFormat.DataMatrix, LABEL_06, "DataMatrix", "]d1", LABEL_06),
    (BarcodeFormat.DataBarOmni, "0950600013435", "DataBar", "]e0", "0109506000134352"),
    (BarcodeFormat.EAN13, "5901234123457", "EAN13", "]E0", "5901234123457"),
    (BarcodeFormat.EAN8, "12345670", "EAN8", "]E4", "12345670"),
    (BarcodeFormat.UPCA, "036000291452", "EAN13", "]E0", "0036000291452"),
    (BarcodeFormat.UPCE, "01234565", "EAN13", "]E0", "0012345000065"),
    (BarcodeFormat.ITF, "00012345678905", "ITF", "]I1", "00012345678905"),
    (BarcodeFormat.MicroQRCode, "1234", "MicroQR", "]Q1", "1234"),
    (BarcodeFormat.PDF417, "PDF 417", "PDF417", "]L2", "PDF 417"),
    (BarcodeFormat.QRCode, "https://example.com", "QR", "]Q1", "https://example.com"),
    (BarcodeFormat.RMQRCode, "RMQR", "RMQR", "]Q1", "RMQR"),
]


def texts(symbols: list[Symbol]) -> list[str]:
    return [symbol.text for symbol in symbols]


def told(symbol: Symbol) -> tuple[str, str, bytes, str]:
    return symbol.symbology, symbol.text, symbol.raw, symbol.identifier


def patient(frame: Frame, *, independent: bool = False) -> list[Symbol]:
    return decode(frame, patience_s=PATIENT_S, independent=independent)


@pytest.mark.parametrize(("form", "content", "symbology", "identifier", "text"), ROUND_TRIPS)
def test_every_symbology_is_read_with_its_identifier(
    form: BarcodeFormat, content: str, symbology: str, identifier: str, text: str
) -> None:
    """Text as it is encoded: control characters stay, nothing is rewritten for people."""
    (symbol,) = patient(scene(code(content, form, scale=3), size=(800, 600)))
    assert (symbol.symbology.value, symbol.identifier, symbol.text) == (symbology, identifier, text)


@pytest.mark.parametrize(("form", "content", "symbology", "identifier", "text"), ROUND_TRIPS)
def test_every_symbology_is_confirmed_by_a_second_reading(
    form: BarcodeFormat, content: str, symbology: str, identifier: str, text: str
) -> None:
    (symbol,) = patient(scene(code(content, form, scale=3), size=(800, 600)), independent=True)
    assert (symbol.symbology.value, symbol.identifier, symbol.text) == (symbology, identifier, text)


@pytest.mark.parametrize(
    ("form", "identifier"),
    [(BarcodeFormat.Code128, "]C1"), (BarcodeFormat.DataMatrix, "]d2"), (BarcodeFormat.QRCode, "]Q3")],
)
def test_gs1_keeps_its_separators(form: BarcodeFormat, identifier: str) -> None:
    """The leading FNC1 is in the identifier; those inside are GS."""
    (symbol,) = patient(scene(code(GS1_LABEL, form, scale=2, gs1=True)))
    assert (symbol.identifier, symbol.text, symbol.raw) == (identifier, GS1_TEXT, GS1_TEXT.encode())


@pytest.mark.parametrize(
    ("form", "content", "gs1"),
    [
        (BarcodeFormat.Code128, "SN0001234567", False),
        (BarcodeFormat.Code128, GS1_LABEL, True),
        (BarcodeFormat.Code39, "PART-4711", False),
        (BarcodeFormat.Code93, "LOT7", False),
        (BarcodeFormat.EAN13, "5901234123457", False),
        (BarcodeFormat.EAN8, "12345670", False),
        (BarcodeFormat.UPCA, "036000291452", False),
        (BarcodeFormat.UPCE, "01234565", False),
        (BarcodeFormat.ITF, "00012345678905", False),
        (BarcodeFormat.ITF, "471100", False),
    ],
)
def test_both_decoders_say_the_same_of_a_label(form: BarcodeFormat, content: str, gs1: bool) -> None:  # noqa: FBT001  a row of the table
    """Whoever reads it: symbology, text, bytes and identifier are equal."""
    picture = Picture(scene(code(content, form, scale=2, gs1=gs1))).grey
    by_zbar, by_zxing = (
        [told(reading.symbol) for reading in engine.read(picture, EVERYTHING)] for engine in (zbar, zxing)
    )
    assert by_zbar == by_zxing
    assert len(by_zbar) == 1


@pytest.mark.parametrize("degrees", range(0, 360, 15))
def test_a_long_code_128_is_read_at_any_angle(degrees: int) -> None:
    frame = turned(code("SN0001234567-LONG-CODE", BarcodeFormat.Code128, scale=2), degrees)
    assert texts(patient(frame)) == ["SN0001234567-LONG-CODE"]


@pytest.mark.parametrize("degrees", range(0, 360, 20))
def test_a_data_matrix_is_read_at_any_angle(degrees: int) -> None:
    assert texts(patient(turned(scene(code("SN1"), size=(300, 200)), degrees))) == ["SN1"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda frame: blurred(frame, 1.5),
        lambda frame: noisy(frame, 40),
        lambda frame: dark(frame, 0.1),
        lambda frame: 255 - frame,
    ],
    ids=["blurred", "noisy", "dark", "inverted"],
)
def test_a_spoiled_picture_is_read(spoil: object) -> None:
    assert callable(spoil)
    frame = scene(code("SN0001234567"), size=(640, 480))
    assert texts(patient(spoil(frame))) == ["SN0001234567"]


def test_dots_of_a_laser_grow_together() -> None:
    """A Data Matrix of separate dots, as lasers and needles mark it, in a picture of five megapixels."""
    modules = code("SN0001234567", scale=1)[10:-10, 10:-10, 0] < 128
    dotted = np.full((2048, 2448, 3), 150, np.uint8)
    rows, columns = np.mgrid[0:2048, 0:2448]
    for row, column in np.argwhere(modules):
        x, y = 800 + 30 * column, 700 + 30 * row
        near = slice(y - 10, y + 11), slice(x - 10, x + 11)
        dotted[near][np.hypot(rows[near] - y, columns[near] - x) <= 10] = 60
    assert texts(patient(noisy(dotted, 15))) == ["SN0001234567"]


def test_all_codes_of_a_label_are_told() -> None:
    frame = scene(code("P4711-A"), code("SN1"), code("5901234123457", BarcodeFormat.EAN13, scale=2))
    assert sorted(texts(patient(frame))) == ["5901234123457", "P4711-A", "SN1"]


def test_corners_go_round_the_code_in_the_picture_as_it_came() -> None:
    """Also where a stage looked at a turned or another size of it."""
    frame = turned(scene(code("SN0001234567-LONG", BarcodeFormat.Code128, scale=2), size=(500, 300)), 40)
    (symbol,) = patient(frame)
    middle = frame.shape[1] / 2, frame.shape[0] / 2
    left, top, right, bottom = symbol.box
    assert left < middle[0] < right
    assert top < middle[1] < bottom
    assert right - left < frame.shape[1] * 0.8


@pytest.mark.parametrize("frame", [grey(0), grey(128), grey(255), scene(), noisy(grey(128, (320, 240)), 60)])
def test_nothing_is_read_where_nothing_is(frame: Frame) -> None:
    assert patient(frame) == []


def test_what_is_not_wanted_is_not_told() -> None:
    frame = scene(code("SN1"), code("5901234123457", BarcodeFormat.EAN13, scale=2))
    assert texts(decode(frame, {Symbology.EAN_13}, PATIENT_S)) == ["5901234123457"]


def test_without_time_there_is_still_the_first_look() -> None:
    assert texts(decode(scene(code("SN1")), patience_s=0)) == ["SN1"]


def test_in_a_stream_every_stage_comes_to_its_turn() -> None:
    """A code that only a late stage reads is read after some frames, though none has time for more than one stage."""
    frame = turned(code("SN0001234567-LONG-CODE", BarcodeFormat.Code128, scale=2), 45)
    hurried = Decoder(EVERYTHING, 1e-9, frozenset())
    found = [texts(hurried.decode(frame)) for _ in range(len(FINDING) + 1)]
    assert found[0] == []
    assert found[-1] == ["SN0001234567-LONG-CODE"]


def test_a_symbol_unpacks_as_symbology_and_text() -> None:
    ((symbology, text),) = patient(scene(code("SN1")))
    assert (symbology, text) == ("DataMatrix", "SN1")


@pytest.mark.parametrize("size", [(40000, 1), (1, 40000), (3000, 2)])
def test_a_strip_of_a_picture_is_read_like_any_other(size: tuple[int, int]) -> None:
    assert patient(grey(128, size)) == []


@hypothesis_settings(deadline=None, max_examples=60)
@given(
    frame=arrays.arrays(np.uint8, st.tuples(st.integers(0, 40), st.integers(0, 40), st.just(3))),
    independent=st.booleans(),
)
def test_no_picture_can_break_the_decoder(frame: Frame, independent: bool) -> None:  # noqa: FBT001  drawn
    for symbol in patient(frame, independent=independent):
        assert symbol.text
