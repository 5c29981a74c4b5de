"""The commands of `lineside` for the one who connects devices: what is plugged in, does it work, what does it say."""

from __future__ import annotations

import json
import math
import signal
from collections import Counter
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent import __version__
from agent.cli.station import FileOption, read_station
from drivers import capture, catalog, conformance, listing
from drivers.conformance import Result
from drivers.contract import DeviceError

if TYPE_CHECKING:
    from agent.config import StationFile
    from drivers.contract import DeviceSettings, Driver

NAMES = {"serial-scanner": "scanner", "hid-scanner": "scanner", "camera-scanner": "camera", "serial-box": "box"}
"""Driver -> how a device of it is called in the tables to paste; others: `device`."""

MARKS = {Result.PASSED: "ok  ", Result.FAILED: "FAIL", Result.NOT_APPLICABLE: "n/a "}

JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")]
DeviceArgument = Annotated[str, typer.Argument(metavar="DEVICE", help="Name of the device in the station file.")]

drivers = typer.Typer(help="List every driver, and whether it is usable here and why not.")


@drivers.callback(invoke_without_command=True)
def list_drivers(context: typer.Context, *, as_json: JsonOption = False) -> None:
    """List every driver, and whether it is usable here and why not."""
    if context.invoked_subcommand is not None:
        return
    found = [(name, catalog.load(name)) for name in catalog.names()]
    if as_json:
        rows = [{"driver": name, "usable": not _reason(driver), "reason": _reason(driver)} for name, driver in found]
        typer.echo(json.dumps(rows, indent=2))
        return
    for name, driver in found:
        typer.echo(f"{name}: not usable: {_reason(driver)}" if _reason(driver) else f"{name}: usable")


@drivers.command("test")
def try_driver(
    device: DeviceArgument,
    file: FileOption,
    listen: Annotated[float, typer.Option(min=0, help="Then show what it says for so many seconds.")] = 0.0,
) -> None:
    """Run the conformance suite of the driver contract on a device; its lamps and horn go on.

    An output that stops the line stops it.  Exit 1 on a failure.
    """
    settings = _device(read_station(file), device)
    subject = conformance.Subject(_driver(settings), settings)
    results: Counter[Result] = Counter()
    for outcome in conformance.run(subject):
        results[outcome.result] += 1
        typer.echo(f"{MARKS[outcome.result]}  {outcome.check}" + (f": {outcome.words}" if outcome.words else ""))
    if listen and not results[Result.FAILED]:
        results[_listened(subject, listen)] += 1
    typer.echo(f"{device}: " + ", ".join(f"{results[result]} {result.value}" for result in Result))
    if results[Result.FAILED]:
        raise typer.Exit(1)


def devices(
    *,
    as_json: JsonOption = False,
    root: Annotated[Path, typer.Option(hidden=True, help="Folder to look at in place of /.")] = Path("/"),
) -> None:
    """List what is plugged in, what it probably is, and the table to paste into the station file."""
    found = listing.devices(root)
    names = _names(found)
    if as_json:
        rows = [{**asdict(one), "toml": listing.toml(one, name)} for one, name in zip(found, names, strict=True)]
        typer.echo(json.dumps(rows, indent=2, ensure_ascii=False))
        return
    for one, name in zip(found, names, strict=True):
        aside = f" ({one.node})" if one.node != one.path else ""
        typer.echo(f"# {one.kind} {one.path}{aside}\n# {one.probably}" + (f"\n# {one.hint}" if one.hint else ""))
        typer.echo(listing.toml(one, name))
    if not found:
        typer.echo("nothing is plugged in that Lineside could use", err=True)


def record(
    device: DeviceArgument,
    file: FileOption,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The capture to write; must not be there yet.")],
    seconds: Annotated[float, typer.Option(min=0, help="End after so many seconds; else with Ctrl-C.")] = math.inf,
    case: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also make a test case: capture.bin and expected.json.")
    ] = None,
) -> None:
    """Record what a device says, byte by byte with times; `port = "replay:FILE"` plays it.  Stop the agent first."""
    from drivers.recording import Recorder  # noqa: PLC0415  brings pyserial, which `run` may not need

    settings = _device(read_station(file), device)
    driver = _driver(settings)(settings)
    for stop in (signal.SIGINT, signal.SIGTERM):  # also where whoever started this has them ignored
        signal.signal(stop, signal.default_int_handler)
    if not hasattr(settings, "port"):
        typer.echo(f"{device} has no serial port: its signals are kept, but cannot be played", err=True)
    try:
        with out.open("x", encoding="utf-8") as target, suppress(KeyboardInterrupt):
            Recorder(driver, settings, target, __version__, _tell).record(seconds)
        if case is not None:
            capture.write_case(out, case, promise=f"What {device} said is understood.")
    except (DeviceError, OSError) as error:
        typer.echo(f"lineside: {error}", err=True)
        raise typer.Exit(1) from None


def _tell(at_s: float, words: str) -> None:
    typer.echo(f"{at_s:10.3f}  {words}")


def _listened(subject: conformance.Subject, seconds: float) -> Result:
    """Show what the device says."""
    heard = 0
    try:
        for said in conformance.listen(subject, seconds):
            heard += 1
            typer.echo(f"      {said}")
    except (DeviceError, conformance.Fault) as error:
        typer.echo(f"{MARKS[Result.FAILED]}  what it says is of the contract: {error}")
        return Result.FAILED
    result = Result.PASSED if heard else Result.NOT_APPLICABLE
    typer.echo(f"{MARKS[result]}  what it says is of the contract" + ("" if heard else ": it said nothing"))
    return result


def _device(station: StationFile, name: str) -> DeviceSettings:
    for settings in station.device:
        if settings.name == name:
            return settings
    known = ", ".join(settings.name for settings in station.device) or "none"
    typer.echo(f"lineside: no device {name!r} in the station file; there is: {known}", err=True)
    raise typer.Exit(1)


def _driver(settings: DeviceSettings) -> type[Driver]:
    driver = catalog.load(settings.driver)
    if isinstance(driver, catalog.NotUsable):  # `read_station` has found it usable a moment ago
        typer.echo(f"lineside: driver {driver.name!r} is not usable here: {driver.reason}", err=True)
        raise typer.Exit(1)
    return driver


def _reason(driver: type[Driver] | catalog.NotUsable) -> str:
    return driver.reason if isinstance(driver, catalog.NotUsable) else ""


def _names(found: list[listing.Found]) -> list[str]:
    """A name for each, numbered by sort: scanner-1, scanner-2, camera-1."""
    counted: Counter[str] = Counter()
    names = []
    for one in found:
        sort = NAMES.get(one.driver, "device")
        counted[sort] += 1
        names.append(f"{sort}-{counted[sort]}")
    return names
