"""The station file as commands take it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from agent import config

if TYPE_CHECKING:
    from agent.config import StationFile

FileArgument = Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="The station file (TOML).")]
FileOption = Annotated[
    Path, typer.Option("--config", "-c", metavar="FILE", readable=False, help="The station file (TOML).")
]


def read_station(file: Path) -> StationFile:
    """Read a station file; tell every mistake in it and exit 78 where there is one."""
    try:
        return config.read(file)
    except config.StationFileError as error:
        for mistake in error.mistakes:
            typer.echo(f"{error.path}: {mistake}", err=True)
        raise typer.Exit(os.EX_CONFIG) from None
