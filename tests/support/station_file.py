"""The station file of the tests, as a dictionary that a test may change before it is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

LEVELS = ("acme", "plant1", "assembly", "line3", "st-040")
SOURCE = "/" + "/".join(LEVELS)
TOPIC = "lineside/v1" + SOURCE

ACK = "\x06"
NAK = "\x15"

Tables = dict[str, Any]


def station(folder: Path, broker_port: int, panel_port: int) -> Tables:
    """Return a station with a scanner, a gauge and a button box, whose ports are links in `folder`.

    Units `SN…` need a part and a measurement, units `KIT…` two parts.  All waits are short.
    """
    return {
        "station": dict(zip(("enterprise", "site", "area", "line", "station"), LEVELS, strict=True)),
        "broker": {
            "host": "127.0.0.1",
            "port": broker_port,
            "keepalive_s": 5,
            "connect_timeout_s": 2.0,
            "resend_after_s": 2.0,
            "ack_timeout_s": 2.0,
            "retry_max_s": 0.5,
            "refused_retry_s": 0.2,
        },
        "journal": {"path": str(folder / "journal.db")},
        "panel": {"port": panel_port},
        "device": [
            {
                "name": "scanner-1",
                "driver": "serial-scanner",
                "port": str(folder / "scanner"),
                "on_pass": ACK,
                "on_refuse": NAK,
                "max_length": 64,
            },
            {"name": "gauge-1", "driver": "mitutoyo", "port": str(folder / "gauge")},
            {"name": "box-1", "driver": "serial-box", "port": str(folder / "box")},
        ],
        "scan": [
            {"name": "badge", "pattern": r"OP-(?P<operator>\d+)"},
            {"name": "unit", "pattern": r"(?P<unit>(SN|KIT)\d{10})"},
            {"name": "part-lot", "pattern": r"(?P<part>[0-9]{4}-[A-Z])/(?P<lot>\w+)"},
            {"name": "command", "pattern": "CMD:(?P<command>.+)"},
        ],
        "operation": [
            {
                "name": "press-bearing",
                "units": "SN.+",
                "part": [{"number": "4711-A"}],
                "measurement": [
                    {
                        "name": "bearing seat diameter",
                        "gauge": "gauge-1",
                        "unit": "mm",
                        "nominal": 12.345,
                        "low": 12.330,
                        "high": 12.360,
                    }
                ],
            },
            {"name": "kit", "units": "KIT.+", "part": [{"number": "4711-A"}, {"number": "4712-B"}]},
        ],
        "andon": {
            "call": [
                {"name": "quality", "type": "quality", "device": "box-1", "input": "quality"},
                {"name": "cord", "type": "process", "mode": "stop", "device": "box-1", "input": "cord"},
            ]
        },
    }


CALLS = [
    {"name": "help", "type": "equipment", "device": "box-1", "input": "quality", "reset_input": "key"},
    {"name": "cord", "type": "process", "device": "box-1", "input": "cord", "reset_input": "key", "stop_after_s": 0.6},
    {"name": "bad", "type": "quality", "measurement": ["*"], "needs_reason": True},
]


def with_calls(tables: Tables) -> None:
    """Give the station calls that climb, that stop the line after a while, and a machine that tells when it runs.

    The lead (badge 9) answers for calls of type process.
    """
    tables["andon"] = {
        "call": CALLS,
        "running": "runs",
        "escalation": [
            {"type": "equipment", "after_s": 0.5, "to": "supervisor"},
            {"type": "equipment", "after_s": 1.0, "to": "plant manager", "unless": "arrived"},
        ],
    }
    tables["machine"] = [{"name": name, "device": "box-1", "input": name} for name in ("position", "runs")]
    tables["authority"] = [{"role": "lead", "calls": ["process"], "badges": ["9"]}]


def write(tables: Tables, path: Path) -> Path:
    """Write the tables as TOML, one top-level key a line, and return the path."""
    path.write_text("".join(f"{key} = {_inline(value)}\n" for key, value in tables.items()), encoding="utf-8")
    return path


def _inline(value: Any) -> str:
    """Write a value as TOML; JSON's strings and numbers are TOML's too."""
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_inline(inner)}" for key, inner in value.items()) + " }"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inline, value)) + "]"
    return json.dumps(value)
