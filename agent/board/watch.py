"""Keep a board up to date with what an ear hears, and tell when there is something to show."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from agent.board.board import Board
from agent.board.ear import Down, Heard, Up

if TYPE_CHECKING:
    from agent.board.board import Picture
    from agent.board.ear import Ear, News

SETTLE_S = 0.5
"""The broker sends what it has retained at once after the subscription: quiet for this long, that was all."""

GATHER_S = 0.1
"""News that comes together is shown together."""


class Watch:
    """One board and its ear, for one thread."""

    def __init__(self, ear: Ear, line: str) -> None:
        self._ear = ear
        self._board = Board(line, time.monotonic())
        self._settles_s: float | None = None
        self.settled = False
        self.failure = ""

    def picture(self) -> Picture:
        """The line as it is now."""
        return self._board.at(time.monotonic())

    def step(self, timeout_s: float) -> bool:
        """Take the news of the next `timeout_s`, or less: soon after the first.  False if there was none."""
        until_s = time.monotonic() + timeout_s
        changed = self._settle()
        while (left_s := until_s - time.monotonic()) > 0:
            if self._settles_s is not None:
                left_s = min(left_s, max(0.0, self._settles_s - time.monotonic()))
            news = self._ear.next(left_s)
            if news is not None:
                self._take(news)
            if news is not None or self._settle():
                until_s = min(until_s, time.monotonic() + GATHER_S) if not changed else until_s
                changed = True
        return changed

    def _take(self, news: News) -> None:
        now_s = time.monotonic()
        match news:
            case Up():
                self._board.link("connected", now_s, up=True)
                self._settles_s = now_s + SETTLE_S
                self.settled, self.failure = False, ""
            case Down(reason):
                self._board.link(reason, now_s, up=False)
                self._settles_s = None
                self.failure = reason
            case Heard(station, what, payload, retained):
                self._board.hear(station, what, payload, now_s, time.time(), retained=retained)
                if retained and self._settles_s is not None:
                    self._settles_s = now_s + SETTLE_S

    def _settle(self) -> bool:
        if self._settles_s is None or time.monotonic() < self._settles_s:
            return False
        self._settles_s = None
        self.settled = True
        self._board.settled()
        return True
