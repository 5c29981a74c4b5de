"""A camera as a scanner: pictures in, codes out, each once.

Knows neither decoders nor sources by name; what a code means is not its business.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from drivers.cancel import Cancel
from drivers.contract import DeviceGoneError, DeviceSettings, Driver, Noise, Scan, Signal
from drivers.scanners.camera import check_digit
from drivers.scanners.camera.agreement import Agreement
from drivers.scanners.camera.cascade import Decoder
from drivers.scanners.camera.holdoff import Holdoff
from drivers.scanners.camera.mjpeg import Mjpeg, without_password
from drivers.scanners.camera.settings import CameraScannerSettings
from drivers.scanners.camera.stills import Stills
from drivers.scanners.camera.symbol import EVERYTHING, Symbology
from drivers.scanners.camera.video import LIVE, VIDEOS, Video
from drivers.scanners.camera.view import View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from drivers.scanners.camera.picture import Pixels
    from drivers.scanners.camera.source import Source
    from drivers.scanners.camera.symbol import Symbol

STILL_PATIENCE_S = 1.0
"""A picture that stands alone has no next one to show the code better."""


class CameraScanner(Driver):
    """Gives one Scan a code in view, Held when it has left, and Condition where the view is bad."""

    Settings: ClassVar[type[DeviceSettings]] = CameraScannerSettings

    def __init__(self, settings: CameraScannerSettings) -> None:
        self._settings = settings
        self._cancel = Cancel()
        self._source = _source(settings)
        self._single = frozenset(settings.single_read)
        self._decoder = self._made_decoder()
        self._agreement = Agreement(EVERYTHING if self._source.still else self._single)
        self._holdoff = Holdoff(settings.holdoff_s)
        self._view = View(settings)
        self._is_open = False

    def open(self) -> None:
        """Open the source."""
        self._source.open(self._cancel.open())
        self._is_open = True

    def read(self, timeout_s: float) -> Sequence[Signal]:
        """Look at pictures until one says something."""
        if not self._is_open:
            raise DeviceGoneError(f"{self._settings.name}: {without_password(self._settings.source)}: open it first")
        deadline = time.monotonic() + timeout_s
        while not self._cancel.take():
            now = time.monotonic()
            if held := self._holdoff.ended(now):
                return held
            until = min(deadline, self._holdoff.due_s())
            taken = self._source.take(max(0.0, until - now))
            if isinstance(taken, Noise):
                return [taken]
            signals = [] if taken is None else self._seen(taken, time.monotonic())
            if signals:
                return signals
            if time.monotonic() >= deadline:
                return self._holdoff.ended(time.monotonic())
        return []

    def cancel(self) -> None:
        """End the read under way, within a frame, or the next one."""
        self._cancel.ask()

    def close(self) -> None:
        """Let the source go; what is in view is remembered."""
        self._is_open = False
        self._source.close()
        self._cancel.close()

    def _made_decoder(self) -> Decoder:
        settings = self._settings
        if self._source.still:
            return Decoder(settings.symbologies, STILL_PATIENCE_S, EVERYTHING - self._single)
        return Decoder(settings.symbologies, settings.patience_s, frozenset())

    def _seen(self, frame: Pixels, now_s: float) -> list[Signal]:
        """What one frame says."""
        part = _region(frame, self._settings.region)
        symbols = {one.code: one for one in self._decoder.decode(part) if self._is_wanted(one)}
        held = self._holdoff.ended(now_s)
        agreed = self._agreement.agreed(symbols.values(), now_s)
        scans = [Scan(one.raw, one.text, one.identifier) for one in agreed if self._holdoff.passes(one, now_s)]
        return [*held, *scans, *self._view.seen(part, with_code=bool(symbols))]

    def _is_wanted(self, symbol: Symbol) -> bool:
        if symbol.symbology is not Symbology.ITF:
            return True
        return len(symbol.text) in self._settings.itf_lengths and check_digit.is_right(symbol.text)


def _source(settings: CameraScannerSettings) -> Source:
    if settings.source.startswith(("http://", "https://")):
        return Mjpeg(settings.name, settings.source)
    if settings.source.startswith(LIVE) or Path(settings.source).suffix.lower() in VIDEOS:
        return Video(settings)
    return Stills(settings.name, Path(settings.source), existing=settings.existing)


def _region(frame: Pixels, region: tuple[float, float, float, float]) -> Pixels:
    """The part of `frame` to look at: at least one pixel."""
    height, width = frame.shape[:2]
    left, top, right, bottom = region
    x, y = int(left * width), int(top * height)
    return frame[y : max(y + 1, round(bottom * height)), x : max(x + 1, round(right * width))]
