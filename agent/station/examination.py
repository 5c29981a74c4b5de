"""Weigh what the data says of one thing that is to be done: go on, refuse, or ask somebody.

Knows the policies and how old each set is.  What the data forbids is refused under every policy but `off`; missing and
stale data is treated as the rule's policy says.  Remembers, of each rule, which data was used and how old it was.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from agent.station import line
from agent.station.policy import Check, Policy
from agent.station.reference import Set

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.decision import Document, Draft
    from agent.station.policy import Policies

LINE = "line"
"""Stands where a set of reference data is named, for the word of the other stations."""

OWN = ""
"""Stands there for what needs no set: the label itself, or this station's own memory."""

STATION = "station"
"""Stands there for the rules in the station file."""

AUTO, OFF = Policy.AUTO, Policy.OFF  # looked up once: asked a dozen times a scan


class Examination:
    """The rules of one start or one component, one after the other.

    `granted` maps each rule that somebody has answered for to what the override tells.
    """

    def __init__(self, draft: Draft, policies: Policies, granted: Mapping[str, Document]) -> None:
        self.draft = draft
        self.reference = draft.reference
        self.checks: list[Document] = []
        self.flags: list[str] = []
        self.asked: list[Document] = []
        self.refusal = ""
        self._policies = policies
        self._granted = granted

    def holds(self, check: Check, *sets: Set | str) -> bool:
        """Whether a rule is to be looked at: never when off; by itself when one of its sets was ever loaded."""
        policy = self._policies.of(check)
        if policy is AUTO:
            loaded = self.reference.revisions
            for which in sets:  # noqa: SIM110  asked a dozen times a scan, and a loop is twice as quick
                if which in loaded or (not isinstance(which, Set) and self._known(which)):
                    return True
            return False
        return policy is not OFF

    def is_set(self, check: Check) -> bool:
        """Whether the station file asks for a rule by name."""
        return self._policies.of(check) not in {Policy.AUTO, Policy.OFF}

    def good(self, check: Check, which: Set | str, why_stale: str = "") -> None:
        """The data says yes; it may be too old to say so, or never have come."""
        if which not in {OWN, STATION} and not self._known(which):
            self.doubt(check, which, f"{which}: nothing was ever loaded")
        elif self.is_stale(which):
            self.doubt(check, which, why_stale or f"{which} are {_hours(self.age_s(which))} old")
        else:
            self._add(check, "pass", which)

    def wrong(self, check: Check, which: Set | str, why: str) -> None:
        """The data says no."""
        self._add(check, "refuse", which, why)
        self.refusal = self.refusal or why

    def doubt(self, check: Check, which: Set | str, why: str) -> None:
        """The data says nothing, or nobody knows whether it still holds."""
        if given := self._granted.get(check):
            self._add(check, "overridden", which, why, by=given["by"])
            return
        match self._policies.of(check):
            case Policy.BLOCK:
                self.wrong(check, which, f"{check}: {why}")
            case Policy.ASK:
                self._add(check, "ask", which, why)
                self.asked.append({"rule": check.value, "why": why})
            case Policy.AUTO if not self._known(which):
                pass
            case _:
                self._add(check, "flag", which, why)
                self.flags.append(f"{check}: {why}")

    def age_s(self, which: Set | str) -> float | None:
        """How old a set is, seconds; None if there is none."""
        if isinstance(which, Set):
            return self.reference.age_s(which, self.draft.moment)
        return line.age_s(self.draft) if which == LINE else None

    def is_stale(self, which: Set | str) -> bool:
        """Whether a set is there, and older than it may be."""
        age_s = self.age_s(which)
        return age_s is not None and age_s > self._policies.max_age_s(which)

    def day(self) -> str | None:
        """The plant's day as YYYY-MM-DD; None while the wall clock is not to be trusted."""
        return day_of(self.draft, self._policies)

    def told(self) -> Document:
        """What the fact of the decision tells of it: nothing where no data was used."""
        told: Document = {}
        if self.checks:
            told["checks"] = self.checks
        if self.flags:
            told["flags"] = self.flags
        if self._granted:
            told["overrides"] = [*self._granted.values()]
        return told

    def _known(self, which: Set | str) -> bool:
        if isinstance(which, Set):
            return self.reference.has(which)
        return which != LINE or line.age_s(self.draft) is not None

    def _add(self, check: Check, outcome: str, which: Set | str, why: str = "", **more: object) -> None:
        added: Document = {"rule": check.value, "outcome": outcome, **more}
        if which:
            added["set"] = str(which)
        if isinstance(which, Set) and (revision := self.reference.revisions.get(which)):
            added["revision"] = revision.revision
        if (age_s := self.age_s(which)) is not None:
            added["age_s"] = round(age_s, 1)
        if why:
            added["why"] = why
        self.checks.append(added)


def day_of(draft: Draft, policies: Policies) -> str | None:
    """The plant's day as YYYY-MM-DD; None while the wall clock is not to be trusted."""
    if not draft.moment.synced:
        return None
    seconds = draft.moment.time_ns // 1_000_000_000 + int(policies.utc_offset_h * 3600)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d}"


def _hours(age_s: float | None) -> str:
    return f"{(age_s or 0.0) / 3600:.1f} h"
