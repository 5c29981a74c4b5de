"""A wall clock in the hand of the test, for a process of its own: libfaketime.  Monotonic time runs on as it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping

LIBRARIES = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


class FakeTime:
    """What `environment` is given to sees the real wall time plus `offset_s`, which `set` changes while it runs."""

    def __init__(self, folder: Path, offset_s: int) -> None:
        if not LIBRARIES:
            pytest.skip("libfaketime is not installed: apt-get install faketime")
        self._file = folder / "faketime"
        self.set(offset_s)

    def set(self, offset_s: int) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(f"{offset_s:+d}\n")
        fresh.replace(self._file)

    @property
    def environment(self) -> Mapping[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARIES[0]),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }
