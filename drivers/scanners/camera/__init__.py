"""A camera as code reader: pictures from a camera, a file, a folder or the network; zxing-cpp and zbar read them.

`decode` is the decoder alone: a picture in, its codes out.  `CameraScanner` is the device.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
os.environ.setdefault("OPENCV_VIDEOIO_V4L_SELECT_TIMEOUT", "3")
"""OpenCV and its ffmpeg would write to the daemon's error output, and wait 10 s for a camera that has stalled.  All are
read when the library is loaded."""

try:
    from drivers.scanners.camera.cascade import decode
    from drivers.scanners.camera.driver import CameraScanner
    from drivers.scanners.camera.symbol import Symbol
except ImportError as error:
    raise ImportError(
        f"{error}; a camera needs: pip install 'lineside[camera]', and zbar itself: apt install libzbar0"
    ) from error

__all__ = ["CameraScanner", "Symbol", "decode"]
