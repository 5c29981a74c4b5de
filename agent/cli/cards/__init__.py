"""Print the command codes of a station as cards, from its station file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from agent.cli.cards import codes, drawing, sheet
from agent.cli.station import FileOption, read_station
from agent.cli.test_card.drawing import CannotDrawError

if TYPE_CHECKING:
    from agent.cli.cards.sheet import Card

DEFAULT_OUT = Path("lineside-cards.svg")
STDOUT = "-"

OutOption = Annotated[
    Path,
    typer.Option(
        "--out", "-o", metavar="FILE", help="Where the sheet goes (SVG); more pages to FILE-2.svg, ...; - to print."
    ),
]
SymbolOption = Annotated[
    Literal["qr", "code128"],
    typer.Option("--symbol", help="qr: QR Codes; code128: bar codes, for scanners without 2D."),
]
ListOption = Annotated[bool, typer.Option("--list", help="Print what the codes say instead of drawing them.")]


def cards(
    file: FileOption, out: OutOption = DEFAULT_OUT, symbol: SymbolOption = "qr", *, as_list: ListOption = False
) -> None:
    """Write a sheet with a code for each command that the station understands; exit 78 if one cannot be scanned."""
    station = read_station(file)
    try:
        found = sheet.cards(station.rules, station.cards)
    except codes.NoCodeError as error:
        for mistake in error.mistakes:
            typer.echo(f"{file}: {mistake}", err=True)
        raise typer.Exit(os.EX_CONFIG) from None
    if as_list:
        for card in found:
            typer.echo(f"{card.text}\t{card.label}")
        return
    _write(
        found,
        out,
        symbol,
        drawing.Title(station.cards.title or "/".join(station.station.levels), station.cards.language),
    )


def _write(found: list[Card], out: Path, symbol: Literal["qr", "code128"], title: drawing.Title) -> None:
    try:
        pages = drawing.pages(found, symbol, title)
        if str(out) == STDOUT:
            typer.echo("".join(pages), nl=False)
            return
        for number, page in enumerate(pages, 1):
            place = out if number == 1 else out.with_stem(f"{out.stem}-{number}")
            place.write_text(page, encoding="utf-8")
            typer.echo(f"{place}: print it at true size (100 %)")
    except CannotDrawError as error:
        typer.echo(f"lineside: {error}", err=True)
        raise typer.Exit(os.EX_UNAVAILABLE) from None
    except OSError as error:
        typer.echo(f"lineside: {out}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(os.EX_CANTCREAT) from None
