"""Pictures of codes, drawn by ourselves: at scale, on a background, turned, blurred, noisy, dark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np
import zxingcpp
from numpy.typing import NDArray
from zxingcpp import BarcodeFormat

if TYPE_CHECKING:
    from pathlib import Path

Frame = NDArray[np.uint8]
"""Rows of blue, green, red."""

GS1_LABEL = "(01)09506000134352(10)ABC123(21)XYZ"
GS1_TEXT = "010950600013435210ABC123\x1d21XYZ"
LABEL_06 = "[)>\x1e06\x1dP4711-A\x1dQ100\x1dS000123\x1d1TLOT7\x1e\x04"


def code(text: str, form: BarcodeFormat = BarcodeFormat.DataMatrix, scale: int = 5, *, gs1: bool = False) -> Frame:
    """One code in black on white with its quiet zone."""
    options = {"gs1": True} if gs1 else {}
    image = zxingcpp.write_barcode_to_image(zxingcpp.create_barcode(text, form, **options), scale=scale)
    grey = cv2.copyMakeBorder(np.array(image), 10, 10, 10, 10, cv2.BORDER_CONSTANT, value=255)
    return as_frame(cv2.cvtColor(grey, cv2.COLOR_GRAY2BGR))


def scene(*codes: Frame, size: tuple[int, int] = (1280, 720), seed: int = 1) -> Frame:
    """The codes side by side on a cloudy grey background, (width, height)."""
    width, height = size
    clouds = np.random.default_rng(seed).normal(128, 255, (height // 8, width // 8))
    soft = cv2.resize(cv2.GaussianBlur(clouds, (0, 0), 3), size, interpolation=cv2.INTER_CUBIC)
    frame = cv2.cvtColor(as_frame(np.clip(soft, 60, 190)), cv2.COLOR_GRAY2BGR)
    left = 40
    for one in codes:
        rows, columns = one.shape[:2]
        top = (height - rows) // 2
        frame[top : top + rows, left : left + columns] = one
        left += columns + 40
    return as_frame(frame)


def turned(frame: Frame, degrees: float) -> Frame:
    """Turned anti-clockwise about its middle on a grey ground, nothing cut off."""
    height, width = frame.shape[:2]
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    side = int(np.hypot(width, height)) + 1
    turn[:, 2] += (side - width) / 2, (side - height) / 2
    return as_frame(cv2.warpAffine(frame, turn, (side, side), borderValue=(200, 200, 200)))


def blurred(frame: Frame, sigma: float) -> Frame:
    return as_frame(cv2.GaussianBlur(frame, (0, 0), sigma))


def noisy(frame: Frame, sigma: float) -> Frame:
    grain = np.random.default_rng(2).normal(0, sigma, frame.shape)
    return as_frame(np.clip(frame + grain, 0, 255))


def dark(frame: Frame, part: float) -> Frame:
    return as_frame(frame * part)


def grey(value: int, size: tuple[int, int] = (640, 480)) -> Frame:
    """Nothing but one grey, (width, height)."""
    return np.full((size[1], size[0], 3), value, np.uint8)


def as_frame(image: object) -> Frame:
    return np.asarray(image).astype(np.uint8)


def jpeg(frame: Frame) -> bytes:
    return bytes(cv2.imencode(".jpg", frame)[1])


def save(path: Path, frame: Frame) -> Path:
    """Appear complete: written beside, then renamed, as a good camera does."""
    beside = path.with_name("." + path.name)
    cv2.imwrite(str(beside), frame)
    return beside.rename(path)


def video(path: Path, frames: list[Frame]) -> Path:
    """A video file of the frames."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25.0, (width, height))
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path
