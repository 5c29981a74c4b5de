"""Take every input in turn: decide, show red, write, show green, wake the forwarder.

Red is instant, green is earned: a refusal is shown before it is written, a pass only when it is on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from agent.events import Event, Kind, Lane
from agent.journal.errors import JournalCorruptError, JournalError, JournalWriteError
from agent.runtime import memory, refusal
from agent.runtime.library import Library
from agent.runtime.lights import Lights
from agent.runtime.wakes import Wakes
from agent.signals import (
    CallsDelivered,
    ClockStepped,
    Input,
    JournalDamaged,
    RecordingBack,
    RecordingLost,
    ReferenceLost,
)
from agent.station.alarms import document as alarms
from agent.station.andon import calls
from drivers.contract import Answer, Ask, Lamps, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.journal.journal import Journal
    from agent.runtime.clock import Clock
    from agent.runtime.health import Health
    from agent.runtime.intake import Intake
    from agent.runtime.watch import Watch
    from agent.signals import OwnSignal
    from agent.station.decision import Decision, Document
    from agent.station.station import Station

log = structlog.get_logger()

WAIT_S = 1.0
"""Longest wait for an input in one step; also how soon delivery marks are written when nothing else is."""

RETRY_S = 0.5
"""Wait before writing again what could not be written."""

BUSY_TIDIES = 4
"""Pieces of housekeeping after each write while the journal is crowded; each makes more room than a write takes."""


class Recorder:
    """The one worker that decides and writes.

    `show_answer` goes to the device that spoke or is asked, `show_lamps` to all; neither may block.  `wake` tells the
    forwarder that there is something new.  `library` holds the reference data; without one there is none.  `watch`
    notices what lasts too long.
    """

    name = "recorder"
    retry_max_s = 5.0
    expected = (JournalError,)

    def __init__(
        self,
        intake: Intake,
        station: Station,
        journal: Journal,
        clock: Clock,
        health: Health,
        *,
        show_answer: Callable[[str, Answer | Ask], None],
        show_lamps: Callable[[Lamps], None],
        wake: Callable[[], None],
        library: Library | None = None,
        watch: Watch | None = None,
    ) -> None:
        self._intake = intake
        self._station = station
        self._journal = journal
        self._clock = clock
        self._health = health
        self._library = library or Library(journal, clock)
        self._watch = watch
        self._show_answer = show_answer
        self._lights = Lights(show_lamps, health)
        self._wake = wake
        self._memory: dict[str, Document] = {}
        self._owed: list[Input] = []
        self._wakes = Wakes()
        self._trouble = ""
        self._more_to_tidy = False

    def open(self) -> None:
        """Go on where the journal ends."""
        self._memory = memory.read(self._journal, self._memory)
        self._lights.stopped |= calls.is_stopped(self._memory)
        self._wakes.begin(self._memory, self._clock.now())
        calls_found = memory.recollected(self._journal, self._memory)
        lost = self._library.open(self._memory, self._journal.damage.aside if self._journal.damage else "")
        self._tell_damage()
        if calls_found:
            self._keep(calls_found)
        self._owed += [self._own(ReferenceLost(which.value)) for which in lost]
        shortage, self._journal.shortage = self._journal.shortage, ""
        if shortage:
            self._cannot_record([], JournalWriteError(shortage))
        elif alarms.is_active(self._memory, alarms.CANNOT_RECORD):
            self._owed.append(self._own(RecordingBack()))

    def step(self) -> None:
        """Record what is waiting, as one transaction; when there is nothing, tidy the journal."""
        if self._journal.suspicion:
            self._begin_anew(self._journal.suspicion)
        inputs = self._intake.take(self._wait_s(), linger=not self._station.waits_for_value(self._memory))
        if (offset_s := self._clock.stepped()) is not None:
            inputs.append(self._own(ClockStepped(offset_s)))
        inputs += [self._own(ended) for ended in self._wakes.due(self._clock.now().monotonic_ns)]
        if self._watch is not None:
            inputs += [self._own(noticed) for noticed in self._watch.look(self._memory, self._clock.now())]
        if self._trouble:
            self._try_to_recover()
        inputs, self._owed = [*self._delivered(), *self._owed, *inputs], []
        if inputs:
            self._record(inputs)
        if not self._trouble:
            self._tidy(idle=not inputs)

    def cancel(self) -> None:
        """End a waiting step soon."""
        self._intake.wake()

    def failed(self, error: Exception) -> float | None:
        """Say what keeps the recorder from recording."""
        self._health.report("recorder", "recorder", trouble=str(error))
        return None

    def close(self) -> None:
        """Record what is still waiting.  The devices have stopped by then, or the recorder will be opened again."""
        while inputs := self._owed + self._intake.take(0, linger=False):
            self._owed = []
            self._record(inputs)
            if self._owed:
                log.error("recorder.unwritten", inputs=len(self._owed))
                return

    def _wait_s(self) -> float:
        if self._more_to_tidy:
            return 0.0
        if self._trouble:
            return RETRY_S
        longest_s = RETRY_S if self._owed else WAIT_S
        return self._wakes.wait_s(longest_s, self._clock.now().monotonic_ns)

    def _delivered(self) -> list[Input]:
        """Notice that what was recorded about calls has arrived; stands before all that was not recorded yet."""
        waits = not self._trouble and calls.undelivered(self._memory)
        return [self._own(CallsDelivered())] if waits and self._journal.has_delivered(Lane.ANDON) else []

    def _own(self, what: OwnSignal) -> Input:
        return Input("agent", what, self._clock.now())

    def _record(self, inputs: list[Input]) -> None:
        """Decide and write `inputs` as one transaction; one that breaks the decision is recorded as such, alone."""
        if self._trouble:
            inputs = self._refuse(inputs)
        if not inputs:
            return
        try:
            decisions = [*self._decide(inputs)]
            events = [event for _, decision in decisions for event in decision.events]
            self._write(events, memory.changes(decision for _, decision in decisions))
        except JournalCorruptError as error:
            self._begin_anew(str(error))
            self._owed = [*inputs, *self._owed]
        except JournalError as error:
            self._cannot_record(inputs, error)
        except Exception as error:  # noqa: BLE001  a bug in a decision must cost one input its verdict, not the line its recorder
            if len(inputs) == 1:
                self._record_failure(inputs[0], error)
                return
            for one in inputs:
                self._record([one])
        else:
            self._show_earned(decisions)

    def _decide(self, inputs: Iterable[Input]) -> Iterable[tuple[Input, Decision]]:
        """Decide each input on the memory that the ones before it leave; show refusals and stops at once."""
        working = dict(self._memory)
        self._library.begin()
        for happened in inputs:
            decision = self._library.handle(self._station, working, happened)
            memory.apply(decision.documents, working)
            if decision.answer is not None and decision.answer.verdict is Verdict.REFUSE:
                self._show_answer(happened.source, decision.answer)
            if decision.lamps is not None:
                self._lights.at_once(decision.lamps)
            for gauge in decision.asks:
                self._show_answer(gauge, Ask())
            yield happened, decision

    def _write(self, events: list[Event], documents: dict[str, Document | None]) -> None:
        """Write facts and changed documents, then make these the memory."""
        kept = self._library.kept
        if events or documents or kept:
            self._journal.append(events, memory.lasting(documents), kept)
        self._library.commit()
        memory.apply(documents, self._memory)
        self._wakes.follow(documents, self._clock.now())

    def _show_earned(self, decisions: list[tuple[Input, Decision]]) -> None:
        """Show what is on disk now."""
        for happened, decision in decisions:
            if decision.answer is not None and decision.answer.verdict is not Verdict.REFUSE:
                self._show_answer(happened.source, decision.answer)
        if (lamps := decisions[-1][1].lamps) is not None:
            self._lights.earned(lamps)
        self._library.tell(decisions)
        self._wake()
        self._health.count("recorder", "recorder", inputs=len(decisions), commits=1)

    def _refuse(self, inputs: list[Input]) -> list[Input]:
        """Show red for work, which cannot be recorded; return the rest, which must be."""
        for happened in inputs:
            if isinstance(happened.what, refusal.REFUSABLE):
                self._show_answer(happened.source, refusal.ANSWER)
        return refusal.owed(inputs)

    def _cannot_record(self, inputs: list[Input], error: JournalError) -> None:
        """Give up the reserve, show red for work that was not written, keep calls and states until they are."""
        self._owed = [*refusal.lasting(self._refuse(inputs)), *self._owed]
        self._wakes.again()
        self._lights.red()
        if not self._trouble:
            log.error("recorder.cannot_record", reason=str(error))
            self._owed.append(self._own(RecordingLost(str(error))))
        self._trouble = str(error)
        self._lights.trouble = True
        self._health.report("recorder", "recorder", trouble=self._trouble)
        self._journal.free_reserve()

    def _try_to_recover(self) -> None:
        """Write what is owed; then, if the disk has room again, go on as usual."""
        owed, self._owed = self._owed, []
        self._record(owed)
        if self._owed or not self._journal.restore_reserve():
            return
        trouble, self._trouble = self._trouble, ""
        self._lights.trouble = False
        self._record([self._own(RecordingBack())])
        if self._trouble:
            return
        log.info("recorder.records_again", after=trouble)
        self._health.report("recorder", "recorder", trouble="")

    def _begin_anew(self, reason: str) -> None:
        """Put a damaged journal aside and go on with a new one; the memory is known here."""
        if not self._trouble:
            log.error("journal.damaged", reason=reason)
        try:
            self._journal.start_anew(reason, self._memory)
            self._library.begun_anew()
        except JournalError as error:
            self._cannot_record([], error)
        self._tell_damage()

    def _tell_damage(self) -> None:
        damage, self._journal.damage = self._journal.damage, None
        if damage is not None:
            told = JournalDamaged(damage.reason, damage.aside, damage.old_epoch, damage.new_epoch)
            self._owed.append(self._own(told))
            self._wake()

    def _tidy(self, *, idle: bool) -> None:
        """Do pieces of housekeeping: one when idle, some at once when the journal is crowded."""
        try:
            if idle:
                self._more_to_tidy = self._journal.tidy()
                if self._more_to_tidy:
                    self._wake()
            elif self._intake.empty:
                self._journal.breathe()
            for _ in range(BUSY_TIDIES):
                if not (self._journal.crowded and self._journal.tidy()):
                    break
        except JournalCorruptError as error:
            self._begin_anew(str(error))
        except JournalError as error:
            self._more_to_tidy = False
            self._cannot_record([], error)

    def _record_failure(self, happened: Input, error: Exception) -> None:
        """Keep the input that our own code could not decide, and show red."""
        log.error("recorder.decision_failed", source=happened.source, what=repr(happened.what), exc_info=error)
        self._show_answer(happened.source, Answer(Verdict.REFUSE, "internal error: do not go on"))
        self._lights.red()
        self._library.failed(happened)
        told = {"source": happened.source, "what": repr(happened.what), "error": repr(error)}
        event = Event(Kind.SIGNAL_FAILED, "", told, happened.moment)
        try:
            self._journal.append([event], {})
        except JournalError as unwritten:
            self._cannot_record([happened], unwritten)

    def _keep(self, found: dict[str, Document | None]) -> None:
        """Record what was found at the start: calls that are still open."""
        try:
            self._write([], found)
        except JournalError as error:
            self._cannot_record([], error)
