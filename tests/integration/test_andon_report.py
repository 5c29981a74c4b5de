"""`lineside andon report` on real journals: while the agent runs, after damage, and never changing anything."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from agent.events import NS_PER_S, Event, Kind, Lane
from simulators.broker import Mosquitto
from tests.journals import Now, opened, tidied
from tests.support.agent_process import ran
from tests.support.eventually import eventually
from tests.unit.station.test_answers import Clockwork

if TYPE_CHECKING:
    from pathlib import Path

    from agent.journal.journal import Journal
    from tests.support.works import Works

BEGIN = datetime(2026, 11, 18, 12, tzinfo=UTC)


class Station:
    """A station that writes the facts of calls, as the wire describes them."""

    def __init__(self, path: Path) -> None:
        self.now = Now(time_ns=int(BEGIN.timestamp()) * NS_PER_S)
        self.path = path
        self._journal: Journal = opened(path, now=self.now)
        self._count = 0

    def raised(self, kind: str = "quality", mode: str = "call", *, told: bool = True) -> dict[str, Any]:
        self._count += 1
        names = {"call": f"c{self._count}", "name": f"{kind}-button", "type": kind, "mode": mode}
        data = {**names, "state": "raised", "presses": 1, "raised": self.now().iso}
        if told:
            self.say(Kind.ANDON_RAISED, data)
        return data

    def say(self, kind: Kind, data: dict[str, Any], **more: Any) -> None:
        self._journal.append([Event(kind, data["call"], {**data, **more}, self.now())], {})

    def served(self, kind: str, *, answer_s: float, repair_s: float, mode: str = "call") -> None:
        data = self.raised(kind, mode)
        self.now.pass_(answer_s)
        self.say(Kind.ANDON_ACKNOWLEDGED, data, by="team leader", answered_s=answer_s)
        self.now.pass_(repair_s)
        self.say(Kind.ANDON_RESOLVED, data, duration_s=answer_s + repair_s)

    def close(self) -> None:
        self._journal.close()


def told(path: Path, *options: str) -> dict[str, Any]:
    done = ran("andon", "report", "--journal", path, "--json", *options)
    assert (done.returncode, done.stderr) == (0, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    """Ten quality calls of 1 to 10 s, a stop of two minutes, and one call that is still open."""
    station = Station(tmp_path / "journal.db")
    for seconds in range(1, 11):
        station.served("quality", answer_s=seconds, repair_s=10)
        station.now.pass_(60)
    station.served("process", answer_s=20, repair_s=100, mode="stop")
    station.now.pass_(86_400)
    station.raised("material")
    station.close()
    return station.path


def test_the_figures_of_a_journal(journal: Path) -> None:
    document = told(journal)
    rows = {row["group"]: row for row in document["rows"]}
    answer = rows["quality"]["to_acknowledge"]
    assert [answer[key]["seconds"] for key in ("median", "p90", "longest")] == [5.0, 9.0, 10.0]
    assert (rows["quality"]["calls"], answer["count"], answer["running"]) == (10, 10, 0)
    assert rows["process"]["stop_minutes"] == 2.0
    assert [one["type"] for one in document["open"]] == ["material"]
    assert rows["material"]["to_acknowledge"]["longest"]["growing"]
    assert document["all"]["calls"] == 12
    assert "nearest rank" in document["definitions"]["median, 90 %"]


def test_the_screen_shows_the_figures_with_their_definitions(journal: Path) -> None:
    done = ran("andon", "report", "--journal", journal)
    assert done.returncode == 0
    row = next(line for line in done.stdout.splitlines() if "quality" in line)
    assert row.split() == ["quality", "10", "to", "acknowledge", "10", "0:05", "0:09", "0:10"]
    for word in ("open now: 1", "material material-button", "nearest rank", "stop minutes", "+"):
        assert word in done.stdout


def test_csv_is_a_table_and_the_definitions_stand_beside_it(journal: Path) -> None:
    done = ran("andon", "report", "--journal", journal, "--csv")
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    (answer,) = [row for row in rows if (row["group"], row["measure"]) == ("quality", "to acknowledge")]
    assert (answer["median_s"], answer["p90_s"], answer["longest_s"], answer["count"]) == ("5.0", "9.0", "10.0", "10")
    assert "nearest rank" in done.stderr


def test_days_and_shifts_are_rows(journal: Path) -> None:
    days = told(journal, "--by", "day", "--zone", "UTC")["rows"]
    assert [(row["group"], row["calls"], row["stop_minutes"]) for row in days] == [
        ("2026-11-18", 11, 2.0),
        ("2026-11-19", 1, 0),
    ]
    shifts = told(journal, "--by", "shift", "--shifts", "A=00:00,B=12:05", "--zone", "UTC")["rows"]
    assert [(row["group"], row["calls"]) for row in shifts] == [
        ("2026-11-18 A", 5),
        ("2026-11-18 B", 6),
        ("2026-11-19 B", 1),
    ]


def test_names_are_rows(journal: Path) -> None:
    names = [row["group"] for row in told(journal, "--by", "name")["rows"]]
    assert names == ["material-button", "process-button", "quality-button"]


@pytest.mark.parametrize(
    ("options", "calls"),
    [
        (["--until", "2026-11-18"], 11),
        (["--since", "2026-11-19"], 1),
        (["--since", "2026-11-18T12:00:00Z", "--until", "2026-11-18T12:01:00Z"], 1),
        (["--since", "100000d"], 12),
        (["--since", "1m"], 0),
    ],
)
def test_a_time_is_looked_at(journal: Path, options: list[str], calls: int) -> None:
    assert told(journal, *options, "--zone", "UTC")["all"]["calls"] == calls


def test_a_call_whose_beginning_is_gone_is_told_as_such(tmp_path: Path) -> None:
    station = Station(tmp_path / "journal.db")
    data = station.raised(told=False)
    station.say(Kind.ANDON_ACKNOWLEDGED, data, answered_s=3.0)
    station.say(Kind.ANDON_RESOLVED, data, duration_s=None)
    station.close()
    row = told(station.path)["all"]
    assert (row["beginning_lost"], row["to_acknowledge"]["count"], row["to_resolve"]["not_measured"]) == (1, 1, 1)
    assert "1 calls have lost their beginning" in ran("andon", "report", "--journal", station.path).stdout


def test_the_journal_is_not_touched(journal: Path) -> None:
    before = hashlib.sha256(journal.read_bytes()).digest()
    told(journal)
    assert hashlib.sha256(journal.read_bytes()).digest() == before


@pytest.mark.parametrize("content", [None, b"", b"x" * 5000])
def test_what_is_no_journal_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "journal.db"
    if content is not None:
        path.write_bytes(content)
    done = ran("andon", "report", "--journal", path)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(path) in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--journal", "a", "--config", "b"],
        ["--journal", "a", "--since", "soon"],
        ["--journal", "a", "--since", "1h", "--until", "2h"],
        ["--journal", "a", "--by", "shift", "--shifts", "x"],
        ["--journal", "a", "--zone", "Mars/Olympus"],
        ["--journal", "a", "--json", "--csv"],
    ],
)
def test_options_that_make_no_sense_are_told(options: list[str]) -> None:
    done = ran("andon", "report", *options)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.fixture
def shift(tmp_path: Path) -> Path:
    """What the station itself decides of a morning, in a real journal."""
    bench = Clockwork()
    bench.press("runs", device="plc", active=False)
    bench.press("press")
    bench.pass_time(700)  # nobody comes: the supervisor, then the plant manager
    bench.press("key")
    bench.press("cord")
    bench.pass_time(59)
    bench.scan("OP-9")  # the lead is there, and the line stops all the same
    bench.pass_time(60)
    bench.press("key")
    bench.pass_time(60)
    bench.press("runs", device="plc")
    bench.press("runs", device="plc", active=False)
    bench.press("halt")
    bench.pass_time(29)
    cancelled = bench.order("andon/cancel", name="halt", by="9")
    assert cancelled.reply["call"]["state"] == "cancelled"
    bench.press("runs", device="plc")
    bad = bench.order("andon/raise", name="bad").reply["call"]["call"]
    bench.order("andon/resolve", call=bad, by="7")
    journal = opened(tmp_path / "journal.db")
    journal.append(bench.events, {})
    journal.close()
    return tmp_path / "journal.db"


def test_the_figures_of_a_station_with_stops_levels_and_reasons(shift: Path) -> None:
    document = told(shift)
    rows = {row["group"]: row for row in document["rows"]}
    counted = ("calls", "escalated", "highest_level", "cancelled", "unclosed", "stop_minutes")
    assert {group: tuple(row[key] for key in counted) for group, row in rows.items()} == {
        "equipment": (1, 1, 2, 0, 0, 0),
        "process": (2, 0, 0, 1, 0, 2.533),  # 121 s and 31 s
        "quality": (1, 0, 0, 0, 1, 0),
    }
    process = rows["process"]
    spreads = {key: (process[key]["count"], process[key]["longest"]["seconds"]) for key in process if "to_" in key}
    assert spreads == {"to_acknowledge": (1, 60.0), "to_arrive": (1, 60.0), "to_resolve": (1, 121.0)}
    assert (process["line_stop"]["count"], process["line_stop"]["longest"]["seconds"]) == (2, 121.0)
    assert (document["all"]["stop_minutes"], document["open"]) == (2.533, [])
    hours = told(shift, "--by", "shift", "--shifts", "A=00:00,B=00:14:30", "--zone", "UTC")["rows"]
    assert [(row["group"], row["stop_minutes"]) for row in hours] == [
        ("1970-01-01 A", 1.733),  # from 12:46 to 14:30
        ("1970-01-01 B", 0.8),  # to 14:47, and 31 s
    ]


def test_the_screen_shows_who_had_to_be_called(shift: Path) -> None:
    done = ran("andon", "report", "--journal", shift)
    row = next(line for line in done.stdout.splitlines() if line.strip().startswith("equipment"))
    assert row.split()[:4] == ["equipment", "1", "1", "2"]
    for word in ("escalated", "to level", "cancelled", "! 1 calls are resolved and wait for their reason"):
        assert word in done.stdout


@pytest.mark.skipif(Mosquitto.program() is None, reason="mosquitto is not installed: apt-get install mosquitto")
def test_calls_of_a_running_station_are_counted_at_once(running: Works) -> None:
    """Raised and resolved at a real button, read while the agent writes; the age of an open call goes on."""

    def report() -> dict[str, Any]:
        done = ran("andon", "report", "--config", running.agent.file, "--json", "--since", "1h")
        assert (done.returncode, done.stderr) == (0, "")
        document: dict[str, Any] = json.loads(done.stdout)
        return document

    running.box.press("quality")
    eventually(lambda: len(report()["open"]) == 1)
    first, second = report()["open"][0]["age_s"], report()["open"][0]["age_s"]
    assert 0 <= first < second
    running.box.release("quality")
    eventually(lambda: not report()["open"])
    row = report()["all"]
    assert (row["calls"], row["to_resolve"]["count"], row["to_resolve"]["running"]) == (1, 1, 0)
    assert row["to_resolve"]["longest"]["seconds"] >= first


def test_facts_saved_from_a_damaged_journal_count_with_the_new_ones(tmp_path: Path) -> None:
    """A call raised before the damage and resolved after it is one call."""
    station = Station(tmp_path / "journal.db")
    data = station.raised()
    station.served("process", answer_s=5, repair_s=5)
    for _ in range(200):
        station.served("quality", answer_s=1, repair_s=1)
    station.close()
    content = bytearray(station.path.read_bytes())
    content[100:200] = b"\xff" * 100  # of the first page: the tables' own descriptions
    station.path.write_bytes(content)
    again = opened(station.path, now=station.now)
    tidied(again)
    station.now.pass_(30)
    again.append([Event(Kind.ANDON_RESOLVED, data["call"], {**data, "duration_s": None}, station.now())], {})
    with again.reader() as reader:
        assert [lane for _, lane, _ in reader.salvaged()] == [Lane.ANDON]
    again.close()
    row = told(station.path)["all"]
    assert (row["calls"], row["open"], row["beginning_lost"]) == (202, 0, 0)
    age_s = (station.now().time_ns / NS_PER_S) - BEGIN.timestamp()
    assert row["to_resolve"]["longest"]["seconds"] == pytest.approx(age_s)
    assert timedelta(seconds=age_s) > timedelta(seconds=30)
