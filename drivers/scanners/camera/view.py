"""What is wrong with the camera's view: dark, blind (covered, or nothing but one grey), out of focus.

Each is told once when it has held for a number of frames, and once when it has been over for as many.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2

from drivers.contract import Condition

if TYPE_CHECKING:
    from drivers.scanners.camera.picture import Pixels
    from drivers.scanners.camera.settings import CameraScannerSettings

DARK, BLIND, OUT_OF_FOCUS = "dark", "blind", "out-of-focus"

LEAVE = 1.25
"""A condition that holds is over when the measure is this many times its threshold: no flicker at the edge."""


class View:
    """Measures frame by frame."""

    def __init__(self, settings: CameraScannerSettings) -> None:
        self._thresholds = {
            DARK: settings.dark_below,
            BLIND: settings.blind_below,
            OUT_OF_FOCUS: settings.focus_below,
        }
        self._frames = settings.condition_frames
        self._holds = dict.fromkeys(self._thresholds, False)
        self._changed = dict.fromkeys(self._thresholds, 0)

    def seen(self, frame: Pixels, *, with_code: bool) -> list[Condition]:
        """What began or ended with this frame.  A frame in which a code was read is neither dark nor blurred."""
        measures = _measures(frame)
        told = []
        hidden = with_code
        for name, measure in measures.items():
            threshold = self._thresholds[name] * (LEAVE if self._holds[name] else 1.0)
            wrong = not hidden and measure < threshold
            told += self._counted(name, f"{measure:.1f}, wanted {threshold:.1f}", wrong=wrong)
            hidden = hidden or wrong
        return told

    def _counted(self, name: str, detail: str, *, wrong: bool) -> list[Condition]:
        self._changed[name] = self._changed[name] + 1 if wrong != self._holds[name] else 0
        if self._changed[name] < self._frames:
            return []
        self._changed[name] = 0
        self._holds[name] = wrong
        return [Condition(b"", name, wrong, detail)]


def _measures(frame: Pixels) -> dict[str, float]:
    """Mean and spread of the grey values, and the variance of the Laplacian, which is large where edges are sharp.

    In this order: in the dark nothing else can be judged, and what has no contrast has no focus.
    """
    grey = cv2.cvtColor(frame, cv2.COLOR_BGR2GRAY)
    mean, spread = cv2.meanStdDev(grey)
    _, sharpness = cv2.meanStdDev(cv2.Laplacian(grey, cv2.CV_16S))
    return {DARK: float(mean[0, 0]), BLIND: float(spread[0, 0]), OUT_OF_FOCUS: float(sharpness[0, 0]) ** 2}
