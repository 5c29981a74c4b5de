"""Take values out of the JSON of a station, and note what makes no sense.  Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_TEXT = 200
"""Characters of any text that are shown."""


class GarbageError(Exception):
    """The message makes no sense as a whole: tell it, count it, keep what was known before."""


@dataclass(slots=True)
class Reading:
    """Takes values out of a document, and notes what makes no sense."""

    mistakes: list[str] = field(default_factory=list)

    def text(self, entry: dict[str, Any], key: str) -> str:
        """A text, clean; "" if there is none."""
        value = entry.get(key)
        if isinstance(value, str):
            return clean(value)
        if value is None:
            return ""
        self.mistakes.append(f"{key} is no text")
        return clean(str(value))

    def number(self, entry: dict[str, Any], key: str) -> int:
        """A whole number from 0; 0 if there is none."""
        value = entry.get(key)
        if value is None:
            return 0
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31:
            return value
        self.mistakes.append(f"{key} is no number from 0")
        return 0

    def seconds(self, entry: dict[str, Any], key: str) -> float | None:
        """Seconds, 0 or more; None if there are none."""
        value = entry.get(key)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 2**31):
            return value
        self.mistakes.append(f"{key} is no number of seconds")
        return None

    def word(self, entry: dict[str, Any], key: str, known: tuple[str, ...], otherwise: str) -> str:
        """One of the `known` words; else `otherwise`."""
        value = self.text(entry, key)
        if value and value not in known:
            self.mistakes.append(f"{key} is none of {', '.join(known)}")
        return value if value in known else otherwise

    def moment_s(self, entry: dict[str, Any], key: str) -> float | None:
        """A time, as seconds since 1970; without a zone it is UTC.  None if there is none."""
        value = entry.get(key)
        if value is None:
            return None
        try:
            moment = datetime.fromisoformat(value)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, OverflowError):
            self.mistakes.append(f"{key} is no time")
            return None


def read(payload: bytes) -> dict[str, Any]:
    """Return the object that a message is.  Raises GarbageError."""
    try:
        document = orjson.loads(payload)
    except ValueError:
        raise GarbageError("not JSON") from None
    if not isinstance(document, dict):
        raise GarbageError("no JSON object")
    return document


def entries(document: dict[str, Any], key: str, reading: Reading) -> Iterator[dict[str, Any]]:
    """The objects of a list; what is none is noted.  Raises GarbageError if there is no list."""
    listed = document.get(key)
    if not isinstance(listed, list):
        raise GarbageError(f"no list {key!r}")
    for entry in listed:
        if isinstance(entry, dict):
            yield entry
        else:
            reading.mistakes.append(f"one of {key} is no object")


def clean(text: str) -> str:
    """Leave only what can be printed on one line: a station's words must not move the terminal's cursor."""
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:LONGEST_TEXT])
