"""The demonstration's live view: what the central server has, what the agent says of itself, what is still to come.

Knows `rich` and the facts' data.  Reads the central's book; changes nothing.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson
from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from agent.events import LANES
from simulators.agent_view import Status
from simulators.ledger import Counts

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import RenderableType

ROWS = 12
"""Facts of each sort kept in the picture."""
OTHER_LINES = 19
"""Lines of the view beside the rows of facts."""
BARS = " ▁▂▃▄▅▆▇█"
WIDTH = 60

SCANS = {
    "scan.repeated": "pass",
    "operator.signed-on": "pass",
    "operation.started": "pass",
    "part.accepted": "pass",
    "operation.completed": "pass",
    "operation.rejected": "refuse",
    "part.rejected": "refuse",
    "scan.rejected": "refuse",
    "scan.unrecognised": "refuse",
    "override.asked": "refuse",
    "override.given": "pass",
}
"""Kinds of facts shown as scans, and the verdict that goes with each."""

STYLES = {
    "pass": "green", "fail": "red", "refuse": "red",
    "stopped": "bold red", "raised": "bold yellow", "acknowledged": "yellow", "arrived": "green",
    "unacknowledged": "bold yellow",
}  # fmt: skip


@dataclass(slots=True)
class Picture:
    """Everything that is shown at one moment."""

    page: str = ""
    elapsed_s: float = 0.0
    seconds: float | None = None
    broker: str = ""
    away: bool = False
    status: Status = field(default_factory=Status)
    counts: Counts = field(default_factory=Counts)
    scans: list[dict[str, Any]] = field(default_factory=list)
    measurements: list[dict[str, Any]] = field(default_factory=list)
    depths: list[int] = field(default_factory=list)

    def line(self) -> str:
        """Return the picture in one line, for a log."""
        status, counts = self.status, self.counts
        calls = ",".join(told_call(call).replace(" ", "-") for call in status.calls) or "-"
        alarms = ",".join(told_alarm(alarm).replace(" ", "-") for alarm in status.alarms) or "-"
        return (
            f"t={self.elapsed_s:5.1f}s  broker={'away' if self.away else status.broker:8}"
            f"  captured={status.captured:<4} backlog={status.depth:<3} oldest={status.oldest_age_s:4.1f}s"
            f"  delivered={counts.delivered:<4} lost={counts.lost} repeated={counts.repeated}"
            f"  calls={calls}  alarms={alarms}  last={status.last.get('verdict', '-')}: {status.last.get('text', '-')}"
        )


def read_facts(path: Path, picture: Picture) -> None:
    """Put the newest scans and measurements of the central's book into the picture."""
    with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as db:
        picture.scans = _newest(db, [f"lineside.{kind}" for kind in SCANS])
        picture.measurements = _newest(db, ["lineside.measurement.taken", "lineside.measurement.series"])


def render(picture: Picture, height: int) -> RenderableType:
    """Draw the picture for a terminal of 80 columns or more and `height` lines."""
    rows = max(2, height - OTHER_LINES)
    facts = Table.grid(expand=True, padding=(0, 1))
    facts.add_column(ratio=1)
    facts.add_column(ratio=1)
    facts.add_row(_scans(picture.scans[:rows]), _measurements(picture.measurements[:rows]))
    return Group(_head(picture), facts, _calls(picture), _alarms(picture), _lanes(picture), _counts(picture))


def told_call(call: dict[str, Any]) -> str:
    """A call in a few words: what it does to the line, how far it is, and which level has heard of it."""
    stop = {"stopped": "STOP", "pending": "will stop"}.get(call["stop"], "")
    level = f"level {call['level']}" if call["level"] else ""
    return " ".join(filter(None, (call["name"], stop, call["state"], level)))


def told_alarm(alarm: dict[str, Any]) -> str:
    """An alarm in a few words: which it is, and how far."""
    return f"{alarm.get('name') or alarm['id']} {alarm['state']}"


def _newest(db: sqlite3.Connection, types: list[str]) -> list[dict[str, Any]]:
    marks = ",".join("?" * len(types))
    rows = db.execute(
        f"SELECT body FROM event WHERE type IN ({marks}) ORDER BY rowid DESC LIMIT ?",  # noqa: S608  question marks only
        (*types, ROWS),
    )
    return [orjson.loads(body) for (body,) in rows]


