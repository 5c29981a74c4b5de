"""Backoff: waits spread at random, growing up to a bound, forgotten only after a stable run."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from agent.runtime.backoff import FIRST_S, SHORTEST_S, STABLE_S, Backoff

FAILED_AT_ONCE_S = 0.0
SAMPLES = 300


def longest(tries: int, max_s: float = 60.0) -> float:
    """The longest of many waits after so many failures in a row."""
    waits = []
    for _ in range(SAMPLES):
        backoff = Backoff(max_s)
        waits.append([backoff.after(FAILED_AT_ONCE_S) for _ in range(tries)][-1])
    return max(waits)


@given(st.floats(0.1, 600), st.lists(st.floats(0, 20), min_size=1, max_size=40))
def test_every_wait_is_within_its_bounds(max_s: float, runs: list[float]) -> None:
    """Never a hot loop, never longer than asked for, whatever the history."""
    backoff = Backoff(max_s)
    assert all(SHORTEST_S <= backoff.after(ran_s) <= max_s for ran_s in runs)


def test_the_waits_grow() -> None:
    """The window doubles with each failure in a row."""
    assert longest(1) <= FIRST_S < longest(2) <= 2 * FIRST_S < longest(3) <= 4 * FIRST_S < longest(4)


def test_a_thousand_stations_do_not_dial_at_once() -> None:
    """Full jitter: two that failed together come back apart."""
    waits = {Backoff(60.0).after(FAILED_AT_ONCE_S) for _ in range(SAMPLES)}
    assert len(waits) > SAMPLES * 0.9


def test_a_stable_run_starts_from_the_beginning() -> None:
    """A device that worked for long is tried again soon."""
    backoff = Backoff(60.0)
    for _ in range(20):
        backoff.after(FAILED_AT_ONCE_S)
    assert backoff.after(STABLE_S) <= FIRST_S


def test_a_short_run_does_not() -> None:
    """One that opens and fails at once is not tried ever faster."""
    waits = []
    for _ in range(SAMPLES):
        backoff = Backoff(60.0)
        waits.append([backoff.after(STABLE_S - 0.1) for _ in range(8)][-1])
    assert max(waits) > 8 * FIRST_S


def test_a_year_of_failures_is_survived() -> None:
    """The numbers behind it do not overflow."""
    backoff = Backoff(60.0)
    assert all(backoff.after(FAILED_AT_ONCE_S) <= 60.0 for _ in range(5000))
