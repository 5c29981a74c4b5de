"""The commands of `lineside` that look into a station: its status, its facts, and what the broker refused."""

from __future__ import annotations

import json
import sys
from http.client import HTTPConnection, HTTPException
from pathlib import Path  # noqa: TC003  typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from agent.cli.station import FileOption, read_station
from agent.events import Lane  # noqa: TC001  typer reads annotations at run time
from agent.journal.errors import JournalError
from agent.journal.reader import JournalReader

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.config import StationFile

ASK_S = 3.0
"""Longest wait for the running agent's answer."""

MOST_LISTED = 3
"""Values of a series that a table shows as they are."""

FIGURES = {
    "captured": "taken in",
    "depth": "waiting",
    "oldest_age_s": "oldest, s",
    "bytes": "bytes",
    "in_per_s": "in/s",
    "out_per_s": "out/s",
    "hours_left": "hours left",
}
"""What `status` shows of each lane, and its heading."""

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Numbers = Annotated[list[int], typer.Argument(metavar="NUMBER...", help="Numbers as `quarantine list` shows them.")]

quarantine = typer.Typer(help="Events that the broker refused for good.", no_args_is_help=True)


def status(file: FileOption, *, as_json: JsonOption = False) -> None:
    """Tell how the station is: lanes by depth and age, devices, broker.  Exit 1 if something is wrong."""
    station = read_station(file)
    told = _ask_agent(station) or _read_journal(station)
    if as_json:
        typer.echo(json.dumps(told, indent=2))
    else:
        _print_status(told)
    if not told.get("ok"):
        raise typer.Exit(1)


def events(
    file: FileOption,
    lane: Annotated[Lane | None, typer.Option(help="Only this lane.")] = None,
    kind: Annotated[str, typer.Option("--type", help="Only this type, such as scan.unrecognised.")] = "",
    subject: Annotated[str, typer.Option(help="Only this unit, call or device.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="The newest this many.")] = 20,
    *,
    as_json: JsonOption = False,
) -> None:
    """Show the newest facts of the local journal."""
    from agent.journal import browse  # noqa: PLC0415  its library costs 25 MB, which `run` must not pay

    station = read_station(file)
    found = _or_exit(lambda: browse.events(station.journal.path, lane, kind.removeprefix("lineside."), subject, limit))
    if as_json:
        for event in found:
            typer.echo(json.dumps(event, ensure_ascii=False))
        return
    _print_table(
        ("time", "lane", "no.", "type", "subject", "data"),
        (
            (
                event["time"],
                event["lane"],
                event["sequence"],
                event["type"].removeprefix("lineside."),
                event.get("subject", ""),
                json.dumps(_in_short(event["data"]), ensure_ascii=False),
            )
            for event in found
        ),
    )


@quarantine.command("list")
def list_quarantined(file: FileOption, *, as_json: JsonOption = False) -> None:
    """List the refused events with the broker's reasons."""
    rows = _quarantined(file)
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False))
        return
    _print_table(
        ("number", "lane", "no.", "time", "type", "reason", "to be retried"),
        (
            (row["id"], row["lane"], row["seq"], row["time"], row["type"], _reason(row), "yes" if row["retry"] else "")
            for row in rows
        ),
    )


@quarantine.command("show")
def show_quarantined(
    file: FileOption, number: Annotated[int, typer.Argument(help="As `quarantine list` shows it.")]
) -> None:
    """Print one refused event whole."""
    row = _numbered(_quarantined(file), [number])[0]
    typer.echo(f"refused: {_reason(row)}", err=True)
    typer.echo(json.dumps(json.loads(row["body"]), indent=2, ensure_ascii=False))


@quarantine.command("export")
def export_quarantined(file: FileOption) -> None:
    """Print all refused events as a CloudEvents batch."""
    typer.echo("[" + ",".join(row["body"] for row in _quarantined(file)) + "]")


@quarantine.command("retry")
def retry_quarantined(file: FileOption, numbers: Numbers) -> None:
    """Send refused events again."""
    _order(file, "retry", numbers)


@quarantine.command("discard")
def discard_quarantined(file: FileOption, numbers: Numbers) -> None:
    """Forget refused events for good; `export` them first."""
    _order(file, "discard", numbers)


def _order(file: Path, word: str, numbers: list[int]) -> None:
    from agent.journal import orders  # noqa: PLC0415

    station = read_station(file)
    _numbered(_quarantined(file), numbers)
    try:
        orders.leave(station.journal.path, word, numbers)
    except OSError as error:
        typer.echo(f"lineside: the order cannot be left beside {station.journal.path}: {error.strerror}", err=True)
        raise typer.Exit(1) from None
    typer.echo(f"{word} {', '.join(map(str, numbers))}: the agent does it within a second, or when it starts")


