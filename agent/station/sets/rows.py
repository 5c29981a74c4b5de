"""What a row of each set looks like in a document: its keys, what they must hold, and the look-up entry it becomes.

Knows one row at a time.  Whether the rows fit one another is `links`'.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from decimal import Decimal
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
from agent.station.sets import values
from agent.station.sets.text import shown
from agent.station.sets.values import Wrong

_REQUIRED: Any = object()


@dataclass(frozen=True, slots=True)
class Sort:
    """One sort of row: what it becomes, its keys with their readers and defaults, and those that name it."""

    make: Callable[..., Any]
    keys: Mapping[str, tuple[values.Read, Any]]
    name: tuple[str, ...]

    def key(self, entry: Any) -> Any:
        """The key of an entry in its look-up."""
        return entry_key(tuple(getattr(entry, name) for name in self.name))

    def read(self, row: object) -> Any:
        """Return the entry of a row.  Raises Wrong."""
        if not isinstance(row, dict):
            raise Wrong([("", f"must be an object; it is {shown(row)}")])
        mistakes: list[tuple[str, str]] = []
        entry: dict[str, Any] = {}
        for key, (read, default) in self.keys.items():
            if key not in row:
                if default is _REQUIRED:
                    mistakes.append((f".{key}", "is missing"))
                continue
            try:
                entry[key] = read(row[key])
            except Wrong as error:
                mistakes += [(f".{key}{path}", what) for path, what in error.mistakes]
            except ValueError as error:
                mistakes.append((f".{key}", str(error)))
        for key in row.keys() - self.keys.keys():
            near = get_close_matches(key, self.keys, n=1, cutoff=0.5)
            hint = f"did you mean {near[0]!r}?" if near else f"known are: {', '.join(self.keys)}"
            mistakes.append((f".{key}", f"unknown key; {hint}"))
        if mistakes:
            raise Wrong(mistakes)
        return self.make(**entry)


def entry_key(parts: tuple[str, ...]) -> Any:
    """One name by itself, several as they are."""
    return parts[0] if len(parts) == 1 else parts


def _limit(**told: Any) -> Limit:
    limit = Limit(**told)
    if not limit.low <= limit.nominal <= limit.high:
        raise Wrong([("", f"must have low <= nominal <= high; has {limit.low}, {limit.nominal}, {limit.high}")])
    return limit


def _route(**told: Any) -> Route:
    route = Route(**told)
    if loose := set(route.rework) - set(route.operations):
        raise Wrong([(".rework", f"{min(loose)!r} is no operation of the route: {', '.join(route.operations)}")])
    return route


_NAMES = values.list_of(values.text)

_COMPONENT = Sort(
    Component,
    {
        "part": (values.text, _REQUIRED),
        "operation": (values.text, _REQUIRED),
        "quantity": (values.count, 1),
        "serial": (values.yes_or_no, False),
    },
    ("part", "operation"),
)
_LIMIT = Sort(
    _limit,
    {
        "characteristic": (values.text, _REQUIRED),
        "unit": (values.text, _REQUIRED),
        "low": (values.exact, _REQUIRED),
        "nominal": (values.exact, _REQUIRED),
        "high": (values.exact, _REQUIRED),
    },
    ("characteristic",),
)

SORTS: Mapping[Set, Sort] = {
    Set.OPERATORS: Sort(
        Operator,
        {
            "badge": (values.text, _REQUIRED),
            "name": (values.any_text, ""),
            "roles": (_NAMES, ()),
            "qualifications": (values.map_of(lambda value: "" if value == "" else values.day(value)), {}),
        },
        ("badge",),
    ),
    Set.PRODUCTS: Sort(
        Product,
        {
            "number": (values.text, _REQUIRED),
            "route": (values.text, _REQUIRED),
            "units": (values.pattern, ""),
            "components": (values.list_of(_COMPONENT.read, _COMPONENT.key), ()),
            "limits": (values.list_of(_LIMIT.read, _LIMIT.key), ()),
            "instructions": (values.map_of(values.text), {}),
        },
        ("number",),
    ),
    Set.ROUTES: Sort(
        _route,
        {
            "name": (values.text, _REQUIRED),
            "operations": (values.list_of(values.text, filled=True), _REQUIRED),
            "rework": (_NAMES, ()),
        },
        ("name",),
    ),
    Set.UNITS: Sort(
        Unit,
        {
            "serial": (values.text, _REQUIRED),
            "product": (values.text, _REQUIRED),
            "status": (values.status, "ok"),
            "done": (_NAMES, ()),
            "reason": (values.any_text, ""),
        },
        ("serial",),
    ),
    Set.GAUGES: Sort(
        GaugeRecord,
        {"gauge": (values.text, _REQUIRED), "due": (values.day, _REQUIRED), "instrument": (values.any_text, "")},
        ("gauge",),
    ),
    Set.LOTS: Sort(
        BlockedLot,
        {"part": (values.text, _REQUIRED), "lot": (values.any_text, ""), "reason": (values.text, _REQUIRED)},
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
        except Wrong as error:
            where = f"{self.which}: {array}[{index}]{self._named(row)}"
            self.mistakes += [f"{where}{path}: {what}" for path, what in error.mistakes]
            return
        self._share(entry)
        key = self.sort.key(entry)
        if key in self.found:
            self.mistakes.append(f"{self.which}: {array}[{index}]: {values.spelt(key)} is there twice; leave one")
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
