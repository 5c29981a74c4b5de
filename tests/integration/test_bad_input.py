"""What a plant engineer gets wrong: told at once, in words that say what to change, with the exit code of its kind."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import subprocess
import tempfile
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from agent import __version__
from tests.support import station_file
from tests.support.agent_process import STOP_S, lineside, ran
from tests.support.devices import PASS
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.station_file import Tables
    from tests.support.works import Works

CONFIG, CANNOT_CREATE, IO_ERROR, TRY_LATER = 78, 73, 74, 75
"""Exit codes.  Source: sysexits.h."""


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    """A good station file, to be spoilt."""
    return station_file.station(tmp_path, broker_port=1883, panel_port=8040)


def written(tables: Tables, folder: Path) -> Path:
    return station_file.write(tables, folder / "station.toml")


# --- the station file


def test_the_version_is_told() -> None:
    told = ran("--version")
    assert (told.returncode, told.stdout, told.stderr) == (0, f"lineside {__version__}\n", "")


def test_a_good_file_is_called_good_and_described(tables: Tables, tmp_path: Path) -> None:
    told = ran("check", written(tables, tmp_path))
    assert (told.returncode, told.stderr) == (0, "")
    assert "good" in told.stdout
    assert "3 devices, 4 scan rules, 2 operations, 2 andon calls" in told.stdout


def test_a_good_file_with_a_stop_output_is_told_that_it_is_no_safety_function(tables: Tables, tmp_path: Path) -> None:
    """A line for each device that has one; the file is good all the same."""
    tables["device"][2]["stop"] = "halt"
    tables["device"].append({"name": "pins", "driver": "gpio", "run": 5})
    tables["device"].append({"name": "lamp-1", "driver": "gpio", "chip": "/dev/gpiochip1", "lamps": {"red": 5}})
    told = ran("check", written(tables, tmp_path))
    assert (told.returncode, told.stderr) == (0, "")
    assert told.stdout.splitlines()[1:] == [
        "the stop output of box-1 is no safety function: a wired emergency stop stays",
        "the stop output of pins is no safety function: a wired emergency stop stays",
    ]


def test_every_mistake_is_told_at_once_with_its_place_and_the_nearest_known_word(
    tables: Tables, tmp_path: Path
) -> None:
    """One run, one list, one line a mistake; `run` tells the same as `check`."""
    tables["brokr"] = {}
    tables["station"]["line"] = "line 3"
    tables["broker"]["hots"] = tables["broker"].pop("host")
    tables["broker"]["keepalive_s"] = 1
    tables["broker"]["port"] = "1883"
    tables["journal"] = {}
    tables["device"][0]["prot"] = tables["device"][0].pop("port")
    tables["device"][1]["driver"] = "mitutoya"
    tables["device"].append(dict(tables["device"][2]))
    tables["scan"][0]["pattern"] = "OP-(?P<operator>"
    tables["operation"][0]["measurement"][0]["low"] = 13.0
    tables["andon"]["call"][0]["device"] = "box-2"
    tables["andon"]["call"][1]["mode"] = "halt"
    file = written(tables, tmp_path)
    told = ran("check", file)
    assert told.returncode == CONFIG
    assert told.stdout == ""
    lines = told.stderr.splitlines()
    for where, what in (
        ("brokr", "did you mean 'broker'"),
        ("station.line", "it is 'line 3'"),
        ("broker.hots", "did you mean 'host'"),
        ("broker.host", "is missing"),
        ("broker.keepalive_s", "greater than or equal to 5; it is 1"),
        ("broker.port", "valid integer; it is '1883'"),
        ("journal.path", "is missing"),
        ("device[0].prot", "did you mean 'port'"),
        ("device[0].port", "is missing"),
        ("device[1].driver", "did you mean 'mitutoyo'"),
        ("device[3].name", "'box-1' is taken by device[2]"),
        ("scan[0].pattern", "not a regular expression"),
        ("operation[0].measurement[0]", "low <= nominal <= high"),
        ("andon.call[0].device", "did you mean 'box-1'"),
        ("andon.call[1].mode", "'call', 'help' or 'stop'; it is 'halt'"),
    ):
        told_here = [line for line in lines if line.startswith(f"{file}: {where}: ")]
        assert [what in line for line in told_here] == [True], f"{where}: {told.stderr}"
    assert len(lines) == 15, told.stderr
    assert ran("run", "--config", file).stderr == told.stderr


def test_a_name_that_nothing_bears_is_told_with_the_nearest_that_is_borne(tables: Tables, tmp_path: Path) -> None:
    tables["andon"]["call"][0]["device"] = "bxo-1"
    tables["operation"][0]["measurement"][0]["gauge"] = "guage-1"
    told = ran("check", written(tables, tmp_path))
    assert told.returncode == CONFIG
    assert "andon.call[0].device: no device 'bxo-1'; did you mean 'box-1'?" in told.stderr
    assert "operation[0].measurement[0].gauge: no device 'guage-1'; did you mean 'gauge-1'?" in told.stderr


@pytest.mark.parametrize("command", [("check",), ("run", "--config")], ids=["check", "run"])
@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "no such file"),
        (b"[station\n", r"is not TOML: .*line 1"),
        (b"[station]\nline = 'caf\xe9'\n", "is not UTF-8: byte 21 is 0xe9"),
        (b"", r"station: table \[station\] is missing"),
        (b"station = 1\nbroker = []\njournal = 'x'\ndevice = {}\n", r"write \[\[device\]\], not \[device\]"),
    ],
    ids=["missing", "not TOML", "not UTF-8", "empty", "wrong kinds of table"],
)
def test_a_file_that_cannot_be_read_is_told_without_a_traceback(
    tmp_path: Path, command: tuple[str, ...], content: bytes | None, words: str
) -> None:
    file = tmp_path / "station.toml"
    if content is not None:
        file.write_bytes(content)
    told = ran(*command, file)
    assert told.returncode == CONFIG
    assert re.search(words, told.stderr), told.stderr
    assert "Traceback" not in told.stderr
    assert all(line.startswith(f"{file}: ") for line in told.stderr.splitlines())


def test_a_folder_is_no_station_file(tmp_path: Path) -> None:
    told = ran("check", tmp_path)
    assert (told.returncode, told.stderr) == (CONFIG, f"{tmp_path}: cannot be read: Is a directory\n")


# --- the journal


@pytest.mark.parametrize("path", ["no/such/folder/journal.db", "station.toml/journal.db", "/proc/journal.db", "."])
def test_a_journal_that_cannot_be_made_is_told_with_its_path(tables: Tables, tmp_path: Path, path: str) -> None:
    """Exit 73 before any device is touched, and the words say which key to change."""
    tables["journal"]["path"] = str(tmp_path / path)
    told = ran("run", "--config", written(tables, tmp_path))
    assert told.returncode == CANNOT_CREATE, told.stderr
    assert str(tmp_path / path) in told.stderr
    assert "folder" in told.stderr
    assert "Traceback" not in told.stderr


@pytest.fixture
def locked_folder() -> Iterator[Path]:
    """A folder that its owner may read and not write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


