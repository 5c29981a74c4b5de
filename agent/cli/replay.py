"""Run what a journal recorded through the station again, and show where other rules would decide otherwise.

Opens the journal read-only: a copy, or the one that an agent writes to.
"""

from __future__ import annotations

import json
import os
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from agent.cli.station import FileOption, read_station
from agent.events import LANES, NS_PER_S, Lane, Moment, raw_text
from agent.journal import references
from agent.journal.errors import JournalCorruptError, JournalError
from agent.journal.reader import JournalReader
from agent.replay.recorded import Recorded, gathered, parsed
from agent.replay.replayer import Difference, Replayer
from agent.replay.sets import SetsThen
from agent.station.reference import NOTHING, Set
from agent.station.sets import telling
from agent.station.sets.change import Paper, prepare, restored
from drivers.contract import Contact, Reading, Scan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from agent.replay.replayer import Fact, Lost
    from agent.signals import Input
    from agent.station.reference import Reference

CHUNK_EVENTS, CHUNK_BYTES = 2000, 4_000_000

EXIT_DIFFERENT = 1
"""Something would be decided otherwise; the same as `diff` says it."""

JournalArgument = Annotated[Path, typer.Argument(metavar="JOURNAL", readable=False, help="The journal (SQLite).")]
ReferenceOption = Annotated[
    Path | None,
    typer.Option("--reference", metavar="FILE", readable=False, help="Try these sets, in place of those of that time."),
]
SinceOption = Annotated[
    str, typer.Option("--since", metavar="TIME", help="Show nothing from before: 2026-10-21 or 2026-10-21T06:00Z.")
]
UntilOption = Annotated[str, typer.Option("--until", metavar="TIME", help="Show nothing from then on.")]
LimitOption = Annotated[int, typer.Option("--limit", min=0, help="Show so many differences; 0: all.")]
CarryOption = Annotated[
    bool, typer.Option("--carry", help="Let each difference act on all that follows, as it would have that day.")
]
DetailsOption = Annotated[
    bool, typer.Option("--details", help="Show also what is decided the same and only told with other values.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print a line of JSON a difference, and one for the sum.")]


def replay(
    journal: JournalArgument,
    file: FileOption,
    reference: ReferenceOption = None,
    *,
    since: SinceOption = "",
    until: UntilOption = "",
    limit: LimitOption = 50,
    carry: CarryOption = False,
    details: DetailsOption = False,
    as_json: JsonOption = False,
) -> None:
    """Try the rules of a station file on what a journal recorded; exit 1 if something would be decided otherwise."""
    first_ns, last_ns = _nanoseconds(since, "--since"), _nanoseconds(until, "--until")
    rules = read_station(file).rules
    account = Account(JsonShow() if as_json else WordShow(limit), details=details)
    try:
        with JournalReader(journal) as reader:
            account.caveats += caveats(reader)
            kept = sets_kept(journal, reader)
            tried = _sets_tried(reference, kept) if reference else NOTHING
            replayer = Replayer(rules, SetsThen(kept, tried, begun=bool(account.caveats)), carry)
            for found in replayer.run(inputs(reader)):
                if (first_ns or 0) <= seen_ns(found) and (last_ns is None or seen_ns(found) < last_ns):
                    account.take(found)
    except JournalError as error:
        typer.echo(f"lineside: {error}", err=True)
        raise typer.Exit(os.EX_IOERR) from None
    account.close(replayer)
    if account.otherwise or account.details:
        raise typer.Exit(EXIT_DIFFERENT)


def inputs(reader: JournalReader) -> Iterator[list[Recorded]]:
    """Give the facts of one input of a journal after the other, up to what it holds now."""
    last = {lane: state.last for lane, state in reader.lanes().items()}
    boots = dict.fromkeys(fact.moment.boot for fact in _lane(reader, Lane.HEALTH, last[Lane.HEALTH]))
    return gathered([_lane(reader, lane, last[lane]) for lane in LANES], [*boots])


