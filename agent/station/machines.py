"""Keep in mind the states that machines tell through contacts and registers; each change is a fact."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind, raw_text

if TYPE_CHECKING:
    from agent.station.decision import Draft
    from agent.station.rules import Rules
    from drivers.contract import Contact

PREFIX = "machine/"
"""Documents of machine signals are kept under this and the signal's name."""


class Machines:
    """The machine signals of one station."""

    def __init__(self, rules: Rules) -> None:
        self._signals = {(signal.device, signal.input): signal for signal in rules.machine}

    def contact(self, draft: Draft, device: str, contact: Contact) -> str:
        """Record a change, and return the signal's name; empty where nothing changed.

        A state that is told again, as devices do when they are opened, is no news.
        """
        signal = self._signals.get((device, contact.input))
        if signal is None:
            return ""
        before = draft.get(PREFIX + signal.name)
        if before is not None and before["active"] == contact.active:
            return ""
        told = {
            "signal": signal.name,
            "machine": signal.machine,
            "active": contact.active,
            "device": device,
            "input": contact.input,
            "raw": raw_text(contact.raw),
        }
        if before is not None:
            lasted_s = draft.moment.seconds_since(before["monotonic_ns"], before["boot"])
            told |= {"since": before["time"], "lasted_s": lasted_s}
        moment = draft.moment
        now = {"active": contact.active, "time": moment.iso, "monotonic_ns": moment.monotonic_ns, "boot": moment.boot}
        draft.put(PREFIX + signal.name, now)
        draft.record(Kind.MACHINE_CHANGED, signal.machine or signal.name, told)
        return signal.name if before is not None else ""
