"""A journal's life in a process of its own, to be ended at any moment: append, confirm, tidy, begin anew, again.

Says what was promised: `+ EPOCH LANE SEQ CRC` once append has returned, `c EPOCH LANE SEQ` before a mark is made,
`> EPOCH` when it works under a new name.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING
from zlib import crc32

from agent.events import LANES, Lane
from agent.journal.journal import Journal, JournalSettings
from tests.journals import Now, encode, fact

if TYPE_CHECKING:
    from collections.abc import Callable

SETTINGS = JournalSettings(
    {Lane.WORK: 60_000, Lane.MEASUREMENT: 40_000, Lane.HEALTH: 20_000}, keep_days=0.001, reserve_bytes=8192
)
DAMAGE_EVERY = 4


def live(path: Path, random: Random, turns: int, say: Callable[..., None]) -> None:
    """Live so many turns."""
    now = Now()
    journal = Journal(path, encode, now, SETTINGS)
    journal.open()
    say(f"> {journal.epoch}")
    with journal.reader() as reader:
        last = {lane: state.last for lane, state in reader.lanes().items()}
    for turn in range(turns):
        now.pass_(random.uniform(0, 30))
        lanes = [random.choice(LANES) for _ in range(random.choice((1, 3, 40)))]
        moment = now()
        journal.append(
            [fact(lane, "x" * random.randint(0, 400), moment, value=random.random()) for lane in lanes],
            {"turn": {"turn": turn}},
        )
        with journal.reader() as reader:
            book = reader.lanes()
        say(*appended(journal, last, lanes))
        for lane in random.sample([lane for lane in LANES if lane is not Lane.ALARM], 2):  # it has the gap records
            mark = random.randint(0, book[lane].last)
            say(f"c {journal.epoch} {lane} {mark}")
            journal.confirmed(lane, mark)
        for _ in range(random.randint(0, 4)):
            journal.tidy()
        if random.randrange(DAMAGE_EVERY) == 0:
            journal.start_anew("the test wants it")
            say(f"> {journal.epoch}")
        elif random.randrange(5) == 0:
            journal._writer.log_bytes = 10**9
        with journal.reader() as reader:
            last = {lane: state.last for lane, state in reader.lanes().items()}
    journal.close()


def appended(journal: Journal, last: dict[Lane, int], written: list[Lane]) -> list[str]:
    """One line for each event behind the `last` ones, with the checksum of what a reader finds."""
    lines = []
    with journal.reader() as reader:
        for lane in sorted(set(written)):
            chunk = reader.next(lane, last[lane], 1000, 10**9)
            assert chunk is not None
            lines += [
                f"+ {journal.epoch} {lane} {seq} {crc32(body.encode())}"
                for seq, body in enumerate(chunk.bodies, last[lane] + 1)
            ]
    return lines


def say_to(descriptor: int) -> Callable[..., None]:
    """Say lines, in one write."""

    def say(*lines: str) -> None:
        os.write(descriptor, "".join(f"{line}\n" for line in lines).encode())

    return say


if __name__ == "__main__":
    live(Path(sys.argv[1]), Random(int(sys.argv[2])), int(sys.argv[3]), say_to(sys.stdout.fileno()))
