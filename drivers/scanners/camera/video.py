"""Pictures by OpenCV: a camera of this machine, a video file, an RTSP address."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from drivers.contract import DeviceBusyError, DeviceError, DeviceGoneError
from drivers.holders import holders
from drivers.scanners.camera.mjpeg import without_password
from drivers.scanners.camera.source import Source

if TYPE_CHECKING:
    from drivers.contract import Noise
    from drivers.scanners.camera.picture import Pixels
    from drivers.scanners.camera.settings import CameraScannerSettings

OPEN_MS = 4500
"""`Driver.open` may take 5 s."""

STALL_MS = 2000
"""A network stream that gives nothing for so long is lost; OpenCV's wait for it cannot be ended."""

USUAL_FPS = 25.0
"""Frames/s where the camera does not tell."""

SLOWEST_FPS, FASTEST_FPS = 5.0, 240.0
"""What lies outside is no frame rate: some streams tell the rate of their clock."""

DROPPING_S = 0.1
"""Stale frames are dropped for so long at once, at most: a cancel waits for it."""

LIVE = ("/dev/", "rtsp://", "rtsps://")

VIDEOS = frozenset({".avi", ".m4v", ".mjpeg", ".mjpg", ".mkv", ".mov", ".mp4", ".mpeg", ".mpg", ".ts", ".webm"})
"""Suffixes of files that hold many pictures."""


class Video(Source):
    """A camera, a video file or an RTSP stream.

    Of a live source only the newest frame is given: those that came while the last one was decoded are dropped.  A
    file gives each frame once, as fast as it is taken, and then nothing more.  A wait for a frame cannot be ended: it
    takes one frame, of a source that has stalled 2 s (RTSP) or 3 s (camera).
    """

    still = False

    def __init__(self, settings: CameraScannerSettings) -> None:
        self._settings = settings
        self._where = f"{settings.name}: {without_password(settings.source)}"
        self._live = settings.source.startswith(LIVE)
        self._capture: cv2.VideoCapture | None = None
        self._ended = False
        self._cancel_fd = -1

    def open(self, cancel_fd: int) -> None:
        """Open, and see that frames come.  Raises DeviceGoneError or DeviceBusyError."""
        self.close()
        self._cancel_fd = cancel_fd
        if "://" not in self._settings.source and not Path(self._settings.source).exists():
            raise DeviceGoneError(f"{self._where}: no such camera or file; list cameras with: ls /dev/v4l/by-id")
        try:
            self._capture = self._opened()
        except cv2.error as error:
            raise self._not_opened() from error
        if not self._capture.isOpened():
            raise self._not_opened()

    def take(self, timeout_s: float) -> Pixels | Noise | None:
        """The next frame, of a live source the newest; after the last one of a file nothing."""
        if self._ended:
            self._wait(timeout_s)
            return None
        capture = self._require_open()
        try:
            is_there = self._newest(capture) if self._live else capture.grab()
            told, image = capture.retrieve() if is_there else (False, None)
        except cv2.error as error:
            raise self._lost() from error
        if told and image is not None:
            return np.asarray(image, dtype=np.uint8)
        if self._live:
            raise self._lost()
        self._ended = True
        return self.take(timeout_s)

    def close(self) -> None:
        """Let go.  A file that was read to its end is not read again."""
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()

    def _opened(self) -> cv2.VideoCapture:
        settings = self._settings
        if settings.source.startswith("/dev/"):
            return cv2.VideoCapture(settings.source, cv2.CAP_V4L2, self._asked_of_a_camera())
        limits = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, OPEN_MS, cv2.CAP_PROP_READ_TIMEOUT_MSEC, STALL_MS]
        return cv2.VideoCapture(settings.source, cv2.CAP_FFMPEG, limits if self._live else [])

    def _asked_of_a_camera(self) -> list[int]:
        asked = {
            cv2.CAP_PROP_BUFFERSIZE: 1,
            cv2.CAP_PROP_FRAME_WIDTH: self._settings.width,
            cv2.CAP_PROP_FRAME_HEIGHT: self._settings.height,
        }
        return [number for key, value in asked.items() if value for number in (key, value)]

    def _newest(self, capture: cv2.VideoCapture) -> bool:
        """Grab until a frame had to be waited for: those before it were lying in a buffer."""
        told = capture.get(cv2.CAP_PROP_FPS)
        waited_s = 0.5 / (told if SLOWEST_FPS <= told <= FASTEST_FPS else USUAL_FPS)
        began = before = time.monotonic()
        while capture.grab():
            now = time.monotonic()
            if now - before >= waited_s or now - began >= DROPPING_S:
                return True
            before = now
        return False

    def _wait(self, timeout_s: float) -> None:
        poll = select.poll()
        poll.register(self._cancel_fd, select.POLLIN)
        poll.poll(max(0, round(timeout_s * 1000)))

    def _require_open(self) -> cv2.VideoCapture:
        if self._capture is None:
            raise DeviceGoneError(f"{self._where}: not open; open it first")
        return self._capture

    def _lost(self) -> DeviceGoneError:
        return DeviceGoneError(f"{self._where}: lost; check cable, power and network, it is opened again by itself")

    def _not_opened(self) -> DeviceError:
        source = self._settings.source
        if "://" in source:
            return DeviceGoneError(f"{self._where}: no stream; is it switched on, are address, user and path right?")
        if not os.access(source, os.R_OK):
            return DeviceGoneError(f"{self._where}: permission denied; add the user to group video")
        if users := holders(source):
            return DeviceBusyError(f"{self._where}: in use by {' and '.join(users)}; stop it")
        return DeviceGoneError(f"{self._where}: does not open; is it a camera, or a video that OpenCV can play?")
