"""Ask somebody with authority, and take the answer: a badge, then a reason, within the time that the station allows.

The question is a document: it survives a restart.  Across boots it lives by the wall clock, and lapses where nobody can
trust it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import timers
from agent.station.people import who

if TYPE_CHECKING:
    from agent.station.decision import Document, Draft
    from agent.station.people import People
    from agent.station.policy import Policies

QUESTION = "question"
"""Key of the document of the question that waits for its answer."""


class Overrides:
    """The question that is open at a station, if any."""

    def __init__(self, policies: Policies, people: People) -> None:
        self._policies = policies
        self._people = people

    def ask(self, draft: Draft, subject: str, asked: list[Document], told: Document, resume: Document) -> None:
        """Hold what was to be done until somebody answers for it.

        `asked` names each rule and why; `resume` is what is done then.
        """
        rules = [one["rule"] for one in asked]
        roles = self._people.who_may(rules)
        why = "; ".join(one["why"] for one in asked)
        if not roles:
            draft.record(Kind.OVERRIDE_ASKED, subject, {**told, "asked": asked, "roles": [], "reason": why})
            draft.refuse(f"{why}: nobody may answer for {', '.join(rules)}")
            return
        question: Document = {
            "subject": subject,
            "asked": asked,
            "rules": rules,
            "resume": resume,
            "by": "",
            "time": draft.moment.iso,
            **timers.mark(draft.moment),
        }
        draft.put(QUESTION, question)
        draft.record(Kind.OVERRIDE_ASKED, subject, {**told, "asked": asked, "roles": roles, "reason": why})
        draft.refuse(f"{why}: scan the badge of {' or '.join(roles)}, then a reason")

    def awaits(self, draft: Draft, operator: str) -> bool:
        """Whether a question waits for this person."""
        question = self._waiting(draft)
        return question is not None and self._people.may(draft, operator, question["rules"])

    def badge(self, draft: Draft, data: Document, operator: str) -> bool:
        """Take a badge as the first half of an answer.  Returns False if no question waits for this person."""
        question = self._waiting(draft)
        if question is None or not self._people.may(draft, operator, question["rules"]):
            return False
        draft.put(QUESTION, {**question, "by": operator})
        reason = f"{operator} may answer for {', '.join(question['rules'])}: now scan the reason"
        told: Document = {**data, "by": operator, "asked": question["asked"], "reason": reason}
        draft.record(Kind.OVERRIDE_ASKED, question["subject"], told)
        draft.refuse(reason)
        return True

    def reason(self, draft: Draft, data: Document, text: str) -> tuple[Document, dict[str, Document]] | None:
        """Take a reason as the second half.  Returns what was to be done, and rule -> override; None if refused."""
        question = self._waiting(draft)
        if question is None:
            draft.reject(Kind.COMMAND_REJECTED, "", data, "nothing is asked")
        elif not question["by"]:
            draft.reject(Kind.COMMAND_REJECTED, question["subject"], data, "first the badge of who answers for it")
        elif not self._people.may(draft, question["by"], question["rules"]):
            draft.reject(Kind.COMMAND_REJECTED, question["subject"], data, f"{question['by']} may not answer any more")
        elif not text or (self._policies.reasons and text not in self._policies.reasons):
            known = ", ".join(self._policies.reasons) or "any text"
            draft.reject(Kind.COMMAND_REJECTED, question["subject"], data, f"no reason {text!r}; known are: {known}")
        else:
            draft.forget(QUESTION)
            return question["resume"], self._given(draft, question, data, text)
        return None

    def withdraw(self, draft: Draft, why: str) -> bool:
        """Drop the open question, because something else is done now.  Returns False if there is none."""
        question = self._waiting(draft)
        if question is None:
            return False
        _lapse(draft, question, why)
        return True

    def _given(self, draft: Draft, question: Document, data: Document, text: str) -> dict[str, Document]:
        by = question["by"]
        roles = sorted(self._people.roles(draft, by))
        override: Document = {"by": by, "roles": roles, "given": text, "time": draft.moment.iso}
        told = {**data, **override, "asked": question["asked"], "question": question["time"], **who(draft)}
        draft.record(Kind.OVERRIDE_GIVEN, question["subject"], told)
        return {one["rule"]: {"rule": one["rule"], "why": one["why"], **override} for one in question["asked"]}

    def _waiting(self, draft: Draft) -> Document | None:
        question = draft.get(QUESTION)
        if question is not None and self._is_over(draft, question):
            _lapse(draft, question, "nobody answered in time")
            return None
        return question

    def _is_over(self, draft: Draft, question: Document) -> bool:
        waited_s = timers.elapsed_s(draft.moment, question)
        return waited_s is None or waited_s > self._policies.answer_within_s


def _lapse(draft: Draft, question: Document, why: str) -> None:
    draft.forget(QUESTION)
    told: Document = {"asked": question["asked"], "question": question["time"], "by": question["by"], "why": why}
    draft.record(Kind.OVERRIDE_LAPSED, question["subject"], told)
