"""Read what a scanned text means, by the station's scan rules.

Codes are strings, always.  The same label means the same through every reader: whether a reader tells the symbology
identifier or not, the text decides, and the identifier can only forbid.  Knows nothing of operations.
"""

from __future__ import annotations

import re
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, Protocol

from agent.station.label import LabelReader, Layout, Reading, Refusal
from agent.station.rules import vocabulary

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.station.rules import ScanRule

NO_RULE = "no scan rule reads it"


class Meaning(NamedTuple):
    """One way to read a scan: which rule, what it is (operator, unit, lot or command), and the groups' texts.

    `elements` is identifier -> value of a GS1 or ISO/IEC 15434 label; `nonconforming` if the label or its reader left
    control characters out.
    """

    rule: str
    what: str
    groups: Mapping[str, str]
    nonconforming: bool = False
    elements: Mapping[str, str] = MappingProxyType({})


class CodeReader:
    """The scan rules of a station, compiled."""

    def __init__(self, rules: Iterable[ScanRule]) -> None:
        self._rules: list[_Rule] = [_Text(rule) if rule.format == "text" else _Label(rule) for rule in rules]

    def meanings(self, text: str, symbology: str = "") -> list[Meaning]:
        """Return every reading of a code: none where no rule reads the whole of it, several where rules overlap.

        None, too, where the text is ambiguous to one of the rules; `why_not` says so.
        """
        found: list[Meaning] = []
        for rule in self._rules:
            read = rule.read(text, symbology)
            if read is None:
                continue
            if isinstance(read, Meaning):
                found.append(read)
            elif read.ambiguous:
                return []
        return found

    def why_not(self, text: str, symbology: str = "") -> str:
        """Why `meanings` are none, for people."""
        read = ((rule.name, rule.read(text, symbology)) for rule in self._rules)
        return "; ".join(f"rule {name}: {one.reason}" for name, one in read if isinstance(one, Refusal)) or NO_RULE


class _Rule(Protocol):
    name: str

    def read(self, text: str, symbology: str) -> Meaning | Refusal | None: ...


class _Text:
    """A rule that reads plain text by a pattern, whatever the symbology."""

    def __init__(self, rule: ScanRule) -> None:
        self.name = rule.name
        self._what = rule.meaning
        self._matches = re.compile(rule.pattern).fullmatch

    def read(self, text: str, _symbology: str) -> Meaning | None:
        match = self._matches(text)
        if match is None:
            return None
        return Meaning(self.name, self._what, match.groupdict(""))


class _Label:
    """A rule that reads the elements of a label."""

    def __init__(self, rule: ScanRule) -> None:
        self.name = rule.name
        self._what = rule.meaning
        self._elements = dict(rule.elements)
        layout = Layout(
            frozenset((*rule.elements.values(), *rule.also)),
            frozenset(rule.maybe),
            {identifier: re.compile(pattern) for identifier, pattern in rule.values.items()},
            rule.separator,
            rule.strict,
        )
        self._reader = LabelReader(vocabulary(rule.format), layout)

    def read(self, text: str, symbology: str) -> Meaning | Refusal | None:
        read = self._reader.read(text, symbology)
        if not isinstance(read, Reading):
            return read
        groups = {group: read.elements[identifier] for group, identifier in self._elements.items()}
        return Meaning(self.name, self._what, groups, read.nonconforming, read.elements)
