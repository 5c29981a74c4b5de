"""The commands that look back: the story of a unit, a lot, a person or a gauge, and the proof of the journal."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from agent.cli import story as words
from agent.cli.station import read_station
from agent.events import HASH_DIGITS, Lane
from agent.journal.errors import JournalError
from agent.journal.links import What, unit_of
from agent.journal.trace import Span, Tracer

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.journal.proof import Proof
    from agent.journal.trace import Story

ConfigOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", readable=False, help="The station file (TOML).")
]
JournalOption = Annotated[
    Path | None, typer.Option("--journal", metavar="PATH", help="The journal itself, in place of a station file.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]

MOST_SHOWN = 20
"""Units named one by one behind a lot; the rest is counted."""

_TIME = re.compile(r"\d{4}-\d\d-\d\d(T\d\d(:\d\d(:\d\d(\.\d{1,3}Z?)?)?)?)?")
_WITNESS = re.compile(rf"(?P<lane>[a-z]+):(?P<number>\d+):(?P<hash>[0-9a-f]{{{HASH_DIGITS}}})")


def trace(  # noqa: PLR0917  the options of a command
    name: Annotated[str, typer.Argument(metavar="WHAT", help="A unit, lot, operator, gauge or serial number.")],
    file: ConfigOption = None,
    journal: JournalOption = None,
    part: Annotated[str, typer.Option(help="The part of the lot, where several have a lot of that name.")] = "",
    since: Annotated[str, typer.Option(help="Only from this UTC time or day on.")] = "",
    until: Annotated[str, typer.Option(help="Only up to this UTC time or day.")] = "",
    most: Annotated[int, typer.Option("--limit", min=0, help="The newest so many events; 0: all.")] = 0,
    *,
    unit: Annotated[bool, typer.Option("--unit", help="It is a unit.")] = False,
    lot: Annotated[bool, typer.Option("--lot", help="It is a lot.")] = False,
    operator: Annotated[bool, typer.Option("--operator", help="It is an operator.")] = False,
    gauge: Annotated[bool, typer.Option("--gauge", help="It is a gauge.")] = False,
    serial: Annotated[bool, typer.Option("--serial", help="It is the serial number of a component.")] = False,
    forward: Annotated[bool, typer.Option("--forward", help="Of a unit: also what else its lots went into.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Print the whole story of a unit, lot, operator, gauge or serial number, from the local journal."""
    path = _journal_path(file, journal)
    span = Span(_time(since), _time(until))
    said = [what for what, is_it in zip(What, (unit, lot, operator, gauge, serial), strict=True) if is_it]
    try:
        with Tracer(path) as tracer:
            what = _chosen(said or tracer.recognise(name), name, meant=bool(said))
            part = part or (_only_part(tracer.parts_of_lot(name), name) if what is What.LOT else "")
            found = tracer.story(what, name, span, part, most)
            others = _others(tracer, found) if forward else {}
    except JournalError as error:
        _fail(str(error))
    if not found.events:
        _fail(f"no event names {what} {name}{' in that time' if since or until else ''}")
    if as_json:
        typer.echo(json.dumps(_document(found, others), ensure_ascii=False))
    else:
        _print_story(found, others)


def verify(
    file: ConfigOption = None,
    journal: JournalOption = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(metavar="LANE:NUMBER:HASH", help="A hash noted elsewhere, such as the central's; again for more."),
    ] = None,
    *,
    as_json: JsonOption = False,
) -> None:
    """Prove that the journal is as it was written; exit 1 and name the first broken link of each lane if it is not."""
    from agent.journal import verify as proving  # noqa: PLC0415  needed here alone

    path = _journal_path(file, journal)
    try:
        proofs = proving.journal(path, _witnesses(witness or []))
    except JournalError as error:
        _fail(str(error))
    if as_json:
        typer.echo(json.dumps([asdict(proof) for proof in proofs], ensure_ascii=False))
    else:
        _print_proofs(proofs)
    if any(proof.broken for proof in proofs):
        raise typer.Exit(1)


def _journal_path(file: Path | None, journal: Path | None) -> Path:
    if (file is None) == (journal is None):
        raise typer.BadParameter("give the station file with --config, or the journal with --journal")
    path = journal if journal is not None else read_station(file).journal.path if file is not None else None
    if path is None or not path.is_file():
        _fail(f"{path} is not there: no agent has written it yet, or it lies elsewhere")
    return path


def _time(text: str) -> str:
    if text and not _TIME.fullmatch(text):
        raise typer.BadParameter(f"{text!r} is no time; write it as 2026-11-21 or 2026-11-21T10:00, in UTC")
    return text


