"""Print the test card, or scan it with a device of the station and say what is wrong with the scanner's set-up."""

from __future__ import annotations

import os
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from agent.cli.station import read_station
from agent.cli.test_card import drawing
from agent.cli.test_card.codes import CODES
from agent.cli.test_card.diagnosis import Setup, diagnose
from drivers import catalog
from drivers.contract import DeviceError, Driver, Noise, Scan
from drivers.scanners import keyboard, keymaps

if TYPE_CHECKING:
    from agent.cli.test_card.codes import CardCode
    from agent.cli.test_card.diagnosis import Finding
    from agent.config import StationFile

DEFAULT_OUT = Path("lineside-test-card.svg")
STDOUT = "-"
TYPING = "hid-scanner"
"""The driver whose raw bytes are key strokes, which can be read again in another layout."""

LOOK_S = 1.0
"""Longest wait of one read."""

OutOption = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where the page goes (SVG); - to print.")]
VerifyOption = Annotated[
    str, typer.Option("--verify", metavar="DEVICE", help="Scan the card with this device of the station file.")
]
StationOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", readable=False, help="The station file (TOML).")
]
WaitOption = Annotated[float, typer.Option("--wait", metavar="SECONDS", min=0, help="Longest wait for each code.")]


def card(
    *, out: OutOption = DEFAULT_OUT, verify: VerifyOption = "", file: StationOption = None, wait_s: WaitOption = 60.0
) -> None:
    """Write a page of codes that prove a scanner's set-up, or scan them with --verify; exit 1 if one arrives wrong."""
    if not verify:
        _write(out)
        return
    if file is None:
        raise typer.BadParameter("--verify needs the station file: --config FILE")
    settings = _settings(read_station(file), verify)
    try:
        good = _verify(settings, wait_s)
    except DeviceError as error:
        typer.echo(f"lineside: {error}", err=True)
        raise typer.Exit(os.EX_UNAVAILABLE) from None
    if not good:
        raise typer.Exit(1)


def _write(out: Path) -> None:
    try:
        page = drawing.page()
        if str(out) == STDOUT:
            typer.echo(page, nl=False)
            return
        out.write_text(page, encoding="utf-8")
    except drawing.CannotDrawError as error:
        typer.echo(f"lineside: {error}", err=True)
        raise typer.Exit(os.EX_UNAVAILABLE) from None
    except OSError as error:
        typer.echo(f"lineside: {out}: cannot be written: {error.strerror}", err=True)
        raise typer.Exit(os.EX_CANTCREAT) from None
    typer.echo(f"{out}: print it at true size, then: lineside test-card --verify DEVICE --config FILE")


def _settings(station: StationFile, name: str) -> Any:
    for device in station.device:
        if device.name == name:
            return device
    names = ", ".join(device.name for device in station.device) or "none"
    raise typer.BadParameter(f"{name!r} is no device of this station; devices: {names}")


def _verify(settings: Any, wait_s: float) -> bool:
    """Have the codes scanned one by one; True if all of them arrived as they should."""
    loaded = catalog.load(settings.driver)
    if isinstance(loaded, catalog.NotUsable):
        raise TypeError(f"driver {loaded.name} was usable when the station file was read: {loaded.reason}")
    remedies: dict[str, None] = {}
    with closing(loaded(settings)) as driver:
        driver.open()
        for number, code in enumerate(CODES, 1):
            typer.echo(f"{number} of {len(CODES)}  scan code {number} ({code.symbol}): {code.proves}")
            findings = _checked(code, _heard(driver, wait_s), settings)
            typer.echo("    good" if not findings else "\n".join(f"    WRONG: {finding.what}" for finding in findings))
            remedies |= dict.fromkeys(finding.remedy for finding in findings)
    typer.echo("\nAll codes arrive as they should." if not remedies else "\nWhat to do:")
    for remedy in remedies:
        typer.echo(f"  - {remedy}")
    return not remedies


def _heard(driver: Driver, wait_s: float) -> Scan | Noise | None:
    """The next thing the scanner says about a code; None if it stays silent."""
    deadline = time.monotonic() + wait_s
    while (left_s := deadline - time.monotonic()) > 0:
        for signal in driver.read(min(left_s, LOOK_S)):
            if isinstance(signal, Scan | Noise):
                return signal
    return None


def _checked(code: CardCode, heard: Scan | Noise | None, settings: Any) -> list[Finding]:
    setup = Setup(
        settings.layout if settings.driver == TYPING else "",
        getattr(settings, "prefix", ""),
        getattr(settings, "symbology_identifier", False),
        getattr(settings, "substitutes", {}),
    )
    typed: dict[str, str] = {}
    if setup.layout and heard is not None:
        page = settings.alt_code_page
        typed = {name: keyboard.text_of(heard.raw, keymap, page) for name, keymap in keymaps.LAYOUTS.items()}
    return diagnose(code, heard, setup, typed)
