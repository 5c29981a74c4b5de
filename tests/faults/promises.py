"""What a journal's life had promised by the moment it ended, to be held against what the file holds after it."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from zlib import crc32

from agent.events import LANES, Kind, Lane
from tests.journals import ask, given_up, kept, spans

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

Identity = tuple[str, str, int]


@dataclass
class Promises:
    """What the killed process had said, and every body that was seen on disk under each number."""

    appended: dict[Identity, int] = field(default_factory=dict)
    confirmed: dict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))
    epochs: list[str] = field(default_factory=list)
    seen: dict[Identity, str] = field(default_factory=dict)
    told: set[Identity] = field(default_factory=set)

    def hear(self, said: str) -> None:
        for line in said.splitlines(keepends=True):
            if not line.endswith("\n"):
                return
            match line.split():
                case ["+", epoch, lane, seq, checksum]:
                    self.appended[epoch, lane, int(seq)] = int(checksum)
                case ["c", epoch, lane, seq]:
                    self.confirmed[epoch, lane] = max(self.confirmed[epoch, lane], int(seq))
                case [">", epoch]:
                    self.epochs += [] if epoch in self.epochs else [epoch]
                case _:
                    raise AssertionError(f"the journal's life ended by itself: {said}")

    def look(self, path: Path) -> None:
        """Take in what the file holds now, and hold it against what was promised and seen before."""
        ((epoch,),) = ask(path, "SELECT value FROM meta WHERE key = 'epoch'")
        there = {(epoch, str(lane), seq): body for lane in LANES for seq, body in kept(path, lane).items()}
        saved = ask(path, "SELECT epoch, lane, seq, body FROM salvage")
        there |= {(old, lane, seq): body for old, lane, seq, body in saved}
        for who, body in there.items():
            assert json.loads(body)["id"] == ".".join(map(str, who))
            assert self.seen.setdefault(who, body) == body, f"{who} was given twice"
            assert self.appended.get(who) in {None, crc32(body.encode())}, f"{who} is not what was written"
        for who, body in there.items():
            self.told |= set(named(who[0], json.loads(body)))
        to_save = ask(path, "SELECT 1 FROM meta WHERE key = 'salvage'")
        gone = set(self.appended) - set(there) - self.told
        silent = {who for who in gone if who[2] > self.confirmed[who[0], who[1]] and not (to_save and who[0] != epoch)}
        assert not silent, f"{len(silent)} lost without a word, {min(silent)}"
        self.check_book(path)

    def check_book(self, path: Path) -> None:
        for name, last, size in ask(path, "SELECT name, last_seq, bytes FROM lane"):
            bodies = kept(path, Lane(name))
            assert size == sum(map(len, bodies.values()))
            assert max(bodies, default=0) <= last
        assert ask(path, "PRAGMA integrity_check") == [("ok",)]


def named(epoch: str, event: dict[str, Any]) -> Iterator[Identity]:
    """The numbers that a gap record or the end of a recovery names."""
    data = event["data"]
    if event["type"].endswith(Kind.JOURNAL_GAP):
        yield from ((epoch, data["lane"], seq) for seq in given_up(data))
    elif event["type"].endswith(Kind.JOURNAL_RECOVERED):
        for lane, ranges in data["missing"].items():
            yield from ((data["old_epoch"], lane, seq) for seq in spans(ranges))
