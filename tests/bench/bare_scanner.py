"""The least a program can do for a scan: read a line, write + fdatasync it, answer ACK.

Run as `python -m tests.bench.bare_scanner PORT FILE BYTES`.  No threads, no decision: what the way through terminals,
the scheduler and the disk costs in itself.
"""

from __future__ import annotations

import os
import sys
import tty
from pathlib import Path

from tests.bench.floors import SyncedFile
from tests.bench.station import ACK


def main(port: str, path: str, size: str) -> None:
    """Answer scans until the line hangs up."""
    line = os.open(port, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(line)
    with SyncedFile(Path(path), int(size)) as file:
        os.write(line, ACK)
        while data := os.read(line, 4096):
            if data.endswith(b"\r"):
                file.write_s()
                os.write(line, ACK)


if __name__ == "__main__":
    main(*sys.argv[1:])
