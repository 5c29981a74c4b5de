"""Spare the operator the search for garbage while a scan waits."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 10_000
"""New objects after which the youngest are searched; Python's own 700 come together in thirty scans.

What a decision makes hangs together without cycles, and goes by itself when nobody needs it.
"""


def settle() -> None:
    """Let what is there after the start stay, so that no search looks at it again; search for new garbage seldom."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
