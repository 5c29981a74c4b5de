"""The power goes at any write of a run: what append had returned for is there, and the journal opens.

The run is real: its system calls are recorded, and the disk is put together as each moment may have left it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

import pytest

from tests.faults.disk_model import Call, Disk, said, traced
from tests.faults.journal_life import SETTINGS
from tests.faults.promises import Promises
from tests.journals import Now, opened, tidied

TURNS = 60
SEEDS = (1, 2)
CUTS = 250
IN_MEMORY = Path("/dev/shm")


def record(folder: Path, seed: int) -> list[Call]:
    """The calls of one life that ends by itself."""
    (folder / "disk").mkdir()
    life = [sys.executable, "-m", "tests.faults.journal_life", str(folder / "disk" / "journal.db"), str(seed)]
    return traced([*life, str(TURNS)], folder / "trace")


@pytest.fixture(scope="module", autouse=True)
def _strace(tmp_path_factory: pytest.TempPathFactory) -> None:
    if shutil.which("strace") is None:
        pytest.skip("strace is not installed: apt-get install strace")
    trace = tmp_path_factory.mktemp("strace") / "trace"
    if subprocess.run(["strace", "-o", str(trace), "true"], check=False, capture_output=True).returncode:
        pytest.skip("strace may not trace here: allow ptrace")


def check(disk: Disk, heard: str, random: Random) -> None:
    """Put together what may be left, and start on it."""
    with TemporaryDirectory(dir=IN_MEMORY if IN_MEMORY.is_dir() else None) as name:
        folder = Path(name)
        for file, content in disk.left(random).items():
            (folder / file).write_bytes(content)
        promises = Promises()
        promises.hear(heard)
        path = folder / "journal.db"
        journal = opened(path, SETTINGS, Now(synced=False))
        tidied(journal)
        journal.close()
        promises.look(path)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_power_goes_at_any_write(tmp_path: Path, seed: int) -> None:
    """Through commits, check-points, retention, vacuum, and beginnings anew."""
    calls = record(tmp_path, seed)
    random = Random(seed)
    kinds = {call.name for call in calls}
    assert {"pwrite64", "fdatasync", "ftruncate", "rename", "unlink"} <= kinds, "the trace lacks what is to be tested"
    moving = [number for number, call in enumerate(calls) if call.name in {"rename", "unlink", "ftruncate", "fsync"}]
    near = {number + more for number in moving for more in (0, 1, 2)}
    chosen = {
        *random.sample(range(len(calls)), min(CUTS, len(calls))),
        *random.sample(sorted(near), min(CUTS, len(near))),
    }
    disk = Disk(tmp_path / "disk")
    tried = 0
    for number, call in enumerate(calls):
        changed = disk.do(call)
        if changed and number in chosen:
            tried += 1
            try:
                check(disk, said(calls[: number + 1]), Random(number))
            except BaseException:
                print(f"seed {seed}, cut behind call {number}: {call.name} {call.path} {call.number}")
                raise
    print(f"{tried} cuts in {len(calls)} calls")
    assert tried > 100


def test_the_disk_model_loses_what_it_may(tmp_path: Path) -> None:
    """Else the test above would show nothing: unsynced bytes go, synced ones stay, names wait for the folder."""
    folder = str(tmp_path)
    file = f"{folder}/a"
    disk = Disk(tmp_path)
    disk.do(Call("openat", file, flags="O_RDWR|O_CREAT"))
    disk.do(Call("pwrite64", file, data=b"1" * 1024))
    assert {len(disk.left(Random(seed))) for seed in range(50)} == {0, 1}
    disk.do(Call("fsync", folder))
    assert {disk.left(Random(seed))["a"] for seed in range(200)} >= {b"", b"1" * 512, b"1" * 1024}
    disk.do(Call("fdatasync", file))
    disk.do(Call("pwrite64", file, data=b"2" * 1024))
    found = {disk.left(Random(seed))["a"] for seed in range(200)}
    assert found == {(a * 512 + b * 512).encode() for a in "12" for b in "12"}
    disk.do(Call("rename", file, target=f"{folder}/b"))
    assert {tuple(disk.left(Random(seed))) for seed in range(50)} == {("a",), ("b",)}
