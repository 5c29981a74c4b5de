"""What an event tells to be missing: exactly the numbers that will not come."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.told import Missing, told_missing

SPAN = {"lane": "work", "from_seq": 3, "to_seq": 9, "count": 7, "reason": "over-budget"}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


def gap(**data: Any) -> dict[str, Any]:
    return {"type": "lineside.journal.gap", "epoch": "e1", "data": {**SPAN, **data}}


def test_a_gap_record_tells_its_span() -> None:
    assert told_missing(gap()) == [Missing("e1", "work", 3, 9)]


def test_numbers_that_are_kept_still_come() -> None:
    """They are in the span and not missing."""
    told = told_missing(gap(kept=[3, 5, 6]))
    assert told == [Missing("e1", "work", 4, 4), Missing("e1", "work", 7, 9)]


def test_a_gap_record_may_be_about_an_older_journal() -> None:
    """An event saved from damage, which the broker refuses."""
    assert told_missing(gap(epoch="e0")) == [Missing("e0", "work", 3, 9)]


def test_a_recovery_tells_what_it_could_not_save() -> None:
    data = {"old_epoch": "e0", "new_epoch": "e1", "missing": {"work": [[3, 5], [9, 9]], "alarm": [[1, 2]]}}
    told = told_missing({"type": "lineside.journal.recovered", "epoch": "e1", "data": data})
    assert told == [Missing("e0", "work", 3, 5), Missing("e0", "work", 9, 9), Missing("e0", "alarm", 1, 2)]


@pytest.mark.parametrize("kind", ["lineside.journal.damaged", "lineside.alarm.raised", ""])
def test_other_events_tell_nothing(kind: str) -> None:
    assert told_missing({**gap(), "type": kind}) == []


@given(st.sampled_from(["lane", "from_seq", "to_seq", "kept", "missing", "old_epoch"]), JSON, st.booleans())
def test_nonsense_tells_nothing_that_cannot_be(key: str, value: object, recovered: bool) -> None:  # noqa: FBT001  drawn
    event = gap(**{"old_epoch": "e0", "missing": {"work": value}, key: value})
    if recovered:
        event["type"] = "lineside.journal.recovered"
    assert all(1 <= missing.first <= missing.last for missing in told_missing(event))
