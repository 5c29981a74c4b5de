"""Believe a code of a stream only when two of its frames show it.

Pure: time comes in as an argument, in monotonic seconds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from drivers.scanners.camera.symbol import Symbol, Symbology

TOGETHER_S = 1.0
"""Two readings further apart than this are not of one pass of the part; ten frames of a slow machine."""


class Agreement:
    """Remembers what the frames before have shown.  `single` are the symbologies that need no second reading."""

    def __init__(self, single: Collection[Symbology]) -> None:
        self._single = frozenset(single)
        self._seen_s: dict[tuple[Symbology, str], float] = {}

    def agreed(self, symbols: Iterable[Symbol], now_s: float) -> list[Symbol]:
        """Those `symbols` of the frame of now that a frame of the last second showed too, or that need none."""
        self._seen_s = {code: seen_s for code, seen_s in self._seen_s.items() if now_s - seen_s <= TOGETHER_S}
        found = list(symbols)
        agreed = [one for one in found if one.symbology in self._single or one.code in self._seen_s]
        self._seen_s |= {one.code: now_s for one in found}
        return agreed
