"""`lineside run`, with a note of the moment at each station on the way of a scan.

Run as `python -m tests.bench.noted_agent run --config FILE`.  The notes, (station, nanoseconds of the monotonic clock),
are written as JSON beside the station file at the end.
"""

from __future__ import annotations

import json
import sys
import time
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.cli.commands import main
from agent.journal import writer
from agent.journal.journal import Journal
from agent.runtime.inbox import Inbox
from agent.runtime.intake import Intake
from agent.station.station import Station
from drivers.port import Port

if TYPE_CHECKING:
    import sqlite3

NOTES = "notes.json"

_notes: list[tuple[str, int]] = []


def _note(station: str) -> None:
    _notes.append((station, time.perf_counter_ns()))


def _noting(owner: type, name: str, before: str = "", after: str = "") -> None:
    """Note when a method begins, and when it returns something."""
    method = getattr(owner, name)

    @wraps(method)
    def noted(*arguments: Any, **options: Any) -> Any:
        if before:
            _note(before)
        found = method(*arguments, **options)
        if after and (found is None or found):
            _note(after)
        return found

    setattr(owner, name, noted)


class _Connection:
    """SQLite's connection, with a note before and behind COMMIT."""

    def __init__(self, inner: sqlite3.Connection) -> None:
        self._inner = inner

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        if sql != "COMMIT":
            return self._inner.execute(sql, *arguments)
        _note("commit")
        done = self._inner.execute(sql)
        _note("on disk")
        return done

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def run() -> None:
    """Run the agent to its end, then write the notes."""
    _noting(Port, "read", after="read")
    _noting(Inbox, "put", before="queued")
    _noting(Intake, "take", after="taken")
    _noting(Station, "handle", before="decide", after="decided")
    _noting(Journal, "append", before="append", after="appended")
    _noting(Port, "write", before="answer", after="answered")
    opened = writer.open_writer
    writer.open_writer = lambda path: _Connection(opened(path))  # type: ignore[assignment,return-value]
    try:
        main()
    finally:
        file = Path(sys.argv[sys.argv.index("--config") + 1])
        file.with_name(NOTES).write_text(json.dumps(_notes), encoding="utf-8")


if __name__ == "__main__":
    run()
