"""kill -9 at any point of a journal's life: what append had returned for is there, or named; no number comes twice."""

from __future__ import annotations

import os
import select
import shutil
import signal
import time
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest

from agent.events import LANES
from agent.journal.schema import VERSION
from tests.faults.journal_life import SETTINGS, live, say_to
from tests.faults.promises import Promises
from tests.journals import Now, ask, kept, opened, salvaged, tidied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

FIRST_VERSION = Path(__file__).parents[1] / "data" / "journal" / "v1.db"
ROUNDS = 8
KILLS_A_ROUND = 25
UPGRADES = 60
LONGEST_S = 0.12


def ended(life: Callable[[int], None], after_s: float) -> str:
    """Let `life` run in a process of its own with a pipe to say things on, and kill it so long after its first word."""
    hear, say = os.pipe()
    child = os.fork()
    if not child:
        os.close(hear)
        try:
            life(say)
        finally:
            os._exit(1)
    os.close(say)
    said = os.read(hear, 65_536)
    deadline_s = time.monotonic() + after_s
    while (left_s := deadline_s - time.monotonic()) > 0:
        if not select.select([hear], [], [], left_s)[0]:
            break
        said += os.read(hear, 65_536)
    os.kill(child, signal.SIGKILL)
    while more := os.read(hear, 65_536):
        said += more
    os.close(hear)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status), f"its life ended by itself: {said.decode()}"
    return said.decode()


def lives(path: Path, random: Random) -> Iterator[str]:
    """Life after life in the same file, each ended by kill -9 at a random moment."""
    for _ in range(KILLS_A_ROUND):
        seed = random.randrange(10**9)
        yield ended(lambda say, seed=seed: live(path, Random(seed), 10**6, say_to(say)), random.uniform(0, LONGEST_S))


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_kills_while_it_writes_tidies_and_begins_anew(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "journal.db"
    promises = Promises()
    for said in lives(path, Random(seed)):
        promises.hear(said)
        opened(path, SETTINGS, Now(synced=False)).close()
        promises.look(path)
    journal = opened(path, SETTINGS, Now(synced=False))
    tidied(journal)
    with journal.reader() as reader:
        assert reader.meta("salvage") is None, "salvage is not complete"
    assert salvaged(journal).keys() <= set(promises.epochs) | {journal.epoch}
    journal.close()
    promises.look(path)
    assert len(promises.epochs) > 2, "it hardly began anew: the test shows little"


def test_kills_while_a_first_version_is_brought_up(tmp_path: Path) -> None:
    """All or nothing: whichever it was, the next start delivers the backlog byte for byte."""
    before = {lane: kept(FIRST_VERSION, lane) for lane in LANES}
    random = Random(0)
    versions = set()
    path = Path(shutil.copy(FIRST_VERSION, tmp_path / "journal.db"))
    began_s = time.monotonic()
    opened(path).close()
    longest_s = 1.5 * (time.monotonic() - began_s)

    def upgrade(say: int) -> None:
        os.write(say, b"ready")
        opened(path).close()
        os.read(os.pipe()[0], 1)

    for number in range(UPGRADES):
        path = Path(shutil.copy(FIRST_VERSION, tmp_path / f"{number}.db"))
        ended(upgrade, random.uniform(0, longest_s))
        versions.add(ask(path, "PRAGMA user_version")[0][0])
        journal = opened(path)
        assert journal.damage is None
        journal.close()
        assert {lane: kept(path, lane) for lane in LANES} == before
    assert versions == {1, VERSION}, "the kills missed the upgrade: the test shows nothing"
