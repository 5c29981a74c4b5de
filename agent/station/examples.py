"""Make a few texts that a pattern matches, to find codes that would have two meanings.

A few, not all: what they do not show is still found when such a code is scanned.
"""

from __future__ import annotations

import re
from typing import Any

parser: Any = re._parser  # type: ignore[attr-defined]  # noqa: SLF001  the parse tree has no public door

REPEATED = 3
"""Characters of a run whose length the pattern leaves open, beside its shortest."""

ANY = "A0"
"""Stands for any character: a letter, and a digit."""

_OF_CLASS = {
    "CATEGORY_DIGIT": "07",
    "CATEGORY_NOT_DIGIT": "A",
    "CATEGORY_WORD": "A0",
    "CATEGORY_NOT_WORD": "-",
    "CATEGORY_SPACE": " ",
    "CATEGORY_NOT_SPACE": "A0",
}


def matching(pattern: str) -> set[str]:
    """Return some texts that the whole of `pattern` matches; none where it says more than can be followed here."""
    compiled = re.compile(pattern)
    texts = {_text(parser.parse(pattern), choice, run) for choice in range(2) for run in (0, 1, REPEATED)}
    return {text for text in texts if compiled.fullmatch(text)}


def _text(tree: Any, choice: int, run: int) -> str:
    return "".join(_piece(operator, argument, choice, run) for operator, argument in tree)


def _piece(operator: Any, argument: Any, choice: int, run: int) -> str:  # noqa: PLR0911  a table in words
    match str(operator):
        case "LITERAL":
            return chr(argument)
        case "NOT_LITERAL" | "ANY":
            return ANY[choice]
        case "IN":
            return _one_of(argument, choice)
        case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
            least, most, inner = argument
            return _text(inner, choice, run) * min(int(most), max(int(least), run))
        case "SUBPATTERN":
            return _text(argument[-1], choice, run)
        case "ATOMIC_GROUP":
            return _text(argument, choice, run)
        case "BRANCH":
            branches = argument[1]
            return _text(branches[choice * (len(branches) - 1)], choice, run)
        case _:
            return ""


def _one_of(members: Any, choice: int) -> str:
    """A member of a set: its first, or its last."""
    kind, what = members[-choice]
    match str(kind):
        case "LITERAL":
            return chr(what)
        case "RANGE":
            return chr(what[choice])
        case "CATEGORY":
            texts = _OF_CLASS.get(str(what), "A")
            return texts[choice % len(texts)]
        case _:
            return ANY[choice]
