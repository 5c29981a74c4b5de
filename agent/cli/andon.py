"""`lineside andon report`: how long calls waited, from the journal of one station."""

from __future__ import annotations

import gc
import json
import os
import sys
from datetime import UTC
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.station import read_station
from agent.events import NS_PER_S, Lane

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import tzinfo

    from agent.journal.reader import JournalReader
    from agent.report.calls import Book
    from agent.report.figures import Report

CHUNK_EVENTS = 5000
CHUNK_BYTES = 8_000_000
"""Of one short transaction: the agent's own work is not held up."""

FIRST = "to acknowledge"
RARE = {"running": "running", "without": "without", "not_measured": "not measured", "stop_minutes": "stop minutes"}
"""Columns that are left out where nothing is in them, and their headings."""

RARE_COUNTS = {"escalated": "escalated", "highest_level": "to level", "cancelled": "cancelled"}
"""The same, of the group: they stand on its first line."""

WIDE = 200
"""Characters of a table that goes to no terminal."""

LOCAL_ZONE = Path("/etc/localtime")

andon = typer.Typer(help="Andon calls.", no_args_is_help=True)


class By(StrEnum):
    """What makes a row of the report."""

    TYPE = "type"
    NAME = "name"
    DAY = "day"
    SHIFT = "shift"


@andon.callback()
def _group() -> None:
    """Keep `report` a word of its own, though it is the only one."""