def caveats(reader: JournalReader) -> list[str]:
    """Why the first differences may come from what the journal does not hold any more."""
    gone = [lane.value for lane, state in reader.lanes().items() if state.first > 1]
    told = [f"the beginning of lane {', '.join(gone)} is not kept any more: what was open then is not known"]
    return told if gone else []


def sets_kept(journal: Path, reader: JournalReader) -> Reference:
    """The sets of reference data that a journal keeps."""
    bodies = {Set(name): several for name, several in references.read(journal).items() if name in set(Set)}
    return restored(bodies, telling.remembered(reader.documents()))


def _sets_tried(file: Path, kept: Reference) -> Reference:
    """The sets in a file, as they fit those that are kept."""
    try:
        payload = file.read_bytes()
    except OSError as error:
        typer.echo(f"lineside: {file} cannot be read: {error.strerror}", err=True)
        raise typer.Exit(os.EX_NOINPUT) from None
    now = Moment(time.time_ns(), time.monotonic_ns(), synced=False, boot="")
    change = prepare(kept, [Paper(payload)], now)
    for mistake in change.mistakes:
        typer.echo(f"{file}: {mistake}", err=True)
    if change.mistakes:
        raise typer.Exit(os.EX_DATAERR)
    taken = {which: change.after.revisions[which] for which in (one.which for one in change.taken)}
    return replace(change.after, revisions=taken)


def seen_ns(found: Difference | Lost) -> int:
    """When the input was seen."""
    return (found.happened if isinstance(found, Difference) else found.facts[0]).moment.time_ns


def _lane(reader: JournalReader, lane: Lane, last: int) -> Iterator[Recorded]:
    after = 0
    while after < last and (chunk := reader.next(lane, after, CHUNK_EVENTS, CHUNK_BYTES)) is not None:
        for body in chunk.bodies:
            try:
                yield parsed(body)
            except (ValueError, KeyError, TypeError) as error:
                raise JournalCorruptError(f"lane {lane} holds what is no event behind {after}: {error}") from error
        after = chunk.last


def _nanoseconds(text: str, option: str) -> int | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{option}: {text!r} is no time such as 2026-10-21T06:00Z") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()) * NS_PER_S


class Show(Protocol):
    """Where differences go."""

    def difference(self, one: Difference) -> None:
        """Show an input that would be decided otherwise."""

    def lost(self, one: Lost) -> None:
        """Show facts whose signal cannot be made again."""

    def sum(self, told: Mapping[str, Any]) -> None:
        """Show what it comes to."""


class Account:
    """What it comes to: how many inputs, and which units would fail or pass."""

    def __init__(self, show: Show, *, details: bool) -> None:
        self.caveats: list[str] = []
        self.otherwise = 0
        self.details = 0
        self._show = show
        self._show_details = details
        self._units: dict[str, dict[str, None]] = {"fail": {}, "pass": {}}

    def take(self, found: Difference | Lost) -> None:
        """Count one and show it."""
        if not isinstance(found, Difference):
            self._show.lost(found)
            return
        if not found.decided_otherwise:
            self.details += 1
            if self._show_details:
                self._show.difference(found)
            return
        self.otherwise += 1
        for word, does in (("fail", found.fails), ("pass", found.passes)):
            if does and found.unit:
                self._units[word][found.unit] = None
        self._show.difference(found)

    def close(self, replayer: Replayer) -> None:
        """Show the sum."""
        if replayer.strange_rules:
            self.caveats.append(f"rules of that time cannot be read any more: {replayer.strange_rules.splitlines()[0]}")
        self.caveats += replayer.sets.stand_ins
        self._show.sum(
            {
                "inputs": replayer.inputs,
                "otherwise": self.otherwise,
                "details": self.details,
                "lost": replayer.lost,
                "would_fail": [*self._units["fail"]],
                "would_pass": [*self._units["pass"]],
                "rules": replayer.rules.digest,
                "caveats": self.caveats,
            }
        )


