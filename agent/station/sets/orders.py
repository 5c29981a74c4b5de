"""Which orders of the central are not obeyed: one that is too late, was heard before, or is for another journal.

Pure: what was heard before is a document of the station's memory.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from agent.events import Event, Kind
from agent.station.decision import Decision

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.events import Moment
    from agent.signals import Command
    from agent.station.decision import Document

KEY = "orders"
HEARD = 200
"""Orders that are remembered, newest last."""

TWICE_IS_ONCE = {f"andon/{act}" for act in ("acknowledge", "arrive", "resolve", "cancel", "close")}
"""Orders that name one call, and so can do nothing the second time: who asks again is told how things are."""


def why_not(memory: Mapping[str, Document], order: Command, now: Moment, epoch: str) -> str:
    """Return why an order must not be obeyed; empty if it may."""
    if order.deadline_ns is not None and now.monotonic_ns > order.deadline_ns:
        return "expired: it came too late"
    if order.id and _mark(order.id) in _heard(memory) and not (order.name in TWICE_IS_ONCE and order.data.get("call")):
        return "repeated: it was heard before"
    meant = order.data.get("epoch", "")
    if meant not in {"", epoch}:
        return f"for another epoch: the journal in use is {epoch}"
    return ""


def noted(memory: Mapping[str, Document], order: Command) -> dict[str, Document | None]:
    """Return the document that remembers an order."""
    return {KEY: {"heard": [*_heard(memory), _mark(order.id)][-HEARD:]}} if order.id else {}


def refused(order: Command, reason: str, moment: Moment) -> Decision:
    """Return the decision that records an order which is not obeyed."""
    told = {"command": order.name, "data": order.data, "id": order.id, "reason": reason}
    return Decision((Event(Kind.COMMAND_REJECTED, "", told, moment),))


def _heard(memory: Mapping[str, Document]) -> list[str]:
    return list((memory.get(KEY) or {}).get("heard", []))


def _mark(identity: str) -> str:
    return sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()[:16]
