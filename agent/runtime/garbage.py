"""Spare the operator the search for garbage while a scan waits, and the device the memory only the start needed."""

from __future__ import annotations

import ctypes
import gc

YOUNG_OBJECTS = 10_000
"""New objects after which the youngest are searched; Python's own 700 come together in thirty scans.

What a decision makes hangs together without cycles, and goes by itself when nobody needs it.
"""


def settle() -> None:
    """Let what is there after the start stay, so that no search looks at it again; search for new garbage seldom.

    What the start has let go is given back to the system, where the C library can: GNU's keeps it otherwise.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
    if trim := getattr(ctypes.CDLL(None), "malloc_trim", None):
        trim(0)
