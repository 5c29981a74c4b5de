"""What documents would make of the sets in use: the new look-ups, or every mistake.

All documents of one change are taken, or none.  Pure: the sets in use and the time come in.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import orjson

from agent.events import NS_PER_S
from agent.station.reference import NOTHING, Revision, Set
from agent.station.sets import documents
from agent.station.sets.links import wrong_links
from agent.station.sets.rows import document_row
from agent.station.sets.text import shown

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.events import Moment
    from agent.station.reference import Reference
    from agent.station.sets.documents import Document

WHOLE_AFTER = 50
"""After so many deltas the set is kept whole again, so that a start need not read more of them."""

AHEAD_S = 86_400.0
"""A document issued later than this from now is a mistake of somebody's clock, if ours is synchronised."""


@dataclass(frozen=True, slots=True)
class Paper:
    """The bytes of a document, and how it came: on a topic (`current` says since when it may stand there), or not.

    On a topic the newest stands for all: one that was issued before the set in use is left alone.  One that the broker
    retained says nothing of this moment, only of the one when it was issued.
    """

    payload: bytes
    on_topic: bool = False
    retained: bool = False


@dataclass(frozen=True, slots=True)
class Taken:
    """One set that a change takes: the revision before and after, and what to keep on disk, compressed.

    `how` is `whole`, `delta` or `confirmed`; the latter keeps nothing.
    """

    which: Set
    revision: str
    before: str
    how: str
    added: int = 0
    changed: int = 0
    removed: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of the sets `base`: `after`, with the sets `taken`.  With mistakes, `after` is `base`.

    `named` are the sets and revisions that the documents are about; `id` and `epoch` what they say of themselves.
    """

    base: Reference
    after: Reference
    taken: tuple[Taken, ...] = ()
    mistakes: tuple[str, ...] = ()
    named: tuple[tuple[str, str], ...] = ()
    digest: str = ""
    id: str = ""
    epoch: str = ""


@dataclass(slots=True)
class _Work:
    now: Moment
    after: Reference
    taken: list[Taken] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    named: list[tuple[str, str]] = field(default_factory=list)


def prepare(base: Reference, papers: Iterable[Paper], now: Moment) -> Change:
    """Return what `papers`, taken together in their order, make of `base`."""
    work = _Work(now, base)
    digest = identity = epoch = ""
    for paper in papers:
        digest = sha256(paper.payload).hexdigest()
        if (known := _known(work.after, digest)) is not None:
            revision = work.after.revisions[known]
            work.named.append((known.value, revision.revision))
            _confirm(work, known, paper, revision.issued, digest)
            continue
        bundle = documents.read(paper.payload)
        identity, epoch = bundle.id or identity, bundle.epoch or epoch
        work.mistakes += bundle.mistakes
        work.named += [(document.which.value, document.revision) for document in bundle.documents]
        if not bundle.mistakes:
            lone = digest if len(bundle.documents) == 1 else ""
            for document in bundle.documents:
                _take(work, document, paper, lone)
    changed = {taken.which for taken in work.taken if taken.how != "confirmed"}
    if not work.mistakes and changed:
        work.mistakes += wrong_links(work.after, changed)
    after = base if work.mistakes else work.after
    taken = () if work.mistakes else tuple(work.taken)
    return Change(base, after, taken, tuple(work.mistakes), tuple(dict.fromkeys(work.named)), digest, identity, epoch)


def restored(bodies: Mapping[Set, list[bytes]], revisions: Mapping[Set, Revision]) -> Reference:
    """Return the sets as they were kept: of each the whole and the deltas behind it, and when it was taken.

    A set that cannot be read any more is left out: it was never loaded, then.
    """
    reference = NOTHING
    for which, revision in revisions.items():
        rows: dict[Any, Any] | None = None
        try:
            for body in bodies.get(which, []):
                (document,) = documents.read(zlib.decompress(body)).documents
                rows = {} if rows is None else rows
                rows.update(document.data or {})
                for key in document.drop:
                    rows.pop(key, None)
        except (zlib.error, ValueError):
            continue
        if rows is not None:
            reference = _with(reference, which, rows, revision)
    return reference


def whole(reference: Reference, which: Set) -> bytes:
    """Return the document of a set in use, made from its look-up; one row after the other, for the others' sake."""
    revision = reference.revisions[which]
    head = orjson.dumps({"set": which.value, "revision": revision.revision, "issued": revision.issued})
    rows = b",\n".join(orjson.dumps(document_row(which, entry)) for entry in reference.rows(which).values())
    return head[:-1] + b',"data":[\n' + rows + b"\n]}"


