"""`python -m tests.bench.peers`: measure the peers and the journal in one run, print two tables, and keep them.

A few minutes; the first run also installs the peers.  What cannot be measured is told with its reason; exit code 0.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from simulators.broker import BrokerError, Mosquitto
from tests.bench.peers import bridge, environments, nodered, stores
from tests.bench.peers.environments import BUILD, AbsentError
from tests.bench.peers.nodered import NodeRedError
from tests.bench.peers.processes import ChildError
from tests.bench.peers.table import Kill, Speed
from tests.bench.peers.table import kills as kill_table
from tests.bench.peers.table import speeds as speed_table

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = BUILD / "run"
RESULT = BUILD / "table.md"
BRIDGE_KILLS = 3
TROUBLES = (AbsentError, BrokerError, ChildError, NodeRedError, OSError, TimeoutError)


def main() -> None:
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    began = time.monotonic()
    skipped: list[str] = []
    contenders = stores.ours(Path(sys.executable))
    try:
        contenders = stores.gateway(*environments.thingsboard()) + contenders
    except AbsentError as error:
        skipped.append(f"ThingsBoard Gateway: {error}")
    speeds = stores.speeds(contenders, FOLDER)
    kills = [*stores.kills(contenders, FOLDER)]
    for name, measure in (("Mosquitto bridge", _bridge), ("Node-RED", _node_red)):
        try:
            measure(kills.append, speeds.append)
        except TROUBLES as error:
            skipped.append(f"{name}: {error}")
    text = "\n".join((_head(time.monotonic() - began), speed_table(speeds), kill_table(kills)))
    text += "".join(f"\nNot measured: {reason}\n" for reason in skipped)
    RESULT.write_text(text, encoding="utf-8")
    print(text)
    shutil.rmtree(FOLDER)


def _bridge(tell: Callable[[Kill], None], tell_speed: Callable[[Speed], None]) -> None:
    version = environments.mosquitto(Mosquitto.program())
    for setting, more in (("default autosave", bridge.DEFAULT), ("autosave 1, on changes", bridge.AUTOSAVE)):
        what = f"Mosquitto {version} bridge, {setting}"
        for how, kill in (("after the last PUBACK", "after"), ("amid publishing", "amid")):
            found = [
                bridge.lost(FOLDER / f"bridge-{setting}-{kill}-{number}", more, bridge.MESSAGES, kill)
                for number in range(BRIDGE_KILLS)
            ]
            taken, missing = sum(row[0] for row in found), sum(row[1] for row in found)
            tell(Kill(what, how, BRIDGE_KILLS, taken, missing))
            if kill == "after":
                rates = sorted(row[2] for row in found)
                tell_speed(
                    Speed(what, "no: PUBACK comes before the save", rates[len(rates) // 2], note="QoS 1, window 20")
                )
    taken, missing, _ = bridge.lost(FOLDER / "bridge-overflow", bridge.DEFAULT, bridge.OVERFLOW, "never")
    tell(
        Kill(f"Mosquitto {version} bridge, default queue", "not killed", 0, taken, missing, "max_queued_messages 1000")
    )


def _node_red(tell: Callable[[Kill], None], _: Callable[[Speed], None]) -> None:
    if Mosquitto.program() is None:
        raise AbsentError("mosquitto, the broker behind it, is not installed: apt-get install mosquitto")
    command, version = environments.node_red()
    for how, kill in (("not killed", False), ("after the last answer", True)):
        came = nodered.arrived(command, FOLDER / f"red-{kill}", kill=kill)
        note = "the node drops what comes while it is not connected; queues need further nodes"
        missing = nodered.MESSAGES - came
        tell(Kill(f"Node-RED {version}, mqtt out", how, int(kill), nodered.MESSAGES, missing, note if missing else ""))


def _head(seconds: float) -> str:
    when = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    python = platform.python_version()
    return f"{when}; {os.cpu_count()} processors, {platform.system()}, Python {python}; {seconds:.0f} s\n"


if __name__ == "__main__":
    main()
