"""A recorder in a process of its own, for strace to watch.

Run as `python -m tests.bench.recorder_child FOLDER LONE BURST`: LONE signals one by one, then BURST at once.
"""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

from tests.bench.bench_recorder import BenchRecorder


def main(folder: str, lone: str, burst: str) -> None:
    """Record, and end."""
    with BenchRecorder(Path(folder)) as recorder:
        for happened in islice(recorder.work, int(lone)):
            recorder.load([happened])
            recorder.record()
        recorder.load(islice(recorder.work, int(burst)))
        recorder.record()


if __name__ == "__main__":
    main(*sys.argv[1:])