def test_a_folder_that_may_not_be_written_is_told_with_the_user(
    locked_folder: Path, tables: Tables, tmp_path: Path
) -> None:
    command: list[str] = []
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("as root this needs setpriv, of util-linux, to give up root's right to write anywhere")
        command = ["setpriv", "--bounding-set", "-dac_override"]
    tables["journal"]["path"] = str(locked_folder / "journal.db")
    command += lineside("run", "--config", written(tables, tmp_path))
    told = subprocess.run(command, capture_output=True, text=True, timeout=STOP_S, check=False)
    assert told.returncode == CANNOT_CREATE, told.stderr
    assert f"{locked_folder}/journal.db.lock cannot be made: Permission denied" in told.stderr
    assert f"writable for this user (uid {os.geteuid()})" in told.stderr


def test_a_second_agent_on_one_journal_is_told_who_has_it(running: Works) -> None:
    """The first goes on undisturbed; once it is gone the second may have the journal."""
    told = ran("run", "--config", running.agent.file)
    assert told.returncode == TRY_LATER
    assert f"{running.journal} is in use by process {running.agent.pid} (" in told.stderr
    assert "agent.cli run" in told.stderr
    assert running.scanner.scan("OP-4711") == PASS
    running.agent.kill()
    running.start_agent()
    running.settle()


