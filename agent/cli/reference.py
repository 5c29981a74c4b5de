"""The commands of `lineside reference`: load sets of reference data from files, and show what is in use and how old."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path  # noqa: TC003  typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from agent.cli.journal import JsonOption, _print_table
from agent.cli.station import FileOption, read_station
from agent.journal import spool
from agent.journal.errors import JournalError, JournalHeldError
from agent.journal.reader import JournalReader
from agent.runtime.clock import Clock
from agent.runtime.library import Library
from agent.signals import Offer, ReferenceOffered
from agent.station.reference import NOTHING, Set
from agent.station.sets import telling
from agent.station.sets.change import Paper, prepare
from agent.station.sets.rows import document_row

if TYPE_CHECKING:
    from agent.config import StationFile
    from agent.station.reference import Reference

ANSWER_S = 60.0
"""Longest wait for the running agent's answer."""

POLL_S = 0.1

SetArgument = Annotated[Set, typer.Argument(metavar="SET", help=f"One of {', '.join(Set)}.")]

reference = typer.Typer(help="Reference data: people, products, routes, units, gauges, lots.", no_args_is_help=True)


@reference.command("load")
def load(
    document: Annotated[Path, typer.Argument(metavar="FILE", help="A document of one set, or a bundle (JSON).")],
    file: FileOption,
) -> None:
    """Take the sets of a file into use, all or none of them.  Every mistake is told; exit 65 if there is one."""
    station = read_station(file)
    try:
        payload = document.read_bytes()
    except OSError as error:
        typer.echo(f"lineside: {document} cannot be read: {error.strerror}", err=True)
        raise typer.Exit(os.EX_NOINPUT) from None
    in_use = _in_use(station) if station.journal.path.exists() else NOTHING
    _tell_mistakes(document, prepare(in_use, [Paper(payload)], Clock().now()).mistakes)
    try:
        told = _load_alone(station, payload)
    except JournalHeldError:
        told = _have_loaded(station, payload)
    except JournalError as error:
        _give_up(str(error))
    _tell_mistakes(document, told.get("mistakes", [told["reason"]] if "reason" in told else []))
    for taken in told["taken"]:
        how = "is in use and still the newest" if taken["how"] == "confirmed" else "is in use now"
        typer.echo(f"{taken['set']} {taken['revision']}: {how}")


@reference.command("list")
def list_sets(file: FileOption, *, as_json: JsonOption = False) -> None:
    """List the sets in use: revision, number of rows, when issued and loaded, age."""
    rows = _ages(_memory(read_station(file)))
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    columns = ("set", "revision", "rows", "issued", "loaded", "age, s")
    _print_table(
        columns,
        (
            (row["set"], row["revision"], row["count"], row["issued"], row["loaded"], f"{row['age_s']:.0f}")
            for row in rows
        ),
    )


@reference.command("show")
def show(
    which: SetArgument,
    file: FileOption,
    key: Annotated[str, typer.Argument(metavar="[KEY]", help="Only this row; of lots: PART/LOT.")] = "",
) -> None:
    """Print the rows of a set in use as JSON, one a line."""
    rows = _in_use(read_station(file)).rows(which)
    if key:
        wanted: Any = tuple(key.rpartition("/")[::2]) if which is Set.LOTS else key
        if wanted not in rows:
            _give_up(f"{which} has no {key!r}")
        typer.echo(json.dumps(document_row(which, rows[wanted]), ensure_ascii=False))
        return
    for entry in rows.values():
        typer.echo(json.dumps(document_row(which, entry), ensure_ascii=False))


@reference.command("age")
def age(file: FileOption, *, as_json: JsonOption = False) -> None:
    """Tell for how long nobody has said that each set is the newest, seconds."""
    ages = {row["set"]: row["age_s"] for row in _ages(_memory(read_station(file)))}
    if as_json:
        typer.echo(json.dumps(ages))
        return
    for which in Set:
        typer.echo(f"{which}: {ages[which]:.0f} s" if which in ages else f"{which}: never loaded")


def _load_alone(station: StationFile, payload: bytes) -> dict[str, Any]:
    """Load into the journal ourselves: no agent has it.  Raises JournalError."""
    from agent.app import journal_of  # noqa: PLC0415  only this command needs it

    clock = Clock()
    journal = journal_of(station, clock)
    journal.open()
    try:
        library = Library(journal, clock)
        memory = journal.documents()
        library.open(memory, journal.damage.aside if journal.damage else "")
        change = prepare(library.reference or NOTHING, [Paper(payload)], clock.now())
        offered = ReferenceOffered(change, (Offer(payload, "file"),))
        library.begin()
        decision = library.offered(memory, offered, clock.now())
        journal.append(decision.events, decision.documents, library.kept)
    finally:
        journal.close()
    return telling.answer(change)


def _have_loaded(station: StationFile, payload: bytes) -> dict[str, Any]:
    """Leave the document for the running agent, and wait for its answer."""
    path = station.journal.path
    try:
        name = spool.leave(path, payload)
    except OSError as error:
        _give_up(f"the document cannot be left beside {path}: {error.strerror}")
    deadline_s = time.monotonic() + ANSWER_S
    while (told := spool.answered(path, name)) is None:
        if time.monotonic() > deadline_s:
            _give_up("the agent has not answered yet; it takes the file when it can: see `lineside reference list`")
        time.sleep(POLL_S)
    return told


def _in_use(station: StationFile) -> Reference:
    from agent.journal import references  # noqa: PLC0415
    from agent.station.sets.change import restored  # noqa: PLC0415

    try:
        bodies = {Set(name): several for name, several in references.read(station.journal.path).items()}
    except JournalError as error:
        _give_up(str(error))
    return restored(bodies, telling.remembered(_memory(station)))


def _memory(station: StationFile) -> dict[str, Any]:
    try:
        with JournalReader(station.journal.path) as reader:
            return reader.documents()
    except JournalError as error:
        _give_up(str(error))


def _ages(memory: dict[str, Any]) -> list[dict[str, Any]]:
    return telling.ages(memory, Clock().now())


def _tell_mistakes(document: Path, mistakes: Any) -> None:
    for mistake in mistakes:
        typer.echo(f"{document}: {mistake}", err=True)
    if mistakes:
        typer.echo(f"{document}: refused as a whole, {len(mistakes)} mistake(s); the sets in use stay", err=True)
        raise typer.Exit(os.EX_DATAERR)


def _give_up(reason: str) -> NoReturn:
    typer.echo(f"lineside: {reason}", err=True)
    raise typer.Exit(1)
