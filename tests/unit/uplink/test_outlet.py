"""The window: slots for andon, the broker's limits, and the message on which a broker hangs up."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.config import Broker
from agent.events import Lane
from agent.uplink.client import Connected
from agent.uplink.outlet import BLAMED, CAREFUL_S, Outlet
from agent.uplink.topics import Topics

if TYPE_CHECKING:
    from agent.uplink.outlet import Wire

TOPICS = Topics(("acme", "plant1", "assembly", "line3", "st-040"))
HUGE = 256 * 1024 * 1024


class Line:
    """A connection that takes everything and numbers it."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, str]] = []

    def publish(self, topic: str, payload: bytes, content_type: str) -> int:
        self.sent.append((topic, payload, content_type))
        return len(self.sent)


def outlet(line: Wire, receive_maximum: int = 1000, packet_bytes: int = HUGE, **settings: float) -> Outlet:
    one = Outlet(Broker.model_validate({"host": "x", **settings}), TOPICS)
    one.open(line, Connected(receive_maximum, packet_bytes), 0.0)
    return one


def filled(one: Outlet, lane: Lane) -> int:
    """How many messages of `lane` go out until there is no room."""
    count = 0
    while one.has_room(lane, 0.0):
        one.publish(lane, b"{}", 1, 0.0)
        count += 1
    return count


@pytest.mark.parametrize(
    ("window", "slots", "receive_maximum", "work", "andon"),
    [
        (64, 4, 1000, 60, 4),
        (64, 4, 20, 16, 4),
        (8, 4, 1000, 4, 4),
        (4, 4, 1000, 1, 3),
        (64, 4, 3, 1, 2),
        (64, 4, 1, 1, 0),
    ],
)
def test_the_last_slots_are_for_andon_and_one_is_for_all(
    window: int, slots: int, receive_maximum: int, work: int, andon: int
) -> None:
    """However small the broker's window is, both get through sooner or later."""
    one = outlet(Line(), receive_maximum, window=window, andon_slots=slots)
    assert filled(one, Lane.WORK) == work
    assert filled(one, Lane.ANDON) == andon


@pytest.mark.parametrize("packet_bytes", [300, 1000, 70_000])
def test_no_packet_is_larger_than_the_broker_takes(packet_bytes: int) -> None:
    """Topic, properties and header are counted in."""
    line = Line()
    one = outlet(line, packet_bytes=packet_bytes)
    one.publish(Lane.MEASUREMENT, b"x" * one.largest_bytes, 1, 0.0)
    topic, payload, content_type = line.sent[0]
    header = 1 + 4 + 2 + 2 + 1 + 1 + 2
    assert header + len(topic) + len(payload) + len(content_type) <= packet_bytes
    assert one.batch_bytes <= one.largest_bytes


def test_a_bounded_rate_makes_small_messages() -> None:
    """A second's worth at most, so that the consumer gets an even flow."""
    one = outlet(Line(), drain_events_per_s=30, drain_bytes_per_s=5000)
    assert one.batch_events(0.0) == 30
    assert one.batch_bytes == 5000


def test_answers_reach_who_sent_and_only_once() -> None:
    heard: list[tuple[int, str, float]] = []
    one = outlet(Line())
    one.publish(Lane.WORK, b"{}", 1, 0.0, lambda *answer: heard.append(answer))
    assert one.acked(1, 0, "Success", 5.0)
    assert not one.acked(1, 0, "Success", 6.0)
    assert heard == [(0, "Success", 5.0)]
    one.publish(Lane.WORK, b"{}", 1, 0.0, lambda *answer: heard.append(answer))
    one.disown()
    assert one.in_the_air == 1
    assert not one.acked(2, 0, "Success", 7.0)
    assert len(heard) == 1


def hang_up_on(one: Outlet, body: str, times: int, *, careful: bool = True) -> list[int]:
    """Send `body` alone and have the broker hang up, again and again; return the codes it was blamed with."""
    blamed: list[int] = []
    for _ in range(times):
        one.open(Line(), Connected(1000, HUGE), 100.0, careful=careful)
        one.publish(Lane.WORK, body.encode(), 1, 100.0, lambda code, *_: blamed.append(code))
        one.hung_up(100.1)
    return blamed


def test_the_event_on_which_the_broker_hangs_up_every_time_is_blamed() -> None:
    """Alone in the air, and the same each time: it will never be taken."""
    assert hang_up_on(outlet(Line()), "{}", BLAMED) == [0x95]


def test_nothing_is_blamed_for_less() -> None:
    """Not for fewer times, not for being there while others were in the air, not before there is reason for care."""
    assert hang_up_on(outlet(Line()), "{}", BLAMED - 1) == []
    assert hang_up_on(outlet(Line()), "{}", 2 * BLAMED, careful=False) == []
    one = outlet(Line())
    for number in range(3 * BLAMED):
        assert hang_up_on(one, f"{{{number}}}", 1) == []


def test_a_careful_connection_sends_one_after_the_other_for_a_while() -> None:
    one = outlet(Line())
    one.open(Line(), Connected(1000, HUGE), 0.0, careful=True)
    assert one.batch_events(0.0) == 1
    assert filled(one, Lane.WORK) == 1
    assert one.has_room(Lane.WORK, CAREFUL_S)
    assert one.batch_events(CAREFUL_S) > 1
