"""Name the processes that hold a device file open.

Looks at /proc only; changes nothing.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

COMMAND_LENGTH = 80
"""Characters of a command line that a message shows."""


def holders(path: str) -> list[str]:
    """Return "pid N (command)" of each process that has `path` open; empty if none may be seen by this user."""
    target = Path(path).resolve()
    return [f"pid {pid} ({_command(pid)})" for pid in _pids() if target in _open_files(pid)]


def _pids() -> Iterator[int]:
    return (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())


def _open_files(pid: int) -> list[Path]:
    """Files a process has open; empty when it has ended or belongs to another user."""
    try:
        links = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return []
    return [file for link in links if (file := _target(link))]


def _target(link: Path) -> Path | None:
    try:
        return link.readlink()
    except OSError:
        return None


def _command(pid: int) -> str:
    if pid == os.getpid():
        return "this process"
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ")
    except OSError:
        return "command unknown"
    return words.decode(errors="replace").strip()[:COMMAND_LENGTH] or "command unknown"
