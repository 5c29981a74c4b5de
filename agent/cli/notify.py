"""The commands of the notifier, which tells people of calls and alarms."""

from __future__ import annotations

import json
import os
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from agent.notify.pusher import Pusher
    from agent.notify.service import Notifier
    from agent.notify.settings import NotifyFile

STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
LOOK_S = 5.0
EXIT_SURVIVORS = 70
"""Some worker did not end in time (EX_SOFTWARE of sysexits.h)."""

TEST_TITLE = "Lineside: test"
TEST_BODY = "This is a test of target {target}. / 测试 / Prüfung"

FileOption = Annotated[
    Path | None, typer.Option("--config", "-c", metavar="FILE", readable=False, help="The notifier's file (TOML).")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

notify = typer.Typer(help="Push calls and alarms of many stations to people, by rule.", invoke_without_command=True)


@notify.callback()
def run(
    context: typer.Context,
    file: FileOption = None,
    *,
    check: Annotated[bool, typer.Option("--check", help="Tell every mistake in the file; exit 78 if any.")] = False,
) -> None:
    """Run the notifier until SIGTERM or SIGINT; or one of its commands."""
    context.obj = file
    if context.invoked_subcommand is not None:
        return
    settings = _read(file)
    usable = _usable(settings, _named(file))
    if check:
        typer.echo(f"{file}: good.  {len(settings.target)} targets, {len(settings.rule)} rules")
        return
    _run(settings, usable)


@notify.command()
def status(context: typer.Context, file: FileOption = None, *, as_json: JsonOption = False) -> None:
    """Tell how the notifier is: broker, targets, counts.  Exit 1 if something is wrong."""
    from agent.notify.status import told  # noqa: PLC0415

    settings = _read(file or context.obj)
    now = datetime.now(UTC).timestamp()
    document = _or_exit(lambda: told(settings, now))
    typer.echo(json.dumps(document, indent=2, ensure_ascii=False) if as_json else _status_text(document, now))
    if document["reasons"]:
        raise typer.Exit(1)


@notify.command()
def outbox(
    context: typer.Context,
    file: FileOption = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest this many.")] = 20,
    *,
    waiting: Annotated[bool, typer.Option("--waiting", help="Only what is not yet delivered.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show what was told, or still waits, newest first."""
    from agent.notify.store import looking  # noqa: PLC0415

    settings = _read(file or context.obj)

    def newest() -> list[dict[str, Any]]:
        with looking(settings.notify.path) as ledger:
            return ledger.newest(limit, waiting=waiting)

    for row in _or_exit(newest):
        fields = json.loads(row["fields"])
        if as_json:
            typer.echo(json.dumps({**row, "fields": fields}, ensure_ascii=False))
            continue
        state = row["how"] or f"waits, {row['tries']} tries"
        about = f"{fields['what']}: {fields['about']} ({row['station']}) {row['over']}".rstrip()
        typer.echo(f"{row['id']}  {_time(row['heard'])}  {row['target']}  {state}  {about}")


@notify.command("test")
def try_target(
    context: typer.Context,
    target: Annotated[str, typer.Argument(help="Name of the target.")],
    file: FileOption = None,
) -> None:
    """Send a test message to one target, now; exit 1 if it is not taken."""
    from agent.notify.file import NoUrlError, url_of  # noqa: PLC0415
    from agent.notify.pusher import NotTakenError, NotUsableError, Pusher  # noqa: PLC0415

    settings = _read(file or context.obj)
    found = next((one for one in settings.target if one.name == target), None)
    if found is None:
        _fail(f"no target {target!r}; there is: {', '.join(one.name for one in settings.target)}", 1)
    try:
        Pusher(url_of(found), found.timeout_s).push(TEST_TITLE, TEST_BODY.format(target=target))
    except (NotUsableError, NoUrlError, NotTakenError) as error:
        _fail(f"target {target}: {error}", 1)
    typer.echo(f"target {target}: taken")


def _run(settings: NotifyFile, usable: dict[str, Pusher]) -> None:
    from agent import logs  # noqa: PLC0415  the notifier's parts are loaded only by the notifier
    from agent.notify.service import Notifier  # noqa: PLC0415
    from agent.notify.store import StoreError, StoreHeldError  # noqa: PLC0415

    logs.set_up()
    signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)  # before any thread: only this one waits for them
    try:
        with Notifier(settings, usable) as notifier:
            _serve(notifier)
    except StoreError as error:
        _fail(str(error), os.EX_TEMPFAIL if isinstance(error, StoreHeldError) else os.EX_CANTCREAT)
    if notifier.survivors:
        sys.stderr.flush()
        os._exit(EXIT_SURVIVORS)  # a surviving thread would keep the process from ending
    if notifier.damaged:
        raise typer.Exit(os.EX_IOERR)


def _serve(notifier: Notifier) -> None:
    """Wait for the signal to stop, or for damage that a new start mends; feed the watchdog while we hear."""
    from agent.runtime import notify as manager  # noqa: PLC0415

    period_s = min(LOOK_S, (manager.watchdog_s() or 2 * LOOK_S) / 2)
    manager.tell("READY=1")
    stuck: list[str] = []
    while signal.sigtimedwait(STOP_SIGNALS, period_s) is None and not notifier.damaged:
        stuck, before = notifier.stuck(), stuck
        if stuck != before:
            manager.tell(f"STATUS=does not move: {', '.join(stuck)}" if stuck else "STATUS=")
        if notifier.hears():
            manager.tell("WATCHDOG=1")
    manager.tell("STOPPING=1")


def _read(file: Path | None) -> NotifyFile:
    from agent.notify.file import NotifyFileError, read  # noqa: PLC0415

    try:
        return read(_named(file))
    except NotifyFileError as error:
        for mistake in error.mistakes:
            typer.echo(f"{error.path}: {mistake}", err=True)
        raise typer.Exit(os.EX_CONFIG) from None


def _named(file: Path | None) -> Path:
    if file is None:
        raise typer.BadParameter("name the notifier's file", param_hint="--config")
    return file


def _usable(settings: NotifyFile, file: Path) -> dict[str, Pusher]:
    """Every target; tell those that cannot be used and exit 78."""
    from agent.notify.service import pushers  # noqa: PLC0415

    usable, unusable = pushers(settings)
    for index, target in enumerate(settings.target):
        if target.name in unusable:
            typer.echo(f"{file}: target[{index}]: {target.name}: {unusable[target.name]}", err=True)
    if unusable:
        raise typer.Exit(os.EX_CONFIG)
    return usable


def _or_exit(look: Any) -> Any:
    from agent.notify.store import StoreError  # noqa: PLC0415

    try:
        return look()
    except StoreError as error:
        _fail(str(error), 1)


def _fail(words: str, code: int) -> NoReturn:
    typer.echo(f"lineside: {words}", err=True)
    raise typer.Exit(code)


def _status_text(document: dict[str, Any], now: float) -> str:
    lines = [f"! {reason}" for reason in document["reasons"]]
    lines.append(f"broker {document['broker']['state']} since {_time(document['broker']['since'])}")
    for target in document["targets"]:
        oldest = f", oldest {now - target['oldest']:.0f} s" if target["oldest"] else ""
        lines.append(
            f"target {target['name']}: {target['waiting']} waiting{oldest}; last taken {_time(target['sent'])}"
        )
    lines += [f"{one['name']}: {one['n']}, last {_time(one['at'])}: {one['last']}" for one in document["counts"]]
    return "\n".join(lines)


def _time(at: float | None) -> str:
    return f"{datetime.fromtimestamp(at).astimezone():%Y-%m-%d %H:%M:%S}" if at else "never"
