"""Documents of reference data that the command line leaves for the running agent, and the agent's answers.

Files beside the journal: each appears whole, and stays until it is answered.  One that is taken twice does no harm.
"""

from __future__ import annotations

import os
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path

ANSWER = ".answer"
FORGOTTEN_S = 3600.0
"""An answer that nobody has fetched for so long is removed."""


def leave(journal: Path, payload: bytes) -> str:
    """Leave a document; return the name by which its answer is fetched.  Raises OSError."""
    name = f"{time.time_ns():020d}-{secrets.token_hex(4)}"
    _write(_folder(journal), name, payload)
    return name


def waiting(journal: Path) -> list[str]:
    """Names of the documents that wait, oldest first; answers nobody fetched are cleared away."""
    try:
        names = sorted(file.name for file in _folder(journal).iterdir() if not file.name.startswith("."))
    except OSError:
        return []
    for name in names:
        if name.endswith(ANSWER):
            _forget_old(_folder(journal) / name)
    return [name for name in names if not name.endswith(ANSWER)]


def document(journal: Path, name: str) -> bytes | None:
    """Return a document that waits; None if it is gone or may not be read."""
    try:
        return (_folder(journal) / name).read_bytes()
    except OSError:
        return None


def answer(journal: Path, name: str, told: dict[str, Any]) -> None:
    """Answer a document and take it away.  Raises OSError."""
    _write(_folder(journal), name + ANSWER, orjson.dumps(told))
    (_folder(journal) / name).unlink(missing_ok=True)


def answered(journal: Path, name: str) -> dict[str, Any] | None:
    """Fetch the answer to a document, once; None while there is none."""
    file = _folder(journal) / (name + ANSWER)
    try:
        told = orjson.loads(file.read_bytes())
        file.unlink()
    except (OSError, orjson.JSONDecodeError):
        return None
    return told if isinstance(told, dict) else None


def _write(folder: Path, name: str, payload: bytes) -> None:
    folder.mkdir(mode=0o770, exist_ok=True)
    draft = folder / f".{name}"
    with draft.open("wb") as file:
        file.write(payload)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(folder / name)


def _forget_old(file: Path) -> None:
    with suppress(OSError):
        if time.time() - file.stat().st_mtime > FORGOTTEN_S:
            file.unlink()


def _folder(journal: Path) -> Path:
    return journal.with_name(journal.name + ".reference")
