"""The rows as a table for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.bench.rows import Row

VERDICTS = {True: Text("holds", "green"), False: Text("missed", "bold red"), None: Text("")}
MANY = 1000


def table(rows: Iterable[Row], caption: str) -> Table:
    """Return the table to print."""
    drawn = Table(caption=caption)
    drawn.add_column("measure")
    for name in ("value", "floor", "ratio", "goal"):
        drawn.add_column(name, justify="right", no_wrap=True)
    drawn.add_column("")
    drawn.add_column("note", style="dim")
    for row in rows:
        drawn.add_row(
            row.measure,
            f"{_number(row.value)} {row.unit}" if row.value is not None else "skipped",
            _number(row.floor),
            _number(row.ratio),
            "" if row.goal is None else str(row.goal),
            VERDICTS[row.holds],
            row.note,
        )
    return drawn


def _number(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,.0f}" if number >= MANY else f"{number:.3g}"
