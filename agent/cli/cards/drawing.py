"""Draw the sheet: A4 pages, SVG, that print at their true size.

Labels are text, in a font that the machine that prints has; the list asks for Chinese, Japanese and Korean ones too.
Knows nothing of stations.
"""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Literal
from unicodedata import east_asian_width

from agent.cli.test_card.codes import CardCode
from agent.cli.test_card.drawing import BAR_MM, HEIGHT_MM, WIDTH_MM, CannotDrawError, modules, runs

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from agent.cli.cards.sheet import Card
    from agent.cli.test_card.drawing import Modules

FONTS = (
    "'Noto Sans', 'Noto Sans CJK SC', 'Noto Sans SC', 'Source Han Sans SC', 'Microsoft YaHei', 'PingFang SC', "
    "'Hiragino Sans', 'Yu Gothic', 'Malgun Gothic', 'WenQuanYi Micro Hei', 'Droid Sans Fallback', SimSun, sans-serif"
)
"""Fonts of systems that print, those for Latin letters first; the first that has a sign draws it."""

MARGIN_MM, TOP_MM, GAP_MM = 15.0, 32.0, 5.0
CARD_HEIGHT_MM, EDGE_MM = 42.0, 2.5
COLUMNS = {"qr": 3, "code128": 2}
QR_MM, BARS_HEIGHT_MM, QUIET_MODULES = 25.0, 15.0, 10
BARS_CHARACTERS = 60
"""More signs than this never fit on the paper as bars."""
QUIET_MM = 4.5
"""Free paper beside a QR Code: four of its cells at least.  Source: ISO/IEC 18004."""
LABEL_MM, LABEL_MIN_MM, LABEL_LINES, SMALL_MM = 5.2, 2.6, 2, 2.4
WIDE, NARROW = 1.0, 0.62
"""Width of a sign in its size: Chinese and the like; all others, a wide letter."""


@dataclass(frozen=True, slots=True)
class Title:
    """What stands above the cards, and the language of all words (BCP 47; empty: not told)."""

    text: str
    language: str = ""


def pages(cards: Sequence[Card], symbol: Literal["qr", "code128"], title: Title) -> list[str]:
    """Return one SVG document a page.  Raises CannotDrawError."""
    drawn = [(card, _code(card, symbol)) for card in cards]
    columns = _columns(drawn, symbol)
    rows = int((HEIGHT_MM - TOP_MM - MARGIN_MM + GAP_MM) // (CARD_HEIGHT_MM + GAP_MM))
    a_page = columns * rows
    parts = [drawn[start : start + a_page] for start in range(0, len(drawn), a_page)]
    return [_page(part, columns, title, f"{number} / {len(parts)}") for number, part in enumerate(parts, 1)]


def _code(card: Card, symbol: Literal["qr", "code128"]) -> Modules:
    if symbol == "code128" and not card.text.isascii():
        raise CannotDrawError(f"{card.text!r} has signs that a bar code cannot hold: use --symbol qr")
    if symbol == "code128" and len(card.text) > BARS_CHARACTERS:
        raise CannotDrawError(f"{card.text!r} is too long for a bar code on this paper: use --symbol qr")
    drawn = CardCode(card.command, "QR Code" if symbol == "qr" else "Code 128", card.text, "", "")
    return modules(drawn)


def _columns(drawn: Sequence[tuple[Card, Modules]], symbol: str) -> int:
    """As many columns as the widest bar code leaves.  Raises CannotDrawError if it does not fit at all."""
    wanted = COLUMNS[symbol]
    if symbol == "qr":
        return wanted
    for columns in range(wanted, 0, -1):
        if all(_bars_mm(code) <= _card_mm(columns) for _, code in drawn):
            return columns
    card, _ = max(drawn, key=lambda one: _bars_mm(one[1]))
    raise CannotDrawError(f"{card.text!r} is too long for a bar code on this paper: use --symbol qr")


def _bars_mm(code: Modules) -> float:
    return (len(code[0]) + 2 * QUIET_MODULES) * BAR_MM


def _card_mm(columns: int) -> float:
    return (WIDTH_MM - 2 * MARGIN_MM - (columns - 1) * GAP_MM) / columns


def _page(part: Sequence[tuple[Card, Modules]], columns: int, title: Title, number: str) -> str:
    language = f' lang="{escape(title.language)}" xml:lang="{escape(title.language)}"' if title.language else ""
    width_mm = _card_mm(columns)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH_MM}mm" height="{HEIGHT_MM}mm"',
        f' viewBox="0 0 {WIDTH_MM} {HEIGHT_MM}" font-family="{escape(FONTS)}"{language}>',
        f'<rect width="{WIDTH_MM}" height="{HEIGHT_MM}" fill="#fff"/>',
        _text(MARGIN_MM, 21, 6, title.text),
        _text(WIDTH_MM - MARGIN_MM - 12, 21, 4, number),
    ]
    for place, (card, code) in enumerate(part):
        row, column = divmod(place, columns)
        x_mm = MARGIN_MM + column * (width_mm + GAP_MM)
        lines += _card(card, code, x_mm, TOP_MM + row * (CARD_HEIGHT_MM + GAP_MM), width_mm)
    return "\n".join([*lines, "</svg>", ""])


