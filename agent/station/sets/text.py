"""Read a JSON text row by row.

A large document then neither holds up other threads nor needs memory for all its rows at once.  Knows JSON, and nothing
of what the rows mean.
"""

from __future__ import annotations

import re
from decimal import Decimal
from json import JSONDecodeError, JSONDecoder
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterator

_SPACE = re.compile(r"[ \t\r\n]*")
SHOWN = 40
"""So many characters of a value are shown in a mistake."""


class UnreadableError(ValueError):
    """The text is no JSON, or not of the shape asked for: tell whoever wrote it where."""


def _no_number(word: str) -> NoReturn:
    raise UnreadableError(f"is not JSON: {word} is no number there")


_DECODER = JSONDecoder(parse_float=Decimal, parse_constant=_no_number)


def decoded(payload: bytes) -> str:
    """Return the text of a document.  Raises UnreadableError."""
    try:
        return payload.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableError(f"is not UTF-8: byte {error.start} is {payload[error.start]:#04x}") from None


class Cursor:
    """A place in a JSON text.  `members` and `elements` stop at each value, which the caller takes with `value`.

    Everything raises UnreadableError where the text does not go on as JSON does.
    """

    def __init__(self, text: str, at: int = 0) -> None:
        self.text = text
        self.at = at

    def value(self) -> Any:
        """Take the value that begins here; numbers with a point come as Decimal."""
        self._skip()
        try:
            found, self.at = _DECODER.raw_decode(self.text, self.at)
        except JSONDecodeError as error:
            raise UnreadableError(f"is not JSON: {error}") from None
        except RecursionError:
            raise UnreadableError("is nested too deeply") from None
        return found

    def sees(self, character: str) -> bool:
        """Whether `character` comes next, after white space."""
        self._skip()
        return self.text.startswith(character, self.at)

    def members(self) -> Iterator[str]:
        """Yield each key of the object that begins here, standing at its value."""
        self._take("{")
        first = True
        while not self.sees("}"):
            if not first:
                self._take(",")
            first = False
            key = self.value()
            if not isinstance(key, str):
                raise UnreadableError(f"is not JSON: {shown(key)} is no key")
            self._take(":")
            yield key
        self._take("}")

    def elements(self) -> Iterator[int]:
        """Yield the index of each element of the array that begins here, standing at it."""
        self._take("[")
        index = 0
        while not self.sees("]"):
            if index:
                self._take(",")
            yield index
            index += 1
        self._take("]")

    def must_end(self) -> None:
        """Check that nothing but white space follows."""
        self._skip()
        if self.at < len(self.text):
            self._fail("nothing more")

    def _take(self, character: str) -> None:
        if not self.sees(character):
            self._fail(repr(character))
        self.at += 1

    def _skip(self) -> None:
        match = _SPACE.match(self.text, self.at)
        self.at = match.end() if match else self.at

    def _fail(self, expected: str) -> NoReturn:
        line = self.text.count("\n", 0, self.at) + 1
        column = self.at - self.text.rfind("\n", 0, self.at)
        raise UnreadableError(f"is not JSON as expected: line {line} column {column} should have {expected}")


def shown(value: object) -> str:
    """Return a value as a mistake shows it."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "…"
