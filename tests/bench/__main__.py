"""`python -m tests.bench`: measure, print the table, write build/bench.json.

Exit code 0 also where a goal is missed: the table says so.  1 where a measure broke.
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import structlog
import typer
from rich.console import Console

from tests.bench import (
    alarms,
    andon,
    camera,
    capture,
    drain,
    footprint,
    gauges,
    green,
    lamp,
    large,
    reference,
    station_handle,
    step,
    syncs,
    trace,
    way,
    whole_path,
)
from tests.bench.plan import Plan
from tests.bench.table import table

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.bench.rows import Row

BUILD = Path(__file__).parents[2] / "build"
RESULT = BUILD / "bench.json"
FOLDER = BUILD / "bench"

MEASURES: dict[str, Callable[[Plan], Iterable[Row]]] = {
    "green": green.measure,
    "way": way.measure,
    "step": step.measure,
    "station.handle": station_handle.measure,
    "capture": capture.measure,
    "whole-path": whole_path.measure,
    "drain": drain.measure,
    "andon": andon.measure,
    "alarms": alarms.measure,
    "lamp": lamp.measure,
    "footprint": footprint.measure,
    "camera": camera.measure,
    "gauges": gauges.measure,
    "large": large.measure,
    "trace": trace.measure,
    "syncs": syncs.measure,
    "reference": reference.measure,
}

PAPER = 160
"""Characters a line where there is no terminal."""

LARGE = 200_000
QUICK_LARGE = 50_000


def main(
    only: Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(MEASURES)}; again for more.")] = None,
    *,
    quick: Annotated[bool, typer.Option("--quick", help="Fewer rounds and samples.")] = False,
    large: Annotated[
        int | None, typer.Option(help=f"Events of a large backlog; default {LARGE}, quick {QUICK_LARGE}.")
    ] = None,
) -> None:
    """Measure the agent against floors taken in the same run."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    console = Console() if sys.stdout.isatty() else Console(width=PAPER)
    if unknown := set(only or ()) - set(MEASURES):
        raise typer.BadParameter(f"no measure {', '.join(sorted(unknown))}; there are {', '.join(MEASURES)}")
    waiting = large or (QUICK_LARGE if quick else LARGE)
    rows: list[Row] = []
    broken: list[str] = []
    began, load = time.monotonic(), os.getloadavg()[0]
    for name in only or MEASURES:
        with console.status(f"{name} ..."):
            try:
                rows += _measured(name, quick=quick, large=waiting)
            except Exception:  # noqa: BLE001  whatever broke one measure, the others still tell something
                console.print_exception()
                broken.append(name)
    console.print(table(rows, f"{os.cpu_count()} processors, load {load:.1f} before, {time.monotonic() - began:.0f} s"))
    RESULT.write_text(json.dumps([row.document() for row in rows], indent=2) + "\n", encoding="utf-8")
    if broken:
        console.print(f"[red]broken: {', '.join(broken)}[/red]")
        sys.exit(1)


def _measured(name: str, *, quick: bool, large: int) -> list[Row]:
    """Run one measure in an empty folder of its own, which goes with all its gigabytes when it went well."""
    folder = FOLDER / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    found = list(MEASURES[name](Plan(folder, quick=quick, large=large)))
    shutil.rmtree(folder)
    return found


if __name__ == "__main__":
    typer.run(main)