def _card(card: Card, code: Modules, x_mm: float, y_mm: float, width_mm: float) -> Iterator[str]:
    """An edge in the colour of the command, its label, its code and what the code says."""
    yield f'<g id="{escape(card.command)}">'
    box = f'x="{x_mm:.2f}" y="{y_mm:.2f}" width="{width_mm:.2f}"'
    yield f'<rect class="card" {box} height="{CARD_HEIGHT_MM}" fill="none" stroke="{card.colour}" stroke-width="0.4"/>'
    yield f'<rect class="edge" {box} height="{EDGE_MM}" fill="{card.colour}"/>'
    linear = len(code) == 1
    cell_mm = BAR_MM if linear else QR_MM / len(code)
    high_mm = BARS_HEIGHT_MM if linear else cell_mm
    left_mm = x_mm + (width_mm - len(code[0]) * cell_mm) / 2 if linear else x_mm + width_mm - QR_MM - QUIET_MM
    top_mm = y_mm + (20.0 if linear else EDGE_MM + 5)
    path = "".join(
        f"M{left_mm + start * cell_mm:.3f} {top_mm + row * high_mm:.3f}"
        f"h{length * cell_mm:.3f}v{high_mm:.3f}h-{length * cell_mm:.3f}z"
        for row, dark in enumerate(code)
        for start, length in runs(dark)
    )
    yield f'<path class="code" d="{path}" shape-rendering="crispEdges"/>'
    room_mm = width_mm - 6 if linear else width_mm - QR_MM - 2 * QUIET_MM - 3
    size_mm, words = fitted(card.label, room_mm, LABEL_LINES if linear else LABEL_LINES + 2)
    for line, text in enumerate(words):
        yield _text(x_mm + 3, y_mm + EDGE_MM + 1.5 * size_mm + line * 1.25 * size_mm, size_mm, text)
    yield _text(x_mm + 3, y_mm + CARD_HEIGHT_MM - 2.5, SMALL_MM, card.text)
    yield "</g>"


def fitted(label: str, room_mm: float, lines: int) -> tuple[float, list[str]]:
    """The largest size in which a label fits, and its lines; in the smallest, its end is left out."""
    size_mm = LABEL_MM
    while size_mm > LABEL_MIN_MM:
        words = wrapped(label, room_mm / size_mm)
        if len(words) <= lines and all(_width(line) * size_mm <= room_mm for line in words):
            return size_mm, words
        size_mm -= 0.2
    words = wrapped(label, room_mm / LABEL_MIN_MM, cut=True)
    return LABEL_MIN_MM, words if len(words) <= lines else [*words[: lines - 1], words[lines - 1][:-1] + "…"]


def wrapped(label: str, room: float, *, cut: bool = False) -> list[str]:
    """Break a label between its words, and anywhere between signs that are words of their own; `room` in sizes."""
    lines = [""]
    for piece in _pieces(label, cut=cut):
        if lines[-1] and _width(lines[-1] + piece.rstrip()) > room:
            lines.append("")
        lines[-1] += piece if lines[-1] else piece.lstrip()
    return [line.rstrip() for line in lines]


def _pieces(label: str, *, cut: bool) -> Iterator[str]:
    word = ""
    for sign in label:
        if cut or _is_wide(sign):
            yield from filter(None, (word, sign))
            word = ""
        elif sign == " ":
            yield word + sign
            word = ""
        else:
            word += sign
    if word:
        yield word


def _width(text: str) -> float:
    return sum(WIDE if _is_wide(sign) else NARROW for sign in text)


def _is_wide(sign: str) -> bool:
    return east_asian_width(sign) in {"W", "F"}


def _text(x_mm: float, y_mm: float, size_mm: float, text: str) -> str:
    return f'<text x="{x_mm:.2f}" y="{y_mm:.2f}" font-size="{size_mm:.2f}">{escape(text)}</text>'
