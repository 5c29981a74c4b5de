"""Orders to the agent from the command line, left as small files beside its journal.

The agent has the only writing connection; it carries the orders out within about a second, or when it starts.  Each may
be carried out twice without harm.
"""

from __future__ import annotations

import os
import secrets
from typing import TYPE_CHECKING

import orjson

from agent.journal.quarantine import Discard, Retry

if TYPE_CHECKING:
    from pathlib import Path

_WORDS: dict[str, type[Retry | Discard]] = {"retry": Retry, "discard": Discard}


def leave(journal: Path, word: str, numbers: list[int]) -> None:
    """Leave the order `word` (retry or discard) for the quarantined events `numbers`.  Raises OSError."""
    folder = _folder(journal)
    folder.mkdir(mode=0o770, exist_ok=True)
    name = secrets.token_hex(8)
    draft = folder / f".{name}"
    with draft.open("wb") as file:
        file.write(orjson.dumps({"order": word, "numbers": numbers}))
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / name)


def collect(journal: Path) -> list[tuple[Path, list[Retry | Discard]]]:
    """Return the orders that wait, each with its file, which is to be removed once it is carried out."""
    folder = _folder(journal)
    try:
        files = sorted(folder.iterdir())
    except OSError:
        return []
    return [(file, _orders(file)) for file in files if not file.name.startswith(".")]


def _orders(file: Path) -> list[Retry | Discard]:
    """A file that makes no sense orders nothing."""
    try:
        document = orjson.loads(file.read_bytes())
        make = _WORDS[document["order"]]
        return [make(int(number)) for number in document["numbers"]]
    except (OSError, ValueError, KeyError, TypeError):
        return []


def _folder(journal: Path) -> Path:
    return journal.with_name(journal.name + ".orders")
