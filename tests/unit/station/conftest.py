"""The station on the bench."""

from __future__ import annotations

import pytest

from tests.unit.station.bench import Bench


@pytest.fixture
def bench() -> Bench:
    """A station that has just been switched on for the first time."""
    return Bench()
