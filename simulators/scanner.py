"""A barcode scanner on a serial line, with the operator who holds it.

Written from the way such scanners are described in their manuals: the code, then a suffix; a byte from the host for
a good read and one for a bad read.  Knows nothing of the agent's driver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulators.report import readable, say
from simulators.stand_in import StandIn, Wait

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from simulators.pty_line import PtyLine

ACK = b"\x06"
NAK = b"\x15"


class Scanner(StandIn):
    """Sends codes, hears `on_pass` (good read) and `on_refuse` (bad read)."""

    def __init__(
        self, name: str, line: PtyLine, suffix: bytes = b"\r", on_pass: bytes = ACK, on_refuse: bytes = NAK
    ) -> None:
        super().__init__(name, line)
        self.suffix = suffix
        self.answers = {"pass": on_pass, "refuse": on_refuse}
        self.answer: str | None = None
        self.code = ""
        self._heard = b""
        self.verbs["scan"] = self.scan

    def scan(self, code: str) -> None:
        """Scan one code.  Raises ValueError if it has characters beyond Latin-1."""
        raw = code.encode("latin-1") + self.suffix
        self.code, self.answer, self.answered = code, None, False
        self.send(raw, code=code)

    def hear(self, raw: bytes) -> None:
        """Tell good reads, bad reads and other bytes apart, in any split of the stream."""
        self._heard += raw
        while self._heard and not self._is_half_an_answer():
            self._hear_one()

    def _is_half_an_answer(self) -> bool:
        return any(
            answer.startswith(self._heard) and len(self._heard) < len(answer) for answer in self.answers.values()
        )

    def _hear_one(self) -> None:
        for verdict, answer in self.answers.items():
            if self._heard.startswith(answer):
                self._heard = self._heard[len(answer) :]
                self.answer, self.answered = verdict, True
                say(verdict, device=self.name, code=self.code)
                return
        say("heard", device=self.name, raw=readable(self._heard[:1]))
        self._heard = self._heard[1:]


def scanned(scanner: Scanner, code: str, again_after_s: float) -> Iterator[Wait]:
    """Scan `code` until it is answered, again every `again_after_s`, as an operator does who sees no light."""
    scanner.scan(code)
    yield Wait(again_after_s, for_answer=True)
    while scanner.answer is None:
        scanner.scan(code)
        yield Wait(again_after_s, for_answer=True)


def stream(scanner: Scanner, codes: Iterable[str], interval_s: float, again_after_s: float) -> Iterator[Wait]:
    """Scan all `codes`, `interval_s` apart; with `again_after_s` > 0 each waits for its answer before the next."""
    count = 0
    for count, code in enumerate(codes, 1):  # noqa: B007  the number of the last one is said at the end
        if again_after_s > 0:
            yield from scanned(scanner, code, again_after_s)
        else:
            scanner.scan(code)
        yield Wait(interval_s)
    say("done", device=scanner.name, codes=count)
