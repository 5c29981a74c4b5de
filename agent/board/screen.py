"""Show the picture of a line on a terminal.  Knows no broker."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from agent.board import words
from agent.board.documents import Alarm, Call

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import RenderableType

    from agent.board.board import Entry, Picture

BLINK_S = 0.5
"""What blinks is lit this long and then dark this long."""

HEADING_LINES = 3
"""Lines of a table that are no row: its heading, a rule, and what is left out."""

CALLS = ("age", "level", "station", "call", "type", "mode", "state", "")
ALARMS = ("age", "priority", "station", "device", "alarm", "state", "")
WHOLE = {"age", "mode"}
"""Columns that no other one may press together."""


def screen(picture: Picture, now_s: float, height: int) -> RenderableType:
    """Return what fits on `height` lines; what does not is counted, and it is never what matters most."""
    lit = int(now_s / BLINK_S) % 2 == 0
    head = [Text(picture.line, "bold"), _headline(picture, lit=lit)]
    first, *rest = words.of_stations(picture.stations)
    waiting = words.unclosed(picture.stations)
    foot = [
        Text(first, "bold").append(f"; {waiting}" * bool(waiting), "not bold dim"),
        *(Text(line, "red", overflow="ellipsis", no_wrap=True) for line in rest),
    ]
    free = height - len(head) - HEADING_LINES * (1 + bool(picture.alarms))
    foot = _cut(foot, max(2, free // 3))
    free = max(1, free - len(foot))
    most = max(free * 2 // 3, free - len(picture.alarms))
    parts: list[RenderableType] = [*head]
    parts.append(_table(CALLS, (_call(entry, lit=lit) for entry in picture.calls[:most])))
    parts += _left_out(len(picture.calls) - most, "calls")
    if picture.alarms:
        room = max(1, free - min(most, len(picture.calls)))
        parts.append(_table(ALARMS, (_alarm(entry, lit=lit) for entry in picture.alarms[:room])))
        parts += _left_out(len(picture.alarms) - room, "alarms")
    return Group(*parts, *foot)


def _headline(picture: Picture, *, lit: bool) -> Text:
    style = "green" if picture.linked else "bold white on red" if lit else "bold red"
    return Text(words.headline(picture), style, overflow="ellipsis", no_wrap=True)


def _call(entry: Entry, *, lit: bool) -> tuple[str, list[str]]:
    call = entry.what
    if not isinstance(call, Call):
        return "", []
    colour = "red" if call.stops else "blue" if call.mode == "help" and not call.will_stop else "yellow"
    style = _style(colour, blinks=call.unanswered, lit=lit)
    cells = [str(call.level or ""), entry.station, call.name, call.type, words.mode(call, entry.age)]
    return style, [words.aged(entry.age), *cells, call.state, _note(words.about_call(call), entry)]


def _alarm(entry: Entry, *, lit: bool) -> tuple[str, list[str]]:
    alarm = entry.what
    if not isinstance(alarm, Alarm):
        return "", []
    colour = "red" if alarm.rank == 1 else "yellow" if alarm.rank == 2 else "default"  # noqa: PLR2004  1 and 2: the most urgent
    style = "dim" if alarm.quiet else _style(colour, blinks=alarm.state == "unacknowledged", lit=lit)
    cells = [alarm.priority, entry.station, alarm.device, alarm.name or alarm.alarm, alarm.state]
    return style, [words.aged(entry.age), *cells, _note(alarm.detail, entry)]


def _style(colour: str, *, blinks: bool, lit: bool) -> str:
    return f"bold {colour} reverse" if blinks and lit else f"bold {colour}"


def _note(text: str, entry: Entry) -> str:
    return ", ".join(part for part in (text, "station not online" if entry.stale else "") if part)


def _table(headings: Iterable[str], rows: Iterable[tuple[str, list[str]]]) -> Table:
    table = Table(box=SIMPLE_HEAD, expand=True, pad_edge=False, show_edge=False)
    listed = [*rows]
    for place, heading in enumerate(headings):
        whole = max((len(cells[place]) for _, cells in listed), default=0) if heading in WHOLE else None
        justify: Literal["left", "right"] = "right" if heading == "age" else "left"
        table.add_column(heading, no_wrap=True, overflow="ellipsis", justify=justify, min_width=whole)
    for style, cells in listed:
        table.add_row(*(Text(cell) for cell in cells), style=style)
    return table


def _left_out(count: int, what: str) -> list[Text]:
    return [Text(f"… and {count} more {what}", "bold")] if count > 0 else []


def _cut(lines: list[Text], most: int) -> list[Text]:
    if len(lines) <= most:
        return lines
    return [*lines[: most - 1], Text(f"… and {len(lines) - most + 1} more", "bold")]
