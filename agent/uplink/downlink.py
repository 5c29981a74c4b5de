"""Read what the central server sends: confirmations and commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import orjson

from agent.events import LANES, Lane, raw_text
from agent.signals import LineProgress, Progress

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Wanted:
    """Events that the central wants once more: a lane's numbers `first` to `last`; of `epoch`, if it says one."""

    lane: Lane
    first: int
    last: int
    epoch: str = ""


def confirmations(payload: bytes) -> tuple[str, dict[Lane, int]]:
    """Return the epoch and the confirmed sequence of each lane that a `confirm` document names.

    A document that makes no sense names no epoch and no lane.
    """
    document = _object(payload) or {}
    epoch = document.get("epoch")
    if not isinstance(epoch, str):
        return "", {}
    return epoch, {lane: document[lane] for lane in LANES if _is_sequence(document.get(lane))}


def replay(order: Mapping[str, Any]) -> Wanted | None:
    """Return what a `replay` command asks for; None if it does not say lane, from and to."""
    lane, first, last, epoch = order.get("lane"), order.get("from"), order.get("to"), order.get("epoch", "")
    if not isinstance(lane, str) or lane not in LANES or not isinstance(epoch, str):
        return None
    if not _is_sequence(first) or not _is_sequence(last):
        return None
    return Wanted(Lane(lane), max(1, first), last, epoch)


def command(payload: bytes) -> dict[str, Any]:
    """Return the JSON object of a command; one that cannot be read comes as `{"unreadable": text}`."""
    if not payload:
        return {}
    document = _object(payload)
    return {"unreadable": raw_text(payload)} if document is None else document


def progress(station: str, payload: bytes) -> LineProgress | None:
    """Return what another station tells of its units; None if it makes no sense, or the state was taken away."""
    document = _object(payload)
    if document is None or not isinstance(document.get("epoch"), str) or not isinstance(document.get("steps"), list):
        return None
    steps = [_step(one) for one in document["steps"]]
    return LineProgress(station, document["epoch"], tuple(one for one in steps if one is not None))


def _step(one: object) -> Progress | None:
    if not isinstance(one, dict) or not _is_sequence(sequence := one.get("sequence")):
        return None
    words = [one.get(key) for key in ("unit", "operation", "status", "time")]
    unit, operation, status, time = (word if isinstance(word, str) else None for word in words)
    if not unit or operation is None or not status or not time:
        return None
    return Progress(unit, operation, status, sequence, time)


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _is_sequence(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
