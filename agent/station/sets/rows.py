"""What a row of each set looks like in a document: its keys, what they must hold, and the look-up entry it becomes.

Knows one row at a time.  Whether the rows fit one another is `links`'.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from difflib import get_close_matches
from typing import Any

from agent.station.reference import (
    BlockedLot,
    Component,
    GaugeRecord,
    Limit,
    Operator,
    Product,
    Route,
    Set,
    Unit,
)
from agent.station.sets.text import shown

LONGEST = 500
"""Characters of a text, at most."""

STATUSES = ("ok", "hold", "scrap")
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_REQUIRED: Any = object()

Read = Callable[[Any], Any]
"""Turns the value of a key into that of the entry.  Raises ValueError with what to do, or `_Wrong` with several."""


class _Wrong(ValueError):  # noqa: N818  several mistakes, told one by one
    """Mistakes inside a value, each with its path."""

    def __init__(self, mistakes: list[tuple[str, str]]) -> None:
        super().__init__(f"{len(mistakes)} mistakes")
        self.mistakes = mistakes


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of row: what it becomes, its keys with their readers and defaults, and those that name it."""

    make: Callable[..., Any]
    keys: Mapping[str, tuple[Read, Any]]
    name: tuple[str, ...]

    def key(self, entry: Any) -> Any:
        """The key of an entry in its look-up."""
        return entry_key(tuple(getattr(entry, name) for name in self.name))

    def read(self, row: object) -> Any:
        """Return the entry of a row.  Raises _Wrong."""
        if not isinstance(row, dict):
            raise _Wrong([("", f"must be an object; it is {shown(row)}")])
        mistakes: list[tuple[str, str]] = []
        values: dict[str, Any] = {}
        for key, (read, default) in self.keys.items():
            if key not in row:
                if default is _REQUIRED:
                    mistakes.append((f".{key}", "is missing"))
                continue
            try:
                values[key] = read(row[key])
            except _Wrong as error:
                mistakes += [(f".{key}{path}", what) for path, what in error.mistakes]
            except ValueError as error:
                mistakes.append((f".{key}", str(error)))
        for key in row.keys() - self.keys.keys():
            near = get_close_matches(key, self.keys, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(self.keys)}"
            mistakes.append((f".{key}", f"unknown key; {hint}"))
        if mistakes:
            raise _Wrong(mistakes)
        return self.make(**values)


def entry_key(parts: tuple[str, ...]) -> Any:
    """One name by itself, several as they are."""
    return parts[0] if len(parts) == 1 else parts


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > LONGEST:
        raise ValueError(f"must be a text of 1 to {LONGEST} characters; it is {shown(value)}")
    return value


def _any_text(value: object) -> str:
    return "" if value == "" else _text(value)


def _day(value: object) -> str:
    try:
        if isinstance(value, str) and _DAY.fullmatch(value) and date.fromisoformat(value):
            return value
    except ValueError:
        pass
    raise ValueError(f"must be a day such as 2026-11-21; it is {shown(value)}")


def _pattern(value: object) -> str:
    text = _any_text(value)
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"is no regular expression: {error}") from None
    return text


def _status(value: object) -> str:
    if value not in STATUSES:
        raise ValueError(f"must be one of {', '.join(STATUSES)}; it is {shown(value)}")
    return str(value)


def _count(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"must be a whole number from 1 up; it is {shown(value)}")
    return value


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false; it is {shown(value)}")  # noqa: TRY004  told like every other mistake
    return value


def _exact(value: object) -> Decimal:
    try:
        if isinstance(value, str | int | Decimal) and not isinstance(value, bool):
            number = Decimal(value)
            if number.is_finite():
                return number
    except InvalidOperation:
        pass
    raise ValueError(f"must be a number; it is {shown(value)}")


def _list(read: Read, name: Callable[[Any], Hashable] = str, *, filled: bool = False) -> Read:
    """Return a reader of an array whose elements occur once each, by `name`."""

    def reading(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list) or (filled and not value):
            raise ValueError(f"must be an array{' that is not empty' if filled else ''}; it is {shown(value)}")
        found, mistakes = _each(((f"[{index}]", inner) for index, inner in enumerate(value)), read)
        names = [name(one) for one in found]
        if len(set(names)) < len(names):
            twice = next(one for index, one in enumerate(names) if one in names[:index])
            mistakes.append(("", f"names {_spelt(twice)} twice"))
        if mistakes:
            raise _Wrong(mistakes)
        return tuple(found)

    return reading


def _map(read: Read) -> Read:
    """Return a reader of an object whose keys are names."""

    def reading(value: object) -> dict[str, Any]:
        if not isinstance(value, dict):
            raise ValueError(f"must be an object; it is {shown(value)}")  # noqa: TRY004  told like every other mistake
        found, mistakes = _each(((f".{key}", inner) for key, inner in value.items()), read)
        if "" in value:
            mistakes.append(("", "has an empty key"))
        if mistakes:
            raise _Wrong(mistakes)
        return dict(zip(value, found, strict=True))

    return reading


def _each(values: Iterator[tuple[str, object]], read: Read) -> tuple[list[Any], list[tuple[str, str]]]:
    found, mistakes = [], []
    for path, value in values:
        try:
            found.append(read(value))
        except _Wrong as error:
            mistakes += [(path + inner, what) for inner, what in error.mistakes]
        except ValueError as error:
            mistakes.append((path, str(error)))
    return found, mistakes


def _limit(**values: Any) -> Limit:
    limit = Limit(**values)
    if not limit.low <= limit.nominal <= limit.high:
        raise _Wrong([("", f"must have low <= nominal <= high; has {limit.low}, {limit.nominal}, {limit.high}")])
    return limit


