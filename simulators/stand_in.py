"""What every device stand-in can do: be told, send, hear, be unplugged.

Knows the line and the commands; the bytes are each device's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from simulators.report import readable, say, unescaped

if TYPE_CHECKING:
    from collections.abc import Callable

    from simulators.pty_line import PtyLine


class Wait(NamedTuple):
    """What a script (a generator: the hands of an operator) waits for.

    `seconds`, or less if `for_answer` and the scanner hears an answer.
    """

    seconds: float
    for_answer: bool = False


class CommandError(Exception):
    """A command line that cannot be obeyed: correct it and send it again."""


class StandIn:
    """A device on a pseudo terminal.  `name` goes into every line it says."""

    def __init__(self, name: str, line: PtyLine) -> None:
        self.name = name
        self.line = line
        self.answered = False
        self.verbs: dict[str, Callable[[str], None]] = {
            "raw": self._raw,
            "plug": self._plug,
            "unplug": self._unplug,
        }

    def obey(self, command: str) -> None:
        """Do what a command line says.  Raises CommandError."""
        verb, _, rest = command.strip().partition(" ")
        if verb not in self.verbs:
            raise CommandError(f"{self.name}: no command {verb!r}; known are {', '.join(self.verbs)}")
        try:
            self.verbs[verb](rest.strip())
        except ValueError as error:
            raise CommandError(f"{self.name}: {command!r}: {error}") from error

    def send(self, raw: bytes, **facts: str | int | bool) -> bool:
        """Send bytes to the agent and say so; False (and said as `unsent`) if the line does not take them."""
        sent = self.line.write(raw)
        say("sent" if sent else "unsent", device=self.name, raw=readable(raw), **facts)
        return sent

    def hear(self, raw: bytes) -> None:
        """Take what the agent sent to the device; a device without ears only says that it heard something."""
        say("heard", device=self.name, raw=readable(raw))

    def _raw(self, rest: str) -> None:
        self.send(unescaped(rest))

    def _plug(self, _rest: str) -> None:
        self.line.plug()
        say("plugged", device=self.name, link=str(self.line.link))

    def _unplug(self, _rest: str) -> None:
        self.line.unplug()
        say("unplugged", device=self.name)
