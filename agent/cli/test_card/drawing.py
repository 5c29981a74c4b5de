"""Draw the test card: one A4 page, SVG, that prints at its true size.

The only user of zxing-cpp beside the camera.  Knows nothing of scanners and stations.
"""

from __future__ import annotations

from contextlib import suppress
from html import escape
from itertools import groupby
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from agent.cli.test_card.codes import CODES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.cli.test_card.codes import CardCode

Modules = list[list[bool]]
"""Rows of a code from top to bottom, True where it is dark; a bar code has one row."""

WIDTH_MM, HEIGHT_MM = 210, 297
BAR_MM, BAR_HEIGHT_MM, CELL_MM = 0.33, 18.0, 0.9
"""Width of the narrowest bar, height of a bar code, side of a cell: what any scanner in the hand reads."""

LEFT_MM, TOP_MM, ROW_MM, COLUMN_MM = 20.0, 42.0, 40.0, 60.0
LINE_MM, LINE_CHARACTERS, COLUMN_CHARACTERS = 4.2, 90, 28
ABOVE_BARS_MM, ABOVE_CELLS_MM, BELOW_MM = 3.0, 13.0, 7.0
"""Room for the words; the last also keeps the quiet zone of a QR Code, four cells, free."""

SQUARE_SIZES = range(1, 25)
"""Numbers of the square Data Matrix sizes, smallest first; rectangular ones are not read by every scanner."""


class CannotDrawError(Exception):
    """The library that draws codes is missing or too old.  The message names the remedy."""


def page() -> str:
    """Return the card as an SVG document.  Raises CannotDrawError."""
    bars = [code for code in CODES if code.symbol.endswith("128")]
    cells = [code for code in CODES if code not in bars]
    places = [(code, LEFT_MM, TOP_MM + ROW_MM * row) for row, code in enumerate(bars)]
    places += [(code, LEFT_MM + COLUMN_MM * column, TOP_MM + ROW_MM * len(bars)) for column, code in enumerate(cells)]
    drawn = (line for number, place in enumerate(places, 1) for line in _drawn(number, *place))
    return "\n".join(
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_MM}mm" height="{HEIGHT_MM}mm"',
            f' viewBox="0 0 {WIDTH_MM} {HEIGHT_MM}" font-family="sans-serif" font-size="3.2">',
            f'<rect width="{WIDTH_MM}" height="{HEIGHT_MM}" fill="#fff"/>',
            f'<text x="{LEFT_MM}" y="18" font-size="7">Lineside test card</text>',
            *_text(LEFT_MM, 25, ("Print at true size (100 %) on white paper, then scan from 1 on:",)),
            *_text(LEFT_MM, 25 + LINE_MM, ("lineside test-card --verify DEVICE --config FILE",)),
            *drawn,
            "</svg>",
            "",
        )
    )


def modules(code: CardCode) -> Modules:
    """Return the dark and light modules of a code, without the quiet zone.  Raises CannotDrawError."""
    try:
        import zxingcpp  # noqa: PLC0415  an extra that only drawing needs
    except ImportError:
        raise CannotDrawError('drawing codes needs zxing-cpp: pip install "lineside[camera]"') from None
    if not hasattr(zxingcpp, "create_barcode"):
        raise CannotDrawError('this zxing-cpp is too old to draw codes: pip install --upgrade "zxing-cpp>=3"')
    formats = zxingcpp.BarcodeFormat
    drawn_as = {"Code 128": formats.Code128, "GS1-128": formats.Code128, "QR Code": formats.QRCode}
    content, options = (code.elements, {"gs1": True}) if code.elements else (code.text, {})
    sizes = [{}] if code.symbol in drawn_as else [{"version": size} for size in SQUARE_SIZES]
    for size in sizes:
        with suppress(ValueError):  # too long for this size
            barcode = zxingcpp.create_barcode(content, drawn_as.get(code.symbol, formats.DataMatrix), **options, **size)
            break
    else:
        raise CannotDrawError(f"{code.name} cannot be drawn by this zxing-cpp: pip install --upgrade zxing-cpp")
    image: Any = zxingcpp.write_barcode_to_image(barcode, scale=1, add_quiet_zones=False)
    rows: Any = memoryview(image).tolist()
    if code.symbol.endswith("128"):
        rows = rows[:1]
    return [[value == 0 for value in row] for row in rows]


def _drawn(number: int, code: CardCode, x_mm: float, y_mm: float) -> Iterator[str]:
    """A code with its number above it and its text below."""
    rows = modules(code)
    linear = len(rows) == 1
    width_mm, height_mm = (BAR_MM, BAR_HEIGHT_MM) if linear else (CELL_MM, CELL_MM)
    columns = LINE_CHARACTERS if linear else COLUMN_CHARACTERS
    yield f'<g id="{code.name}">'
    yield from _text(x_mm, y_mm, wrap(f"{number}  {code.symbol}: {code.proves}", columns))
    top_mm = y_mm + (ABOVE_BARS_MM if linear else ABOVE_CELLS_MM)
    for row, dark in enumerate(rows):
        for start, length in runs(dark):
            left, top = x_mm + start * width_mm, top_mm + row * height_mm
            yield f'<rect x="{left:.2f}" y="{top:.2f}" width="{length * width_mm:.2f}" height="{height_mm:.2f}"/>'
    yield from _text(x_mm, top_mm + len(rows) * height_mm + BELOW_MM, wrap(code.shown, columns, break_on_hyphens=False))
    yield "</g>"


def runs(row: list[bool]) -> Iterator[tuple[int, int]]:
    """Start and length of each dark stretch."""
    at = 0
    for dark, stretch in groupby(row):
        length = len(list(stretch))
        if dark:
            yield at, length
        at += length


def _text(x_mm: float, y_mm: float, lines: tuple[str, ...] | list[str]) -> Iterator[str]:
    for number, line in enumerate(lines):
        yield f'<text x="{x_mm}" y="{y_mm + number * LINE_MM:.1f}">{escape(line)}</text>'
