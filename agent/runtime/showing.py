"""Show what follows from a decision: refusals, stops and questions at once, all else when it is on disk.

Used by the recorder's thread alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.contract import Answer, Ask, Lamp, Verdict

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from agent.runtime.lights import Lights
    from agent.signals import Input
    from agent.station.decision import Decision

    ShowAnswer = Callable[[str, Answer | Ask], None]

FIRST_S = 0.0002
"""So long the recorder leaves the interpreter to the device that shows something, before it goes on."""

REFUSE, RED = Verdict.REFUSE, Lamp.RED  # looked up once: each signal of every day passes here


class Showing:
    """`show_answer` goes to the device that spoke or is asked, `lights` to all; neither may block.

    `rest` does nothing for so many seconds at most, so that the device's own thread gets on with it; of several inputs
    that are decided together only the first refusal has it.

    An input is refused once, also where it cannot be written or is decided a second time: a device that hears two
    answers takes the second for that to what comes next.
    """

    def __init__(self, show_answer: ShowAnswer, lights: Lights, rest: Callable[[float], None]) -> None:
        self._show_answer = show_answer
        self._lights = lights
        self._rest = rest
        self._rested = False
        self._refused: dict[int, Input] = {}

    def at_once(self, happened: Input, decision: Decision) -> None:
        """Show what waits for no disk."""
        answer, lamps, shown = decision.answer, decision.lamps, False
        if answer is not None and answer.verdict is REFUSE and id(happened) not in self._refused:
            self._refused[id(happened)] = happened
            self._show_answer(happened.source, answer)
            shown = True
        if lamps is not None and RED in lamps.lit:
            shown = self._lights.at_once(lamps) or shown
        for gauge in decision.asks:
            self._show_answer(gauge, Ask())
        if shown and not self._rested:
            self._rested = True
            self._rest(FIRST_S)

    def earned(self, decisions: list[tuple[Input, Decision]]) -> None:
        """Show what is on disk now."""
        self._rested = answered = False
        for happened, decision in decisions:
            answer = decision.answer
            if answer is not None and answer.verdict is not REFUSE:
                self._show_answer(happened.source, answer)
                answered = True
        if self._refused:
            for happened, _ in decisions:
                self._refused.pop(id(happened), None)
        if decisions and (lamps := decisions[-1][1].lamps) is not None:
            self._lights.earned(lamps)
        if answered:
            self._rest(FIRST_S)

    def refused(self, inputs: Iterable[Input], why: str) -> None:
        """Tell whoever did these things that they count for nothing."""
        self._rested = False
        for happened in inputs:
            if self._refused.pop(id(happened), None) is None:
                self._show_answer(happened.source, Answer(Verdict.REFUSE, why))
