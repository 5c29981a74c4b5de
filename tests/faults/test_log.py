"""The write-ahead log: one connection writes it and checks it in, it stays bounded, and an fsync is spent with care."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from agent.events import LANES
from agent.journal.schema import LOG_LIMIT_BYTES
from tests.faults.disk_model import traced
from tests.journals import facts, opened, read_all, tidied

if TYPE_CHECKING:
    from pathlib import Path

READ = """
import sys
from pathlib import Path
from agent.events import LANES
from agent.journal.reader import JournalReader
for _ in range(5):
    with JournalReader(Path(sys.argv[1])) as reader:
        assert reader.lanes() and reader.documents() == {"a": {"n": 1}}
        assert sum(len(reader.next(lane, 0, 1000, 10**9).bodies) for lane in LANES) == 500
"""

LEAVE = """
import os, sys
from pathlib import Path
from agent.events import LANES
from tests.journals import facts, opened
journal = opened(Path(sys.argv[1]))
journal.append([event for lane in LANES for event in facts(100, lane)], {"a": {"n": 1}})
os._exit(0)
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def contents(path: Path) -> tuple[bytes, bytes]:
    return path.read_bytes(), path.with_name(path.name + "-wal").read_bytes()


def test_a_reader_beside_the_writer_never_checks_the_log_in(path: Path) -> None:
    """Not on close either: the file and its log are the same bytes afterwards, and the writer goes on."""
    journal = opened(path)
    journal.append([event for lane in LANES for event in facts(100, lane)], {"a": {"n": 1}})
    before = contents(path)
    assert len(before[1]) > 100_000
    subprocess.run([sys.executable, "-c", READ, str(path)], check=True)
    for _ in range(5):
        read_all(journal, LANES[0])
    assert contents(path) == before
    journal.append(facts(1), {})
    journal.close()


def test_a_reader_alone_never_checks_the_log_in(path: Path) -> None:
    """After a kill it may be the only one, and the last to close."""
    subprocess.run([sys.executable, "-c", LEAVE, str(path)], check=True)
    before = contents(path)
    assert len(before[1]) > 100_000
    subprocess.run([sys.executable, "-c", READ, str(path)], check=True)
    assert contents(path) == before


def test_the_log_is_checked_in_by_the_writer_when_it_is_long(path: Path) -> None:
    """Also while there is no idle moment: it never grows far beyond its limit."""
    journal = opened(path)
    longest = 0
    for _ in range(60):
        journal.append(facts(1000, length=1000), {})
        while journal.crowded and journal.tidy():
            pass
        longest = max(longest, journal.log_bytes)
    assert longest < 2 * LOG_LIMIT_BYTES
    assert path.stat().st_size > 50_000_000
    journal.close()


def test_the_log_comes_back_from_behind_a_long_reader(path: Path) -> None:
    """A reader that stays open holds it up; when it goes, the log is cut to its limit."""
    journal = opened(path)
    journal.append(facts(10), {})
    with journal.reader() as reader:
        reader._connection.execute("BEGIN")
        reader.lanes()
        for _ in range(40):
            journal.append(facts(1000, length=1000), {})
            tidied(journal)
        assert journal.log_bytes > 2 * LOG_LIMIT_BYTES, "the reader held nothing up: the test shows nothing"
    for _ in range(10):
        journal.append(facts(1000, length=1000), {})
        tidied(journal)
    assert journal.log_bytes <= LOG_LIMIT_BYTES + 1_000_000
    journal.close()


# --- how many fsyncs

ALONE = """
from tests.journals import facts
for event in facts(20):
    mark()
    agent.journal.append([event], {"a": {"n": 1}})
mark()
"""

BURST = """
from agent.signals import Input
from drivers.contract import Scan
for number in range(1000):
    agent._inbox.put(Input("scanner-1", Scan(b"", f"OP-{number}"), agent.clock.now()), 0)
mark()
while not agent._inbox.empty():
    agent.recorder.step()
mark()
assert len(agent.answers) == 1000
"""

IDLE = """
agent.scan("OP-1")
agent.idle(3)
mark()
agent.idle(20)
mark()
"""

AROUND = """
import os, sys
from pathlib import Path
from tests.support.recording import Recording
agent = Recording(Path(sys.argv[1]))
agent.start()
mark = lambda: os.write(1, b"mark")
"""


def syncs(path: Path, work: str) -> list[int]:
    """How many fsyncs there were between each two marks of the work."""
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt-get install strace")
    if subprocess.run(["strace", "-o", os.devnull, "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace may not trace here: allow ptrace")
    counts: list[int] = []
    for call in traced([sys.executable, "-c", AROUND + work, str(path)], path.with_name("trace")):
        if call.data == b"mark":
            counts.append(0)
        elif counts and call.name in {"fsync", "fdatasync"}:
            counts[-1] += 1
    return counts[:-1]


def test_one_append_alone_is_one_fsync(path: Path) -> None:
    """The promise of one green lamp costs one."""
    found = syncs(path, ALONE)
    assert len(found) == 20
    assert found[1:] == [1] * 19


def test_a_burst_of_a_thousand_scans_is_a_handful(path: Path) -> None:
    """What waits together is written together."""
    (found,) = syncs(path, BURST)
    assert 1 <= found <= 5


def test_an_idle_station_spares_its_flash(path: Path) -> None:
    (found,) = syncs(path, IDLE)
    assert found == 0
