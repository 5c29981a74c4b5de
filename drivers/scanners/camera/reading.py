"""One reading of a code: the code, who read it, in which form of the picture, on how many lines."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from drivers.scanners.camera.symbol import Symbol


class Engine(Enum):
    """The decoders."""

    ZXING = auto()
    ZBAR = auto()


ENOUGH_LINES = 2
"""zxing-cpp tells a linear code only after two equal lines."""


@dataclass(frozen=True, slots=True)
class Reading:
    """`lines` is on how many lines across the picture a linear code was read alike."""

    symbol: Symbol
    engine: Engine
    sampling: str
    lines: int = ENOUGH_LINES

    @property
    def origin(self) -> tuple[Engine, str]:
        """Readings with different origins are independent of each other."""
        return self.engine, self.sampling
