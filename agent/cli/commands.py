"""The `lineside` command."""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from agent import __version__, config, logs
from agent.cli import andon, board, cards, devices, journal, notify, reference, replay, test_card, trace
from agent.cli.station import FileArgument, FileOption, read_station
from drivers.outputs import BlinkSettings

if TYPE_CHECKING:
    from agent.app import Agent
    from agent.journal.errors import JournalError

SWITCH_S = 0.0005
"""How long a thread may keep the interpreter from the others, seconds.

Python's own 0.005 would let a draining backlog hold up a scan or a call by that much at each of three threads.
"""

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LOOK_S = 5.0
"""How often the main thread looks after the workers where systemd does not ask for more."""

EXIT_SURVIVORS = 70
"""Some worker did not end in time (EX_SOFTWARE of sysexits.h)."""

app = typer.Typer(
    help="The agent of a line-side station: scanners, gauges and andon buttons into one durable journal.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

app.command()(journal.status)
app.command()(journal.events)
app.command()(trace.trace)
app.command()(trace.verify)
app.command("test-card")(test_card.card)
app.command()(cards.cards)
app.command()(replay.replay)
app.add_typer(journal.quarantine, name="quarantine")
app.add_typer(reference.reference, name="reference")
app.command()(devices.devices)
app.command()(devices.record)
app.add_typer(devices.drivers, name="drivers")
app.add_typer(notify.notify, name="notify")
app.command()(board.board)
app.add_typer(andon.andon, name="andon")


def _print_version(wanted: bool) -> None:  # noqa: FBT001  typer's callback
    if wanted:
        typer.echo(f"lineside {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


@app.command()
def run(file: FileOption) -> None:
    """Run the agent until SIGTERM or SIGINT."""
    logs.set_up()
    station = read_station(file)
    sys.setswitchinterval(SWITCH_S)
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # before any thread: only this one waits for them
    from agent.app import Agent  # noqa: PLC0415  `check` and `--version` need none of it
    from agent.journal.errors import JournalError  # noqa: PLC0415
    from agent.runtime import garbage  # noqa: PLC0415

    try:
        with Agent(station) as agent:
            garbage.settle()
            _serve(agent)
    except JournalError as error:
        typer.echo(f"lineside: {error}", err=True)
        raise typer.Exit(_journal_exit(error)) from None
    if agent.survivors:
        sys.stderr.flush()
        os._exit(EXIT_SURVIVORS)  # a surviving thread would keep the process from ending


@app.command()
def check(file: FileArgument) -> None:
    """Check a station file and tell every mistake in it; exit 78 if there is one."""
    station = read_station(file)
    typer.echo(
        f"{file}: good.  {'/'.join(station.station.levels)}: {len(station.device)} devices, "
        f"{len(station.scan)} scan rules, {len(station.operation)} operations, {len(station.andon.call)} andon calls; "
        f"rules {station.rules.digest}"
    )
    for device in station.device:
        if isinstance(device, BlinkSettings) and device.stops_the_line:
            typer.echo(f"the stop output of {device.name} is no safety function: a wired emergency stop stays")


@app.command()
def schema() -> None:
    """Print the JSON schema of station files."""
    typer.echo(json.dumps(config.schema(), indent=2, ensure_ascii=False))


def main() -> None:
    """Entry point of the `lineside` command."""
    app(prog_name="lineside")


def _serve(agent: Agent) -> None:
    """Wait for the signal to stop; meanwhile feed the watchdog while every worker moves."""
    from agent.runtime import notify  # noqa: PLC0415

    period_s = (notify.watchdog_s() or 2 * LOOK_S) / 2
    notify.tell("READY=1")
    stuck: list[str] = []
    while (caught := signal.sigtimedwait(STOP_SIGNALS, period_s)) is None:
        stuck, before = agent.stuck(), stuck
        if stuck != before:
            notify.tell(f"STATUS=does not move: {', '.join(stuck)}" if stuck else "STATUS=")
        if not stuck:
            notify.tell("WATCHDOG=1")
    notify.tell("STOPPING=1")
    agent.stop_reason = signal.Signals(caught.si_signo).name


def _journal_exit(error: JournalError) -> int:
    from agent.journal.errors import JournalHeldError, JournalPathError  # noqa: PLC0415

    if isinstance(error, JournalPathError):
        return os.EX_CANTCREAT
    return os.EX_TEMPFAIL if isinstance(error, JournalHeldError) else os.EX_IOERR
