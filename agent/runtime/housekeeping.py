"""When the journal is tidied: a piece when nothing happens, some at once when it is crowded.

Used by the recorder's thread alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.journal.journal import Journal
    from agent.runtime.intake import Intake

BUSY_TIDIES = 4
"""Pieces of housekeeping after each write while the journal is crowded; each makes more room than a write takes."""


class Housekeeping:
    """`wake` is called where tidying may have written something new; `more` tells that there is more to do at once."""

    def __init__(self, journal: Journal, intake: Intake, wake: Callable[[], None]) -> None:
        self._journal = journal
        self._intake = intake
        self._wake = wake
        self.more = False

    def step(self, *, idle: bool) -> None:
        """Do what is to be done now.  Raises JournalError; then nothing more is to be done at once."""
        more, self.more = self.more, False
        if idle:
            more = self._journal.tidy()
            if more:
                self._wake()
        elif self._intake.empty:
            self._journal.breathe()
        for _ in range(BUSY_TIDIES):
            if not (self._journal.crowded and self._journal.tidy()):
                break
        self.more = more
