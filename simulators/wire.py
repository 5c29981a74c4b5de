"""The wire contract, as the central server reads it: topics, events in messages, documents.

Knows the topic tree and CloudEvents.  Knows nothing of connections and books.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from simulators.ledger import fact
from simulators.report import readable, say

if TYPE_CHECKING:
    from collections.abc import Mapping

    from simulators.ledger import Fact

ROOT = "lineside/v1"
LEVELS = 5
"""Levels of a station path: enterprise, site, area, line, station."""
EVENTS = f"{ROOT}/+/+/+/+/+/event/+"
ANSWERS = f"{ROOT}/+/+/+/+/+/answer/"
STATES = f"{ROOT}/+/+/+/+/+/state/+"
SHOWN_BYTES = 200


def is_event(topic: str) -> bool:
    """Whether facts come on this topic."""
    return "/event/" in topic


def is_birth(topic: str) -> bool:
    """Whether an agent's birth or last will comes on this topic."""
    return topic.endswith("/state/agent")


def is_answer(topic: str) -> bool:
    """Whether a station answers an order on this topic."""
    return "/answer/" in topic


def source(topic: str) -> str:
    """Return the source of the station whose topic it is: `/enterprise/site/area/line/station`."""
    levels = topic.removeprefix(f"{ROOT}/").split("/")
    return "/" + "/".join(levels[:LEVELS])


def confirm_topic(source: str) -> str:
    """Return where a station reads what the central has."""
    return f"{ROOT}{source}/confirm"


def command_topic(source: str, name: str) -> str:
    """Return where a station reads the command `name`."""
    return f"{ROOT}{source}/cmd/{name}"


def reference_topic(source: str, name: str) -> str:
    """Return where all stations of a station's line read the set `name` of reference data."""
    return f"{ROOT}{source.rpartition('/')[0]}/reference/{name}"


def answer_topic(source: str, name: str) -> str:
    """Return where a station answers the server `name`."""
    return f"{ROOT}{source}/answer/{name}"


def answers(name: str) -> str:
    """Return where all stations answer the server `name`."""
    return ANSWERS + name


def facts(topic: str, payload: bytes) -> list[Fact]:
    """Return the facts in a message, one event or a batch; what makes no sense is said as `nonsense` and left out."""
    try:
        events = orjson.loads(payload)
    except orjson.JSONDecodeError as error:
        say("nonsense", topic=topic, reason=str(error), raw=readable(payload[:SHOWN_BYTES]))
        return []
    found = []
    for event in events if isinstance(events, list) else [events]:
        try:
            found.append(_checked(fact(event), topic))
        except ValueError as error:
            say("nonsense", topic=topic, reason=str(error), raw=str(event)[:SHOWN_BYTES])
    return found


def call(event: Mapping[str, Any]) -> str:
    """Return the andon call that an event is about; empty if it names none."""
    data = event.get("data")
    return str(data.get("call", "")) if isinstance(data, dict) else ""


def document(payload: bytes) -> dict[str, Any]:
    """Return a JSON object; empty for anything else."""
    try:
        read = orjson.loads(payload)
    except orjson.JSONDecodeError:
        return {}
    return read if isinstance(read, dict) else {}


def _checked(found: Fact, topic: str) -> Fact:
    if source(topic) != found.series.source or not topic.endswith(f"/event/{found.series.lane}"):
        raise ValueError(f"event of {found.series.source} {found.series.lane} came on another's topic")
    return found
