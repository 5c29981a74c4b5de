"""Tell which alarm of a group was the first out: the one to look at, the others often follow from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from agent.station.decision import Document, Draft

PREFIX = "alarms/group/"
"""Documents of groups of which an alarm stands: the first of them, and how many."""


def join(draft: Draft, group: str, alarm: Document) -> Document:
    """Return the alarm, as the first out of its group or as one that came after; once in, it keeps its place."""
    if not group or "first_out" in alarm:
        return alarm
    known: Document = draft.get(PREFIX + group) or {"first": alarm["id"], "members": 0}
    first = known["members"] == 0
    draft.put(PREFIX + group, {"first": alarm["id"] if first else known["first"], "members": known["members"] + 1})
    return {**alarm, "first_out": first}


def leave(draft: Draft, group: str, alarm: Document) -> Document:
    """Return the alarm, no longer one of its group; a group of none is forgotten, and has a new first the next time."""
    if "first_out" not in alarm:
        return alarm
    known: Document = draft.get(PREFIX + group) or {"members": 1}
    if known["members"] > 1:
        draft.put(PREFIX + group, {**known, "members": known["members"] - 1})
    else:
        draft.forget(PREFIX + group)
    return {key: value for key, value in alarm.items() if key != "first_out"}


def count_again(draft: Draft, members: Iterable[tuple[str, Document]]) -> None:
    """Count the groups anew by their alarms, each with the group it is in: the station file may have changed."""
    counted: dict[str, Document] = {}
    for group, alarm in members:
        if group and "first_out" in alarm:
            known = counted.setdefault(group, {"first": "", "members": 0})
            known["members"] += 1
            if alarm["first_out"]:
                known["first"] = alarm["id"]
    for key, known in [*draft.under(PREFIX)]:
        if counted.get(key.removeprefix(PREFIX)) != known:
            draft.forget(key)
    for group, known in counted.items():
        if draft.get(PREFIX + group) != known:
            draft.put(PREFIX + group, known)
