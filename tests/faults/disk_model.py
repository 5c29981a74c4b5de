"""A disk that loses its power: what a run wrote and what it had made sure of, and what may be left of it at any moment.

Read from a trace of system calls (strace).  What was fsynced is there.  What was written since is there or not, sector
by sector; names of files changed since the folder was last fsynced have their changes up to any one of them, in order.
"""

from __future__ import annotations

import re
import subprocess
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path
    from random import Random

SECTOR = 512

CALLS = "openat,pwrite64,write,fsync,fdatasync,ftruncate,rename,unlink,fallocate"
STRACE = ["strace", "-y", "-xx", "-s", "100000000", "-e", f"trace={CALLS}"]

_CALL = re.compile(r"(?:\d+ +)?(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?")
_NAME = re.compile(r"(\d+)<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Call:
    """One system call that succeeded: what it was, on which file (two for a rename), with what bytes where."""

    name: str
    path: str
    target: str = ""
    data: bytes = b""
    number: int = 0
    flags: str = ""


def traced(command: Sequence[str], trace: Path) -> list[Call]:
    """Run `command` under strace and return its calls in order."""
    subprocess.run([*STRACE, "-o", str(trace), *command], check=True, stdout=subprocess.DEVNULL)
    with trace.open(encoding="ascii") as lines:
        return [call for line in lines if (call := _parsed(line)) is not None]


def _parsed(line: str) -> Call | None:
    match = _CALL.match(line)
    if match is None or int(match[3]) < 0:
        return None
    name, words, result, opened = match.groups()
    if name == "openat":
        flags = words.rpartition('", ')[2]
        return Call(name, _text(opened), flags=flags)
    if name in {"rename", "unlink"}:
        first, *rest = (_text(word.strip('"')) for word in words.split(", "))
        return Call(name, first, target=rest[0] if rest else "")
    file = _NAME.match(words)
    if file is None:
        return None
    path = _text(file[2])
    arguments = words.split(", ")
    if name in {"pwrite64", "write"}:
        data = bytes.fromhex(arguments[1].strip('"').replace("\\x", ""))[: int(result)]
        return Call(name, path, data=data, number=int(arguments[3]) if name == "pwrite64" else 0)
    return Call(name, path, number=int(arguments[-1]) if name in {"ftruncate", "fallocate"} else 0)


def _text(escaped: str) -> str:
    return bytes.fromhex(escaped.replace("\\x", "")).decode() if escaped.startswith("\\x") else escaped


@dataclass
class File:
    """What is sure to be there, and what was written since: (offset, bytes), or None for a cut to that length."""

    sure: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)

    def make_sure(self) -> None:
        for offset, data in self.since:
            _apply(self.sure, offset, data)
        self.since.clear()

    def left(self, random: Random) -> bytes:
        """What a power cut may leave."""
        content = bytearray(self.sure)
        likely = random.choice((0.0, 0.1, 0.5, 0.9, 1.0))
        for offset, data in self.since:
            if data is None:
                if random.random() < likely:
                    _apply(content, offset, None)
                continue
            for start, piece in _sectors(offset, data):
                if random.random() < likely:
                    _apply(content, start, piece)
        return bytes(content)


def _sectors(offset: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut a write at the sectors of the disk."""
    while data:
        size = SECTOR - offset % SECTOR
        yield offset, data[:size]
        offset, data = offset + size, data[size:]


def _apply(content: bytearray, offset: int, data: bytes | None) -> None:
    if data is None:
        del content[offset:]
    content.extend(bytes(max(0, offset - len(content))))
    if data is not None:
        content[offset : offset + len(data)] = data


class Disk:
    """One folder on the disk, as the calls so far have left it."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._files: list[File] = []
        self._names: dict[str, int] = {}
        self._sure_names: dict[str, int] = {}
        self._since: list[dict[str, int]] = []

    def do(self, call: Call) -> bool:
        """Follow one call; True if it changed what may be left of the disk."""
        if call.path == self._folder and call.name in {"fsync", "fdatasync"}:
            self._sure_names = dict(self._names)
            self._since.clear()
            return True
        if not call.path.startswith(f"{self._folder}/") or call.path.endswith("-shm"):
            return False
        return self._do_file(call)

    def _do_file(self, call: Call) -> bool:
        match call.name:
            case "openat":
                return self._opened(call)
            case "rename":
                self._names[call.target] = self._names.pop(call.path)
            case "unlink":
                self._names.pop(call.path, None)
            case _:
                return self._written(self._files[self._names[call.path]], call)
        self._since.append(dict(self._names))
        return True

    def _opened(self, call: Call) -> bool:
        if call.path in self._names or "O_CREAT" not in call.flags:
            return False
        self._names[call.path] = len(self._files)
        self._files.append(File())
        self._since.append(dict(self._names))
        return True

    @staticmethod
    def _written(file: File, call: Call) -> bool:
        match call.name:
            case "fsync" | "fdatasync":
                file.make_sure()
            case "pwrite64":
                file.since.append((call.number, call.data))
            case "ftruncate":
                file.since.append((call.number, None))
            case "fallocate":
                return False
            case _:
                raise AssertionError(f"the disk model does not know {call.name} of {call.path}")
        return True

    def left(self, random: Random) -> dict[str, bytes]:
        """Names and contents of the files that may be left if the power goes now."""
        names = random.choice([self._sure_names, *self._since])
        return {name.rpartition("/")[2]: self._files[number].left(random) for name, number in names.items()}

    def copy(self) -> Disk:
        return deepcopy(self)


def said(calls: Iterable[Call]) -> str:
    """What the run had said on its standard output."""
    return "".join(call.data.decode() for call in calls if call.name == "write")
