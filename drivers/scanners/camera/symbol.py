"""A code in a picture, and the symbologies that a camera can read.

Knows no decoder: the names here are ours, and both decoders speak them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

Corner = tuple[int, int]
"""x to the right and y down, in pixels of the picture."""

Corners = tuple[Corner, Corner, Corner, Corner]


class Symbology(StrEnum):
    """Families of codes, as settings and results name them."""

    AZTEC = "Aztec"
    CODABAR = "Codabar"
    CODE_128 = "Code128"
    CODE_39 = "Code39"
    CODE_93 = "Code93"
    DATABAR = "DataBar"
    DATA_MATRIX = "DataMatrix"
    EAN_8 = "EAN8"
    EAN_13 = "EAN13"
    ITF = "ITF"
    MICRO_QR = "MicroQR"
    PDF417 = "PDF417"
    QR = "QR"
    RMQR = "RMQR"


EVERYTHING = frozenset(Symbology)

LINEAR = frozenset(
    {
        Symbology.CODABAR,
        Symbology.CODE_128,
        Symbology.CODE_39,
        Symbology.CODE_93,
        Symbology.DATABAR,
        Symbology.EAN_8,
        Symbology.EAN_13,
        Symbology.ITF,
    }
)
"""Bars only: read along lines, without error correction."""

MATRIX = EVERYTHING - LINEAR
"""With error correction: what is read at all is hardly ever wrong."""


@dataclass(frozen=True, slots=True)
class Symbol:
    """One code: its symbology, its text (GS kept, a leading FNC1 not), its bytes, and where it lies.

    EAN-13, UPC-A and UPC-E are all told as EAN13 with 13 digits, which is what `]E0` means.  `identifier` is the
    ISO/IEC 15424 symbology identifier (`]C1`, `]d2`, ...).  `corners` go round the code.
    """

    symbology: Symbology
    text: str
    raw: bytes
    identifier: str
    corners: Corners

    def __iter__(self) -> Iterator[str]:
        """Unpack as `symbology, text`."""
        yield self.symbology.value
        yield self.text

    @property
    def code(self) -> tuple[Symbology, str]:
        """What two readings must have in common to be the same code."""
        return self.symbology, self.text

    @property
    def box(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the upright box round the code."""
        xs, ys = zip(*self.corners, strict=True)
        return min(xs), min(ys), max(xs), max(ys)

    def overlaps(self, other: Symbol) -> bool:
        """Whether the boxes of both share a point."""
        left, top, right, bottom = self.box
        other_left, other_top, other_right, other_bottom = other.box
        return left <= other_right and other_left <= right and top <= other_bottom and other_top <= bottom
