"""`lineside trace` and `lineside verify` on what the agent's own recorder and station wrote; as real processes."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest

from agent.events import LANES, Event, Kind, Lane, digest
from agent.runtime.clock import Clock
from tests.bench.bench_recorder import BenchRecorder
from tests.journals import ask, kept
from tests.support.agent_process import ran

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INPUTS = 90


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[BenchRecorder]:
    """The agent's recorder at work: it stays open, as the agent's does while somebody asks."""
    with BenchRecorder(tmp_path / "agent") as one:
        one.load(islice(one.work, INPUTS))
        one.record()
        yield one


@pytest.fixture
def path(recorder: BenchRecorder) -> Path:
    return recorder.journal.path


def data_of(path: Path, kind: str) -> list[dict[str, Any]]:
    return [json.loads(body)["data"] for (body,) in ask(path, f"SELECT body FROM event WHERE type = '{kind}'")]


def traced(path: Path, *words: str) -> dict[str, Any]:
    done = ran("trace", "--journal", path, "--json", *words)
    assert (done.returncode, done.stderr) == (0, "")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_unit_is_traced_back_to_its_lots_and_they_forward_to_their_units(path: Path) -> None:
    """While the journal is in use; and every fact about the unit is in its story."""
    accepted = data_of(path, "part.accepted")
    unit, lot = accepted[3]["unit"], accepted[3]["lot"]
    told = traced(path, unit, "--forward")
    assert (told["what"], told["name"]) == ("unit", unit)
    expected = [body for lane in LANES for body in kept(path, lane).values() if f'"{unit}"' in body]
    assert len(told["events"]) == len(expected) >= 4
    assert lot in {part["lot"] for part in told["parts"]}
    forward = traced(path, lot, "--lot")
    assert set(forward["units"]) == {one["unit"] for one in accepted if one["lot"] == lot}
    others = {one["lot"]: set(one["units"]) for one in told["others"]}
    assert others[lot] == set(forward["units"]) - {unit}


def test_the_story_reads_as_plain_words(path: Path) -> None:
    accepted = data_of(path, "part.accepted")[0]
    done = ran("trace", accepted["unit"], "--journal", path)
    assert done.returncode == 0
    flat = " ".join(done.stdout.replace("│", " ").split())
    assert f"unit {accepted['unit']}:" in done.stdout
    assert f"built in: part {accepted['part']} lot {accepted['lot']}" in done.stdout
    assert "started" in flat


def test_a_person_and_a_gauge_have_stories_too(path: Path, recorder: BenchRecorder) -> None:
    recorder.journal.append([Event(Kind.OPERATOR_SIGNED_ON, "4711", {"operator": "4711"}, Clock().now())], {})
    gauge = data_of(path, "measurement.taken")[0]["gauge"]
    assert traced(path, "4711")["what"] == "operator"
    assert traced(path, gauge, "--limit", "3")["left_out"] > 0
    assert traced(path, gauge)["units"]


def test_what_nobody_named_is_told(path: Path) -> None:
    done = ran("trace", "NOBODY", "--journal", path)
    assert (done.returncode, done.stderr) == (1, "lineside: no event names NOBODY\n")
    assert ran("trace", "NOBODY").returncode == 2
    assert ran("trace", "NOBODY", "--journal", path, "--since", "yesterday").returncode == 2
    missing = ran("trace", "NOBODY", "--journal", path.with_name("none.db"))
    assert (missing.returncode, "is not there" in missing.stderr) == (1, True)


def test_a_word_that_is_two_things_is_asked_for(path: Path) -> None:
    """Nothing is guessed: the options that settle it are named."""
    gauge = data_of(path, "measurement.taken")[0]["gauge"]
    body = json.loads(ask(path, "SELECT body FROM event_work WHERE type = 'part.accepted'")[0][0])
    with closing(sqlite3.connect(path)) as connection, connection:
        body["data"]["lot"] = gauge
        text = json.dumps(body, separators=(",", ":"))
        connection.execute("UPDATE event_work SET body = ? WHERE seq = ?", (text, int(body["sequence"])))
    done = ran("trace", gauge, "--journal", path)
    assert (done.returncode, "--lot or --gauge" in done.stderr) == (2, True)
    assert traced(path, gauge, "--gauge")["what"] == "gauge"


def test_a_journal_is_proved_while_it_is_in_use(path: Path) -> None:
    done = ran("verify", "--journal", path, "--json")
    proofs = {proof["lane"]: proof for proof in json.loads(done.stdout)}
    assert (done.returncode, set(proofs)) == (0, {lane.value for lane in LANES})
    last = max(kept(path, Lane.WORK).items())
    assert (proofs["work"]["last"], proofs["work"]["head"]) == (last[0], digest(last[1].encode()))
    assert all(proof["broken"] is None for proof in proofs.values())


def test_a_change_is_named_with_its_number_and_time(path: Path) -> None:
    """A lot that was made another with plain SQL, checksum and all."""
    event = json.loads(kept(path, Lane.WORK)[9])
    body = kept(path, Lane.WORK)[9].replace('"clock":"', '"clock":"_')
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("UPDATE event_work SET body = ?, crc = ? WHERE seq = 9", (body, crc32(body.encode())))
    done = ran("verify", "--journal", path)
    assert done.returncode == 1
    assert f"work: the first broken link is at event 9, {event['time']}" in done.stdout


def test_a_noted_hash_is_held_against_the_journal(path: Path) -> None:
    body = kept(path, Lane.WORK)[5]
    good = f"work:5:{digest(body.encode())}"
    assert ran("verify", "--journal", path, "--witness", good).returncode == 0
    done = ran("verify", "--journal", path, "--witness", f"work:5:{'0' * 32}")
    assert (done.returncode, "the witness has" in done.stdout) == (1, True)
    assert ran("verify", "--journal", path, "--witness", "work:five").returncode == 2
