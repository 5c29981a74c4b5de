"""`lineside replay`: last month's signals under other rules, without touching the journal."""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from agent.journal.schema import open_writer
from tests.support import scenario, station_file
from tests.support.agent_process import ran
from tests.support.replaying import replayed
from tests.support.scenario import Scenario

if TYPE_CHECKING:
    from tests.support.station_file import Tables

STORY = """
2026-10-20 06:00:00 scanner-1 scan OP-4711
06:01:00 scanner-1 scan SN0001
06:01:10 scanner-1 scan 4711-A/L1
06:01:20 gauge-1 value 12.345 mm
06:02:00 scanner-1 scan SN0002
06:02:10 scanner-1 scan 4711-A/L1
06:02:20 gauge-1 value 12.358 mm
06:30:00 agent restart
06:31:00 scanner-1 scan SN0003
06:31:10 scanner-1 scan 4711-A/L2
2026-10-21 06:00:00 agent power-cut
06:01:20 gauge-1 value 12.330 mm
06:02:00 scanner-1 scan SN0004
06:02:10 scanner-1 scan 4711-A/L2
06:02:20 gauge-1 value 12.346 mm
"""


class Month:
    """A journal of four units, and station files to try on it."""

    def __init__(self, folder: Path) -> None:
        (folder / "month").mkdir()
        (folder / "month" / "story.txt").write_text(STORY, encoding="utf-8")
        base = Path(__file__).parents[1] / "scenarios" / scenario.BASE
        (folder / scenario.BASE).write_text(base.read_text(encoding="utf-8"), encoding="utf-8")
        played = Scenario(folder / "month", folder)
        played.play()
        self.journal = played.journal_file
        self.rules = played.station.rules
        self.tables = scenario.tables(folder / "month", self.journal)
        self._file = folder / "tried.toml"

    def replay(self, *words: str) -> tuple[int, str]:
        told = ran("replay", self.journal, "--config", station_file.write(self.tables, self._file), *words)
        assert told.stderr == ""
        return told.returncode, told.stdout

    def summed(self, *words: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        lines = [json.loads(line) for line in self.replay("--json", *words)[1].splitlines()]
        return lines[:-1], lines[-1]


@pytest.fixture
def month(tmp_path: Path) -> Month:
    return Month(tmp_path)


def limits(tables: Tables, low: float, high: float) -> None:
    tables["operation"][0]["measurement"][0] |= {"low": low, "high": high}


def test_the_same_rules_decide_the_same(month: Month) -> None:
    """Over two boots, a restart and an unfinished unit; exit 0."""
    code, told = month.replay()
    assert code == 0
    assert "17 inputs tried" in told
    assert "0 decided otherwise, 0 with other details only, 0 not tried" in told


def test_a_narrower_limit_names_the_units_that_would_fail(month: Month) -> None:
    """Each unit by itself: that one would fail does not make those behind it look different."""
    limits(month.tables, 12.335, 12.355)
    code, told = month.replay()
    assert code == 1
    assert "units that would fail now (2): SN0002, SN0003" in told
    assert "2026-10-20T06:02:20.000Z  gauge-1: value 12.358 mm  (unit SN0002)" in told
    assert 'verdict "pass" -> "fail"' in told
    assert "- operation.completed SN0002" in told
    assert "+ defect.recorded SN0002" in told
    assert "SN0004" not in told


def test_a_wider_limit_changes_no_verdict(month: Month) -> None:
    """The limits are part of the facts, so the difference is told; no unit fails or passes by it."""
    limits(month.tables, 12.320, 12.370)
    code, words = month.replay()
    assert (code, "details only" in words, "SN0001" in words) == (1, True, False)
    differences, told = month.summed("--details")
    assert [one["unit"] for one in differences] == ["SN0001", "SN0002", "SN0003", "SN0004"]
    assert (told["otherwise"], told["details"], told["would_fail"], told["would_pass"]) == (0, 4, [], [])


def test_a_part_that_is_not_asked_for_any_more_is_refused_at_each_unit(month: Month) -> None:
    month.tables["operation"][0]["part"] = [{"number": "4711-B"}]
    differences, told = month.summed()
    assert told["would_fail"] == ["SN0001", "SN0002", "SN0003", "SN0004"]
    refused = [one for one in differences if one["signal"].startswith("scan 4711-A")]
    assert [fact["type"] for one in refused for fact in one["now"]] == ["part.rejected"] * 4


def test_only_what_was_seen_in_the_span_is_shown(month: Month) -> None:
    """The memory is that of the whole journal: the unit was begun before the span."""
    limits(month.tables, 12.335, 12.355)
    assert month.summed("--since", "2026-10-21")[1]["would_fail"] == ["SN0003"]
    assert month.summed("--until", "2026-10-21")[1]["would_fail"] == ["SN0002"]
    assert month.summed("--since", "2026-10-21T06:02Z")[1]["otherwise"] == 0


def test_with_carry_a_unit_that_fails_stands_in_the_way_as_it_would_have(month: Month) -> None:
    """The operation that is not complete any more keeps the next unit from starting."""
    limits(month.tables, 12.335, 12.355)
    differences, told = month.summed("--carry")
    rejected = [one["unit"] for one in differences if one["now"][:1] and one["now"][0]["type"] == "operation.rejected"]
    assert rejected[0] == "SN0003"
    assert told["otherwise"] > 2


def test_few_are_shown_unless_all_are_wanted(month: Month) -> None:
    limits(month.tables, 12.335, 12.355)
    assert "... and 1 more: --limit 0 shows all" in month.replay("--limit", "1")[1]
    assert "more" not in month.replay("--limit", "0")[1]


def test_the_journal_is_left_as_it_is(month: Month) -> None:
    """Not a byte is written, not even a check-point; a journal that nobody may write to will do."""
    before = sha256(month.journal.read_bytes()).hexdigest()
    month.journal.chmod(0o400)
    month.replay()
    assert sha256(month.journal.read_bytes()).hexdigest() == before


def test_a_journal_that_lost_its_beginning_says_so(month: Month) -> None:
    """What retention forgot cannot be replayed; differences near the beginning may come from that."""
    connection = open_writer(month.journal)
    connection.execute("DELETE FROM event_work WHERE seq < 3")
    connection.execute("UPDATE lane SET first_seq = 3 WHERE name = 'work'")
    connection.close()
    _, told = month.summed()
    assert told["caveats"] == ["the beginning of lane work is not kept any more: what was open then is not known"]


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--since", "yesterday"), 2, "no time such as"),
        (("--limit", "-1"), 2, "limit"),
    ],
)
def test_what_is_asked_wrongly_is_told(month: Month, words: tuple[str, ...], code: int, told: str) -> None:
    station = station_file.write(month.tables, month.journal.parent / "tried.toml")
    answer = ran("replay", month.journal, "--config", station, *words)
    assert (answer.returncode, told in answer.stderr) == (code, True), answer.stderr


@pytest.mark.parametrize("content", [None, b"", b"no journal" * 100])
def test_what_is_no_journal_is_told(month: Month, tmp_path: Path, content: bytes | None) -> None:
    other = tmp_path / "other.db"
    if content is not None:
        other.write_bytes(content)
    station = station_file.write(month.tables, tmp_path / "tried.toml")
    answer = ran("replay", other, "--config", station)
    assert answer.returncode == os.EX_IOERR
    assert str(other) in answer.stderr
    assert "Traceback" not in answer.stderr


def test_rules_that_cannot_be_read_any_more_are_told(month: Month) -> None:
    """Then all is decided by the rules on trial alone."""
    connection = open_writer(month.journal)
    connection.execute(
        "UPDATE event_health SET body = replace(body, '\"operation\":[', '\"operations\":['), crc = NULL"
    )
    connection.close()
    replayer, found = replayed(month.journal, month.rules)
    assert "operations" in replayer.strange_rules
    assert found == []
