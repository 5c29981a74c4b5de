"""Read elements that are joined without separators, where there is one way only to do so.

Knows which identifiers may occur, each at most once; tells every reading, and chooses none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

MOST_STEPS = 10_000
"""Values tried before a text counts as one with too many readings; real labels take some dozens."""


class TooManyReadingsError(Exception):
    """The search was given up: whatever the text says, it says it in too many ways."""


@dataclass(frozen=True, slots=True)
class Grammar:
    """Which identifiers a text may carry, which it must, how long a value is (None: unknown), and which are good."""

    declared: tuple[str, ...]
    required: frozenset[str]
    length: Callable[[str], int | None]
    admits: Callable[[str, str], bool]


def readings(text: str, grammar: Grammar) -> list[Mapping[str, str]]:
    """Return the first two readings of `text` that differ, or one, or none.  Raises TooManyReadingsError."""
    found: list[Mapping[str, str]] = []
    for reading in _Search(text, grammar).readings(0, {}):
        if reading not in found:
            found.append(reading)
        if len(found) > 1:
            break
    return found


class _Search:
    def __init__(self, text: str, grammar: Grammar) -> None:
        self._text = text
        self._grammar = grammar
        self._steps = 0
        self._marks = [at for at in range(len(text)) if any(text.startswith(one, at) for one in grammar.declared)]

    def readings(self, at: int, taken: Mapping[str, str]) -> Iterator[Mapping[str, str]]:
        if at == len(self._text):
            if self._grammar.required <= taken.keys():
                yield taken
            return
        for identifier in self._grammar.declared:
            if identifier in taken or not self._text.startswith(identifier, at):
                continue
            start = at + len(identifier)
            for end in self._ends(identifier, start):
                self._steps += 1
                if self._steps > MOST_STEPS:
                    raise TooManyReadingsError
                value = self._text[start:end]
                if self._grammar.admits(identifier, value):
                    yield from self.readings(end, {**taken, identifier: value})

    def _ends(self, identifier: str, start: int) -> Iterable[int]:
        """Where a value that begins at `start` may end: by its length, or where an identifier may begin, or at last."""
        length = self._grammar.length(identifier)
        if length is None:
            return [*(mark for mark in self._marks if mark > start), len(self._text)]
        return [start + length] if start + length <= len(self._text) else []
