"""What the stack light shows: red and stops at once, green and the end of a stop only when they are on disk.

Used by the recorder's thread alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from drivers.contract import Lamp, Lamps

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.runtime.health import Health

RED = frozenset({Lamp.RED})


class Lights:
    """The picture that was shown last, and what may be shown next.

    `show` takes each new picture and may not block.  `stopped` says whether the line stands, as long as nothing was
    shown.
    """

    def __init__(self, show: Callable[[Lamps], None], health: Health) -> None:
        self._show = show
        self._health = health
        self._lit: Lamps | None = None
        self.stopped = False
        self.trouble = False
        """While nothing can be recorded, nothing is green."""

    def earned(self, lamps: Lamps) -> bool:
        """Show a picture that is on disk; False if it is shown already."""
        if self.trouble:
            lamps = replace(lamps, lit=lamps.lit - {Lamp.GREEN} | RED)
        if lamps == self._lit:
            return False
        self._lit = lamps
        self.stopped = lamps.stop
        self._show(lamps)
        self._health.report("recorder", "recorder", lamps=sorted(lamps.lit))
        return True

    def at_once(self, lamps: Lamps) -> bool:
        """Show a picture ahead of the disk, all but its green and the end of a stop; False if it is shown already."""
        return self.earned(replace(lamps, lit=lamps.lit - {Lamp.GREEN}, stop=lamps.stop or self.stopped))

    def red(self) -> None:
        """Show that something is wrong; a line that stands stays so."""
        self.earned(Lamps(RED, stop=self.stopped))