def test_a_second_agent_is_refused_by_any_name_of_the_journal(running: Works) -> None:
    """A symbolic link to the journal is the same journal."""
    (running.folder / "other").symlink_to(running.folder)
    running.station["journal"]["path"] = str(running.folder / "other" / "journal.db")
    (running.folder / "alias.db").symlink_to(running.journal)
    for path in ("other/journal.db", "alias.db"):
        running.station["journal"]["path"] = str(running.folder / path)
        told = ran("run", "--config", station_file.write(running.station, running.folder / "second.toml"))
        assert told.returncode == TRY_LATER, path
        assert f"process {running.agent.pid} (" in told.stderr
    running.settle()


def a_text(path: Path) -> None:
    path.write_text("Shopping list: milk, bread, a line of text that is long enough to be no header.\n" * 20)


def a_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE shopping (what TEXT)")


def a_journal_of_tomorrow(path: Path) -> None:
    a_database(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute(f"PRAGMA application_id = {0x4C4E5344}")
        db.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (a_text, "is no journal; set journal.path to a file of its own"),
        (a_database, "is an SQLite file of another program; set journal.path to a file of its own"),
        (a_journal_of_tomorrow, "has schema version 99, this Lineside knows 3"),
    ],
)
def test_a_file_that_is_no_journal_of_ours_is_told_and_left_alone(
    tables: Tables, tmp_path: Path, make: object, words: str
) -> None:
    path = tmp_path / "journal.db"
    assert callable(make)
    make(path)
    before = path.read_bytes()
    told = ran("run", "--config", written(tables, tmp_path))
    assert told.returncode == IO_ERROR
    assert f"lineside: {path}" in told.stderr
    assert words in told.stderr
    assert "Traceback" not in told.stderr
    assert path.read_bytes() == before


def test_an_empty_file_becomes_a_journal(works: Works) -> None:
    """As after a power cut in the very first moment."""
    works.journal.touch()
    works.start_agent()
    works.sign_on()
    works.settle()


# --- the rest


def test_a_page_that_cannot_have_its_port_does_not_stop_the_station(works: Works) -> None:
    """The same station's page on a taken port: told with the remedy, and the work goes on."""
    works.station["panel"]["port"] = works.broker.port
    station_file.write(works.station, works.agent.file)
    works.agent.start()
    works.wait_for_fact("device.opened", "scanner-1")
    works.sign_on()
    works.wait_for_fact("operator.signed-on")
    (told,) = eventually(lambda: [one for one in works.agent.said("worker.failed") if one["worker"] == "panel"])
    assert f"port {works.broker.port} is taken on 127.0.0.1: set panel.port to a free one" in told["reason"]
    works.settle()


def test_a_station_without_page_devices_and_rules_runs_and_stops(tables: Tables, tmp_path: Path) -> None:
    """The least that a station file must have."""
    file = written({key: tables[key] for key in ("station", "broker", "journal")}, tmp_path)
    with subprocess.Popen(lineside("run", "--config", file), stderr=subprocess.PIPE, text=True) as agent:
        assert agent.stderr is not None
        said = eventually(lambda: agent.stderr.readline() if agent.stderr else "")
        assert "Traceback" not in said
        agent.terminate()
        assert agent.wait(STOP_S) == 0


def test_a_station_that_is_misspelt_on_the_command_line_is_no_traceback(tmp_path: Path) -> None:
    told = ran("chekc", tmp_path)
    assert told.returncode == 2
    assert "Traceback" not in told.stderr
