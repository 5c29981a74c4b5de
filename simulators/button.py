"""An andon button box on a serial line: a row of inputs and a stack light.

Lines both ways end with LF.  It says `NAME=1` and `NAME=0` when a button is pressed and released, answers `?` with the
state of every input, and takes `COLOUR=1` and `COLOUR=0` for its lamps.  Knows nothing of the agent's driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.report import readable, say
from simulators.stand_in import StandIn, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from random import Random

    from simulators.pty_line import PtyLine


class ButtonBox(StandIn):
    """Buttons named `inputs`, all released at first; all lamps dark at first."""

    def __init__(self, name: str, line: PtyLine, inputs: Sequence[str]) -> None:
        super().__init__(name, line)
        self.pressed = dict.fromkeys(inputs, False)
        self.lamps: dict[str, bool] = {}
        self._heard = b""
        self.verbs |= {"press": self.press, "release": self.release}

    def press(self, name: str) -> None:
        """Press a button (or pull a cord) and keep it so.  Raises ValueError if there is none of that name."""
        self._turn(name, active=True)

    def release(self, name: str) -> None:
        """Release a button.  Raises ValueError if there is none of that name."""
        self._turn(name, active=False)

    def hear(self, raw: bytes) -> None:
        """Answer questions and switch lamps, in any split of the stream."""
        *lines, self._heard = (self._heard + raw).split(b"\n")
        for line in lines:
            self._hear_line(line.strip().decode("latin-1"))

    def _hear_line(self, line: str) -> None:
        name, _, level = line.partition("=")
        if line == "?":
            self.send("".join(self._told(each) for each in self.pressed).encode("latin-1"))
        elif name and level in {"0", "1"}:
            self._switch(name, lit=level == "1")
        elif line:
            say("heard", device=self.name, raw=readable(line.encode("latin-1")))

    def _switch(self, name: str, *, lit: bool) -> None:
        changed = self.lamps.get(name, False) != lit
        self.lamps[name] = lit
        if changed:
            say("lamps", device=self.name, lit=sorted(each for each, on in self.lamps.items() if on))

    def _turn(self, name: str, *, active: bool) -> None:
        if name not in self.pressed:
            raise ValueError(f"no input {name!r}; there are {', '.join(self.pressed)}")
        self.pressed[name] = active
        self.send(self._told(name).encode("latin-1"), input=name, active=active)

    def _told(self, name: str) -> str:
        return f"{name}={int(self.pressed[name])}\n"


def stream(box: ButtonBox, random: Random, interval_s: float) -> Iterator[Wait]:
    """Press and release random buttons for ever, `interval_s` apart."""
    while True:
        name = random.choice(list(box.pressed))
        box.press(name)
        yield Wait(interval_s)
        box.release(name)
        yield Wait(interval_s)
