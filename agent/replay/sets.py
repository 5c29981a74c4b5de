"""Which reference data was in use when something was decided.

Contents are those that the journal keeps; which of them were there, and how old, is told by the facts themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from agent.events import NS_PER_S, Kind
from agent.station.reference import NOTHING, Reference, Revision, Set

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.events import Moment
    from agent.replay.recorded import Recorded

_SETS = set(Set)


@dataclass(slots=True)
class SetsThen:
    """The sets as they were at each fact: follow the facts in their order, then ask for `reference`.

    `kept` are the sets that the journal keeps.  Those in `tried` stand in the place of what was in use at any time.
    `begun`: the facts before the first are gone, so what is kept was there from the start, as far as anybody knows.
    """

    kept: Reference = NOTHING
    tried: Reference = NOTHING
    begun: bool = False
    reference: Reference = field(init=False, default=NOTHING)
    stand_ins: dict[str, None] = field(default_factory=dict)
    """Sets whose revision of that time is not kept any more, in words."""

    def __post_init__(self) -> None:
        for which, revision in self.kept.revisions.items() if self.begun else ():
            self._use(which, revision.revision, revision.confirmed)
        for which, revision in self.tried.revisions.items():
            self._use(which, revision.revision, revision.confirmed)

    def follow(self, facts: Iterable[Recorded]) -> None:
        """Take what the facts tell of the sets in use."""
        for fact in facts:
            if fact.kind == Kind.REFERENCE_APPLIED:
                self._use(Set(fact.data["set"]), fact.data["revision"], fact.moment)
            elif fact.data.get("alarm") == "reference-lost" and fact.data["set"] not in self.tried.revisions:
                left = {which: one for which, one in self.reference.revisions.items() if which != fact.data["set"]}
                self.reference = replace(self.reference, revisions=left, **{fact.data["set"]: {}})
            for check in fact.data.get("checks", ()):
                if check.get("set") in _SETS and "revision" in check and "age_s" in check:
                    self._use(Set(check["set"]), check["revision"], _before(fact.moment, check["age_s"]))

    def _use(self, which: Set, revision: str, confirmed: Moment) -> None:
        source = self.tried if which in self.tried.revisions else self.kept
        known = source.revisions.get(which)
        if known is None:
            self.stand_ins[f"{which} {revision}: nothing of it is kept"] = None
            return
        if source is self.kept and known.revision != revision:
            self.stand_ins[f"{which} {revision} is not kept any more: {known.revision} stands in for it"] = None
        name = known.revision if source is self.tried else revision
        revisions = {**self.reference.revisions, which: Revision(name, confirmed, confirmed)}
        rows: Any = source.rows(which)
        self.reference = replace(self.reference, revisions=revisions, **{which.value: rows})


def _before(moment: Moment, age_s: float) -> Moment:
    age_ns = int(age_s * NS_PER_S)
    return replace(moment, time_ns=moment.time_ns - age_ns, monotonic_ns=moment.monotonic_ns - age_ns)
