"""Who works at the station, and what each person may answer for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station.policy import Check, Disposition, Policy
from agent.station.reference import Set

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.station.decision import Document, Draft
    from agent.station.rules import Rules

OPERATOR = "operator"
"""Key of the document that tells who is signed on."""


def signed_on(draft: Draft) -> str:
    """The badge that is signed on; empty if none is."""
    document = draft.get(OPERATOR)
    return str(document["operator"]) if document else ""


def who(draft: Draft) -> Document:
    """What a fact tells of who did it."""
    document = draft.get(OPERATOR)
    return {"operator": document["operator"]} if document else {}


class People:
    """Sign people on and off, and know their authority."""

    def __init__(self, rules: Rules) -> None:
        self._policies = rules.policies
        self._authorities = rules.authority

    def sign_on(self, draft: Draft, data: Document, operator: str) -> None:
        """Begin the operator's session; whoever was signed on is relieved."""
        before = draft.get(OPERATOR)
        if before is not None and before["operator"] == operator:
            draft.record(Kind.SCAN_REPEATED, operator, data)
            draft.accept(f"{operator} is signed on")
            return
        if self._unknown(draft, operator):
            told: Document = {**data, "operator": operator, "checks": [_refused(draft)]}
            draft.reject(Kind.OPERATOR_REJECTED, operator, told, f"operator {operator} is not known")
            return
        if before is not None:
            draft.record(Kind.OPERATOR_SIGNED_OFF, before["operator"], {**data, **before, "relieved_by": operator})
        draft.put(OPERATOR, {"operator": operator, "since": draft.moment.iso})
        draft.record(Kind.OPERATOR_SIGNED_ON, operator, {**data, "operator": operator})
        draft.accept(f"{operator} signed on")

    def sign_off(self, draft: Draft, data: Document) -> None:
        """End the operator's session; an open operation stays open."""
        document = draft.get(OPERATOR)
        if document is None:
            draft.reject(Kind.COMMAND_REJECTED, "", data, "nobody is signed on")
            return
        draft.forget(OPERATOR)
        draft.record(Kind.OPERATOR_SIGNED_OFF, document["operator"], {**data, **document})
        draft.accept(f"{document['operator']} signed off")

    def roles(self, draft: Draft, badge: str) -> set[str]:
        """The roles of a badge, by the plant's list and by the station file."""
        known = draft.reference.operators.get(badge)
        declared = {one.role for one in self._authorities if badge in one.badges}
        return declared | set(known.roles if known else ())

    def may(self, draft: Draft, badge: str, wanted: Iterable[str]) -> bool:
        """Whether a person's roles together may answer for all that is wanted: rules and dispositions by name."""
        roles = self.roles(draft, badge)
        allowed: set[str] = set()
        for authority in self._authorities:
            if authority.role in roles:
                allowed |= {*authority.rules, *authority.dispositions}
        return bool(badge) and set(wanted) <= allowed

    def may_dispose(self, draft: Draft, badge: str, disposition: Disposition) -> bool:
        """Whether a person may decide on a unit; to put it on hold is everybody's right."""
        return disposition is Disposition.HOLD or self.may(draft, badge, [disposition.value])

    def who_may(self, wanted: Iterable[str]) -> list[str]:
        """The roles that may answer for all that is wanted: each alone, else all together; none if a rule lacks one."""
        needed = set(wanted)
        allowed = {one.role: needed & {*one.rules, *one.dispositions} for one in self._authorities}
        alone = [role for role, known in allowed.items() if known == needed]
        together = set[str]().union(*allowed.values()) == needed
        return alone or ([role for role, known in allowed.items() if known] if together else [])

    def _unknown(self, draft: Draft, operator: str) -> bool:
        """Whether the plant's list is there and lacks a badge that no authority names."""
        asked = self._policies.of(Check.OPERATOR) is not Policy.OFF and draft.reference.has(Set.OPERATORS)
        return asked and operator not in draft.reference.operators and not self.roles(draft, operator)


def _refused(draft: Draft) -> Document:
    revision = draft.reference.revisions[Set.OPERATORS].revision
    age_s = round(draft.reference.age_s(Set.OPERATORS, draft.moment) or 0.0, 1)
    rule: Document = {"rule": Check.OPERATOR.value, "outcome": "refuse", "set": str(Set.OPERATORS)}
    return {**rule, "revision": revision, "age_s": age_s}
