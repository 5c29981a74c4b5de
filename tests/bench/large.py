"""Do the rates hold with a large backlog waiting?  Append and drain, beside the same with 10,000 events waiting.

Both journals take turns.  Append: finished bodies, 500 a transaction.  Drain: the first 10,000 events of the lane,
and no more of them in the air behind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.broker import Mosquitto, free_port
from tests.bench import ready
from tests.bench.capture import append_s
from tests.bench.drain import drain_rate, uplink_settings
from tests.bench.rows import at_least, rates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.bench.plan import Plan
    from tests.bench.rows import Row

SMALL = 10_000
ROUNDS = 20
APPENDED = 5_000
SIZE = 500


def measure(plan: Plan) -> Iterator[Row]:
    large, small = plan.folder / "large.db", plan.folder / "small.db"
    ready.prefill(large, plan.large)
    ready.prefill(small, SMALL)
    broker = Mosquitto(plan.folder / "broker", free_port())
    settings = uplink_settings(broker.port)
    with broker:
        rounds = [
            (drain_rate(large, settings, SMALL), drain_rate(small, settings, SMALL)) for _ in range(plan.times(ROUNDS))
        ]
    waiting = f"{plan.large:,} events waiting"
    yield rates(f"backlog drain, {waiting}", rounds, at_least(0.8))
    events = ready.events(APPENDED)
    with ready.opened(large) as full, ready.opened(small) as nearly_empty:
        rounds = [
            (APPENDED / append_s(full, events, SIZE), APPENDED / append_s(nearly_empty, events, SIZE))
            for _ in range(plan.times(ROUNDS))
        ]
    yield rates(f"durable capture, {waiting}", rounds, at_least(0.8))