def _chosen(known: list[What], name: str, *, meant: bool) -> What:
    if meant and len(known) > 1:
        raise typer.BadParameter("it can be one thing only: choose one of " + _options(known))
    if not known:
        _fail(f"no event names {name}")
    if len(known) > 1:
        _fail(f"{name} is the name of several things: say which with {_options(known)}", 2)
    return known[0]


def _options(known: Iterable[What]) -> str:
    return " or ".join(f"--{what}" for what in known)


def _only_part(parts: list[str], lot: str) -> str:
    if len(parts) > 1:
        _fail(f"several parts have a lot {lot}: say which with --part {' or --part '.join(parts)}", 2)
    return ""


def _others(tracer: Tracer, found: Story) -> dict[tuple[str, str], tuple[str, ...]]:
    """The other units that the lots of this one went into."""
    return {
        (part, lot): tuple(unit for unit in tracer.units_of(lot, part) if unit != found.name)
        for part, lot, _ in found.parts
        if lot
    }


def _document(found: Story, others: Mapping[tuple[str, str], tuple[str, ...]]) -> dict[str, Any]:
    return {
        "what": found.what.value,
        "name": found.name,
        "events": found.events,
        "parts": [{"part": part, "lot": lot, "serial": serial} for part, lot, serial in found.parts],
        "units": found.units,
        "others": [{"part": part, "lot": lot, "units": units} for (part, lot), units in others.items()],
        "left_out": found.left_out,
    }


def _print_story(found: Story, others: Mapping[tuple[str, str], tuple[str, ...]]) -> None:
    events = found.events
    typer.echo(f"{found.what} {found.name}: {len(events)} events, {events[0]['time']} to {events[-1]['time']}")
    if found.left_out:
        typer.echo(f"({found.left_out} older events left out: --limit 0 shows them)")
    is_unit = found.what is What.UNIT
    _print_table(
        ("time", "operation" if is_unit else "unit", "what", "who", "details"),
        (
            (
                one["time"],
                one["data"].get("operation", "") if is_unit else unit_of(one),
                words.said(one),
                words.people(one),
                words.details(one, found.name),
            )
            for one in events
        ),
    )
    for part, lot, serial in found.parts:
        told = f" lot {lot}" * bool(lot) + f" serial {serial}" * bool(serial)
        typer.echo(f"built in: part {part}{told}")
        if (part, lot) in others:
            typer.echo(f"  the same lot is in {_several(others[part, lot], 'other ')}")
    if found.units:
        typer.echo(f"touched {_several(found.units)}")


def _several(units: tuple[str, ...], word: str = "") -> str:
    rest = len(units) - MOST_SHOWN
    more = f" and {rest} more (--json shows all)" if rest > 0 else ""
    return f"{len(units)} {word}units{': ' * bool(units)}{', '.join(units[:MOST_SHOWN])}{more}"


def _witnesses(told: list[str]) -> dict[tuple[Lane, int], str]:
    found = {}
    for text in told:
        match = _WITNESS.fullmatch(text)
        if match is None or match["lane"] not in list(Lane):
            raise typer.BadParameter(f"{text!r} is no LANE:NUMBER:HASH with {HASH_DIGITS} hexadecimal digits")
        found[Lane(match["lane"]), int(match["number"])] = match["hash"]
    return found


def _print_proofs(proofs: list[Proof]) -> None:
    _print_table(
        ("epoch", "lane", "events", "from", "to", "chained from", "last hash", ""),
        (
            (
                proof.epoch + " (saved)" * proof.saved,
                proof.lane,
                proof.events,
                proof.first if proof.events else "",
                proof.last,
                _chained(proof),
                proof.head,
                "BROKEN" if proof.broken else "good",
            )
            for proof in proofs
        ),
    )
    for proof in proofs:
        if proof.broken:
            broken = proof.broken
            typer.echo(
                f"{proof.epoch} {proof.lane}: the first broken link is at event {broken.sequence}"
                f"{f', {broken.time}' if broken.time else ''}: {broken.reason}"
            )


def _chained(proof: Proof) -> str:
    if proof.chained > proof.last:
        return "none yet" if proof.events else ""
    return str(max(proof.chained, proof.first))


def _print_table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    """Cells are text as it is: what a scanner read is no markup, and its control characters are shown, not obeyed."""
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(_plain(str(cell))) for cell in row))
    Console(file=sys.stdout, soft_wrap=True).print(table)


def _plain(text: str) -> str:
    return "".join(sign if sign.isprintable() else repr(sign)[1:-1] for sign in text)


def _fail(reason: str, code: int = 1) -> NoReturn:
    typer.echo(f"lineside: {reason}", err=True)
    raise typer.Exit(code)
