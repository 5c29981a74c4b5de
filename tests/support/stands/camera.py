"""A camera that drops its pictures into a folder."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.support.pictures import code, save, scene

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def camera(folder: Path) -> Iterator[dict[str, Any]]:
    """A folder with one picture of one code, which says SN0001234567."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    save(pictures / "0001.png", scene(code("SN0001234567"), size=(640, 480)))
    yield {"source": str(pictures)}