def _quarantined(file: Path) -> list[dict[str, Any]]:
    from agent.journal import browse  # noqa: PLC0415  its library costs 25 MB, which `run` must not pay

    path = read_station(file).journal.path
    rows: list[dict[str, Any]] = _or_exit(lambda: browse.quarantined(path))
    return rows


def _numbered(rows: list[dict[str, Any]], numbers: list[int]) -> list[dict[str, Any]]:
    known = {row["id"]: row for row in rows}
    for number in numbers:
        if number not in known:
            there = ", ".join(map(str, known)) or "nothing"
            typer.echo(f"lineside: no event {number} in quarantine; there is: {there}", err=True)
            raise typer.Exit(1)
    return [known[number] for number in numbers]


def _reason(row: dict[str, Any]) -> str:
    return f"{row['reason']} ({row['code']:#04x})"


def _in_short(data: dict[str, Any]) -> dict[str, Any]:
    """Data as a table shows them: of the lists of a series the first and the last."""
    if "values" not in data:
        return data
    return {key: _ends(told) if isinstance(told, list) else told for key, told in data.items()}


def _ends(told: list[Any]) -> list[Any]:
    return told if len(told) <= MOST_LISTED else [told[0], "...", told[-1]]


def _or_exit(read: Any) -> Any:
    try:
        return read()
    except JournalError as error:
        typer.echo(f"lineside: {error}", err=True)
        raise typer.Exit(1) from None


def _ask_agent(station: StationFile) -> dict[str, Any] | None:
    """The running agent's own word, by its page; None if there is none."""
    if station.panel is None:
        return None
    connection = HTTPConnection("127.0.0.1", station.panel.port, timeout=ASK_S)
    try:
        connection.request("GET", "/api/status")
        told: dict[str, Any] = json.load(connection.getresponse())
    except (OSError, HTTPException, ValueError):
        return None
    finally:
        connection.close()
    return told


def _read_journal(station: StationFile) -> dict[str, Any]:
    """What the journal alone tells, without a running agent's page."""

    def read() -> dict[str, Any]:
        with JournalReader(station.journal.path) as reader:
            return {
                lane.value: {
                    "captured": state.last,
                    "sent": state.sent,
                    "confirmed": state.confirmed,
                    "depth": state.depth,
                    "bytes": state.size_bytes,
                }
                for lane, state in reader.lanes().items()
            }

    reason = "no answer from a running agent's page; this is the journal alone"
    return {"ok": False, "reasons": [reason], "lanes": _or_exit(read)}


def _print_status(told: dict[str, Any]) -> None:
    for reason in told.get("reasons", []):
        typer.echo(f"! {reason}")
    if broker := told.get("broker"):
        confirmed = broker.get("confirmed_age_s")
        age = "never" if confirmed is None else f"{confirmed:.0f} s ago"
        typer.echo(
            f"broker {broker['state']} for {broker['since_s']:.0f} s; last confirmation ({broker['confirm']}): {age}"
        )
    for name, device in told.get("devices", {}).items():
        typer.echo(f"device {name}: {device['state']} {device['reason']}")
    for call in told.get("calls", []):
        typer.echo(_call(call))
    for alarm in told.get("alarms", []):
        typer.echo(_alarm(alarm))
    if (more := told.get("alarms_standing", 0) - len(told.get("alarms", []))) > 0:
        typer.echo(f"and {more} more alarms")
    if (line := told.get("line", {})).get("since"):
        typer.echo(f"line {line['state']}, stands since {line['since']}")
    if waiting := told.get("unclosed"):
        typer.echo(f"resolved, and the reason is awaited: {', '.join(call['name'] for call in waiting)}")
    _print_table(
        ("lane", *FIGURES.values()),
        ((name, *(_figure(lane.get(key)) for key in FIGURES)) for name, lane in told["lanes"].items()),
    )


def _call(call: dict[str, Any]) -> str:
    by = call.get("arrived_by") or call.get("acknowledged_by")
    parts = [
        {"stopped": "STOP", "pending": "will stop the line"}.get(call["stop"], ""),
        f"{call['state']} by {by}" if by else call["state"],
        f"level {call['level']}: {call.get('escalated_to', '')} told" if call["level"] else "",
        "" if call["delivered"] else "not yet delivered",
        f"since {call['time']}",
    ]
    return f"call {call['name']} ({call['type']}): {', '.join(filter(None, parts))}"


def _alarm(alarm: dict[str, Any]) -> str:
    until = f"until {alarm['shelved_until']}" if "shelved_until" in alarm else ""
    parts = [
        alarm["priority"],
        alarm["state"],
        until,
        alarm["detail"],
        f"since {alarm['raised']}" if alarm["raised"] else "",
    ]
    return f"alarm {alarm['id']}: {', '.join(filter(None, parts))}"


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}" if isinstance(value, float) else str(value)


def _print_table(columns: Iterable[str], rows: Iterable[Iterable[Any]]) -> None:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(str(cell) for cell in row))
    Console(file=sys.stdout, soft_wrap=True).print(table)
