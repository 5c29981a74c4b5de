"""`python -m simulators KIND`: each stand-in as a process of its own.

Commands come as lines on standard input, what happens goes out as JSON lines on standard output.
"""

from __future__ import annotations

import signal
import sys
import time
from decimal import Decimal
from itertools import count, islice
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from simulators import broker as brokers
from simulators import button, central, gauge, scanner, session, story
from simulators import proxy as proxies
from simulators.answerer import Habits
from simulators.desk import Desk
from simulators.gauges.asked import drift
from simulators.gauges.protocols import PROTOCOLS
from simulators.pty_line import PtyLine
from simulators.report import say, unescaped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

    from simulators.gauges.asked import AskedGauge
    from simulators.stand_in import StandIn, Wait

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Link = Annotated[Path, typer.Option(help="Path of the serial port: a symbolic link that this process makes.")]
Suffix = Annotated[str, typer.Option(help=r"What the scanner sends after a code, with escapes such as \r and \x1d.")]
Rate = Annotated[
    float, typer.Option(help="Actions a second of --random and --burst; 0: as fast as the line takes them.")
]
Seed = Annotated[int, typer.Option(help="Seed of --random; the same seed gives the same stream.")]
Endless = Annotated[bool, typer.Option("--random", help="Act by itself for ever.")]
Burst = Annotated[int, typer.Option(help="Act by itself this many times, then say `done`.")]


@app.command("scanner")
def run_scanner(
    link: Link,
    *,
    suffix: Suffix = r"\r",
    on_pass: Annotated[str, typer.Option(help="Bytes that mean good read, with escapes.")] = r"\x06",  # noqa: S107  a control character
    on_refuse: Annotated[str, typer.Option(help="Bytes that mean bad read, with escapes.")] = r"\x15",
    endless: Endless = False,
    burst: Burst = 0,
    code: Annotated[str, typer.Option(help="Format of the codes of --random and --burst.")] = "SN{serial:010d}",
    first: Annotated[int, typer.Option(help="First serial number.")] = 1,
    rate: Rate = 1.0,
    again_after: Annotated[
        float, typer.Option(help="Wait for the answer to each code, and scan it again after so many seconds; 0: never.")
    ] = 0.0,
) -> None:
    """Stand in for a barcode scanner.  Commands: scan CODE, raw BYTES, unplug, plug, wait SECONDS, quit."""
    device = scanner.Scanner("scanner", PtyLine(link), unescaped(suffix), unescaped(on_pass), unescaped(on_refuse))
    codes = (code.format(serial=serial) for serial in count(first))
    script = None
    if endless or burst:
        script = scanner.stream(device, codes if endless else islice(codes, burst), _interval_s(rate), again_after)
    _run([device], script)


@app.command("gauge")
def run_gauge(
    link: Link,
    *,
    endless: Endless = False,
    burst: Burst = 0,
    rate: Rate = 1.0,
    seed: Seed = 1,
    nominal: Annotated[str, typer.Option(help="Mean of the values; its decimals are theirs.")] = "12.345",
    sigma: Annotated[float, typer.Option(help="Standard deviation, in the gauge's unit.")] = 0.004,
    protocol: Annotated[
        str, typer.Option(help=f"What it speaks: mitutoyo (never asked), {', '.join(PROTOCOLS)}.")
    ] = "mitutoyo",
    drifting: Annotated[
        bool, typer.Option("--drift", help="Its display changes for ever; it sends when asked or started.")
    ] = False,
) -> None:
    """Stand in for a gauge.  Commands: value NUMBER, raw BYTES, unplug, plug, wait SECONDS, quit.

    One that can be asked knows also: show NUMBER, state stable|moving|over|under|mute.
    """
    numbers = gauge.values(Random(seed), Decimal(nominal), sigma)
    some = islice(numbers, burst) if burst and not endless else numbers
    if protocol == "mitutoyo":
        device: gauge.Gauge | AskedGauge = gauge.Gauge("gauge", PtyLine(link))
    elif protocol in PROTOCOLS:
        device = PROTOCOLS[protocol]("gauge", PtyLine(link))
    else:
        raise typer.BadParameter(f"no protocol {protocol!r}; there are mitutoyo, {', '.join(PROTOCOLS)}")
    script = None
    if endless or burst:
        script = gauge.stream(device, some, _interval_s(rate))
    elif drifting and not isinstance(device, gauge.Gauge):
        script = drift(device, numbers, _interval_s(rate))
    _run([device], script)


@app.command("button")
def run_button(
    link: Link,
    *,
    inputs: Annotated[str, typer.Option(help="Names of the inputs, with commas.")] = ",".join(story.INPUTS),
    endless: Endless = False,
    rate: Rate = 1.0,
    seed: Seed = 1,
) -> None:
    """Stand in for a button box.  Commands: press NAME, release NAME, raw BYTES, unplug, plug, wait SECONDS, quit."""
    device = button.ButtonBox("button", PtyLine(link), inputs.split(","))
    _run([device], button.stream(device, Random(seed), _interval_s(rate)) if endless else None)


