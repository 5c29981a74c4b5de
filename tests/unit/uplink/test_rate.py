"""The drain rate: never more than it says, but for one message; and no slower than it says."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.uplink.rate import Rate

MESSAGES = st.lists(st.tuples(st.integers(1, 200), st.integers(1, 60_000), st.floats(0, 5)), min_size=1, max_size=50)


def test_without_bounds_nothing_waits() -> None:
    rate = Rate(0.0, 0.0)
    rate.spend(5000, 10**9, 0.0)
    assert rate.wait_s(0.0) == 0.0


@pytest.mark.parametrize(("rate", "wait_s"), [(Rate(100, 0), 2.0), (Rate(0, 1000), 50.0), (Rate(100, 1000), 50.0)])
def test_the_tighter_bound_counts(rate: Rate, wait_s: float) -> None:
    """200 events in 50,000 bytes."""
    rate.spend(200, 50_000, 10.0)
    assert rate.wait_s(10.0) == pytest.approx(wait_s)
    assert rate.wait_s(10.0 + wait_s) == pytest.approx(0.0)


def test_what_was_not_used_is_not_saved_up() -> None:
    """An hour of silence is no reason to flood the consumer."""
    rate = Rate(10, 0)
    rate.spend(10, 0, 0.0)
    rate.spend(10, 0, 3600.0)
    assert rate.wait_s(3600.0) == pytest.approx(1.0)


@given(MESSAGES, st.sampled_from([(50.0, 0.0), (0.0, 10_000.0), (50.0, 10_000.0)]))
def test_a_sender_that_waits_as_told_stays_within_the_bounds(
    messages: list[tuple[int, int, float]], bounds: tuple[float, float]
) -> None:
    """What went before the last message took at least its time; and who is never idle gets the whole rate."""
    rate = Rate(*bounds)
    now_s = began_s = 1000.0
    events = size_bytes = 0
    idle_s = cost_s = 0.0
    for more_events, more_bytes, pause_s in messages:
        now_s += rate.wait_s(now_s)
        elapsed_s = now_s - began_s
        assert not bounds[0] or events <= bounds[0] * elapsed_s + 1e-3
        assert not bounds[1] or size_bytes <= bounds[1] * elapsed_s + 1e-3
        assert elapsed_s <= cost_s + idle_s + 1e-3
        rate.spend(more_events, more_bytes, now_s)
        events, size_bytes = events + more_events, size_bytes + more_bytes
        cost_s += max(amount / bound for amount, bound in zip((more_events, more_bytes), bounds, strict=True) if bound)
        now_s, idle_s = now_s + pause_s, idle_s + pause_s
