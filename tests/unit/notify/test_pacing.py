"""The next message to a target: single while people can bear it, a digest in a flood, only urgent ones when quiet."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.notify.pacing import IDLE_S, Pace, Send, Waiting, next_message

PACE = Pace(messages=3, in_s=60.0, gather_s=30.0)


def waits(*ids: int, urgent: bool = False, gather: bool = False, age_s: float = 1.0) -> list[Waiting]:
    return [Waiting(identity, urgent, gather, age_s) for identity in ids]


def test_nothing_waits() -> None:
    """Then nothing is sent."""
    assert next_message([], [], 100.0, PACE, quiet=False) == IDLE_S


def test_a_few_go_one_by_one() -> None:
    """Each call is a message of its own."""
    assert next_message(waits(1, 2, 3), [], 100.0, PACE, quiet=False) == Send((1,), digest=False)
    assert next_message(waits(2, 3), [100.0], 100.0, PACE, quiet=False) == Send((2,), digest=False)


def test_more_than_the_pace_leaves_room_for_is_one_digest() -> None:
    """A flood is one message."""
    assert next_message(waits(1, 2, 3, 4), [], 100.0, PACE, quiet=False) == Send((1, 2, 3, 4), digest=True)


def test_after_the_pace_is_used_up_the_next_waits() -> None:
    """Until the oldest message is out of the window."""
    assert next_message(waits(4), [90.0, 95.0, 99.0], 100.0, PACE, quiet=False) == 50.0
    assert next_message(waits(4), [40.0, 95.0, 99.0], 100.0, PACE, quiet=False) == Send((4,), digest=False)


def test_something_urgent_in_a_flood_waits_only_an_even_share() -> None:
    """60 s for 3 messages: 20 s after the last one, with all that waits beside it."""
    crowd = [*waits(9, urgent=True), *waits(4, 5)]
    assert next_message(crowd, [90.0, 95.0, 99.0], 100.0, PACE, quiet=False) == 19.0
    assert next_message(crowd, [90.0, 95.0, 99.0], 119.0, PACE, quiet=False) == Send((9, 4, 5), digest=True)


def test_in_quiet_hours_only_what_is_urgent_goes() -> None:
    """The others wait for the morning."""
    assert next_message(waits(1, 2), [], 100.0, PACE, quiet=True) == IDLE_S
    assert next_message([*waits(1), *waits(2, urgent=True)], [], 100.0, PACE, quiet=True) == Send((2,), digest=False)


def test_what_is_gathered_waits_for_company_and_comes_as_a_digest() -> None:
    """Late events, where a rule says so; what is not late does not wait for them."""
    assert next_message(waits(1, 2, gather=True, age_s=10), [], 100.0, PACE, quiet=False) == 20.0
    mixed = [*waits(1, gather=True, age_s=10), *waits(2)]
    assert next_message(mixed, [], 100.0, PACE, quiet=False) == Send((2,), digest=False)
    assert next_message(waits(1, 2, gather=True, age_s=30), [], 100.0, PACE, quiet=False) == Send((1, 2), digest=True)
    assert next_message(waits(1, gather=True, age_s=-5), [], 100.0, PACE, quiet=False) == Send((1,), digest=False)


@given(
    arrivals=st.lists(st.tuples(st.integers(0, 200), st.booleans(), st.booleans()), max_size=60),
    messages=st.integers(1, 4),
)
def test_any_flood_is_told_whole_in_time_and_at_the_pace(arrivals: list[tuple[int, bool, bool]], messages: int) -> None:
    """Each event once; never more than the pace, twice it with urgent ones; nobody waits longer than promised."""
    pace = Pace(messages, in_s=20.0, gather_s=10.0)
    pending = dict(enumerate(sorted(arrivals)))
    sent: list[float] = []
    told: dict[int, float] = {}
    for now in range(300):
        while True:
            waiting = [
                Waiting(index, urgent, gather, now - at) for index, (at, urgent, gather) in pending.items() if at <= now
            ]
            plan = next_message(waiting, sent, now, pace, quiet=False)
            if not isinstance(plan, Send):
                break
            assert plan.digest == (len(plan.ids) > 1)
            sent.append(now)
            for index in plan.ids:
                told[index] = now
                del pending[index]
    assert not pending
    for index, (at, urgent, gather) in enumerate(sorted(arrivals)):
        longest_s = 20.0 / messages if urgent else 10.0 * gather + 20.0
        assert told[index] - at <= longest_s + 1
    most = 2 * messages if any(urgent for _, urgent, _ in arrivals) else messages
    for at in sent:
        assert sum(1 for other in sent if at <= other < at + 20) <= most + 1 * (most > messages)
