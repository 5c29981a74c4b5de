"""A document of reference data: one set, whole or as a delta, or a bundle of several.

Reads the text and its rows.  Knows nothing of the sets in use.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from agent.events import NS_PER_S, Moment
from agent.station.reference import Set
from agent.station.sets.rows import Rows
from agent.station.sets.text import Cursor, UnreadableError, decoded, shown

KNOWN = ("set", "revision", "issued", "base", "data", "put", "drop")
"""Keys of a document; the outermost object may also have `id` and `epoch`, and `documents` in a bundle."""


@dataclass(slots=True)
class Document:
    """One set as a document has it.

    `data` are its rows by their keys; None where it only confirms a revision.  With `base`, a delta: `data` are the
    rows put, `drop` the keys dropped.  `text` is the document itself.
    """

    which: Set
    revision: str
    issued: str
    base: str = ""
    data: dict[Any, Any] | None = None
    drop: list[Any] = field(default_factory=list)
    text: str = ""


@dataclass(slots=True)
class Bundle:
    """What a message or file holds: documents, every mistake found, and the order's own identity if it has one."""

    documents: list[Document] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    id: str = ""
    epoch: str = ""


def read(payload: bytes) -> Bundle:
    """Read a document or a bundle.  Never raises: what is wrong is among the mistakes."""
    bundle = Bundle()
    try:
        cursor = Cursor(decoded(payload))
        if not cursor.sees("{"):
            raise UnreadableError("is not JSON: must be an object")  # noqa: TRY301  one place tells it
        _object(cursor, bundle, outermost=True)
        cursor.must_end()
    except UnreadableError as error:
        bundle.mistakes.append(str(error))
        bundle.documents.clear()
    return bundle


def _object(cursor: Cursor, bundle: Bundle, *, outermost: bool) -> None:
    """Read one document, or a bundle where it is the outermost object."""
    begin = cursor.at
    found: dict[str, Any] = {}
    rows: Rows | None = None
    for key in cursor.members():
        if key in found:
            bundle.mistakes.append(f"key {key!r} is there twice")
        if key == "documents" and outermost:
            found[key] = True
            for _ in cursor.elements():
                _object(cursor, bundle, outermost=False)
        elif key in {"data", "put"} and isinstance(name := found.get("set"), str) and name in set(Set):
            rows = rows or Rows(Set(name))
            found[key] = _rows(cursor, rows, key, bundle)
        else:
            found[key] = cursor.value()
    if outermost:
        bundle.id, bundle.epoch = (_word(found.pop(key, "")) for key in ("id", "epoch"))
    if not found.pop("documents", False):
        _document(found, rows, cursor.text[begin : cursor.at], bundle)
    elif found:
        bundle.mistakes.append(f"unknown key {min(found)!r} beside documents")


def _rows(cursor: Cursor, rows: Rows, array: str, bundle: Bundle) -> bool:
    if not cursor.sees("["):
        bundle.mistakes.append(f"{array}: must be an array; it is {shown(cursor.value())}")
        return False
    for index in cursor.elements():
        rows.read(index, cursor.value(), array)
    return True


def _document(found: dict[str, Any], rows: Rows | None, text: str, bundle: Bundle) -> None:
    """Add the document with these keys; rows that came before the name of their set are read only now."""
    name = found.get("set")
    if not isinstance(name, str) or name not in set(Set):
        told = f"it is {shown(name)}" if "set" in found else "it is missing"
        bundle.mistakes.append(f"set: must be one of {', '.join(Set)}; {told}")
        return
    which = Set(name)
    rows = rows or Rows(which)
    for array in ("data", "put"):
        if array in found and not isinstance(found[array], bool):
            _late_rows(found[array], rows, array)
    drop = found.get("drop", [])
    if not isinstance(drop, list):
        rows.mistakes.append(f"{which}: drop: must be an array of keys; it is {shown(drop)}")
        drop = []
    document = Document(which, _word(found.get("revision", "")), _word(found.get("issued", "")), text=text)
    document.base = _word(found.get("base", ""))
    document.drop = [rows.dropped(index, key) for index, key in enumerate(drop)]
    if {"data", "put", "drop"} & found.keys():
        document.data = rows.found
    bundle.mistakes += [f"{which}: {what}" for what in _wrong_head(found, document)] + rows.mistakes
    bundle.documents.append(document)


def _late_rows(values: object, rows: Rows, array: str) -> None:
    if isinstance(values, list):
        for index, row in enumerate(values):
            rows.read(index, row, array)
    else:
        rows.mistakes.append(f"{rows.which}: {array}: must be an array; it is {shown(values)}")


def _wrong_head(found: dict[str, Any], document: Document) -> list[str]:
    wrong = [f"unknown key {key!r}; known are: {', '.join(KNOWN)}" for key in found if key not in KNOWN]
    if not document.revision:
        wrong.append("revision: must be a text that names this revision of the set")
    if moment(document.issued) is None:
        wrong.append("issued: must be a time such as 2026-11-21T10:00:00Z")
    delta = bool({"base", "put", "drop"} & found.keys())
    if delta and "data" in found:
        wrong.append("has data as well as base, put or drop: send the whole set, or a delta")
    elif delta and not document.base:
        wrong.append("base: a delta must name the revision it changes")
    elif document.base and not {"put", "drop"} & found.keys():
        wrong.append("put: a delta must have put or drop")
    if document.base and document.base == document.revision:
        wrong.append("revision: a delta must have another revision than its base")
    if document.data is not None and (both := document.data.keys() & set(document.drop)):
        wrong.append(f"{shown(next(iter(both)))} is both put and dropped")
    return wrong


def _word(value: object) -> str:
    return value.strip() if isinstance(value, str) else ""


def moment(issued: str) -> Moment | None:
    """Return a time of a document as a moment of no boot; None if it is no time with its offset from UTC."""
    try:
        time = datetime.fromisoformat(issued)
    except ValueError:
        return None
    if time.tzinfo is None:
        return None
    return Moment(int(time.timestamp() * NS_PER_S), 0, synced=True, boot="")
