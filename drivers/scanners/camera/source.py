"""Where pictures come from: what every source must do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import cv2
import numpy as np

if TYPE_CHECKING:
    from drivers.contract import Noise
    from drivers.scanners.camera.picture import Pixels

NOISE_BYTES = 4096
"""Of a picture that cannot be read, this much is kept as evidence."""


class Source(ABC):
    """Gives picture after picture.  All methods are called by one thread; the constructor only stores."""

    still: ClassVar[bool]
    """Whether each picture stands alone; else they are frames of a stream, and a code is in several."""

    @abstractmethod
    def open(self, cancel_fd: int) -> None:
        """Be ready to give; `cancel_fd` becomes readable when a wait in `take` is to end.

        Waits 5 s at most.  Raises DeviceGoneError or DeviceBusyError.
        """

    @abstractmethod
    def take(self, timeout_s: float) -> Pixels | Noise | None:
        """The next picture, or why it cannot be read; None after `timeout_s` or when `cancel_fd` is readable.

        Raises DeviceGoneError.
        """

    @abstractmethod
    def close(self) -> None:
        """Let go; again is harmless.  Never raises."""


def picture_of(data: bytes) -> Pixels | None:
    """The picture in the bytes of a file (JPEG, PNG, ...); None if there is none."""
    if not data:
        return None
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        return None
    return None if image is None else np.asarray(image, dtype=np.uint8)
