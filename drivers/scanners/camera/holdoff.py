"""Pass a code on once while it stays in view, and count what is kept back.

Pure: time comes in as an argument, in monotonic seconds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from drivers.contract import Held

if TYPE_CHECKING:
    from drivers.scanners.camera.symbol import Symbol, Symbology

    Code = tuple[Symbology, str]


@dataclass(slots=True)
class _InView:
    raw: bytes
    last_s: float
    held: int = 0


class Holdoff:
    """A code is in view until it was not seen for `holdoff_s`."""

    def __init__(self, holdoff_s: float) -> None:
        self._holdoff_s = holdoff_s
        self._in_view: dict[Code, _InView] = {}

    def passes(self, symbol: Symbol, now_s: float) -> bool:
        """Whether `symbol`, seen now, is passed on; else it is counted.  Call `ended` first."""
        known = self._in_view.get(symbol.code)
        if known is None:
            self._in_view[symbol.code] = _InView(symbol.raw, now_s)
            return True
        known.held += 1
        known.last_s = now_s
        return False

    def ended(self, now_s: float) -> list[Held]:
        """Forget the codes that have left, and tell how often each was kept back."""
        gone = {code: view for code, view in self._in_view.items() if now_s >= view.last_s + self._holdoff_s}
        for code in gone:
            del self._in_view[code]
        return [Held(view.raw, text, view.held) for (_, text), view in gone.items() if view.held]

    def due_s(self) -> float:
        """When `ended` may next have something to tell; infinity while nothing was kept back."""
        return min((view.last_s + self._holdoff_s for view in self._in_view.values() if view.held), default=math.inf)
