"""Devices on real pseudo terminals, in the hand of the test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from simulators.button import ButtonBox
from simulators.gauge import frame
from simulators.pty_line import PtyLine
from tests.support.eventually import PATIENCE_S, eventually

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

PASS = b"\x06"
REFUSE = b"\x15"
INPUTS = ("quality", "cord", "key", "position", "runs")
"""The last two are contacts of the machine."""


class Scanner:
    """A scanner that hears one byte for each code: PASS or REFUSE."""

    def __init__(self, link: Path) -> None:
        self.line = PtyLine(link)

    def scan(self, code: str) -> bytes:
        """Scan `code` and return the answer to it; empty if none comes in time."""
        self.send(code)
        return self.answers(1)

    def send(self, *codes: str) -> None:
        """Scan without waiting for the answers."""
        self.raw("".join(f"{code}\r" for code in codes).encode())

    def raw(self, data: bytes) -> None:
        """Send bytes as they are."""
        assert self.line.write(data)

    def answers(self, count: int, timeout_s: float = PATIENCE_S) -> bytes:
        """Return `count` answers, or fewer if they do not come in time."""
        heard = b""
        deadline_s = time.monotonic() + timeout_s
        while len(heard) < count and (data := self.line.read(max(0.0, deadline_s - time.monotonic()))):
            heard += data
        return heard


class Gauge:
    """A gauge with its DATA key."""

    def __init__(self, link: Path) -> None:
        self.line = PtyLine(link)

    def value(self, shown: str) -> None:
        """Send the value on the display."""
        assert self.line.write(frame(shown))


class Box:
    """A button box with its stack light."""

    def __init__(self, link: Path) -> None:
        self.line = PtyLine(link)
        self._box = ButtonBox("box", self.line, INPUTS)

    def press(self, name: str) -> None:
        self._box.press(name)

    def release(self, name: str) -> None:
        self._box.release(name)

    def shows(self, *lit: str, timeout_s: float = PATIENCE_S) -> None:
        """Return when exactly these lamps are lit."""
        eventually(lambda: self._lit() == set(lit), timeout_s)

    def hear(self) -> None:
        """Take what the agent has said: a box that never does fills its line."""
        self._box.hear(self.line.read())

    def _lit(self) -> set[str]:
        self.hear()
        return {lamp for lamp, on in self._box.lamps.items() if on}


class Operator:
    """Scans code after code as fast as the answers come, and scans again what was not answered.

    Never has two codes in the air, so that every answer belongs to one code.
    """

    def __init__(self, scanner: Scanner, codes: Iterable[str]) -> None:
        self._scanner = scanner
        self._codes: Iterator[str] = iter(codes)
        self.code = next(self._codes)
        self.passed: list[str] = []
        self.refused: list[str] = []
        self.interrupted: list[str] = []

    def work(self, seconds: float) -> None:
        """Scan for so long; the last code may be left without an answer."""
        deadline_s = time.monotonic() + seconds
        self._scanner.send(self.code)
        while answer := self._scanner.answers(1, deadline_s - time.monotonic()):
            self._note(answer)
            self._scanner.send(self.code)

    def put_down(self) -> None:
        """The agent is gone: take the answer it may still have given; else the code is open."""
        if answer := self._scanner.answers(1, 0.0):
            self._note(answer)
        else:
            self.interrupted.append(self.code)

    def finish(self, next_code: str) -> None:
        """Scan the open code and those after it, until the next one would be one that begins with `next_code`."""
        while True:
            answer = self._scanner.scan(self.code)
            assert answer, f"no answer to {self.code}"
            self._note(answer)
            if self.code.startswith(next_code):
                return

    def _note(self, answer: bytes) -> None:
        assert answer in (PASS, REFUSE), answer
        (self.passed if answer == PASS else self.refused).append(self.code)
        self.code = next(self._codes)
