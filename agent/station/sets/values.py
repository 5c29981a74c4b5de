"""What a value of reference data must hold, and what it becomes: a text, a day, a number, a list of them.

Knows no set and no row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from agent.station.sets.text import shown

LONGEST = 500
"""Characters of a text, at most."""

STATUSES = ("ok", "hold", "scrap")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")

Read = Callable[[Any], Any]
"""Turns the value of a key into that of the entry.  Raises ValueError with what to do, or `Wrong` with several."""


class Wrong(ValueError):  # noqa: N818  several mistakes, told one by one
    """Mistakes inside a value, each with its path."""

    def __init__(self, mistakes: list[tuple[str, str]]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = mistakes


def text(value: object) -> str:
    """A text that says something."""
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST:
        raise ValueError(f"must be a text of 1 to {LONGEST} characters; it is {shown(value)}")
    return value


def any_text(value: object) -> str:
    """A text that may be empty."""
    return "" if value == "" else text(value)


def day(value: object) -> str:
    """A day of the calendar, YYYY-MM-DD."""
    try:
        if isinstance(value, str) and _DAY.fullmatch(value) and date.fromisoformat(value):
            return value
    except ValueError:
        pass
    raise ValueError(f"must be a day such as 2026-11-21; it is {shown(value)}")


def pattern(value: object) -> str:
    """A regular expression; may be empty."""
    expression = any_text(value)
    try:
        re.compile(expression)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return expression


def status(value: object) -> str:
    """The status of a unit."""
    if value not in STATUSES:
        raise ValueError(f"must be one of {', '.join(STATUSES)}; it is {shown(value)}")
    return str(value)


def count(value: object) -> int:
    """How many, from 1 up."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"must be a whole number from 1 up; it is {shown(value)}")
    return value


def yes_or_no(value: object) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false; it is {shown(value)}")  # noqa: TRY004  told like every other mistake
    return value


def exact(value: object) -> Decimal:
    """A number, to its last digit."""
    try:
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            number = Decimal(value)
            if number.is_finite():
                return number
    except InvalidOperation:
        pass
    raise ValueError(f"must be a number; it is {shown(value)}")


def list_of(read: Read, name: Callable[[Any], Hashable] = str, *, filled: bool = False) -> Read:
    """Return a reader of an array whose elements occur once each, by `name`."""

    def reading(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or (filled and not value):
            raise ValueError(f"must be an array{' that is not empty' if filled else ''}; it is {shown(value)}")
        found, mistakes = _each(((f"[{index}]", inner) for index, inner in enumerate(value)), read)
        names = [name(one) for one in found]
        if len(set(names)) < len(names):
            twice = next(one for index, one in enumerate(names) if one in names[:index])
            mistakes.append(("", f"names {spelt(twice)} twice"))
        if mistakes:
            raise Wrong(mistakes)
        return tuple(found)

    return reading


def map_of(read: Read) -> Read:
    """Return a reader of an object whose keys are names."""

    def reading(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"must be an object; it is {shown(value)}")  # noqa: TRY004  told like every other mistake
        found, mistakes = _each(((f".{key}", inner) for key, inner in value.items()), read)
        if "" in value:
            mistakes.append(("", "has an empty key"))
        if mistakes:
            raise Wrong(mistakes)
        return dict(zip(value, found, strict=True))

    return reading


def _each(values: Iterator[tuple[str, object]], read: Read) -> tuple[list[Any], list[tuple[str, str]]]:
    found, mistakes = [], []
    for path, value in values:
        try:
            found.append(read(value))
        except Wrong as error:
            mistakes += [(path + inner, what) for inner, what in error.mistakes]
        except ValueError as error:
            mistakes.append((path, str(error)))
    return found, mistakes


def spelt(key: Any) -> str:
    """A name, or several that name together, as people read it."""
    return shown(key) if isinstance(key, str) else "/".join(key)