class JsonShow:
    """JSON, a line each."""

    def difference(self, one: Difference) -> None:
        """Show an input that would be decided otherwise."""
        sides = {
            word: [{"type": fact.kind, "subject": fact.subject, "data": fact.data} for fact in facts]
            for word, facts in (("was", one.was), ("now", one.now))
        }
        head = {"time": one.happened.moment.iso, "source": one.happened.source, "signal": signal_words(one.happened)}
        _print_json({**head, "unit": one.unit, "fails": one.fails, "passes": one.passes, **sides})

    def lost(self, one: Lost) -> None:
        """Show facts whose signal cannot be made again."""
        facts = [f"{fact.lane}.{fact.sequence}" for fact in one.facts]
        _print_json({"time": one.facts[0].moment.iso, "lost": one.reason, "facts": facts})

    def sum(self, told: Mapping[str, Any]) -> None:
        """Show what it comes to."""
        _print_json(told)


class WordShow:
    """Words, a paragraph each, the first `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._shown = 0

    def difference(self, one: Difference) -> None:
        """Show an input that would be decided otherwise."""
        if self._may_show():
            unit = f"  (unit {one.unit})" if one.unit else ""
            typer.echo(f"{one.happened.moment.iso}  {one.happened.source}: {signal_words(one.happened)}{unit}")
            for line in lines_of(one):
                typer.echo(f"    {line}")

    def lost(self, one: Lost) -> None:
        """Show facts whose signal cannot be made again."""
        if self._may_show():
            typer.echo(f"{one.facts[0].moment.iso}  not tried: {one.reason}")

    def sum(self, told: Mapping[str, Any]) -> None:
        """Show what it comes to."""
        if self._limit and self._shown > self._limit:
            typer.echo(f"... and {self._shown - self._limit} more: --limit 0 shows all")
        for caveat in told["caveats"]:
            typer.echo(f"note: {caveat}")
        typer.echo(
            f"{told['inputs']} inputs tried by rules {told['rules']}: {told['otherwise']} decided otherwise, "
            f"{told['details']} with other details only, {told['lost']} not tried"
        )
        for word in ("fail", "pass"):
            if units := told[f"would_{word}"]:
                typer.echo(f"units that would {word} now ({len(units)}): {', '.join(units)}")

    def _may_show(self) -> bool:
        self._shown += 1
        return not self._limit or self._shown <= self._limit


def lines_of(one: Difference) -> Iterator[str]:
    """What is another fact, or says another thing: `-` was, `+` would be, `~` has other values."""
    now = list(one.now)
    for was in one.was:
        pair = next((fact for fact in now if (fact.kind, fact.subject) == (was.kind, was.subject)), None)
        if pair is None:
            yield f"- {_in_short(was)}"
            continue
        now.remove(pair)
        changed = sorted(key for key in {*was.data, *pair.data} if was.data.get(key) != pair.data.get(key))
        if changed:
            values = ", ".join(f"{key} {_json(was.data.get(key))} -> {_json(pair.data.get(key))}" for key in changed)
            yield f"~ {was.kind} {was.subject}: {values}"
    yield from (f"+ {_in_short(fact)}" for fact in now)


def signal_words(happened: Input) -> str:
    """The signal, for people."""
    match happened.what:
        case Scan(text=text):
            return f"scan {text}"
        case Reading(text=text, unit=unit):
            return f"value {text} {unit}"
        case Contact(input=name, active=active):
            return f"{name} {'on' if active else 'off'}"
        case other:
            raw = getattr(other, "raw", None)
            return f"{type(other).__name__}{'' if raw is None else f' {raw_text(raw)!r}'}"


def _in_short(fact: Fact) -> str:
    reason = fact.data.get("reason")
    return f"{fact.kind} {fact.subject}" + (f": {reason}" if reason else "")


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _print_json(document: Mapping[str, Any]) -> None:
    typer.echo(_json(document))
