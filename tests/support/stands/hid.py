"""A scanner that types, as a named pipe that stands in for its event device."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def hid(folder: Path) -> Iterator[dict[str, Any]]:
    """Keys of a `hid-scanner` that is plugged in while the context lasts; events written into the pipe are read."""
    pipe = folder / "hid-scanner"
    os.mkfifo(pipe)
    plugged = os.open(pipe, os.O_RDWR)
    try:
        yield {"device": f"replay:{pipe}"}
    finally:
        os.close(plugged)
        pipe.unlink()