@app.command("station")
def run_station(
    directory: Annotated[Path, typer.Option("--dir", help="Folder of the links scanner, gauge and button.")],
    *,
    seed: Seed = 1,
    first: Annotated[int, typer.Option(help="First serial number; 0: from the time of day.")] = 0,
    pace: Annotated[float, typer.Option(help="Seconds between two hand movements.")] = 0.25,
    paused: Annotated[bool, typer.Option("--paused", help="Begin only at the command `go`.")] = False,
) -> None:
    """Stand in for a whole station at work.  Commands: DEVICE COMMAND, stop, go, wait SECONDS, quit."""
    devices = story.Station(
        scanner.Scanner("scanner", PtyLine(directory / "scanner")),
        gauge.Gauge("gauge", PtyLine(directory / "gauge")),
        button.ButtonBox("button", PtyLine(directory / "button"), story.INPUTS),
        pace,
    )
    script = story.shifts(devices, Random(seed), first or int(time.time()))
    _run([devices.scanner, devices.gauge, devices.box], script, paused=paused)


@app.command("central")
def run_central(
    db: Annotated[Path, typer.Option(help="SQLite file of the central server; made if missing.")],
    *,
    host: Annotated[str, typer.Option(help="Broker.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port of the broker.")] = 1883,
    protocol: Annotated[Literal["5", "3.1.1"], typer.Option(help="MQTT version.")] = "5",
    client_id: Annotated[str, typer.Option(help="MQTT client identifier.")] = "central",
    acknowledge_andon: Annotated[bool, typer.Option("--acknowledge-andon", help="Acknowledge every call.")] = False,
    acknowledge_after: Annotated[
        float, typer.Option(help="With --acknowledge-andon: so many seconds after the call came in.")
    ] = 0.0,
    shelve_alarms: Annotated[
        float,
        typer.Option(help="Shelve alarms of machines a second after they came, for so many seconds; 0: never."),
    ] = 0.0,
    no_confirm: Annotated[bool, typer.Option("--no-confirm", help="Send no confirmations.")] = False,
    replay_after: Annotated[
        float, typer.Option(help="Ask for numbers that are missing so many seconds; 0: never.")
    ] = 10.0,
) -> None:
    """Stand in for the plant's central server, until SIGTERM or SIGINT.

    Commands: replay LANE FROM TO, load FILE, publish FILE.
    """
    ledger = central.open_ledger(db)
    client = session.dial(host, port, client_id, protocol)
    server = central.Central(
        client,
        ledger,
        habits=Habits(acknowledge_after if acknowledge_andon else None, shelve_alarms),
        confirm=not no_confirm,
        replay_after_s=replay_after,
        name=client_id,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    central.listen(server, sys.stdin.fileno())
    central.serve(client, server)
    ledger.close()


@app.command("broker")
def run_broker(
    directory: Annotated[Path, typer.Option("--dir", help="Folder for its configuration, log and state.")],
    *,
    port: Annotated[int, typer.Option(help="TCP port on 127.0.0.1; 0: a free one.")] = 1883,
    kind: Annotated[Literal["auto", "mosquitto", "iotcore"], typer.Option(help="Which broker.")] = "auto",
) -> None:
    """Run a broker for development: Mosquitto, else iotcore."""
    with brokers.choose(directory, port or brokers.free_port(), kind) as broker:
        say("ready", broker=broker.name, port=broker.port, pid=broker.pid)
        signal.signal(signal.SIGTERM, _leave)
        signal.signal(signal.SIGINT, _leave)
        signal.pause()


@app.command("proxy")
def run_proxy(
    to: Annotated[int, typer.Option(help="Port of the broker on 127.0.0.1.")],
    *,
    listen: Annotated[int, typer.Option(help="Port to listen on; 0: a free one.")] = 0,
) -> None:
    """Be a bad network.  Commands: pass, half-open, cut, delay MS, slow-acks MS, hold-acks, byte-wise, to PORT."""
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    with proxies.Proxy(to, listen) as proxy:
        say("ready", port=proxy.port)
        for command in map(str.strip, sys.stdin):
            if command == "quit":
                break
            try:
                proxy.tell(command)
                say("turned", command=command)
            except proxies.ProxyCommandError as error:
                say("error", reason=str(error))


@app.command("demo")
def run_demo(
    *,
    seconds: Annotated[
        float | None, typer.Option(help="End by itself after so many seconds; at least 10.", min=10)
    ] = None,
    directory: Annotated[Path, typer.Option("--dir", help="Working folder; emptied first.")] = Path("build/demo"),
    kind: Annotated[Literal["auto", "mosquitto", "iotcore"], typer.Option("--broker", help="Which broker.")] = "auto",
) -> None:
    """Show the agent at work: devices, broker, agent and central server on this machine."""
    from simulators.demo import run  # noqa: PLC0415  rich is needed only here

    raise typer.Exit(run(directory, seconds, kind))


def _run(devices: list[StandIn], script: Iterator[Wait] | None, *, paused: bool = False) -> None:
    signal.signal(signal.SIGTERM, _leave)
    signal.signal(signal.SIGINT, _leave)
    Desk(devices, script, paused=paused).run()


def _leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)


def _interval_s(rate: float) -> float:
    return 1.0 / rate if rate > 0 else 0.0


if __name__ == "__main__":
    app()
