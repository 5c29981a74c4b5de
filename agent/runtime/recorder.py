"""Take every input in turn: decide, show red, write, show green, wake the forwarder.

Red is instant, green is earned: a refusal is shown before it is written, a pass only when it is on disk.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

from agent.events import Lane
from agent.journal.errors import JournalCorruptError, JournalError, JournalWriteError
from agent.runtime import memory, refusal
from agent.runtime.housekeeping import Housekeeping
from agent.runtime.library import Library
from agent.runtime.lights import Lights
from agent.runtime.showing import Showing
from agent.runtime.streams import Streams
from agent.runtime.turns import Turns
from agent.runtime.wakes import Wakes
from agent.signals import CallsDelivered, ClockStepped, Input, RecordingBack, RecordingLost, ReferenceLost
from agent.station.alarms import document as alarms
from agent.station.andon import calls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from agent.events import Event
    from agent.journal.journal import Journal
    from agent.runtime.clock import Clock
    from agent.runtime.health import Health
    from agent.runtime.intake import Intake
    from agent.runtime.watch import Watch
    from agent.signals import OwnSignal
    from agent.station.decision import Decision, Document
    from agent.station.station import Station
    from drivers.contract import Answer, Ask, Lamps

log = structlog.get_logger()

WAIT_S = 1.0
"""Longest wait for an input in one step; also how soon delivery marks are written when nothing else is."""

RETRY_S = 0.5
"""Wait before writing again what could not be written."""


class Recorder:
    """The one worker that decides and writes.

    `show_answer` goes to the device that spoke or is asked, `show_lamps` to all; neither may block.  `wake` tells the
    forwarder that there is something new.  `library` holds the reference data; without one there is none.  `watch`
    notices what lasts too long.  `streams` joins values that nobody waits for; without it each is a fact of its own.
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
        streams: Streams | None = None,
    ) -> None:
        self._intake = intake
        self._station = station
        self._journal = journal
        self._clock = clock
        self._health = health
        self._library = library or Library(journal, clock)
        self._watch = watch
        self._streams = streams or Streams(series_s=0.0, series_values=1)
        self._lights = Lights(show_lamps, health)
        self._showing = Showing(show_answer, self._lights, intake.rest)
        self._wake = wake
        self._memory: dict[str, Document] = {}
        self._owed: list[Input] = []
        self._wakes, self._turns = Wakes(), Turns()
        self._trouble = ""
        self._housekeeping = Housekeeping(journal, intake, wake)

    def open(self) -> None:
        """Go on where the journal ends."""
        self._memory = memory.read(self._journal, self._memory)
        self._lights.stopped |= calls.is_stopped(self._memory)
        self._wakes.begin(self._memory, self._clock.now())
        opened = memory.recollected(self._journal, self._memory)
        lost = self._library.open(self._memory, self._journal.damage.aside if self._journal.damage else "")
        self._tell_damage()
        if opened:
            self._keep(opened)
        self._owed += [self._own(ReferenceLost(which.value)) for which in lost]
        if shortage := self._journal.take_shortage():
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
                break
        if self._streams.end():
            self._record([])
        if self._owed or self._streams.values:
            told = [f"{happened.source}: {happened.what!r}" for happened in self._owed]
            log.error("recorder.unwritten", inputs=told, values=self._streams.values)

    def _wait_s(self) -> float:
        if self._housekeeping.more:
            return 0.0
        if self._trouble:
            return RETRY_S
        longest_s = RETRY_S if self._owed else WAIT_S
        now_ns = self._clock.now().monotonic_ns
        return self._streams.wait_s(self._wakes.wait_s(longest_s, now_ns), now_ns)

    def _delivered(self) -> list[Input]:
        """Notice that what was recorded about calls has arrived; stands before all that was not recorded yet."""
        waits = not self._trouble and calls.undelivered(self._memory)
        return [self._own(CallsDelivered())] if waits and self._journal.has_delivered(Lane.ANDON) else []

    def _own(self, what: OwnSignal) -> Input:
        return Input("agent", what, self._clock.now())

    def _record(self, inputs: list[Input]) -> None:
        """Decide and write `inputs` and what is due of streams as one transaction; what breaks it is recorded alone."""
        if self._trouble:
            inputs = self._refuse(inputs)
        now_ns = self._clock.now().monotonic_ns
        if not inputs and not self._streams.is_due(now_ns):
            return
        try:
            decisions = [*self._decide(inputs)]
            events = self._streams.take(decisions, now_ns)
            written = self._write(events, memory.changes(decision for _, decision in decisions))
        except JournalCorruptError as error:
            self._begin_anew(str(error))
            self._owed = [*inputs, *self._owed]
        except JournalError as error:
            self._cannot_record(inputs, error)
        except Exception as error:  # a bug in a decision must cost one input its verdict, not the line its recorder
            if not inputs:
                raise
            if len(inputs) == 1:
                self._record_failure(inputs[0], error)
                return
            for one in inputs:
                self._record([one])
        else:
            self._recorded(decisions, written=written)

    def _recorded(self, decisions: list[tuple[Input, Decision]], *, written: bool) -> None:
        """Show and tell what is on disk now."""
        self._streams.commit()
        self._turns.commit()
        self._showing.earned(decisions)
        self._library.tell(decisions)
        if written:
            self._journal.note()
            self._wake()
        self._health.count("recorder", "recorder", inputs=len(decisions), commits=int(written))

    def _decide(self, inputs: Sequence[Input]) -> Iterable[tuple[Input, Decision]]:
        """Decide each input on the memory that the ones before it leave; show refusals and stops at once."""
        working = dict(self._memory)
        self._library.begin()
        for happened, in_turn in zip(inputs, self._turns.of(inputs), strict=True):
            decision = self._library.handle(self._station, working, in_turn)
            memory.apply(decision.documents, working)
            self._showing.at_once(happened, decision)
            yield happened, decision

    def _write(self, events: list[Event], documents: dict[str, Document | None]) -> bool:
        """Write facts and changed documents, if there are any, then make these the memory."""
        kept = self._library.kept
        written = bool(events or documents or kept)
        if written:
            self._journal.append(events, memory.lasting(documents), kept, noted=False)
        self._library.commit()
        memory.apply(documents, self._memory)
        self._wakes.follow(documents, self._clock.now())
        return written

    def _refuse(self, inputs: list[Input]) -> list[Input]:
        """Show red for work, which cannot be recorded; return the rest, which must be."""
        self._showing.refused(refusal.refused(inputs), refusal.WHY)
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
        self._lights.trouble = self._streams.trouble = True
        self._health.report("recorder", "recorder", trouble=self._trouble)
        self._journal.free_reserve()

    def _try_to_recover(self) -> None:
        """Write what is owed; then, if the disk has room again, go on as usual."""
        owed, self._owed = self._owed, []
        self._record(owed)
        if self._owed or not self._journal.restore_reserve():
            return
        trouble, self._trouble = self._trouble, ""
        self._lights.trouble = self._streams.trouble = False
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
        if (damage := memory.damaged(self._journal)) is not None:
            self._owed.append(self._own(damage))
            self._wake()

    def _tidy(self, *, idle: bool) -> None:
        try:
            self._housekeeping.step(idle=idle)
        except JournalCorruptError as error:
            self._begin_anew(str(error))
        except JournalError as error:
            self._cannot_record([], error)

    def _record_failure(self, happened: Input, error: Exception) -> None:
        """Keep the input that our own code could not decide, and show red."""
        log.error("recorder.decision_failed", source=happened.source, what=repr(happened.what), exc_info=error)
        self._showing.refused([happened], "internal error: do not go on")
        self._lights.red()
        self._library.failed(happened)
        try:
            self._journal.append([refusal.failure(happened, error)], {})
        except JournalError as unwritten:
            self._cannot_record(refusal.owed([happened]), unwritten)

    def _keep(self, found: dict[str, Document | None]) -> None:
        """Record what was found at the start: calls that are still open."""
        try:
            self._write([], found)
            self._journal.note()
        except JournalError as error:
            self._cannot_record([], error)
