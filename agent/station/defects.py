"""Record defects by their cards, and decide what becomes of the unit: rework, scrap, hold, use as it is.

To put a unit on hold is everybody's right; all else needs the authority that the station file declares, and where the
person at the station has none, somebody who has it is asked.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import unitbook
from agent.station.people import signed_on, who
from agent.station.policy import Disposition

if TYPE_CHECKING:
    from agent.station.decision import Document, Draft
    from agent.station.line import LineWork
    from agent.station.overrides import Overrides
    from agent.station.people import People
    from agent.station.rules import Rules

CARD = re.compile(r"(?P<code>[^@*]+)(@(?P<location>[^*]+))?(\*(?P<quantity>[1-9]\d{0,5}))?", re.ASCII)
"""What stands after `defect:` on a card."""


class Defects:
    """The defects that a station knows."""

    def __init__(self, rules: Rules, people: People, overrides: Overrides, line: LineWork) -> None:
        self._codes = {one.code: one for one in rules.defect}
        self._people = people
        self._overrides = overrides
        self._line = line

    def card(self, draft: Draft, data: Document, text: str, about: Document) -> None:
        """Record what a card says of a unit.  `about` names the unit, and the operation where one is open."""
        match = CARD.fullmatch(text)
        known = self._codes.get(match["code"]) if match else None
        if match is None or known is None:
            draft.reject(Kind.COMMAND_REJECTED, about.get("unit", ""), data, f"no defect {text!r}")
        elif "unit" not in about:
            draft.reject(Kind.COMMAND_REJECTED, "", data, "no unit is open: scan the unit first")
        elif known.locations and match["location"] not in known.locations:
            reason = f"{known.code} is at one of {', '.join(known.locations)}; not at {match['location'] or 'none'}"
            draft.reject(Kind.COMMAND_REJECTED, about["unit"], data, reason)
        else:
            more: Document = {
                "defect": known.code,
                "description": known.text,
                "severity": known.severity,
                "location": match["location"] or "",
                "quantity": int(match["quantity"] or 1),
                "disposition": known.disposition,
                **about,
            }
            draft.record(Kind.DEFECT_RECORDED, about["unit"], {**data, **more, **who(draft)})
            noted(draft, about["unit"])
            if known.disposition:
                self._line.put_status(
                    draft, about["unit"], known.disposition, known.text or known.code, about.get("operation", "")
                )
            words = f"{about['unit']}: {known.text or known.code} recorded"
            if held := unitbook.held(draft, about["unit"]):
                draft.refuse(f"{words}; {held}")
            else:
                draft.accept(words)

    def dispose(
        self, draft: Draft, data: Document, disposition: Disposition, *, about: Document, granted: dict[str, Document]
    ) -> bool:
        """Decide on a unit, or ask who may.  Returns whether it is decided."""
        unit = about.get("unit", "")
        entry = unitbook.look_up(draft, unit) if unit else {}
        told: Document = {**data, **about, "disposition": disposition.value, **who(draft)}
        badge = signed_on(draft)
        if not unit:
            draft.reject(Kind.COMMAND_REJECTED, "", data, "no unit is open: scan the unit first")
        elif disposition is Disposition.USE_AS_IS and not (entry.get("status") or entry.get("defects")):
            draft.reject(Kind.COMMAND_REJECTED, unit, told, f"nothing is known against unit {unit}")
        elif disposition is Disposition.HOLD and not badge:
            draft.reject(Kind.COMMAND_REJECTED, unit, told, "nobody is signed on: scan your badge first")
        elif granted or self._people.may_dispose(draft, badge, disposition):
            self._decided(draft, told, disposition, about=about, granted=granted)
            return True
        else:
            asked = [{"rule": disposition.value, "why": f"{disposition} of unit {unit}"}]
            resume: Document = {"act": "dispose", "disposition": disposition.value, "about": about, "data": data}
            self._overrides.ask(draft, unit, asked, told, resume)
        return False

    def _decided(
        self,
        draft: Draft,
        told: Document,
        disposition: Disposition,
        *,
        about: Document,
        granted: dict[str, Document],
    ) -> None:
        unit = about["unit"]
        entry = unitbook.look_up(draft, unit)
        override = granted.get(disposition.value)
        by = override["by"] if override else signed_on(draft)
        why = override["given"] if override else ""
        before = entry.get("status") or "ok"
        more = {"overrides": [override]} if override else {}
        reason = f"unit {unit} is to be treated so: {disposition}"
        draft.record(
            Kind.DEFECT_DISPOSED, unit, {**told, "by": by, "given": why, "before": before, "reason": reason, **more}
        )
        at = about.get("operation") or entry.get("at", "")
        status = "ok" if disposition is Disposition.USE_AS_IS else disposition.value
        self._line.put_status(draft, unit, status, why, at)
        if disposition in {Disposition.USE_AS_IS, Disposition.REWORK}:
            unitbook.note(draft, unit, defects=None)
        words = f"unit {unit}: {disposition} by {by}"
        if status in unitbook.HELD:
            draft.refuse(words)
        else:
            draft.accept(words)


def noted(draft: Draft, unit: str) -> None:
    """Count a defect in the book of units."""
    unitbook.note(draft, unit, defects=unitbook.look_up(draft, unit).get("defects", 0) + 1, time=draft.moment.iso)
