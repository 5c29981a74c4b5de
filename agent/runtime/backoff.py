"""How long to wait before the next try: full jitter, growing, and forgotten only after a stable run."""

from __future__ import annotations

from tenacity import RetryCallState, Retrying, wait_random_exponential

FIRST_S = 0.5
SHORTEST_S = 0.05

STABLE_S = 10.0
"""A worker that ran this long before it failed starts its waits from the beginning."""


class Backoff:
    """The waits of one worker.  `max_s` bounds each."""

    def __init__(self, max_s: float) -> None:
        self._wait = wait_random_exponential(multiplier=FIRST_S, max=max_s, min=SHORTEST_S)
        self._state = RetryCallState(Retrying(), None, (), {})
        self._state.attempt_number = 0

    def after(self, ran_s: float) -> float:
        """Return the wait after a run of `ran_s` seconds that failed."""
        self._state.attempt_number = 1 if ran_s >= STABLE_S else self._state.attempt_number + 1
        return float(self._wait(self._state))
