"""What a change of reference data leaves behind: events, the memory of the revisions in use, an answer for who sent it.

The memory tells since when a revision is in use; the sets themselves are kept elsewhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from agent.events import Event, Kind, Moment
from agent.station import timers
from agent.station.decision import Decision
from agent.station.reference import Reference, Revision, Set

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.station.decision import Document
    from agent.station.sets.change import Change, Taken

PREFIX = "reference/"
"""Keys of the memory that tell which revision of a set is in use."""

REFUSED = PREFIX + "refused"
"""Key of the document with the digests of what was refused from a topic, so that it is told once."""

REFUSED_KEPT = 16
MISTAKES_TOLD = 100
"""Mistakes in an event or answer, at most; `mistakes_count` tells how many there are."""


def decision(
    change: Change, memory: Mapping[str, Document], origins: Iterable[str], moment: Moment, *, repeatable: bool
) -> Decision:
    """Return the events and documents of `change`.  `repeatable`: the broker may bring it again and again."""
    came = sorted(set(origins))
    if change.mistakes:
        return _refused(change, memory, came, moment, repeatable=repeatable)
    events = [
        Event(Kind.REFERENCE_APPLIED, taken.which.value, _applied(change, taken, came), moment)
        for taken in change.taken
        if taken.how != "confirmed"
    ]
    documents = {
        PREFIX + taken.which: _document(change.after.revisions[taken.which], len(change.after.rows(taken.which)))
        for taken in change.taken
    }
    return Decision(tuple(events), documents)


def answer(change: Change) -> Document:
    """Return what to answer who sent it: the sets now in use, and every mistake."""
    told: Document = {"ok": not change.mistakes, "in_use": in_use(change.after)}
    if change.mistakes:
        told |= {"mistakes": list(change.mistakes[:MISTAKES_TOLD]), "mistakes_count": len(change.mistakes)}
    else:
        told["taken"] = [
            {"set": taken.which.value, "revision": taken.revision, "how": taken.how} for taken in change.taken
        ]
    return told


def in_use(reference: Reference) -> dict[str, str]:
    """Set -> its revision in use."""
    return {which.value: revision.revision for which, revision in reference.revisions.items()}


def ages(memory: Mapping[str, Document], now: Moment) -> list[Document]:
    """Return what is in use, set by set: revision, rows, and the seconds since somebody said that it is the newest."""
    known = remembered(memory)
    reference = Reference(revisions=known)
    return [
        {
            "set": which.value,
            "revision": revision.revision,
            "count": memory[PREFIX + which]["count"],
            "issued": revision.issued,
            "loaded": revision.loaded.iso,
            "age_s": reference.age_s(which, now),
        }
        for which, revision in known.items()
    ]


def remembered(memory: Mapping[str, Document]) -> dict[Set, Revision]:
    """Return the revisions in use, as the memory tells."""
    found = {}
    for which in Set:
        if document := memory.get(PREFIX + which):
            found[which] = Revision(
                document["revision"],
                _moment(document["loaded"]),
                _moment(document["confirmed"]),
                document["issued"],
                document["digest"],
                document["deltas"],
            )
    return found


def _applied(change: Change, taken: Taken, came: list[str]) -> Document:
    revision = change.after.revisions[taken.which]
    return {
        "set": taken.which.value,
        "revision": taken.revision,
        "before": taken.before,
        "issued": revision.issued,
        "how": taken.how,
        "origin": ", ".join(came),
        "count": len(change.after.rows(taken.which)),
        "added": taken.added,
        "changed": taken.changed,
        "removed": taken.removed,
    }


def _refused(
    change: Change, memory: Mapping[str, Document], came: list[str], moment: Moment, *, repeatable: bool
) -> Decision:
    known: list[str] = (memory.get(REFUSED) or {}).get("digests", [])
    if repeatable and change.digest in known:
        return Decision()
    data: dict[str, Any] = {
        "documents": [{"set": which, "revision": revision} for which, revision in change.named],
        "origin": ", ".join(came),
        "mistakes": list(change.mistakes[:MISTAKES_TOLD]),
        "mistakes_count": len(change.mistakes),
        "in_use": in_use(change.base),
    }
    subject = change.named[0][0] if len(change.named) == 1 else ""
    event = Event(Kind.REFERENCE_REFUSED, subject, data, moment)
    documents = {REFUSED: {"digests": [*known, change.digest][-REFUSED_KEPT:]}} if repeatable else {}
    return Decision((event,), documents)


def _document(revision: Revision, count: int) -> Document:
    return {
        "revision": revision.revision,
        "issued": revision.issued,
        "count": count,
        "loaded": timers.mark(revision.loaded),
        "confirmed": timers.mark(revision.confirmed),
        "digest": revision.digest,
        "deltas": revision.deltas,
    }


def _moment(document: Document) -> Moment:
    return Moment(document["time_ns"], document["monotonic_ns"], document["synced"], document["boot"])