def kept(reference: Reference, which: Set) -> bytes:
    """Return what to keep on disk of a set in use."""
    return zlib.compress(whole(reference, which), 1)


def _known(reference: Reference, digest: str) -> Set | None:
    return next((which for which, revision in reference.revisions.items() if revision.digest == digest), None)


def _take(work: _Work, document: Document, paper: Paper, digest: str) -> None:
    """Take one document into the work, or tell why not."""
    which, now = document.which, work.now
    issued, before = documents.moment(document.issued), work.after.revisions.get(which)
    if issued is None:
        raise AssertionError("a document without a time has a mistake")
    if now.synced and issued.time_ns > now.time_ns + AHEAD_S * NS_PER_S:
        work.mistakes.append(
            f"{which}: issued: {document.issued} lies in the future, it is {now.iso}; see to the clocks"
        )
    elif paper.on_topic and before is not None and _is_older(document.issued, before.issued):
        pass
    elif before is not None and before.revision == document.revision:
        if _agrees(document, work.after.rows(which)):
            _confirm(work, which, paper, document.issued, digest)
        else:
            work.mistakes.append(
                f"{which}: revision: {document.revision!r} is in use with another content; give a change a new revision"
            )
    elif document.data is None:
        in_use = before.revision if before else "none"
        work.mistakes.append(
            f"{which}: data: revision {document.revision!r} is not in use ({in_use} is): send the whole set"
        )
    elif not document.base:
        _apply(work, document, document.data, paper, digest)
    elif before is None or before.revision != document.base:
        in_use = repr(before.revision) if before else "no revision"
        work.mistakes.append(
            f"{which}: base: {in_use} is in use, not {document.base!r}: send a delta from there, or the whole set"
        )
    else:
        rows = dict(work.after.rows(which))
        rows.update(document.data)
        lost = [key for key in document.drop if rows.pop(key, None) is None]
        work.mistakes += [f"{which}: drop: {shown(key)} is not in revision {document.base!r}" for key in lost]
        _apply(work, document, rows, paper, digest)


def _apply(work: _Work, document: Document, rows: dict[Any, Any], paper: Paper, digest: str) -> None:
    which, before = document.which, work.after.revisions.get(document.which)
    old = work.after.rows(which)
    delta = bool(document.base) and before is not None
    deltas = before.deltas + 1 if delta and before is not None else 0
    keep_whole = not delta or deltas > WHOLE_AFTER
    fresh = _since(work.now, paper, document.issued)
    revision = Revision(document.revision, work.now, fresh, document.issued, digest, 0 if keep_whole else deltas)
    touched = document.data if delta and document.data is not None else rows
    added = sum(key not in old for key in touched)
    changed = sum(key in old and old[key] != row for key, row in touched.items())
    removed = len(old) + added - len(rows)
    work.after = _with(work.after, which, rows, revision)
    body = kept(work.after, which) if delta and keep_whole else zlib.compress(document.text.encode(), 1)
    told = Taken(which, document.revision, before.revision if before else "", "whole" if keep_whole else "delta")
    work.taken.append(replace(told, added=added, changed=changed, removed=removed, body=body))


def _confirm(work: _Work, which: Set, paper: Paper, issued: str, digest: str) -> None:
    before = work.after.revisions[which]
    confirmed = _since(work.now, paper, issued)
    if confirmed.time_ns < before.confirmed.time_ns and paper.retained:
        confirmed = before.confirmed
    again = replace(before, confirmed=confirmed, digest=digest or before.digest, issued=_later(issued, before.issued))
    work.after = _with(work.after, which, work.after.rows(which), again)
    work.taken.append(Taken(which, before.revision, before.revision, "confirmed"))


def _with(reference: Reference, which: Set, rows: Mapping[Any, Any], revision: Revision) -> Reference:
    revisions = {**reference.revisions, which: revision}
    return replace(reference, revisions=revisions, **{which.value: rows})


def _agrees(document: Document, rows: Mapping[Any, Any]) -> bool:
    """Whether what a document of the revision in use says is so."""
    if document.data is None:
        return True
    if document.base:
        return all(rows.get(key) == row for key, row in document.data.items()) and not rows.keys() & set(document.drop)
    return dict(rows) == document.data


def _since(now: Moment, paper: Paper, issued: str) -> Moment:
    """Since when the document is known to be the newest."""
    return (documents.moment(issued) if paper.retained else None) or now


def _is_older(issued: str, than: str) -> bool:
    one, other = documents.moment(issued), documents.moment(than)
    return one is not None and other is not None and one.time_ns < other.time_ns


def _later(one: str, other: str) -> str:
    return other if _is_older(one, other) else one