@andon.command()
def report(  # noqa: PLR0917  typer's options
    file: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="FILE", readable=False, help="The station file (TOML).")
    ] = None,
    journal: Annotated[Path | None, typer.Option(metavar="PATH", help="The journal itself, or a copy of it.")] = None,
    since: Annotated[str, typer.Option(metavar="TIME", help="24h, 7d, a date or an ISO time.")] = "",
    until: Annotated[str, typer.Option(metavar="TIME", help="The same; a date means to the end of that day.")] = "",
    by: Annotated[By, typer.Option(help="A row for each of these.")] = By.TYPE,
    shifts: Annotated[str, typer.Option(metavar="NAME=HH:MM,...", help="When shifts begin.")] = "",
    zone: Annotated[
        str, typer.Option(metavar="ZONE", help="Time zone of days and shifts; default: this machine's.")
    ] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV; the definitions go to the standard error.")] = False,
) -> None:
    """Tell how long calls waited: to acknowledge, to arrive, to resolve, and how long the line stood."""
    from agent.report import gathering, periods, sheet  # noqa: PLC0415  `run` must not pay for it
    from agent.report.figures import Window  # noqa: PLC0415
    from agent.runtime.clock import Clock  # noqa: PLC0415

    now = Clock().now()
    now_s = now.time_ns / NS_PER_S
    try:
        local = _zone(zone)
        divided = periods.shifts(shifts or periods.SHIFTS) if by is By.SHIFT else periods.DAY
        window = Window(
            *((periods.instant(since, now_s, local),) if since else (Window().since_s,)),
            *((periods.instant(until, now_s, local, end=True),) if until else ()),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    if window.since_s >= window.until_s:
        raise typer.BadParameter("--since must be before --until")
    if as_json and as_csv:
        raise typer.BadParameter("--json or --csv, not both")
    gc.disable()  # a million facts make no cycles
    book, known_open = _read(_path(file, journal))
    grouping: gathering.Grouping = (
        "type" if by is By.TYPE else "name" if by is By.NAME else periods.Calendar(local, divided)
    )
    found = gathering.report(book.calls.values(), now, window, grouping, known_open)
    if as_json:
        told = sheet.document(found, window, by, now_s)
        typer.echo(json.dumps({**told, "facts": book.facts, "unreadable": book.unreadable}, ensure_ascii=False))
    elif as_csv:
        _print_csv(found)
    else:
        document = sheet.document(found, window, by, now_s)
        typer.echo(
            f"andon calls, {document['since'] or 'from the beginning'} to {document['until'] or document['now']}"
        )
        _print_table(found)
    if not as_json:
        _print_notes(found, book, to_error=as_csv)


def _path(file: Path | None, journal: Path | None) -> Path:
    if (file is None) == (journal is None):
        raise typer.BadParameter("name the station by --config FILE, or its journal by --journal PATH")
    return journal if file is None and journal is not None else read_station(file or Path()).journal.path


def _zone(name: str) -> tzinfo:
    """Return the zone named, else this machine's.  Raises ValueError."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError  # noqa: PLC0415

    wanted = name or os.environ.get("TZ", "").removeprefix(":")
    try:
        if wanted:
            return ZoneInfo(wanted)
        with LOCAL_ZONE.open("rb") as rules:
            return ZoneInfo.from_file(rules)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        if name:
            raise ValueError(f"no time zone {name!r} here; write it as Europe/Berlin") from None
        return UTC


def _read(path: Path) -> tuple[Book, frozenset[str]]:
    """Read every fact of the andon lane, and which calls the station knows as open; exit 1 where it cannot be read."""
    from agent.journal.errors import JournalError  # noqa: PLC0415
    from agent.journal.reader import JournalReader  # noqa: PLC0415
    from agent.report.calls import Book  # noqa: PLC0415

    book = Book()
    try:
        with JournalReader(path) as reader:
            for body in _saved(reader):
                book.take(body, saved=True)
            for body in _bodies(reader):
                book.take(body)
            known = frozenset(_named("call", reader.documents()))
    except JournalError as error:
        typer.echo(f"lineside: {error}", err=True)
        raise typer.Exit(1) from None
    return book, known


def _saved(reader: JournalReader) -> Iterator[str]:
    """What was saved from older journals, the older one first."""
    epochs = [
        (epoch, reader.next(Lane.ANDON, 0, 1, 0, epoch)) for epoch, lane, _ in reader.salvaged() if lane is Lane.ANDON
    ]
    begins = {epoch: json.loads(chunk.bodies[0]).get("time", "") for epoch, chunk in epochs if chunk is not None}
    for epoch in sorted(begins, key=lambda one: str(begins[one])):
        yield from _bodies(reader, epoch)


def _bodies(reader: JournalReader, epoch: str = "") -> Iterator[str]:
    after = 0
    while (chunk := reader.next(Lane.ANDON, after, CHUNK_EVENTS, CHUNK_BYTES, epoch)) is not None:
        yield from chunk.bodies
        after = chunk.last


def _named(key: str, document: Any) -> Iterator[str]:
    """Every text under `key`, however deep."""
    inner = (
        document.items() if isinstance(document, dict) else enumerate(document if isinstance(document, list) else ())
    )
    for name, value in inner:
        if name == key and isinstance(value, str):
            yield value
        yield from _named(key, value)


def _print_csv(found: Report) -> None:
    import csv  # noqa: PLC0415

    from agent.report import sheet  # noqa: PLC0415

    writer = csv.DictWriter(sys.stdout, sheet.COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(sheet.lines(found))


def _print_table(found: Report) -> None:
    """Print what there is: no lines for steps that nobody takes, no columns of zeros."""
    from rich.box import SIMPLE_HEAD  # noqa: PLC0415
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from agent.report import sheet  # noqa: PLC0415

    lines = [line for line in sheet.lines(found) if line["measure"] == FIRST or line["count"] or line["not_measured"]]
    rare = [key for key in RARE if any(line[key] for line in lines)]
    counted = [key for key in RARE_COUNTS if any(line[key] for line in lines)]
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("", "calls", *(RARE_COUNTS[key] for key in counted), ""):
        table.add_column(heading, no_wrap=True)
    for heading in ("count", "median", "90 %", "longest", *(RARE[key] for key in rare)):
        table.add_column(heading, justify="right", no_wrap=True)
    for line in lines:
        first = line["measure"] == FIRST
        times = [_clock(line[f"{key}_s"], growing=key in line["growing"]) for key in ("median", "p90", "longest")]
        counts = [f"{line[key]:.1f}" if isinstance(line[key], float) else str(line[key] or "") for key in rare]
        table.add_section() if first else None
        table.add_row(
            Text(line["group"] if first else ""),
            *(str(line[key]) if first else "" for key in ("calls", *counted)),
            Text(line["measure"]),
            str(line["count"]),
            *times,
            *counts,
        )
    Console(file=sys.stdout, width=None if sys.stdout.isatty() else WIDE).print(table)


def _print_notes(found: Report, book: Book, *, to_error: bool) -> None:
    from agent.report.figures import DEFINITIONS  # noqa: PLC0415

    total = found.total
    told = {
        "calls have lost their beginning to retention or damage": total.beginning_lost,
        "calls have lost their end": total.end_lost,
        "calls are resolved and wait for their reason": total.unclosed,
        "calls were raised while the station's clock was not synchronised: their day may be wrong": total.unsynced,
        "calls have no time at all and are left out": found.undated,
        "facts could not be read and are left out": book.unreadable,
    }
    typer.echo(f"open now: {len(found.open)}", err=to_error)
    for one in found.open:
        age = "age not known" if one.age_s is None else f"for {_clock(one.age_s)}"
        typer.echo(f"  {one.call.type} {one.call.name} ({one.call.call}): {age}, since {one.call.raised}", err=to_error)
    for what, count in told.items():
        if count:
            typer.echo(f"! {count} {what}", err=to_error)
    typer.echo("", err=to_error)
    for word, meaning in DEFINITIONS.items():
        typer.echo(f"{word}: {meaning}", err=to_error)


def _clock(seconds: float | None, *, growing: bool = False) -> str:
    """Seconds as people write them: 0:07, 12:30, 1:02:03, 2d 0:10:00; with + while it may grow."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{hours}:{minutes:02d}:{rest:02d}" if hours or days else f"{minutes}:{rest:02d}"
    text = f"{days}d {text}" if days else text
    return text + "+" * growing
