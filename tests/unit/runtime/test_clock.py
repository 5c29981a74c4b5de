"""The clock: every moment says on which clock it stands."""

from __future__ import annotations

import time

from agent.runtime.clock import Clock


def test_a_moment_is_now() -> None:
    """Between two looks at the system's own clocks."""
    wall_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
    moment = Clock().now()
    assert wall_ns <= moment.time_ns <= time.time_ns()
    assert monotonic_ns <= moment.monotonic_ns <= time.monotonic_ns()


def test_moments_of_one_boot_compare() -> None:
    """The boot's name is the same for every clock of this machine, and durations are never negative."""
    first, second = Clock().now(), Clock().now()
    assert first.boot == second.boot
    waited_s = second.seconds_since(first.monotonic_ns, first.boot)
    assert waited_s is not None
    assert waited_s >= 0


def test_whether_to_trust_the_wall_is_always_told() -> None:
    """Yes or no, never unknown."""
    assert Clock().now().synced in {True, False}
