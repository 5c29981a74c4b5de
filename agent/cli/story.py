"""Facts in plain words, for a story that people read."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from agent.events import Kind

Facts = dict[str, Any]

WORDS = {
    Kind.ANDON_RAISED: "call {name} ({type}) raised",
    Kind.ANDON_PRESSED: "call {name} pressed again",
    Kind.ANDON_ACKNOWLEDGED: "call {name} acknowledged",
    Kind.ANDON_ARRIVED: "somebody has come for call {name}",
    Kind.ANDON_ESCALATED: "nobody answers call {name}: {to} told, level {level}",
    Kind.ANDON_STOPPED: "call {name} stops the line",
    Kind.ANDON_RESOLVED: "call {name} resolved",
    Kind.ANDON_RESTARTED: "the line runs again after call {name}",
    Kind.ANDON_CLOSED: "call {name} closed: {reason}",
    Kind.ANDON_CANCELLED: "call {name} cancelled",
    Kind.OPERATOR_SIGNED_ON: "{operator} signed on",
    Kind.OPERATOR_SIGNED_OFF: "{operator} signed off",
    Kind.OPERATION_STARTED: "{operation} started",
    Kind.OPERATION_REJECTED: "start refused: {reason}",
    Kind.OPERATION_COMPLETED: "{operation} complete",
    Kind.OPERATION_ABORTED: "{operation} aborted",
    Kind.PART_ACCEPTED: "part {part} lot {lot} built in",
    Kind.PART_REJECTED: "part {part} lot {lot} refused: {reason}",
    Kind.SCAN_REPEATED: "scanned again",
    Kind.DEFECT_RECORDED: "defect {defect}",
    Kind.MEASUREMENT_TAKEN: "measured {name} {text} {unit}: {verdict}",
    Kind.MEASUREMENT_REJECTED: "value refused: {reason}",
    Kind.MEASUREMENT_SERIES: "{count} values from {min} to {max} {unit}",
    Kind.MEASUREMENT_SUMMARY: "{n} values from {min} to {max} {unit}, mean {mean}",
}
"""What is said of an event; of any other, its kind and why."""

SHOWN = (
    "step", "part", "lot", "serial", "quantity", "gauge", "low", "high", "defect", "severity",
    "disposition", "rule", "call", "name", "value", "status", "reason", "revision", "age_s", "rules",
)  # fmt: skip
"""Fields shown beside it, where they say something new."""

PEOPLE = ("operator", "by", "lead", "started_by")


def kind(event: Facts) -> str:
    """The type of an event without its prefix."""
    return str(event["type"]).partition(".")[2]


def said(event: Facts) -> str:
    """What happened, in a few words."""
    data = event["data"]
    word = kind(event)
    template = next((words for known, words in WORDS.items() if known == word), None)
    if template is None:
        reason = data.get("reason")
        plain = word.replace(".", " ").replace("-", " ")
        return f"{plain}: {reason}" if reason else plain
    told = defaultdict(str, {key: _short(value) for key, value in (data | _range(data)).items()})
    if not data.get("lot"):
        template = template.replace(" lot {lot}", "")
    return " ".join(template.format_map(told).split())


def people(event: Facts) -> str:
    """Who was there."""
    names = (data.get(key) for data in (event["data"],) for key in PEOPLE)
    return ", ".join(dict.fromkeys(str(name) for name in names if name))


def details(event: Facts, about: str) -> str:
    """What else is known, but for what `said` says already, and `about` whom it all is."""
    data, told = event["data"], said(event)
    shown = [(key, _short(data[key])) for key in SHOWN if not _empty(data.get(key))]
    return ", ".join(f"{key} {text}" for key, text in shown if text not in told and text != about)


def _range(data: Facts) -> Facts:
    """The smallest and the largest of the values of a series."""
    values = [value for value in data.get("values", ()) if value is not None]
    return {"min": min(values), "max": max(values)} if values else {}


def _empty(value: Any) -> bool:
    return value is None or value in ("", [], {})


def _short(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list | dict):
        return f"({len(value)})"
    return str(value)
