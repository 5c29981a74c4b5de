"""Read what a scanned text means, by the station's scan rules.

Codes are strings, always.  Knows nothing of operations: a meaning is a rule and its named groups.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.station.rules import ScanRule


@dataclass(frozen=True, slots=True)
class Meaning:
    """One way to read a scan: which rule, what it is (operator, unit, lot or command), and the groups' texts."""

    rule: str
    what: str
    groups: Mapping[str, str]


class CodeReader:
    """The scan rules of a station, compiled."""

    def __init__(self, rules: Iterable[ScanRule]) -> None:
        self._rules = [(rule.name, rule.meaning, re.compile(rule.pattern)) for rule in rules]

    def meanings(self, text: str) -> list[Meaning]:
        """Return every reading of `text`: none where no rule matches the whole of it, several where rules overlap."""
        found = []
        for name, what, pattern in self._rules:
            if match := pattern.fullmatch(text):
                found.append(Meaning(name, what, {group: value or "" for group, value in match.groupdict().items()}))
        return found