def _head(picture: Picture) -> RenderableType:
    status = picture.status
    broker = Text("broker away", "bold red") if picture.away else Text(f"broker {picture.broker}", "green")
    left = "" if picture.seconds is None else f" of {picture.seconds:g}"
    lamps = Text(" ").join(Text(f"● {lamp}", lamp) for lamp in status.lamps) if status.lamps else Text("dark", "dim")
    text = Text.assemble(
        (str(status.document.get("source", "")), "bold"),
        f"   page: {picture.page}\n{picture.elapsed_s:.0f}{left} s   ",
        broker,
        f"   agent {status.broker}   lamps: ",
        lamps,
    )
    return Panel(text, title="Lineside demo", title_align="left")


def _scans(events: list[dict[str, Any]]) -> Table:
    table = _facts_table("last scans", "what")
    for event in events:
        kind = event["type"].removeprefix("lineside.")
        data = event["data"]
        told = data.get("reason") or data.get("text") or event.get("subject", "")
        table.add_row(_clock(event), _styled(f"{SCANS[kind]:6} {told}  {kind}", SCANS[kind]))
    return table


def _measurements(events: list[dict[str, Any]]) -> Table:
    table = _facts_table("measurements", "value")
    for event in events:
        data = event["data"]
        verdict = str(data.get("verdict", "none"))
        told = f"{verdict:4} {_value(data)} {data.get('unit')}  {data.get('name', data.get('gauge'))}"
        table.add_row(_clock(event), _styled(told, verdict))
    return table


def _value(data: dict[str, Any]) -> str:
    """A value, or the last of a series and how many there are."""
    return f"{data['values'][-1]} ({data['count']} values)" if "values" in data else str(data.get("value"))


def _facts_table(title: str, heading: str) -> Table:
    table = Table(title=title, title_justify="left", expand=True, box=None)
    table.add_column("time", style="dim", no_wrap=True)
    table.add_column(heading, no_wrap=True, ratio=1)
    return table


def _calls(picture: Picture) -> Text:
    if not picture.status.calls:
        return Text("andon calls: none open", "dim")
    calls = (
        _styled(told_call(call), "stopped" if call["stop"] == "stopped" else call["state"])
        for call in picture.status.calls
    )
    return Text.assemble("andon calls: ", Text(", ").join(calls))


def _alarms(picture: Picture) -> Text:
    if not picture.status.alarms:
        return Text("alarms: none", "dim")
    alarms = (_styled(told_alarm(alarm), alarm["state"]) for alarm in picture.status.alarms)
    return Text.assemble("alarms: ", Text(", ").join(alarms))


def _lanes(picture: Picture) -> Table:
    table = Table(expand=True, box=None)
    for heading in ("buffer", "captured", "sent", "confirmed", "depth", "oldest"):
        table.add_column(heading, justify="left" if heading == "buffer" else "right")
    lanes = picture.status.lanes
    for name in (lane for lane in LANES if lane in lanes):
        lane = lanes[name]
        age_s = lane["oldest_age_s"]
        numbers = [str(lane[key]) for key in ("captured", "sent", "confirmed", "depth")]
        style = "yellow" if lane["depth"] else ""
        table.add_row(str(name), *numbers, "-" if age_s is None else f"{age_s:.1f} s", style=style)
    return table


def _counts(picture: Picture) -> RenderableType:
    counts = picture.counts
    good = not counts.lost and not counts.repeated
    text = Text.assemble(
        "backlog ",
        (_bars(picture.depths), "yellow"),
        f" {picture.status.depth}\n",
        (f"delivered {counts.delivered}   lost {counts.lost}   repeated {counts.repeated}", "green" if good else "red"),
        (f"   (sent again and dropped: {counts.dropped})", "dim"),
    )
    return Panel(text, title="counted by the central server", title_align="left")


def _bars(depths: list[int]) -> str:
    """Draw the last depths as bars, the highest full."""
    shown = depths[-WIDTH:]
    top = max([*shown, 1])
    return "".join(BARS[-(-depth * (len(BARS) - 1) // top)] for depth in shown)


def _styled(text: str, verdict: str) -> Text:
    return Text(text, STYLES.get(verdict, ""))


def _clock(event: dict[str, Any]) -> str:
    return str(event["time"])[11:19]
