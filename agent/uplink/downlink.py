"""Read what the central server sends: confirmations and commands."""

from __future__ import annotations

from typing import Any

import orjson

from agent.events import LANES, Lane


def confirmations(payload: bytes, epoch: str) -> dict[Lane, int]:
    """Return the confirmed sequence of each lane named in a `confirm` document for `epoch`.

    Empty for another epoch, or for a document that makes no sense.
    """
    document = _object(payload)
    if document.get("epoch") != epoch:
        return {}
    return {lane: document[lane] for lane in LANES if _is_sequence(document.get(lane))}


def command(payload: bytes) -> dict[str, Any]:
    """Return the JSON object of a command; one that cannot be read comes as `{"unreadable": text}`."""
    if not payload:
        return {}
    return _object(payload) or {"unreadable": payload.decode("latin-1")}


def _object(payload: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def _is_sequence(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
