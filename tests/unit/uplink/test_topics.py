"""Topics: the tree of DESIGN 4."""

from __future__ import annotations

import pytest

from agent.events import LANES, Lane
from agent.uplink.topics import Topics

LEVELS = ("acme", "plant1", "assembly", "line3", "st-040")
TOPICS = Topics(LEVELS)
BASE = "lineside/v1/acme/plant1/assembly/line3/st-040"


def test_each_topic_stands_where_the_contract_says() -> None:
    """Whoever subscribes by the contract gets it."""
    assert TOPICS.event(Lane.WORK) == f"{BASE}/event/work"
    assert TOPICS.state("agent") == f"{BASE}/state/agent"
    assert TOPICS.confirm == f"{BASE}/confirm"
    assert TOPICS.commands == f"{BASE}/cmd/#"


def test_each_lane_has_a_topic_of_its_own() -> None:
    """A subscriber to calls gets calls."""
    assert len({TOPICS.event(lane) for lane in LANES}) == len(LANES)


@pytest.mark.parametrize("name", ["ping", "andon/acknowledge", "a/b/c"])
def test_a_command_is_named_by_what_stands_behind_cmd(name: str) -> None:
    """Names may have levels."""
    assert TOPICS.command(f"{BASE}/cmd/{name}") == name
