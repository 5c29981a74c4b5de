"""Say what happened: one JSON line on standard output, for the test, the demo or the person that reads it.

Knows nothing of devices or brokers.  The reader must keep up: a full pipe stops the writer, like any pipe.
"""

from __future__ import annotations

import sys
import time
from typing import Any

import orjson


def say(what: str, **facts: Any) -> None:
    """Write `what` happened, when (`at`, seconds of CLOCK_MONOTONIC, the same in all processes), and the facts."""
    line = orjson.dumps({"what": what, "at": round(time.monotonic(), 6), **facts})
    sys.stdout.write(line.decode() + "\n")
    sys.stdout.flush()


def readable(raw: bytes) -> str:
    r"""Write bytes so that a person can read them: `01A+0012.345\r`."""
    return raw.decode("latin-1").encode("unicode_escape").decode("ascii")


def unescaped(text: str) -> bytes:
    r"""Return the bytes that `text` describes with escapes such as `\r` and `\x06`.  Raises ValueError."""
    return text.encode("latin-1").decode("unicode_escape").encode("latin-1")
