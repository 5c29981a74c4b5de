"""What every test of the whole agent may use.  The parts are in tests/support/."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from simulators.broker import Mosquitto
from tests.support.works import Works

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def works(tmp_path: Path) -> Iterator[Works]:
    """A plant that is up: broker, central server and devices; the agent is started by the test."""
    if Mosquitto.program() is None:
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    with Works(tmp_path) as up:
        yield up


@pytest.fixture
def running(works: Works) -> Works:
    """The same plant with the agent at work: devices open, broker online."""
    works.start_agent()
    return works
