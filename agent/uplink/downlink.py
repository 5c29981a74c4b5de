"""Read what the central server sends: confirmations and commands."""

from __future__ import annotations

from typing import Any

import orjson

from agent.events import LANES, Lane, raw_text


def confirmations(payload: bytes, epoch: str) -> dict[Lane, int]:
    """Return the confirmed sequence of each lane named in a `confirm` document for `epoch`.

    Empty for another epoch, or for a document that makes no sense.
    """
    document = _object(payload)
    if document is None or document.get("epoch") != epoch:
        return {}
    return {lane: document[lane] for lane in LANES if _is_sequence(document.get(lane))}


def command(payload: bytes) -> dict[str, Any]:
    """Return the JSON object of a command; one that cannot be read comes as `{"unreadable": text}`."""
    if not payload:
        return {}
    document = _object(payload)
    return {"unreadable": raw_text(payload)} if document is None else document


def _object(payload: bytes) -> dict[str, Any] | None:
    try:
        document = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _is_sequence(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
