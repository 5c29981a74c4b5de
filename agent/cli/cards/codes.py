"""Find the text of a command's code: the one that a scan rule of the station reads as that command.

Knows the scan rules.  Knows nothing of what the commands do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.station.codes import CodeReader

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.station.rules import Rules, ScanRule

GROUP = "(?P<command>"
PLACE = "{command}"
"""Where the command stands in `[cards] code`."""

SPECIAL = set(".^$*+?{}[]|()")
"""Signs of a regular expression that stand for more than themselves.  Source: Python's `re`."""


class NoCodeError(Exception):
    """Commands without a code that the station would read; `mistakes` say of each what to set."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("; ".join(mistakes))
        self.mistakes = mistakes


class Coder:
    """Finds texts for commands.  `code` is what the station file gives, with `{command}` in it; empty: nothing."""

    def __init__(self, rules: Rules, code: str = "") -> None:
        self._reader = CodeReader(rules.scan)
        self._rules = [rule for rule in rules.scan if rule.meaning == "command"]
        self._code = code

    def text(self, command: str) -> str:
        """Return the text of a command's code.  Raises NoCodeError."""
        tried = [self._code.replace(PLACE, command)] if self._code else [*self._candidates(command)]
        for text in tried:
            if self._reads(text, command):
                return text
        raise NoCodeError([self._why_not(command, tried)])

    def _candidates(self, command: str) -> Iterator[str]:
        for rule in self._rules:
            around = frame(rule.pattern) if rule.format == "text" else (rule.elements["command"], "")
            if around is not None:
                yield f"{around[0]}{command}{around[1]}"

    def _reads(self, text: str, command: str) -> bool:
        read = self._reader.meanings(text)
        return [(one.what, one.groups.get("command")) for one in read] == [("command", command)]

    def _why_not(self, command: str, tried: list[str]) -> str:
        if not self._rules:
            return 'scan: no rule reads commands: add one, such as pattern = "CMD:(?P<command>.+)"'
        if self._code:
            return f"cards.code: the station does not read {tried[0]!r} as the command {command!r}"
        names = ", ".join(self._name(rule) for rule in self._rules)
        return f'cards.code: {names} tells no code for the command {command!r}: set code, such as "CMD:{PLACE}"'

    def _name(self, rule: ScanRule) -> str:
        return f"scan rule {rule.name!r}"


def frame(pattern: str) -> tuple[str, str] | None:
    """The plain text before and behind the group `command` of a pattern; None where it is not plain."""
    start = pattern.find(GROUP)
    if start < 0:
        return None
    end = _closing(pattern, start)
    before, behind = _plain(pattern[:start]), _plain(pattern[end + 1 :])
    return None if before is None or behind is None else (before, behind)


def _closing(pattern: str, start: int) -> int:
    """Where the group that opens at `start` closes."""
    depth, place, in_set = 0, start, False
    while place < len(pattern):
        sign = pattern[place]
        if sign == "\\":
            place += 1
        elif in_set:
            in_set = sign != "]"
        elif sign == "[":
            in_set = True
            place += pattern[place + 1 : place + 2] in {"]", "^"}
        else:
            depth += (sign == "(") - (sign == ")")
            if depth == 0:
                break
        place += 1
    return place


def _plain(pattern: str) -> str | None:
    """What the pattern matches if it is nothing but plain text (`^` and `$` at its ends apart)."""
    text = ""
    signs = iter(pattern.removeprefix("^").removesuffix("$"))
    for sign in signs:
        if sign == "\\":
            escaped = next(signs, "")
            if not escaped or escaped.isalnum():
                return None
            text += escaped
        elif sign in SPECIAL:
            return None
        else:
            text += sign
    return text if re.fullmatch(pattern, text) else None
