"""A disk that is full, read-only or broken: work is red, nothing is green, calls get through, and it ends by itself."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent.events import Kind
from agent.journal.journal import JournalSettings
from simulators.broker import Mosquitto
from tests.journals import ask
from tests.support.devices import PASS, REFUSE
from tests.support.eventually import eventually
from tests.support.recording import Recording
from tests.support.small_disk import SmallDisk
from tests.support.streaming import Stream
from tests.support.works import Works

if TYPE_CHECKING:
    from collections.abc import Iterator

SHIM = Path(__file__).parents[1] / "support" / "failing_io.c"
MOST_SCANS = 3000
CANNOT_RECORD = "recorder.cannot_record"


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with SmallDisk(tmp_path) as small:
        yield small


@pytest.fixture
def station(tmp_path: Path, disk: SmallDisk) -> Iterator[Works]:
    """A whole station whose journal is on the small disk."""
    if Mosquitto.program() is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    folder = tmp_path / "works"
    folder.mkdir()
    with Works(folder) as works:
        works.journal = disk.folder / "journal.db"
        works.station["journal"] = {"path": str(works.journal), "reserve_mb": 1}
        yield works


def scan_until_refused(works: Works, first: int = 0) -> list[str]:
    """Scan badge after badge; return those that passed before the first was refused."""
    passed: list[str] = []
    for badge in range(first, first + MOST_SCANS):
        answer = works.scanner.scan(f"OP-{badge}")
        if answer == REFUSE:
            return passed
        assert answer == PASS
        passed.append(str(badge))
    raise AssertionError("never refused")


def reserve(works: Works) -> Path:
    return works.journal.with_name("journal.db.reserve")


def signed_on(works: Works) -> list[str]:
    return [event["subject"] for event in works.book.events("operator.signed-on")]


@pytest.mark.root
def test_a_full_disk(station: Works, disk: SmallDisk) -> None:
    """Red for work, room for what is urgent, and green again when there is room: no hand needed but the broom."""
    station.start_agent()
    assert reserve(station).stat().st_size == 1_000_000
    disk.fill()
    passed = scan_until_refused(station)
    station.box.shows("red")
    station.wait_for_fact("alarm.raised", "journal", alarm="cannot-record")
    assert not reserve(station).exists()

    assert [station.scanner.scan("OP-99999") for _ in range(3)] == [REFUSE] * 3
    station.box.press("cord")
    call = station.wait_for_fact("andon.raised", name="cord")
    station.box.release("cord")
    station.wait_for_fact("andon.resolved", call["subject"])
    station.box.shows("red")
    status = station.agent.status()
    assert status is not None
    assert any(reason.startswith("cannot record: ") for reason in status.document["reasons"])

    disk.empty()
    station.wait_for_fact("alarm.cleared", "journal", alarm="cannot-record")
    eventually(reserve(station).exists)
    assert station.scanner.scan("OP-77777") == PASS
    station.box.shows("green")
    station.wait_until_delivered()
    assert signed_on(station) == [*passed, "77777"]
    assert len(station.agent.said(CANNOT_RECORD)) == 1, "told more than once"
    station.settle()


@pytest.mark.root
def test_a_full_disk_under_a_stream(station: Works, disk: SmallDisk) -> None:
    """What was held when the disk became full is written when there is room, once; what came meanwhile is refused."""
    station.start_agent()
    stream = Stream(station, (f"{number / 1000:.3f}" for number in count(1)))
    stream.send(100)
    stream.wait_until_taken(100)
    assert station.scanner.scan("OP-99999") == PASS, "decided after all of them"
    disk.fill()
    scan_until_refused(station)
    stream.send(50)
    stream.wait_until_taken(150)
    disk.empty()
    station.wait_for_fact("alarm.cleared", "journal", alarm="cannot-record")
    stream.send(50)
    station.wait_until_delivered()
    station.settle()
    assert stream.written == sorted(set(stream.written))
    assert {*stream.sent[:100], *stream.sent[150:]} <= set(stream.written) <= set(stream.sent)


@pytest.mark.root
def test_a_start_on_a_full_disk(station: Works, disk: SmallDisk) -> None:
    """It takes the reserve to start at all, and works as on a disk that became full."""
    station.start_agent()
    assert station.scanner.scan("OP-1") == PASS
    station.agent.kill()
    disk.fill()
    station.start_agent()
    assert station.scanner.scan("OP-2") == REFUSE
    station.box.press("cord")
    station.wait_for_fact("andon.raised", name="cord")
    station.box.release("cord")
    disk.empty()
    station.wait_for_fact("alarm.cleared", "journal", alarm="cannot-record")
    eventually(reserve(station).exists)
    assert station.scanner.scan("OP-3") == PASS
    station.wait_until_delivered()
    assert signed_on(station) == ["1", "3"]
    station.settle()


@pytest.mark.root
@pytest.mark.parametrize("how", ["killed", "stopped"])
def test_a_start_on_a_full_disk_whose_reserve_others_took(station: Works, disk: SmallDisk, how: str) -> None:
    """It starts, says no, keeps calls in memory as it would have without the start, and goes on when there is room."""
    station.start_agent()
    assert station.scanner.scan("OP-1") == PASS
    station.wait_until_delivered()
    disk.fill()
    scan_until_refused(station)
    disk.fill()
    if how == "killed":
        station.agent.kill()
    else:
        assert station.agent.stop() in {0, os.EX_IOERR}
    disk.fill()
    station.start_agent()
    assert station.scanner.scan("OP-2") == REFUSE
    station.box.shows("red")
    station.box.press("cord")
    status = station.agent.status()
    assert status is not None
    assert any(reason.startswith("cannot record: ") for reason in status.document["reasons"])
    assert not reserve(station).exists()
    disk.empty()
    station.wait_for_fact("andon.raised", name="cord")
    station.wait_for_fact("alarm.cleared", "journal", alarm="cannot-record")
    eventually(reserve(station).exists)
    assert station.scanner.scan("OP-3") == PASS
    station.wait_until_delivered()
    assert signed_on(station)[-1] == "3"
    assert "2" not in signed_on(station)
    station.settle()


@pytest.mark.root
def test_a_code_that_is_refused_as_the_disk_becomes_full_is_refused_once(station: Works, disk: SmallDisk) -> None:
    """A second answer would be taken for that to the next scan."""
    station.start_agent()
    disk.fill()
    answers = [station.scanner.scan("NONSENSE") for _ in range(MOST_SCANS) if not station.agent.said(CANNOT_RECORD)]
    assert {*answers} == {REFUSE}
    assert station.agent.said(CANNOT_RECORD)
    assert station.scanner.answers(1, 0.2) == b""
    disk.empty()
    station.wait_for_fact("alarm.cleared", "journal", alarm="cannot-record")
    station.settle()


@pytest.mark.root
def test_a_disk_that_became_read_only(station: Works, disk: SmallDisk) -> None:
    """The agent stays, shows red, and goes on after the machine is mended; what was green is there."""
    station.start_agent()
    passed = [str(badge) for badge in range(50)]
    for badge in passed:
        assert station.scanner.scan(f"OP-{badge}") == PASS
    disk.break_down()
    assert [station.scanner.scan("OP-999") for _ in range(5)] == [REFUSE] * 5
    station.box.shows("red")
    station.box.press("cord")
    station.box.shows("red")
    status = station.agent.status()
    assert status is not None
    assert any(reason.startswith("cannot record: ") for reason in status.document["reasons"])
    station.agent.stop()
    disk.unmount()
    disk.mend()
    disk.mount()
    station.box.release("cord")
    station.start_agent()
    assert station.scanner.scan("OP-1000") == PASS
    station.wait_until_delivered()
    assert signed_on(station) == [*passed, "1000"]
    station.settle()


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if shutil.which("gcc") is None:
        pytest.skip("gcc is not installed: apt-get install gcc libc6-dev")
    library = tmp_path_factory.mktemp("shim") / "failing_io.so"
    subprocess.run(["gcc", "-shared", "-fPIC", "-O1", "-o", str(library), str(SHIM), "-ldl"], check=True)
    return library


@pytest.mark.parametrize("what", ["sync", "write"])
def test_a_disk_that_gives_errors(works: Works, shim: Path, what: str) -> None:
    """EIO from fsync or from write: red until it ends, and nothing that was refused is there afterwards."""
    flag = works.folder / "failing"
    works.agent.environment = {
        "LD_PRELOAD": str(shim),
        "FAILING_IO": str(flag),
        "FAILING_IO_FOLDER": str(works.journal),
    }
    works.start_agent()
    assert works.scanner.scan("OP-1") == PASS
    for turn in range(3):
        flag.write_text(what)
        assert works.scanner.scan("OP-2") == REFUSE
        works.box.shows("red")
        works.box.press("cord")
        assert works.scanner.scan("OP-2") == REFUSE
        flag.unlink()
        works.box.shows("red")
        eventually(lambda turn=turn: len(works.book.events("andon.raised")) == turn + 1)
        works.box.release("cord")
        eventually(lambda turn=turn: len(works.book.events("andon.resolved")) == turn + 1)
        eventually(lambda turn=turn: len(works.book.events("alarm.cleared", alarm="cannot-record")) == turn + 1)
        assert works.scanner.scan(f"OP-{10 + turn}") == PASS
    works.agent.kill()
    works.start_agent()
    assert works.scanner.scan("OP-20") == PASS
    works.wait_until_delivered()
    assert signed_on(works) == ["1", "10", "11", "12", "20"]
    works.settle()


@pytest.mark.root
def test_housekeeping_goes_on_after_a_full_disk(disk: SmallDisk) -> None:
    """A disk that fills up while the log is checked in or space is given back leaves a whole journal."""
    agent = Recording(disk.folder / "journal.db", JournalSettings(keep_days=0.0, reserve_bytes=500_000))
    agent.start()
    for turn in range(5):
        for number in range(20):
            agent.scan(*(f"OP-{turn}{number}{one}" for one in range(100)))
        with agent.journal.reader() as reader:
            agent.journal.confirmed(*max((lane, state.last) for lane, state in reader.lanes().items()))
        disk.fill()
        agent.idle(10)
        agent.scan("OP-1")
        disk.empty()
        eventually(lambda: agent.idle() or not agent.trouble)
    agent.idle(50)
    agent.stop()
    assert ask(agent.path, "PRAGMA integrity_check") == [("ok",)]
    assert agent.told(Kind.JOURNAL_DAMAGED) == []


@pytest.mark.root
def test_damage_on_a_full_disk(disk: SmallDisk) -> None:
    """There is no room for a new journal: red until there is some, and nothing is lost by waiting."""
    agent = Recording(disk.folder / "journal.db", JournalSettings(reserve_bytes=500_000))
    agent.start()
    agent.scan(*(f"OP-{number}" for number in range(500)))
    agent.journal._writer.log_bytes = 10**9
    agent.idle(2)
    old = agent.journal.epoch
    forwarders = agent.journal.reader()
    forwarders.lanes()
    agent.journal.free_reserve()
    disk.fill()
    with agent.path.open("r+b") as file:
        file.seek(agent.path.stat().st_size // 2)
        file.write(b"?" * 4096)
    agent.deliver()
    assert agent.journal.suspicion
    assert agent.scan("OP-1000") == ["refuse"]
    agent.idle(3)
    assert agent.trouble
    assert agent.scan("OP-1001") == ["refuse"]
    forwarders.close()
    disk.empty()
    eventually(lambda: agent.idle() or not agent.trouble)
    assert agent.journal.epoch != old
    assert agent.scan("OP-1002") == ["pass"]
    agent.settle()
    agent.stop()
    owed = {(old, "work", number) for number in range(1, 501)}
    assert owed <= set(agent.delivered) | agent.missing()
    assert len(owed - set(agent.delivered)) < 20
    assert len(agent.told(Kind.JOURNAL_DAMAGED)) == 1
