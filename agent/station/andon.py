"""Raise, acknowledge and resolve andon calls.

A call is open from its first press until it is resolved; a stop call that is open lets nothing pass.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind, raw_text
from agent.station.rules import CallMode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.decision import Document, Draft
    from agent.station.rules import AndonCall, Rules
    from drivers.contract import Contact

PREFIX = "call/"
"""Documents of open calls are kept under this and the call's name."""

COUNTER = "calls"
"""Key of the document that counts the calls of this station, and names those that are open."""


def open_calls(draft: Draft) -> list[tuple[str, Document]]:
    """Key and document of each open call, oldest first."""
    counter = draft.get(COUNTER)
    if counter is None or "open" not in counter:
        return [*draft.under(PREFIX)]
    return [(key, call) for name in counter["open"] if (call := draft.get(key := PREFIX + name)) is not None]


def undelivered(memory: Mapping[str, Document]) -> list[str]:
    """Names of open calls whose raising has not arrived yet, as far as known."""
    return list((memory.get(COUNTER) or {}).get("undelivered", ()))


def take_stock(draft: Draft) -> None:
    """Name the open calls anew, by their documents: those of an older version are named nowhere."""
    counter: Document = draft.get(COUNTER) or {"count": 0}
    names = [key.removeprefix(PREFIX) for key, _ in draft.under(PREFIX)]
    if counter.get("open") is None or set(counter["open"]) != set(names):
        draft.put(COUNTER, {**counter, "open": names})


def open_stop(draft: Draft) -> str | None:
    """Why nothing may pass: the open stop call, in words; None if there is none."""
    for _, call in open_calls(draft):
        if call["mode"] == CallMode.STOP:
            return f"stopped by {call['name']} ({call['type']})"
    return None


class Andon:
    """The calls of one station."""

    def __init__(self, rules: Rules) -> None:
        self._calls = {call.name: call for call in rules.call}

    def contact(self, draft: Draft, device: str, contact: Contact) -> None:
        """Act on a button: press raises, release or the reset input resolves, as each call declares."""
        data = {"device": device, "input": contact.input, "active": contact.active, "raw": raw_text(contact.raw)}
        for call in self._calls.values():
            if call.device != device:
                continue
            if call.input == contact.input:
                self._button(draft, call, data, active=contact.active)
            elif call.reset_input == contact.input and contact.active:
                self.resolve(draft, call.name, data)

    def raise_call(self, draft: Draft, name: str, data: Document, *, active: bool = False) -> bool:
        """Open call `name`, or count one more press on it.  Returns False if no call has that name."""
        call = self._calls.get(name)
        if call is None:
            return False
        opened = draft.get(PREFIX + name)
        if opened is None:
            self._open(draft, call, data, active=active)
        else:
            pressed = {**opened, "presses": opened["presses"] + 1, "active": active}
            draft.put(PREFIX + name, pressed)
            draft.record(Kind.ANDON_PRESSED, opened["call"], {**data, **_told(pressed)})
        return True

    def resolve(self, draft: Draft, name: str, data: Document) -> bool:
        """Close call `name`.  Returns False if it is not open."""
        opened = draft.get(PREFIX + name)
        if opened is None:
            return False
        draft.forget(PREFIX + name)
        self._remember(draft)
        duration_s = draft.moment.seconds_since(opened["raised_monotonic_ns"], opened["raised_boot"])
        draft.record(Kind.ANDON_RESOLVED, opened["call"], {**data, **_told(opened), "duration_s": duration_s})
        return True

    def acknowledge(self, draft: Draft, order: Mapping[str, object]) -> None:
        """Take the central's word that somebody is coming.  Twice is once."""
        wanted = order.get("call")
        for key, opened in open_calls(draft):
            if opened["call"] == wanted:
                if opened["state"] == "raised":
                    by = str(order.get("by", ""))
                    known: Document = {**opened, "state": "acknowledged", "acknowledged": draft.moment.iso, "by": by}
                    draft.put(key, known)
                    answered_s = draft.moment.seconds_since(opened["raised_monotonic_ns"], opened["raised_boot"])
                    told: Document = {**_told(known), "by": by, "answered_s": answered_s}
                    draft.record(Kind.ANDON_ACKNOWLEDGED, str(opened["call"]), told)
                return
        draft.record(
            Kind.COMMAND_REJECTED, "", {"command": "andon/acknowledge", **order, "reason": f"no open call {wanted!r}"}
        )

    def _button(self, draft: Draft, call: AndonCall, data: Document, *, active: bool) -> None:
        opened = draft.get(PREFIX + call.name)
        if active and (opened is None or not opened["active"]):
            self.raise_call(draft, call.name, data, active=True)
        elif not active and opened is not None and opened["active"]:
            if call.reset_input:
                draft.put(PREFIX + call.name, {**opened, "active": False})
            else:
                self.resolve(draft, call.name, data)

    def _remember(self, draft: Draft, *opened: str, **counted: int) -> None:
        """Keep the names of the open calls, so that nobody has to look for them."""
        names = [key.removeprefix(PREFIX) for key, _ in open_calls(draft)]
        kept = {**(draft.get(COUNTER) or {}), **counted}
        draft.put(COUNTER, {**kept, "open": [*dict.fromkeys([*names, *opened])]})

    def _open(self, draft: Draft, call: AndonCall, data: Document, *, active: bool) -> None:
        count = (draft.get(COUNTER) or {"count": 0})["count"] + 1
        opened: Document = {
            "call": f"{draft.moment.time_ns // 1_000_000:x}-{count}",
            "name": call.name,
            "type": call.type,
            "mode": call.mode.value,
            "state": "raised",
            "time": draft.moment.iso,
            "raised_monotonic_ns": draft.moment.monotonic_ns,
            "raised_boot": draft.moment.boot,
            "presses": 1,
            "active": active,
        }
        draft.put(PREFIX + call.name, opened)
        self._remember(draft, call.name, count=count)
        draft.record(Kind.ANDON_RAISED, opened["call"], {**data, **_told(opened)})


def _told(opened: Document) -> Document:
    """What a fact about a call tells of it."""
    told = {key: opened[key] for key in ("call", "name", "type", "mode", "state", "presses")}
    return {**told, "raised": opened["time"]}
