"""One picture in the forms in which decoders see it: grey, smaller, larger, turned, smoothed, thresholded.

Each form knows the way back, so that corners found in it are corners of the picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from collections.abc import Iterable

    from drivers.scanners.camera.symbol import Corner, Corners

cv2.setNumThreads(1)
"""The device has other work to do, and pictures of this size gain little from more threads."""

Pixels = NDArray[np.uint8]
"""Rows of grey values, or rows of blue, green, red."""

CONTRAST_LIMIT = 2.0
CONTRAST_TILES = (8, 8)
"""Of the contrast equalisation (CLAHE): as measured on photographs, stronger reads less."""


@dataclass(frozen=True, slots=True)
class Form:
    """Grey `pixels`, the affine way `back` to the picture (2 x 3), and the name of their sampling.

    Two forms with the same `sampling` show the same samples of the picture: readings of them do not count as
    independent, whatever was done to the grey values.
    """

    pixels: Pixels
    back: NDArray[np.float64]
    sampling: str

    def corners(self, points: Iterable[tuple[float, float]]) -> Corners:
        """Four corners of this form, as corners of the picture."""
        one, two, three, four = (self._corner(x, y) for x, y in points)
        return one, two, three, four

    def _corner(self, x: float, y: float) -> Corner:
        (xx, xy, x0), (yx, yy, y0) = self.back.tolist()
        return round(xx * x + xy * y + x0), round(yx * x + yy * y + y0)

    def with_pixels(self, pixels: Pixels) -> Form:
        """Other grey values in the same places."""
        return Form(pixels, self.back, self.sampling)

    def equalised(self) -> Form:
        """With local contrast evened out (CLAHE): glare and shadow go."""
        return self.with_pixels(_pixels(cv2.createCLAHE(CONTRAST_LIMIT, CONTRAST_TILES).apply(self.pixels)))

    def blurred(self, sigma: float) -> Form:
        """Smoothed: the dots of a laser-marked code grow together."""
        return self.with_pixels(_pixels(cv2.GaussianBlur(self.pixels, (0, 0), sigma)))

    def thresholded(self) -> Form:
        """Black and white, by Otsu's threshold."""
        return self.with_pixels(_pixels(cv2.threshold(self.pixels, 0, 255, cv2.THRESH_OTSU)[1]))


class Picture:
    """A picture, grey, and what is made of it."""

    def __init__(self, frame: Pixels) -> None:
        self._frame = frame

    @cached_property
    def grey(self) -> Form:
        """The picture as it is, without colour."""
        pixels = _pixels(cv2.cvtColor(self._frame, cv2.COLOR_BGR2GRAY))
        return Form(pixels, np.eye(2, 3), "as it is")

    @property
    def longest(self) -> int:
        """The longer side, in pixels."""
        return int(max(self._frame.shape[:2]))

    def at_most(self, longest: int) -> Form:
        """Made smaller until the longer side has `longest` pixels; as it is where it has no more."""
        return self.scaled(longest / self.longest) if self.longest > longest else self.grey

    def scaled(self, factor: float) -> Form:
        """Smaller or larger."""
        height, width = self.grey.pixels.shape
        size = max(1, round(width * factor)), max(1, round(height * factor))
        how = cv2.INTER_AREA if factor < 1 else cv2.INTER_LINEAR
        back = np.array([[width / size[0], 0, 0], [0, height / size[1], 0]])
        return Form(_pixels(cv2.resize(self.grey.pixels, size, interpolation=how)), back, f"x {factor:.3f}")

    def turned(self, degrees: float, longest: int) -> Form:
        """Turned anti-clockwise about its middle, nothing cut off, after `at_most`."""
        form = self.at_most(longest)
        height, width = form.pixels.shape
        turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
        cosine, sine = abs(turn[0, 0]), abs(turn[0, 1])
        size = int(height * sine + width * cosine) + 1, int(height * cosine + width * sine) + 1
        turn[:, 2] += (size[0] - width) / 2, (size[1] - height) / 2
        pixels = cv2.warpAffine(form.pixels, turn, size, borderMode=cv2.BORDER_REPLICATE)
        back = form.back[:, :2] @ cv2.invertAffineTransform(turn)
        return Form(_pixels(pixels), back, f"turned {degrees:g}")


def _pixels(image: cv2.typing.MatLike) -> Pixels:
    """The same, with the type that it has: OpenCV's stubs say "any number"."""
    return np.asarray(image, dtype=np.uint8)