def _route(**values: Any) -> Route:
    route = Route(**values)
    if loose := set(route.rework) - set(route.operations):
        raise _Wrong([(".rework", f"{min(loose)!r} is no operation of the route: {', '.join(route.operations)}")])
    return route


_NAMES = _list(_text)

_COMPONENT = Sort(
    Component,
    {
        "part": (_text, _REQUIRED),
        "operation": (_text, _REQUIRED),
        "quantity": (_count, 1),
        "serial": (_yes_or_no, False),
    },
    ("part", "operation"),
)
_LIMIT = Sort(
    _limit,
    {
        "characteristic": (_text, _REQUIRED),
        "unit": (_text, _REQUIRED),
        "low": (_exact, _REQUIRED),
        "nominal": (_exact, _REQUIRED),
        "high": (_exact, _REQUIRED),
    },
    ("characteristic",),
)

SORTS: Mapping[Set, Sort] = {
    Set.OPERATORS: Sort(
        Operator,
        {
            "badge": (_text, _REQUIRED),
            "name": (_any_text, ""),
            "roles": (_NAMES, ()),
            "qualifications": (_map(lambda value: "" if value == "" else _day(value)), {}),
        },
        ("badge",),
    ),
    Set.PRODUCTS: Sort(
        Product,
        {
            "number": (_text, _REQUIRED),
            "route": (_text, _REQUIRED),
            "units": (_pattern, ""),
            "components": (_list(_COMPONENT.read, _COMPONENT.key), ()),
            "limits": (_list(_LIMIT.read, _LIMIT.key), ()),
            "instructions": (_map(_text), {}),
        },
        ("number",),
    ),
    Set.ROUTES: Sort(
        _route,
        {"name": (_text, _REQUIRED), "operations": (_list(_text, filled=True), _REQUIRED), "rework": (_NAMES, ())},
        ("name",),
    ),
    Set.UNITS: Sort(
        Unit,
        {
            "serial": (_text, _REQUIRED),
            "product": (_text, _REQUIRED),
            "status": (_status, "ok"),
            "done": (_NAMES, ()),
            "reason": (_any_text, ""),
        },
        ("serial",),
    ),
    Set.GAUGES: Sort(
        GaugeRecord,
        {"gauge": (_text, _REQUIRED), "due": (_day, _REQUIRED), "instrument": (_any_text, "")},
        ("gauge",),
    ),
    Set.LOTS: Sort(
        BlockedLot,
        {"part": (_text, _REQUIRED), "lot": (_any_text, ""), "reason": (_text, _REQUIRED)},
        ("part", "lot"),
    ),
}
"""Every set and what its rows hold.  A lot that is left out, or empty, blocks the whole part."""


class Rows:
    """Reads the rows of one set; equal values of different rows become one object, which spares memory."""

    def __init__(self, which: Set) -> None:
        self.sort = SORTS[which]
        self.which = which
        self._pool: dict[Hashable, Any] = {}
        self.found: dict[Any, Any] = {}
        self.mistakes: list[str] = []

    def read(self, index: int, row: object, array: str) -> None:
        """Add one row to `found`, or its mistakes to `mistakes`."""
        try:
            entry = self.sort.read(row)
        except _Wrong as error:
            where = f"{self.which}: {array}[{index}]{self._named(row)}"
            self.mistakes += [f"{where}{path}: {what}" for path, what in error.mistakes]
            return
        self._share(entry)
        key = self.sort.key(entry)
        if key in self.found:
            self.mistakes.append(f"{self.which}: {array}[{index}]: {_spelt(key)} is there twice; leave one")
        self.found[key] = entry

    def dropped(self, index: int, value: object) -> Any:
        """Return the key that a delta drops; None with a mistake if it is none."""
        names = self.sort.name
        if len(names) == 1 and isinstance(value, str) and value:
            return value
        if len(names) > 1 and isinstance(value, dict) and value.keys() == set(names):
            parts = tuple(value[name] for name in names)
            if all(isinstance(part, str) for part in parts):
                return parts
        form = "a text" if len(names) == 1 else "an object with " + " and ".join(names)
        self.mistakes.append(f"{self.which}: drop[{index}]: must be {form}; it is {shown(value)}")
        return None

    def _named(self, row: object) -> str:
        if not isinstance(row, dict):
            return ""
        parts = [row[name] for name in self.sort.name if isinstance(row.get(name), str)]
        return f" ({'/'.join(parts)})" if parts else ""

    def _share(self, entry: Any) -> None:
        pool = self._pool
        for name in self.sort.keys:
            value = getattr(entry, name)
            known: Hashable = ("map", *value.items()) if isinstance(value, dict) else value
            same = pool.setdefault(known, value)
            if same is not value:
                object.__setattr__(entry, name, same)


def _spelt(key: Any) -> str:
    return shown(key) if isinstance(key, str) else "/".join(key)


def document_row(which: Set, entry: Any) -> dict[str, Any]:
    """Return the row of an entry, as a document has it; what is as by default is left out."""
    return _row(SORTS[which], entry)


def _row(sort: Sort, entry: Any) -> dict[str, Any]:
    return {key: _plain(value) for key, (_, default) in sort.keys.items() if (value := getattr(entry, key)) != default}


def _plain(value: Any) -> Any:
    match value:
        case Decimal():
            return str(value)
        case Component():
            return _row(_COMPONENT, value)
        case Limit():
            return _row(_LIMIT, value)
        case tuple():
            return [_plain(one) for one in value]
        case Mapping():
            return dict(value)
        case _:
            return value
