"""The decoder: the cheap look that reads most codes first, then dearer ones while time is left.

What each stage is for, measured on photographs with known text: zxing-cpp alone reads 86 % of them; zbar with evened
contrast adds blurred and swollen bars; smoothed and thresholded at 640 pixels laser-marked Data Matrix; twice the size
small codes; turned, codes that lie askew.  A long Code 128 is read only within about 10 degrees of the axes.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from drivers.scanners.camera import zbar, zxing
from drivers.scanners.camera.picture import Picture
from drivers.scanners.camera.symbol import EVERYTHING, LINEAR, MATRIX, Symbology
from drivers.scanners.camera.trust import Trust

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from drivers.scanners.camera.picture import Pixels
    from drivers.scanners.camera.reading import Reading
    from drivers.scanners.camera.symbol import Symbol

    Wanted = frozenset[Symbology]
    Stage = Callable[[Picture, Wanted], list[Reading]]

PATIENCE_S = 0.08
"""How long after the beginning of a picture another stage may begin, but for the first of the later ones, which always
has its look; 0: no later one.  Of 1280 x 720 pixels a stage takes 5 to 40 ms."""

LARGE = 1600
"""Pixels of the longer side above which the cheap smaller looks come before the look at full size."""

EVENED, SMALL, MEDIUM = 1280, 640, 960
"""Pixels of the longer side that the later stages look at: enough for a code that fills a fifth of the picture."""

NOTHING: frozenset[Symbology] = frozenset()

DOUBLED = 800
"""Pixels of the longer side up to which a picture is looked at in double size; a larger one in SHRUNK."""

SHRUNK = 0.7

SMALL_SIGMA, MEDIUM_SIGMA = 1.6, 2.5
"""Pixels; the middle of what reads dots of a twentieth to a fiftieth of the code's side."""

DOTS = frozenset({Symbology.DATA_MATRIX})
"""Codes that lasers and needles mark."""

ANGLES = (67.5, 45.0, 22.5)
"""Degrees; with the axes themselves, no code lies further than 11.25 degrees from one of them."""


def decode(
    frame: Pixels,
    wanted: Collection[Symbology] = EVERYTHING,
    patience_s: float = PATIENCE_S,
    *,
    independent: bool = False,
) -> list[Symbol]:
    """Every code in `frame`, (height, width, 3) bytes of blue, green, red.  Never raises for what it shows.

    Stops at the first stage that gave codes to believe, and begins none after `patience_s` (see PATIENCE_S).
    With `independent`, a code counts only when two readings that do not depend on each other say the same.
    """
    return Decoder(wanted, patience_s, EVERYTHING if independent else NOTHING).decode(frame)


class Decoder:
    """Reads picture after picture; codes of the symbologies `twice` need two independent readings.

    The later stages of a picture begin with the one that found a code in the picture before, or with the first that had
    no time left in it: so in a stream each comes to its turn.
    """

    def __init__(self, wanted: Collection[Symbology], patience_s: float, twice: frozenset[Symbology]) -> None:
        self._wanted = frozenset(wanted)
        self._patience_s = patience_s
        self._trust = Trust(twice)
        self._later = CONFIRMING if twice else FINDING
        self._turn = 0

    def decode(self, frame: Pixels) -> list[Symbol]:
        """Every code in `frame`; empty for a picture without pixels."""
        if not frame.size:
            return []
        end = time.perf_counter() + self._patience_s
        picture = Picture(frame)
        readings = self._first_look(picture)
        for count in range(len(self._later) if self._patience_s else 0):
            if self._settled(readings):
                break
            turn = (self._turn + count) % len(self._later)
            if count and time.perf_counter() >= end:
                self._turn = turn
                break
            readings += self._later[turn](picture, self._wanted)
            if self._settled(readings):
                self._turn = turn
        return self._trust.believed(readings)

    def _first_look(self, picture: Picture) -> list[Reading]:
        """At full size, whatever the time; a large picture first in the forms that cost a tenth of it."""
        readings = _smoothed(picture, self._wanted) if picture.longest > LARGE else []
        return readings if self._settled(readings) else readings + _as_it_is(picture, self._wanted)

    def _settled(self, readings: list[Reading]) -> bool:
        return bool(self._trust.believed(readings)) and not self._trust.doubts(readings)


def _as_it_is(picture: Picture, wanted: Wanted) -> list[Reading]:
    return zxing.read(picture.grey, wanted)


def _evened(picture: Picture, wanted: Wanted) -> list[Reading]:
    """Bars by both decoders: zbar reads more, zxing-cpp contradicts it where it is wrong."""
    form = picture.at_most(EVENED).equalised()
    return zbar.read(form, wanted) + zxing.read(form, wanted & LINEAR)


def _smoothed(picture: Picture, wanted: Wanted) -> list[Reading]:
    """Codes of dots: at two sizes where the picture is large, since nobody knows the size of the dots."""
    form = picture.at_most(SMALL).blurred(SMALL_SIGMA)
    readings = zxing.read(form, wanted & MATRIX) + zxing.read(form.thresholded(), wanted & DOTS)
    if not readings and picture.longest > LARGE:
        return zxing.read(picture.at_most(MEDIUM).blurred(MEDIUM_SIGMA), wanted & MATRIX)
    return readings


def _other_size(picture: Picture, wanted: Wanted) -> list[Reading]:
    return zxing.read(picture.scaled(2.0 if picture.longest <= DOUBLED else SHRUNK), wanted)


def _turned(degrees: float) -> Stage:
    def stage(picture: Picture, wanted: Wanted) -> list[Reading]:
        return zxing.read(picture.turned(degrees, SMALL), wanted)

    return stage


TURNS = tuple(_turned(degrees) for degrees in ANGLES)

FINDING: tuple[Stage, ...] = (_evened, _smoothed, *TURNS, _other_size)
"""In the order of what they find for their time."""

CONFIRMING: tuple[Stage, ...] = (_other_size, _evened, _smoothed, *TURNS)
"""The same, with another sampling first: what the first look read is to be read again."""
