"""What the formats of labels have in common: identified elements between separators, and a vocabulary of identifiers.

Knows no format and no scan rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

GS = "\x1d"
"""Separates elements; what readers send for FNC1 inside a GS1 symbol."""

GS1_IDENTIFIERS = ("]C1", "]d2", "]Q3", "]e0", "]e1", "]e2")
"""Symbology identifiers of GS1-128, GS1 Data Matrix, GS1 QR and GS1 DataBar.  Source: ISO/IEC 15424, FIELD.md 2."""


class UnreadableError(Exception):
    """The text is no label of this format, or a broken one: the message says why.

    `known` is False where not even its first characters look like one.
    """

    def __init__(self, reason: str, *, known: bool = True) -> None:
        super().__init__(reason)
        self.known = known


@dataclass(frozen=True, slots=True)
class Body:
    """Elements without their envelope.

    `nonconforming` if control characters were missing around them; `sure` if symbology identifier or envelope say that
    the label is of this format.
    """

    text: str
    nonconforming: bool
    sure: bool


class Vocabulary(Protocol):
    """What a format of labels knows of its identifiers."""

    @property
    def called(self) -> str:
        """What people call an identifier."""

    def knows(self, identifier: str) -> bool:
        """Whether there is such an identifier."""

    def unwrap(self, text: str, symbology: str) -> Body | None:
        """Return the elements in `text`, None if it is no such label.  Raises UnreadableError."""

    def first(self, segment: str) -> tuple[str, str]:
        """Identifier and value of the element with which `segment` begins.  Raises UnreadableError."""

    def length(self, identifier: str) -> int | None:
        """Characters of a value whose length is predefined; None if a separator or the end must tell it."""

    def fault(self, identifier: str, value: str) -> str:
        """Why `value` cannot be one of `identifier`; empty if it can."""
