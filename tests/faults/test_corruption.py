"""Damage of every kind to the file: the agent works on within seconds, and every event arrives or is named missing."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING

import pytest

from agent.events import LANES, Kind
from agent.journal.errors import JournalVersionError
from tests.journals import ask, kept, opened
from tests.support.devices import PASS
from tests.support.recording import Recording

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.support.recording import Identity
    from tests.support.works import Works

PAGE = 4096
SEEDS = range(120)
SOON_S = 5.0

LEAVE_A_LOG = """
import os, sys
from pathlib import Path
from agent.events import LANES, Lane
from tests.journals import fact, facts, opened, tidied

journal = opened(Path(sys.argv[1]))
for turn in range(12):
    journal.append([event for lane in LANES for event in facts(8, lane, 60 * turn)], {"specimen": {"turn": turn}})
journal._writer.log_bytes = 10**9
journal.confirmed(Lane.WORK, 20)
tidied(journal)
for turn in range(5):
    journal.append([event for lane in LANES for event in facts(3, lane, 700)], {"specimen": {"turn": -turn}})
journal.append([fact(text="long" * 3000)], {})
os._exit(0)
"""
"""Ends like a kill: the first part is in the file, the second in its log."""


@dataclass
class Specimen:
    """A journal as a kill left it, and what was in it."""

    folder: Path
    epoch: str
    bodies: dict[Identity, str]
    confirmed: int = 20

    def put(self, folder: Path) -> Path:
        """A fresh copy, as it was."""
        for part in ("", "-wal", ".lock"):
            shutil.copy(self.folder / f"journal.db{part}", folder / f"journal.db{part}")
        return folder / "journal.db"

    def owed(self) -> set[Identity]:
        return {who for who in self.bodies if not (who[1] == "work" and who[2] <= self.confirmed)}


@pytest.fixture(scope="module")
def specimen(tmp_path_factory: pytest.TempPathFactory) -> Specimen:
    folder = tmp_path_factory.mktemp("specimen")
    path = folder / "journal.db"
    subprocess.run([sys.executable, "-c", LEAVE_A_LOG, str(path)], check=True)
    looked_at = Specimen(folder, "", {}).put(tmp_path_factory.mktemp("look"))
    ((epoch,),) = ask(looked_at, "SELECT value FROM meta WHERE key = 'epoch'")
    bodies = {(epoch, str(lane), seq): body for lane in LANES for seq, body in kept(looked_at, lane).items()}
    assert (folder / "journal.db-wal").stat().st_size > 50_000
    return Specimen(folder, epoch, bodies)


def live_on(path: Path, specimen: Specimen, *, asides: bool = True) -> Recording:
    """Start on the damaged file, work, deliver, and hold the agent to its promises."""
    began_s = time.monotonic()
    agent = Recording(path)
    agent.start()
    agent.scan("OP-4711")
    agent.idle()
    agent.deliver()
    agent.scan("SN0001")
    agent.settle()
    took_s = time.monotonic() - began_s
    passed = agent.scan("SN0002")
    agent.deliver()
    agent.stop()
    assert took_s < SOON_S
    assert passed == ["pass"], "does not work on"
    check_delivered(agent, specimen, asides=asides)
    return agent


def check_delivered(agent: Recording, specimen: Specimen, *, asides: bool = True) -> None:
    """Nothing wrong, nothing lost without a word, and damage is told twice: that it was, and what became of it."""
    for who, body in agent.delivered.items():
        if who[0] == specimen.epoch and who in specimen.bodies:
            assert body == specimen.bodies[who], f"{who} has a wrong content"
    silent = specimen.owed() - set(agent.delivered) - agent.missing()
    assert silent == set(), f"{len(silent)} lost without a word, {min(silent)}"
    found = [file for file in agent.path.parent.iterdir() if "damaged" in file.name]
    if agent.journal.epoch != specimen.epoch:
        assert found or not asides, "the damaged file was not kept"
        kinds = [body.partition('"type":"lineside.')[2].partition('"')[0] for body in agent.delivered.values()]
        assert Kind.JOURNAL_DAMAGED in kinds
        assert Kind.JOURNAL_RECOVERED in kinds
    else:
        assert not found


def spoil(path: Path, random: Random) -> str:
    """Random bytes in random places of a random page; or a run of pages; or one bit."""
    content = bytearray(path.read_bytes())
    page = random.randrange(len(content) // PAGE) * PAGE
    how = random.choice(["page", "few", "bit", "run", "zeros"])
    if how == "bit":
        content[page + random.randrange(PAGE)] ^= 1 << random.randrange(8)
    elif how == "few":
        for _ in range(random.randint(1, 20)):
            content[page + random.randrange(PAGE)] = random.randrange(256)
    else:
        size = PAGE * (random.randint(1, 6) if how == "run" else 1)
        fresh = bytes(size) if how == "zeros" else random.randbytes(size)
        content[page : page + size] = fresh[: len(content) - page]
    path.write_bytes(content)
    return f"{how} at page {page // PAGE} of {path.name}"


@pytest.mark.parametrize("seed", SEEDS)
def test_random_bytes_in_any_page(specimen: Specimen, tmp_path: Path, seed: int) -> None:
    """Of the file, of its log, or of both."""
    random = Random(seed)
    path = specimen.put(tmp_path)
    log = path.with_name("journal.db-wal")
    for file in random.choice([(path,), (path,), (log,), (path, log)]):
        print(f"seed {seed}: {spoil(file, random)}")
    live_on(path, specimen)


def test_what_is_left_of_a_page_is_most_of_it(specimen: Specimen, tmp_path: Path) -> None:
    """Over many damages of one page, few events are lost."""
    lost = total = 0
    for seed in range(20):
        folder = tmp_path / str(seed)
        folder.mkdir()
        path = specimen.put(folder)
        content = bytearray(path.read_bytes())
        page = Random(seed).randrange(len(content) // PAGE) * PAGE
        content[page : page + PAGE] = Random(seed).randbytes(PAGE)
        path.write_bytes(content)
        agent = live_on(path, specimen)
        lost += len(specimen.owed() & agent.missing() - set(agent.delivered))
        total += len(specimen.owed())
    assert lost < total * 0.05


LENGTHS: dict[str, Callable[[int], int]] = {
    "nothing": lambda _size: 0,
    "a byte": lambda _size: 1,
    "the header": lambda _size: 100,
    "less than a page": lambda _size: PAGE - 1,
    "a page": lambda _size: PAGE,
    "some pages": lambda size: size // PAGE // 2 * PAGE,
    "some pages and a half": lambda size: size // PAGE // 2 * PAGE + 2048,
    "all but a page": lambda size: size - PAGE,
    "all but a byte": lambda size: size - 1,
}


@pytest.mark.parametrize("suffix", ["", "-wal"], ids=["file", "log"])
@pytest.mark.parametrize("length", LENGTHS)
def test_a_file_cut_short(specimen: Specimen, tmp_path: Path, length: str, suffix: str) -> None:
    path = specimen.put(tmp_path)
    file = path.with_name(path.name + suffix)
    with file.open("r+b") as cut:
        cut.truncate(LENGTHS[length](file.stat().st_size))
    agent = live_on(path, specimen)
    if length in {"nothing", "a byte", "the header", "less than a page"}:
        assert agent.journal.epoch != specimen.epoch, "commits were lost and nothing was said"


@pytest.mark.parametrize("suffixes", [("-wal",), ("",), ("", "-wal")], ids=["log", "file", "both"])
def test_a_file_that_is_gone(specimen: Specimen, tmp_path: Path, suffixes: tuple[str, ...]) -> None:
    """A log that was deleted after a kill takes commits with it: the note beside the file knows."""
    path = specimen.put(tmp_path)
    for suffix in suffixes:
        path.with_name(path.name + suffix).unlink()
    agent = live_on(path, specimen, asides=suffixes == ("-wal",))
    assert agent.journal.epoch != specimen.epoch
    (told,) = agent.told(Kind.JOURNAL_RECOVERED)
    assert told["old_epoch"] == specimen.epoch


@pytest.mark.parametrize("size", [16, 100, PAGE])
def test_a_header_that_is_destroyed(specimen: Specimen, tmp_path: Path, size: int) -> None:
    """Nothing can be asked of the file: its events are found by searching it."""
    path = specimen.put(tmp_path)
    with path.open("r+b") as file:
        file.write(bytes(size))
    agent = live_on(path, specimen)
    found = specimen.owed() & set(agent.delivered)
    assert len(found) > len(specimen.owed()) * 0.9


@pytest.mark.parametrize("offset", [18, 19, 44, 56, 60, 68, 96], ids=lambda offset: f"byte {offset}")
def test_one_wrong_number_in_the_header(specimen: Specimen, tmp_path: Path, offset: int) -> None:
    """Also those by which a file is known as ours: with our tables in it, it is."""
    path = specimen.put(tmp_path)
    path.with_name("journal.db-wal").unlink()
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(b"\x77" * (1 if offset < 20 else 4))
    live_on(path, specimen)


def test_an_old_copy_put_back_under_the_new_log(specimen: Specimen, tmp_path: Path) -> None:
    """Old pages, newer pages in the log over them: what fits is delivered, what does not is found out."""
    path = specimen.put(tmp_path)
    (tmp_path / "before").mkdir()
    early = opened(tmp_path / "before" / "journal.db")
    early.close()
    shutil.copy(tmp_path / "before" / "journal.db", path)
    live_on(path, specimen)


def test_damage_while_it_runs(specimen: Specimen, tmp_path: Path) -> None:
    """A reader finds it; the recorder begins anew in its next step, with the memory it has."""
    path = specimen.put(tmp_path)
    agent = Recording(path)
    agent.start()
    agent.scan("OP-4711", "SN0001")
    agent.journal.settle()
    agent.journal._writer.log_bytes = 10**9
    agent.idle(3)
    target = specimen.bodies[specimen.epoch, "work", 60].encode()
    content = path.read_bytes()
    assert target in content
    path.write_bytes(content.replace(target, b"?" * len(target)))
    agent.deliver()
    assert agent.journal.suspicion
    memory = dict(agent.recorder._memory)
    assert agent.scan("SN0002") == ["pass"]
    assert agent.journal.epoch != specimen.epoch
    assert not agent.journal.suspicion
    assert set(memory) <= set(agent.journal.documents())
    agent.settle()
    agent.stop()
    check_delivered(agent, specimen)
    assert (specimen.epoch, "work", 60) in agent.missing()


@pytest.mark.parametrize("content", [b"my diary\n" * 1000, b"PK\x03\x04" + bytes(5000), b"x"])
def test_a_file_that_was_never_ours(tmp_path: Path, content: bytes) -> None:
    """It is left alone, under its name."""
    path = tmp_path / "journal.db"
    path.write_bytes(content)
    with pytest.raises(JournalVersionError):
        opened(path)
    assert path.read_bytes() == content
    assert not [file for file in tmp_path.iterdir() if "damaged" in file.name]


def test_the_agent_itself_starts_on_a_damaged_file(works: Works) -> None:
    """The process is ready within seconds, its page says what happened, and the central hears of it."""
    works.start_agent(broker="online")
    works.sign_on()
    works.scanner.send(*(f"OP-{badge}" for badge in range(200)))
    assert works.scanner.answers(200) == PASS * 200
    assert works.agent.stop() == 0
    with works.journal.open("r+b") as file:
        file.write(bytes(PAGE))
    began_s = time.monotonic()
    works.start_agent()
    assert time.monotonic() - began_s < SOON_S
    damaged = works.wait_for_fact("journal.damaged")
    recovered = works.wait_for_fact("journal.recovered")
    assert damaged["data"]["old_epoch"] == recovered["data"]["old_epoch"] != damaged["data"]["new_epoch"]
    assert works.wait_for_fact("alarm.raised", "journal")["data"]["alarm"] == "journal-damaged"
    assert works.scanner.scan("OP-1") == PASS
    works.wait_for_fact("operator.signed-on", "199")
