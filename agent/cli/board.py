"""`lineside board`: the calls, alarms and stations of a line, live in a terminal."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import time
from pathlib import Path  # noqa: TC003  typer reads annotations at run time
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer
from pydantic import ValidationError

from agent import config
from agent.cli.station import read_station

if TYPE_CHECKING:
    from agent.board.watch import Watch
    from agent.config import Broker

LINE_LEVELS = 4
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
REDRAW_S = 0.25
"""Longest time between two pictures on a terminal."""

LOOK_S = 0.5
"""Longest time until a request to stop is seen."""

PORT, TLS_PORT = 1883, 8883


class Stop:
    """Whether SIGINT or SIGTERM came, whatever the shell has set for them.

    No exception: raised at any instruction, one may be lost in a library.  A second signal ends the process at once.
    """

    def __init__(self) -> None:
        self.asked = False
        for number in STOP_SIGNALS:
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: object) -> None:
        self.asked = True
        for number in STOP_SIGNALS:
            signal.signal(number, signal.SIG_DFL)


def board(  # noqa: PLR0917  typer's options
    line: Annotated[str, typer.Option(metavar="ENTERPRISE/SITE/AREA/LINE", help="The line to show.")] = "",
    broker: Annotated[str, typer.Option(metavar="HOST[:PORT]", help="The MQTT broker; port 1883, with TLS 8883.")] = "",
    file: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="FILE", readable=False, help="Take line and broker from a station file."
        ),
    ] = None,
    username: Annotated[str, typer.Option(help="User name; default: none, or the station file's.")] = "",
    password_file: Annotated[Path | None, typer.Option(help="File whose first line is the password.")] = None,
    tls_ca: Annotated[Path | None, typer.Option(help="CA certificates, PEM; implies TLS.")] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Own certificate, PEM; implies TLS.")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Own private key, PEM.")] = None,
    protocol: Annotated[str, typer.Option(metavar="5|3.1.1", help="MQTT version.")] = "",
    wait: Annotated[float, typer.Option(metavar="SECONDS", min=0.1, help="With --once: longest wait.")] = 10.0,
    *,
    tls: Annotated[bool, typer.Option("--tls", help="TLS, with the system's CA certificates.")] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Print one picture and end; exit 1 if it cannot be had.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, a document a line.")] = False,
) -> None:
    """Show the calls, alarms and stations of a line until Ctrl-C."""
    secured = tls or any((tls_ca, tls_cert, tls_key))
    given = {"username": username, "password_file": password_file, "protocol": protocol}
    own: dict[str, object] = {key: value for key, value in given.items() if value}
    if secured:
        own["tls"] = {"ca_file": tls_ca, "cert_file": tls_cert, "key_file": tls_key}
    settings, line = _settings(line, broker, file, own)
    stop = Stop()
    try:
        _show(settings, line, stop, wait_s=wait if once else None, as_json=as_json)
    except BrokenPipeError:  # whoever read us has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def _settings(line: str, broker: str, file: Path | None, own: dict[str, object]) -> tuple[Broker, str]:
    """Return the broker's settings and the line, from the options or the station file; exit 2 where they lack."""
    known: dict[str, object] = {}
    if file is not None:
        station = read_station(file)
        line = line or "/".join(station.station.levels[:LINE_LEVELS])
        known = station.broker.model_dump()
        if "username" in own:
            known.pop("password_file")
    if broker:
        host, _, port = (
            broker.removeprefix("[").rpartition(":") if re.search(r"[^:]:\d+$|\]:\d+$", broker) else (broker, "", "")
        )
        own |= {"host": host.strip("[]"), "port": int(port) if port else TLS_PORT if "tls" in own else PORT}
    elif not known:
        raise typer.BadParameter("name the broker by --broker HOST[:PORT], or a station file by --config FILE")
    levels = line.split("/")
    if len(levels) != LINE_LEVELS or not all(re.fullmatch(config.LEVEL_PATTERN, level) for level in levels):
        raise typer.BadParameter(f"--line {line!r}: write ENTERPRISE/SITE/AREA/LINE")
    try:
        return config.Broker.model_validate(known | own), line
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise typer.BadParameter(told) from None


def _show(settings: Broker, line: str, stop: Stop, *, wait_s: float | None, as_json: bool) -> None:
    from agent.board.ear import Ear, EarError  # noqa: PLC0415  `run` must not pay for it
    from agent.board.watch import Watch  # noqa: PLC0415

    try:
        ear = Ear(settings, line)
        with ear:
            watch = Watch(ear, line)
            if wait_s is not None:
                _once(watch, stop, wait_s, as_json=as_json)
            elif sys.stdout.isatty() and not as_json:
                _live(watch, stop)
            else:
                _on_change(watch, stop, as_json=as_json)
    except EarError as error:
        _fail(str(error))


def _once(watch: Watch, stop: Stop, wait_s: float, *, as_json: bool) -> None:
    until_s = time.monotonic() + wait_s
    while not watch.settled:
        watch.step(min(LOOK_S, until_s - time.monotonic()))
        if watch.failure:
            _fail(watch.failure)
        if stop.asked:
            _fail("interrupted before there was a picture")
        if time.monotonic() >= until_s and not watch.settled:
            _fail(f"no picture within {wait_s:g} s")
    _print(watch, as_json=as_json)


def _live(watch: Watch, stop: Stop) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.live import Live  # noqa: PLC0415

    from agent.board.screen import screen  # noqa: PLC0415

    console = Console()
    with Live(console=console, screen=True, auto_refresh=False) as live:
        while not stop.asked:
            live.update(screen(watch.picture(), time.monotonic(), console.size.height), refresh=True)
            watch.step(REDRAW_S)


def _on_change(watch: Watch, stop: Stop, *, as_json: bool) -> None:
    from agent.board import words  # noqa: PLC0415

    before = ""
    while not stop.asked:
        watch.step(LOOK_S)
        after = words.plain(watch.picture(), ages=False)
        if after != before and (watch.settled or watch.failure):
            before = after
            _print(watch, as_json=as_json)


def _print(watch: Watch, *, as_json: bool) -> None:
    from agent.board import words  # noqa: PLC0415

    picture = watch.picture()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S%z")
    if as_json:
        typer.echo(json.dumps({"time": stamp, **words.document(picture)}, ensure_ascii=False))
    else:
        typer.echo(f"{stamp} {words.plain(picture)}\n")


def _fail(reason: str) -> NoReturn:
    typer.echo(f"lineside: {reason}", err=True)
    raise typer.Exit(1)
