"""Tell the mistakes of a settings file: where each is, what it is, and the nearest word that would be right.

Knows TOML tables and pydantic models.  Knows no file of ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic_core import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing wrong in a station file: where, and what to do about it."""

    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}" if self.where else self.what


def section(key: str, model: Any, table: Any, valid: dict[str, Any], mistakes: list[Mistake]) -> None:
    """Put the validated table into `valid`, or its mistakes into `mistakes`."""
    try:
        valid[key] = TypeAdapter(model).validate_json(to_json(table))
    except ValidationError as error:
        mistakes.extend(_told(error, key, model))


def rows_of(tables: Any) -> list[tuple[int, dict[str, Any]]]:
    """The tables of an array with their places; what is no table is told elsewhere."""
    return (
        [(index, row) for index, row in enumerate(tables) if isinstance(row, dict)] if isinstance(tables, list) else []
    )


def repeated(key: str, rows: list[tuple[int, dict[str, Any]]], by: str = "name") -> Iterator[Mistake]:
    """Tell each name that stands twice."""
    first: dict[str, int] = {}
    for index, row in rows:
        if isinstance(name := row.get(by), str) and (place := first.setdefault(name, index)) != index:
            yield Mistake(f"{key}[{index}].{by}", f"{name!r} is taken by {key}[{place}]")


def unknown_key(key: str, known: list[str]) -> str:
    """Words for a key that nobody knows."""
    return f"unknown key{nearest(key, known)}"


def nearest(word: str, known: list[str]) -> str:
    """Words that name the nearest of what is known, or all of it."""
    if not known:
        return ""
    found = get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {found[0]!r}?" if found else f"; known are: {', '.join(known)}"


def _told(error: ValidationError, prefix: str, model: Any) -> Iterator[Mistake]:
    """Turn pydantic's errors into key paths and remedies."""
    for detail in error.errors(include_url=False):
        where = _path(prefix, detail["loc"])
        match detail["type"]:
            case "extra_forbidden":
                yield Mistake(where, unknown_key(str(detail["loc"][-1]), _keys_beside(model, detail["loc"])))
            case "missing":
                yield Mistake(where, "is missing")
            case "value_error":
                yield Mistake(where, str(detail["ctx"]["error"]))
            case _:
                yield Mistake(where, f"{detail['msg'][0].lower()}{detail['msg'][1:]}; it is {detail['input']!r}")


def _path(prefix: str, location: tuple[int | str, ...]) -> str:
    return prefix + "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in location)


def _keys_beside(model: Any, location: tuple[int | str, ...]) -> list[str]:
    """Known keys of the table in which the last step of `location` stands."""
    for step in location[:-1]:
        if isinstance(step, str):
            model = _model_in(model).model_fields[step].annotation
    return list(_model_in(model).model_fields)


def _model_in(annotation: Any) -> type[BaseModel]:
    """The settings model inside `Model`, `Model | None` or `tuple[Model, ...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(_model_in(argument) for argument in annotation.__args__ if argument not in (type(None), Ellipsis))
