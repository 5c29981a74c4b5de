"""A scenario as it is written down: what happens when, and what is expected to follow.

A line that begins with a time is something that happens; the indented lines below it are what must follow.
docs/scenarios.md tells the whole of it.
"""

from __future__ import annotations

import json
import math
import re
import shlex
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from agent.events import Kind
from drivers.contract import Lamp, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

HAPPENS = re.compile(r"(?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d(?::\d\d)?)\s+(\S+)\s+(\S+)(?:\s+(.*))?")
"""Date (that of the line before, if none), time in UTC, who, what he does, and the rest."""

KINDS = {kind.value for kind in Kind}
DARK = "dark"


@dataclass(frozen=True, slots=True)
class Fact:
    """An expected event: its kind, its subject if given, and those of its values that matter."""

    kind: str
    subject: str | None
    data: dict[str, Any]


@dataclass(slots=True)
class Line:
    """One thing that happens, and what is expected of it.

    `facts` empty: any.  `quiet`: none at all.  `verdict` None: no refusal; `words` are part of what the operator reads.
    """

    number: int
    text: str
    when_ns: int
    who: str
    verb: str
    rest: str
    facts: list[Fact] = field(default_factory=list)
    quiet: bool = False
    verdict: Verdict | None = None
    words: str = ""
    lamps: frozenset[Lamp] | None = None


class StoryError(Exception):
    """A line that cannot be read: correct it."""


def read(path: Path) -> list[Line]:
    """Return the lines of a story.  Raises StoryError."""
    lines: list[Line] = []
    day = "2026-11-02"
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            if not text.strip() or text.lstrip().startswith("#"):
                continue
            if text[0].isspace():
                _expect(lines[-1], text.strip())
                continue
            day, line = _happens(number, text, day)
        except (StoryError, ValueError, IndexError) as error:
            raise StoryError(f"{path}:{number}: {text.strip()!r}: {error}") from error
        if lines and line.when_ns < lines[-1].when_ns:
            raise StoryError(f"{path}:{number}: is before the line above")
        lines.append(line)
    return lines


def _happens(number: int, text: str, day: str) -> tuple[str, Line]:
    match = HAPPENS.fullmatch(text.rstrip())
    if match is None:
        raise StoryError("must be: TIME WHO DOES [WHAT]")
    date, time, who, verb, rest = match.groups()
    day = date or day
    seconds = datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC).timestamp()
    return day, Line(number, text, int(seconds) * 1_000_000_000, who, verb, rest or "")


def _expect(line: Line, text: str) -> None:
    first, _, rest = text.partition(" ")
    match first.rstrip(":"):
        case "pass" | "refuse" as word:
            line.verdict, line.words = Verdict(word), rest.strip()
        case "lamps":
            line.lamps = frozenset(Lamp(word) for word in rest.split() if word != DARK)
        case "nothing":
            line.quiet = True
        case kind if kind in KINDS:
            line.facts.append(_fact(kind, rest))
        case other:
            raise StoryError(f"{other!r} is no kind of event; nor is it pass, refuse, lamps or nothing")


def _fact(kind: str, rest: str) -> Fact:
    words = shlex.split(rest)
    subject = words.pop(0) if words and "=" not in words[0] else None
    pairs = (word.partition("=") for word in words)
    return Fact(kind, subject, {key: _value(value) for key, _, value in pairs})


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def differences(fact: Fact, event: dict[str, Any]) -> Iterator[str]:
    """Say what of an event is not as expected."""
    if fact.subject is not None and event.get("subject", "") != fact.subject:
        yield f"subject is {event.get('subject', '')!r}, not {fact.subject!r}"
    for path, wanted in fact.data.items():
        found = _found(event["data"], path.split("."))
        if not _same(wanted, found):
            yield f"{path} is {found!r}, not {wanted!r}"


def _same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, float) and isinstance(found, float):
        return math.isclose(wanted, found, rel_tol=1e-6)
    return wanted == found or (isinstance(wanted, str) and isinstance(found, str) and _like(wanted, found))


def _like(wanted: str, found: str) -> bool:
    """Whether a text with `...` in it stands for another."""
    return "..." in wanted and re.fullmatch(".*".join(map(re.escape, wanted.split("..."))), found) is not None


def _found(data: Any, steps: list[str]) -> Any:
    for step in steps:
        try:
            data = data[int(step)] if isinstance(data, list) else data[step]
        except (KeyError, IndexError, ValueError, TypeError):
            return None
    return data
