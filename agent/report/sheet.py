"""The report as a document and as lines of a table: plain values, the same in JSON, CSV and on the screen."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Any

from agent.report.figures import DEFINITIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.report.figures import Report, Row, Spread, Statistic, Window

MEASURES = {
    "to acknowledge": "acknowledge",
    "to arrive": "arrive",
    "to resolve": "resolve",
    "line stop": "stop",
}
"""What people call a measure, and its field in a row."""

COLUMNS = (
    "group", "measure", "count", "median_s", "p90_s", "longest_s", "growing", "running", "without", "not_measured",
    "stop_minutes", "calls", "open", "cancelled", "escalated", "highest_level", "unclosed", "beginning_lost",
    "end_lost", "unsynced",
)  # fmt: skip
"""Of the table; `stop_minutes` stands with the measure `line stop` only."""

COUNTS = COLUMNS[COLUMNS.index("calls") :]
"""Columns that count calls: the same on each line of a group."""


def document(report: Report, window: Window, by: str, now_s: float) -> dict[str, Any]:
    """Return the report as JSON values, with the definitions of its words."""
    return {
        "now": iso(now_s),
        "since": iso(window.since_s) if isfinite(window.since_s) else None,
        "until": iso(window.until_s) if isfinite(window.until_s) else None,
        "by": by,
        "rows": [_row(row) for row in report.rows],
        "all": _row(report.total),
        "open": [
            {
                **{key: getattr(one.call, key) for key in ("call", "name", "type", "mode", "raised", "level")},
                "age_s": _rounded(one.age_s),
            }
            for one in report.open
        ],
        "undated": report.undated,
        "definitions": DEFINITIONS,
    }


def lines(report: Report) -> Iterator[dict[str, Any]]:
    """Return a line for each group and measure, the group of all at the end; keys are COLUMNS."""
    for row in (*report.rows, report.total):
        for measure, name in MEASURES.items():
            spread: Spread = getattr(row, name)
            yield {
                "group": row.group,
                "measure": measure,
                "count": spread.count,
                "median_s": _rounded(spread.median.value_s),
                "p90_s": _rounded(spread.p90.value_s),
                "longest_s": _rounded(spread.longest.value_s),
                "growing": "/".join(word for word in ("median", "p90", "longest") if getattr(spread, word).growing),
                "running": spread.running,
                "without": spread.without,
                "not_measured": spread.unmeasured,
                "stop_minutes": round(row.stop_s / 60, 3) if name == "stop" else None,
                **_counts(row),
            }


def iso(moment_s: float) -> str:
    """Write seconds since 1970 as RFC 3339 in UTC."""
    return f"{datetime.fromtimestamp(moment_s, UTC):%Y-%m-%dT%H:%M:%S}Z"


def _row(row: Row) -> dict[str, Any]:
    return {
        "group": row.group,
        **_counts(row),
        **{measure.replace(" ", "_"): _spread(getattr(row, name)) for measure, name in MEASURES.items()},
        "stop_minutes": round(row.stop_s / 60, 3),
        "standing": row.standing,
    }


def _counts(row: Row) -> dict[str, int]:
    return {name: getattr(row, name) for name in COUNTS}


def _spread(spread: Spread) -> dict[str, Any]:
    return {
        "count": spread.count,
        "median": _statistic(spread.median),
        "p90": _statistic(spread.p90),
        "longest": _statistic(spread.longest),
        "running": spread.running,
        "without": spread.without,
        "not_measured": spread.unmeasured,
    }


def _statistic(statistic: Statistic) -> dict[str, Any]:
    return {"seconds": _rounded(statistic.value_s), "growing": statistic.growing}


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
