"""Wait for a fact, with a deadline."""

from __future__ import annotations

import inspect
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

Found = TypeVar("Found")

PATIENCE_S = 20.0
"""How long a test waits for what must come; a busy machine may take its time."""

POLL_S = 0.02


def eventually(look: Callable[[], Found], timeout_s: float = PATIENCE_S) -> Found:
    """Return the first true thing that `look` finds; AssertionError with the last thing seen after `timeout_s`."""
    deadline_s = time.monotonic() + timeout_s
    while not (found := look()):
        if time.monotonic() > deadline_s:
            raise AssertionError(f"not within {timeout_s:g} s: {inspect.getsource(look).strip()}; last seen: {found!r}")
        time.sleep(POLL_S)
    return found
