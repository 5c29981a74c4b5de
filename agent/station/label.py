"""Read a label that is made of identified elements, by one scan rule.

A rule names every element that its labels may carry.  That is what makes a lost separator visible: the characters of
two elements are then one value with a known identifier inside it, so the text has two readings, and what has two
readings is not read.  Knows nothing of what the elements are for.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.station import joined
from agent.station.vocabulary import GS, Body, UnreadableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.vocabulary import Vocabulary

SYMBOLOGY_IDENTIFIER = re.compile(r"\][A-Za-z][0-9A-Za-z]")


@dataclass(frozen=True, slots=True)
class Reading:
    """Identifier -> value of every element; `nonconforming` if control characters were missing."""

    elements: Mapping[str, str]
    nonconforming: bool


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a label of the rule's format is not read; `ambiguous` if it has two readings."""

    reason: str
    ambiguous: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """What one rule's labels carry: `required` always, `optional` on some; `values` narrows single elements down.

    `separator` is what readers send in place of GS; empty: they send GS.  `strict` reads conforming labels only, and
    takes a text without separators at its word.
    """

    required: frozenset[str]
    optional: frozenset[str]
    values: Mapping[str, re.Pattern[str]]
    separator: str
    strict: bool


class LabelReader:
    """Reads the labels of one layout."""

    def __init__(self, vocabulary: Vocabulary, layout: Layout) -> None:
        self._vocabulary = vocabulary
        self._layout = layout
        self._grammar = joined.Grammar(
            tuple(sorted(layout.required | layout.optional)), layout.required, vocabulary.length, self._admits
        )

    def read(self, text: str, symbology: str) -> Reading | Refusal | None:
        """Return what the label carries, why it is not read, or None if it is no label of this format."""
        if not symbology and (sent_along := SYMBOLOGY_IDENTIFIER.match(text)):
            symbology, text = sent_along[0], text[sent_along.end() :]
        replaced = self._layout.separator
        restored = text.replace(replaced, GS) if replaced else text
        try:
            body = self._vocabulary.unwrap(restored, symbology)
        except UnreadableError as error:
            return Refusal(str(error))
        if body is None:
            return None
        return self._opened(Body(body.text, body.nonconforming or restored != text, body.sure))

    def _opened(self, body: Body) -> Reading | Refusal | None:
        try:
            plain = self._split(body.text)
            objection = self._objection(plain)
        except UnreadableError as error:
            if not (body.sure or error.known):
                return None
            plain, objection = {}, str(error)
        if self._layout.strict and body.nonconforming:
            return Refusal("control characters are missing, and the rule is strict")
        if not self._layout.strict and GS not in body.text:
            return self._without_separators(body, plain, objection)
        return Refusal(objection) if objection else Reading(plain, body.nonconforming)

    def _without_separators(self, body: Body, plain: Mapping[str, str], objection: str) -> Reading | Refusal:
        """Read a text in which separators may have been lost: in the one way there is, or not at all."""
        try:
            readings = joined.readings(body.text, self._grammar)
        except joined.TooManyReadingsError:
            return Refusal("separators (GS) are missing, and there are too many readings", ambiguous=True)
        if len(readings) > 1:
            return Refusal(_ambiguity(*readings), ambiguous=True)
        if not readings:
            return Refusal(objection)
        return Reading(readings[0], body.nonconforming or readings[0] != plain)

    def _split(self, text: str) -> dict[str, str]:
        """Elements as the format's own rules cut them.  Raises UnreadableError, also where two disagree."""
        found: dict[str, str] = {}
        for segment in text.split(GS):
            rest = segment
            while rest:
                identifier, value = self._vocabulary.first(rest)
                if fault := self._vocabulary.fault(identifier, value):
                    raise UnreadableError(f"{identifier}: {fault}")
                if found.setdefault(identifier, value) != value:
                    raise UnreadableError(f"{identifier} is there twice: {found[identifier]!r} and {value!r}")
                rest = rest[len(identifier) + len(value) :]
        return found

    def _objection(self, elements: Mapping[str, str]) -> str:
        """Why a label with these elements is none of the rule's; empty if it is one."""
        for identifier, value in elements.items():
            if identifier not in self._grammar.declared:
                return f"{identifier} is on the label but not in the rule: add it to `also` or `maybe`"
            if not self._matches(identifier, value):
                return f"{identifier}: {value!r} does not match `values`"
        missing = self._layout.required - elements.keys()
        return f"{min(missing)} is missing" if missing else ""

    def _admits(self, identifier: str, value: str) -> bool:
        return self._matches(identifier, value) and not self._vocabulary.fault(identifier, value)

    def _matches(self, identifier: str, value: str) -> bool:
        pattern = self._layout.values.get(identifier)
        return pattern is None or pattern.fullmatch(value) is not None


def _ambiguity(one: Mapping[str, str], other: Mapping[str, str]) -> str:
    """Two readings in words, where they differ."""
    differing = min(identifier for identifier in {**one, **other} if one.get(identifier) != other.get(identifier))
    values = sorted(repr(reading[differing]) if differing in reading else "absent" for reading in (one, other))
    return (
        f"{differing} may be {' or '.join(values)}: separators (GS) are missing; "
        "let the reader send them, or say in `values` what it looks like"
    )
