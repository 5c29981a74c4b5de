"""A real journal in a real file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.journal.facts import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from agent.journal.journal import Journal


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def journal(path: Path) -> Iterator[Journal]:
    """A new journal, open; closed again at the end, however the test ends."""
    one = opened(path)
    yield one
    one.close()
