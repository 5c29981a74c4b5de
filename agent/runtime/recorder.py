"""Take every input in turn: decide, show red, write, show green, wake the forwarder.

Red is instant, green is earned: a refusal is shown before it is written, a pass only when it is on disk.
"""

from __future__ import annotations

from queue import Empty, Queue
from typing import TYPE_CHECKING

import structlog

from agent.events import Event, Kind
from agent.journal.errors import JournalError
from drivers.contract import Answer, Lamp, Lamps, Noise, Reading, Scan, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.journal.journal import Journal
    from agent.runtime.health import Health
    from agent.signals import Input
    from agent.station.decision import Decision, Document
    from agent.station.station import Station

log = structlog.get_logger()

WAIT_S = 1.0
"""Longest wait for an input in one step; also how soon delivery marks are written when nothing else is."""

RETRY_S = 0.5
"""Wait before writing again what could not be written."""


class Recorder:
    """The one worker that decides and writes.

    `show_answer` goes to the device that spoke, `show_lamps` to all; neither may block.  `wake` tells the forwarder
    that there is something new.
    """

    name = "recorder"
    retry_max_s = 5.0
    expected = (JournalError,)

    def __init__(
        self,
        queue: Queue[Input | None],
        station: Station,
        journal: Journal,
        health: Health,
        *,
        group_size: int,
        show_answer: Callable[[str, Answer], None],
        show_lamps: Callable[[Lamps], None],
        wake: Callable[[], None],
    ) -> None:
        self._queue = queue
        self._station = station
        self._journal = journal
        self._health = health
        self._group_size = group_size
        self._show_answer = show_answer
        self._show_lamps = show_lamps
        self._wake = wake
        self._memory: dict[str, Document] = {}
        self._lit: Lamps | None = None
        self._owed: list[Input] = []

    def open(self) -> None:
        """Go on where the journal ends."""
        self._memory = self._journal.documents()

    def step(self) -> None:
        """Record what is waiting, as one transaction."""
        inputs = self._owed + self._take(RETRY_S if self._owed else WAIT_S)
        self._owed = []
        if inputs:
            self._record(inputs)
        else:
            self._journal.settle()

    def cancel(self) -> None:
        """End a waiting step soon."""
        self._queue.put(None)

    def failed(self, error: Exception) -> float | None:
        """Say what keeps the recorder from recording."""
        self._health.report("recorder", "recorder", trouble=str(error))
        return None

    def close(self) -> None:
        """Record what is still waiting.  The devices have stopped by then, or the recorder will be opened again."""
        while inputs := self._owed + self._take(0):
            self._owed = []
            self._record(inputs)
            if self._owed:
                log.error("recorder.unwritten", inputs=len(self._owed))
                return
        self._journal.settle()

    def _take(self, wait_s: float) -> list[Input]:
        """Everything that waits, up to one group; waits for the first of it."""
        taken: list[Input] = []
        try:
            first = self._queue.get(timeout=wait_s) if wait_s else self._queue.get_nowait()
            while True:
                if first is not None:
                    taken.append(first)
                if len(taken) >= self._group_size:
                    return taken
                first = self._queue.get_nowait()
        except Empty:
            return taken

    def _record(self, inputs: list[Input]) -> None:
        """Decide and write `inputs` as one transaction; one that breaks the decision is recorded as such, alone."""
        try:
            self._commit(inputs, [*self._decide(inputs)])
        except JournalError as error:
            self._cannot_record(inputs, error)
        except Exception as error:  # noqa: BLE001  a bug in a decision must cost one input its verdict, not the line its recorder
            if len(inputs) == 1:
                self._record_failure(inputs[0], error)
                return
            for one in inputs:
                self._record([one])

    def _decide(self, inputs: Iterable[Input]) -> Iterable[tuple[Input, Decision]]:
        """Decide each input on the memory that the ones before it leave; show refusals and stops at once."""
        working = dict(self._memory)
        for happened in inputs:
            decision = self._station.handle(working, happened)
            _apply(decision, working)
            if decision.answer is not None and decision.refuses:
                self._show_answer(happened.source, decision.answer)
            if decision.lamps is not None and Lamp.RED in decision.lamps.lit:
                self._light(Lamps(decision.lamps.lit - {Lamp.GREEN}))
            yield happened, decision

    def _commit(self, inputs: list[Input], decisions: list[tuple[Input, Decision]]) -> None:
        """Write, then make it the memory, then show what was earned."""
        events = [event for _, decision in decisions for event in decision.events]
        documents = {key: document for _, decision in decisions for key, document in decision.documents.items()}
        if events or documents:
            self._journal.append(events, documents)
        for happened, decision in decisions:
            _apply(decision, self._memory)
            if decision.answer is not None and not decision.refuses:
                self._show_answer(happened.source, decision.answer)
        if (lamps := decisions[-1][1].lamps) is not None:
            self._light(lamps)
        self._wake()
        self._health.count("recorder", "recorder", inputs=len(inputs), commits=1)
        if self._health.entries("recorder")["recorder"].get("trouble"):
            self._health.report("recorder", "recorder", trouble="")
            log.info("recorder.records_again")

    def _cannot_record(self, inputs: list[Input], error: JournalError) -> None:
        """Show red for work that was not written; keep calls, device states and commands until they are."""
        known = self._health.entries("recorder").get("recorder", {}).get("trouble")
        if str(error) != known:
            log.error("recorder.cannot_record", reason=str(error))
        self._health.report("recorder", "recorder", trouble=str(error))
        for happened in inputs:
            if isinstance(happened.what, Scan | Reading | Noise):
                self._show_answer(happened.source, Answer(Verdict.REFUSE, "cannot record: do not go on"))
            else:
                self._owed.append(happened)
        self._light(Lamps(frozenset({Lamp.RED})))

    def _record_failure(self, happened: Input, error: Exception) -> None:
        """Keep the input that our own code could not decide, and show red."""
        log.error("recorder.decision_failed", source=happened.source, what=repr(happened.what), exc_info=error)
        self._show_answer(happened.source, Answer(Verdict.REFUSE, "internal error: do not go on"))
        self._light(Lamps(frozenset({Lamp.RED})))
        told = {"source": happened.source, "what": repr(happened.what), "error": repr(error)}
        event = Event(Kind.SIGNAL_FAILED, "", told, happened.moment)
        try:
            self._journal.append([event], {})
        except JournalError as unwritten:
            self._cannot_record([happened], unwritten)

    def _light(self, lamps: Lamps) -> None:
        if lamps != self._lit:
            self._lit = lamps
            self._health.report("recorder", "recorder", lamps=sorted(lamps.lit))
            self._show_lamps(lamps)


def _apply(decision: Decision, memory: dict[str, Document]) -> None:
    for key, document in decision.documents.items():
        if document is None:
            memory.pop(key, None)
        else:
            memory[key] = document
