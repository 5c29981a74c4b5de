"""Which cards a station needs: one for each command that it understands, with its label and colour.

Knows the station's rules and `[cards]`.  Knows nothing of drawing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from agent.cli.cards.codes import Coder, NoCodeError
from agent.station.rules import COMMANDS, CallMode

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.config import Cards
    from agent.station.rules import AndonCall, Rules

PLAIN, WORK, BAD = "#5f6b7a", "#1a7f37", "#8250df"
COLOUR_OF_CALL = {CallMode.CALL: "#bf8700", CallMode.HELP: "#0969da", CallMode.STOP: "#cf222e"}

LABELS = {
    "sign-off": "Sign off",
    "abort": "Abort unit",
    "shift-change": "Shift change",
    "rework": "Rework",
    "scrap": "Scrap",
    "hold": "Hold",
    "use-as-is": "Use as is",
}
ANSWERS = {"acknowledge": "On my way", "arrive": "Here for", "cancel": "No trouble"}
"""What may be said of a call beside that it is resolved, in English."""

COLOURS = {"sign-off": PLAIN, "shift-change": PLAIN}
DISPOSITIONS = {"rework", "scrap", "hold", "use-as-is"}


@dataclass(frozen=True, slots=True)
class Card:
    """One card: the command, what its code says, what people read, and the colour of its edge."""

    command: str
    text: str
    label: str
    colour: str


def cards(rules: Rules, wanted: Cards) -> list[Card]:
    """Return the cards of a station.  Raises NoCodeError with every mistake in `[cards]`."""
    coder = Coder(rules, wanted.code)
    made: list[Card] = []
    possible = [*optional(rules)]
    known = [*commands(rules), *(one for one in possible if one[0] in wanted.labels)]
    names = {command for command, _, _ in (*known, *possible)}
    mistakes = [
        f"cards.labels.{command}: no command of this station; known are: {', '.join(sorted(names))}"
        for command in wanted.labels
        if command not in names
    ]
    if any(call.needs_reason for call in rules.call):
        mistakes += [
            f"andon.reasons: {one!r} has a ':', so no card can say it" for one in rules.andon.reasons if ":" in one
        ]
    for command, label, colour in known:
        try:
            made.append(Card(command, coder.text(command), wanted.labels.get(command, label), colour))
        except NoCodeError as error:
            mistakes += [one for one in error.mistakes if one not in mistakes]
    if mistakes:
        raise NoCodeError(mistakes)
    return made


def commands(rules: Rules) -> Iterator[tuple[str, str, str]]:
    """Every command of a station with its label in English and its colour; of answers to calls those of daily use."""
    for command in COMMANDS:
        if command not in DISPOSITIONS or rules.interlock is not None or rules.defect:
            yield command, LABELS.get(command, command), COLOURS.get(command, BAD if command in DISPOSITIONS else WORK)
    for call in rules.call:
        word = "STOP" if call.mode is CallMode.STOP else "Call"
        yield f"call:{call.name}", f"{word}: {call.name}", COLOUR_OF_CALL[call.mode]
        yield f"resolve:{call.name}", f"Resolved: {call.name}", COLOUR_OF_CALL[call.mode]
        yield from (answer for act, answer in _answers(call) if act in _useful(call, rules))
        for reason in rules.andon.reasons if call.needs_reason else ():
            yield f"close:{call.name}:{reason}", f"{call.name}: {reason}", COLOUR_OF_CALL[call.mode]
    for defect in rules.defect:
        for place in defect.locations or ("",):
            at = f"@{place}" if place else ""
            yield f"defect:{defect.code}{at}", f"{defect.text or defect.code} {place}".rstrip(), BAD
    for step in dict.fromkeys(one.name for task in rules.operation for one in task.step if one.kind == "tick"):
        yield f"tick:{step}", f"Done: {step}", WORK
    for reason in rules.policies.reasons:
        yield f"reason:{reason}", reason, PLAIN


def optional(rules: Rules) -> Iterator[tuple[str, str, str]]:
    """Commands whose cards are printed only if `[cards]` has a label for them."""
    for call in rules.call:
        yield from (answer for act, answer in _answers(call) if act not in _useful(call, rules))


def _answers(call: AndonCall) -> Iterator[tuple[str, tuple[str, str, str]]]:
    for act, word in ANSWERS.items():
        yield act, (f"{act}:{call.name}", f"{word}: {call.name}", COLOUR_OF_CALL[call.mode])


def _useful(call: AndonCall, rules: Rules) -> set[str]:
    """Answers that need a card: `arrive` where no badge says it, `cancel` where the line is at stake."""
    by_badge = any(call.type in one.calls or "*" in one.calls for one in rules.authority)
    stops = call.mode is CallMode.STOP or bool(call.stop_after_s or call.stop_at)
    return {act for act, useful in (("arrive", not by_badge), ("cancel", stops)) if useful}
