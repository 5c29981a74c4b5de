"""Run a journal through a station again, and name what comes out otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.cli.replay import inputs, lines_of, sets_kept, signal_words
from agent.journal.reader import JournalReader
from agent.replay.replayer import Difference, Replayer
from agent.replay.sets import SetsThen

if TYPE_CHECKING:
    from pathlib import Path

    from agent.station.rules import Rules


def replayed(journal: Path, rules: Rules, *, carry: bool = False) -> tuple[Replayer, list[Difference]]:
    """Return the replayer behind the last input, and every difference."""
    with JournalReader(journal) as reader:
        replayer = Replayer(rules, SetsThen(sets_kept(journal, reader)), carry)
        found = [one for one in replayer.run(inputs(reader)) if isinstance(one, Difference)]
    return replayer, found


def differences(journal: Path, rules: Rules) -> list[str]:
    """Every difference, and what could not be tried, in words.

    Where reference data was replaced, its old contents are gone: then nothing is compared.
    """
    replayer, found = replayed(journal, rules)
    if replayer.sets.stand_ins:
        return []
    told = [f"{signal_words(one.happened)}: {'; '.join(lines_of(one))}" for one in found]
    return told + ([f"{replayer.lost} not tried"] if replayer.lost else [])
