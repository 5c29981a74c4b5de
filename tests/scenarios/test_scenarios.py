"""Scenarios in the users' words: a folder each, played on a real station, recorder and journal file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.replaying import differences
from tests.support.scenario import Scenario

SCENARIOS = sorted(path.parent for path in Path(__file__).parent.glob("*/story.txt"))


@pytest.fixture(params=SCENARIOS, ids=lambda folder: folder.name)
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.param
    return found


def test_it_goes_as_told(folder: Path, tmp_path: Path) -> None:
    """What the users say must follow, follows; and the same signals under the same rules give the same facts again."""
    scenario = Scenario(folder, tmp_path)
    scenario.play()
    assert differences(scenario.journal_file, scenario.station.rules) == []


def test_it_says_what_it_is_about(folder: Path) -> None:
    """One sentence or two in the words of those who work there."""
    assert (folder / "README.md").read_text(encoding="utf-8").strip()
