"""The figures as two tables in Markdown: for a terminal, and for docs/peers.md."""

from __future__ import annotations

from dataclasses import dataclass

MANY = 1000


@dataclass(frozen=True, slots=True)
class Speed:
    """Medians of the rounds: rates in records/s, times in ms, fsyncs in 1,000 records.  None: not measured."""

    what: str
    durable: str
    returned: float | None = None
    written: float | None = None
    drained: float | None = None
    p50_ms: float | None = None
    p99_ms: float | None = None
    syncs: float | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class Kill:
    """All kills of one kind together: records taken over by the buffer, and those missing after the restart."""

    what: str
    how: str
    kills: int
    taken: int
    missing: int
    note: str = ""


def speeds(rows: list[Speed]) -> str:
    return _table(
        ("buffer", "on disk when put returns", "put returns, records/s", "in the file, records/s",
         "one put, ms, p50 / p99", "fsyncs in 1,000 records", "read + confirm, records/s", "note"),
        [
            (row.what, row.durable, _number(row.returned), _number(row.written),
             f"{_number(row.p50_ms)} / {_number(row.p99_ms)}" if row.p50_ms is not None else "",
             _number(row.syncs), _number(row.drained), row.note)
            for row in rows
        ],
    )  # fmt: skip


def kills(rows: list[Kill]) -> str:
    return _table(
        ("buffer", "how", "kills", "taken over", "missing afterwards", "note"),
        [(row.what, row.how, str(row.kills), f"{row.taken:,}", f"{row.missing:,}", row.note) for row in rows],
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _number(number: float | None) -> str:
    if number is None:
        return ""
    return f"{number:,.0f}" if number >= MANY else f"{number:.3g}"
