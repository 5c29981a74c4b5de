"""Programs of our own that run beside: start them, tell them lines, read what they say, end them by their own pid.

Knows processes and pipes.  Knows nothing of what the lines mean.
"""

from __future__ import annotations

import os
import select
import subprocess
import sys
import time
from collections import deque
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, Self

import orjson

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

CHUNK_BYTES = 65_536
END_TIMEOUT_S = 10.0
LAST_WORDS = 5

Line = dict[str, Any]


class ChildError(Exception):
    """A child ended, or did not say in time what was waited for; the message tells what it did say."""


class Child:
    """A process with commands on its standard input and JSON lines on its standard output.

    `log` takes its standard error.  It has a process group of its own, so that Ctrl-C ends only who asked for it.
    What it says is kept until it is read: read now and then, or a full pipe stops it.
    """

    def __init__(self, name: str, command: Sequence[str], log: Path) -> None:
        self.name = name
        self._unread: deque[Line] = deque()
        self._last: deque[str] = deque(maxlen=LAST_WORDS)
        self._rest = b""
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, process_group=0
            )
        self._log = log
        self._in: IO[bytes] = self._process.stdin  # type: ignore[assignment]  # made with pipes
        self._out: IO[bytes] = self._process.stdout  # type: ignore[assignment]

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """Exit code, negative for a signal; None while it runs."""
        return self._process.poll()

    def tell(self, line: str) -> None:
        """Send a command line.  Raises ChildError if the child has ended."""
        try:
            self._in.write(line.encode() + b"\n")
            self._in.flush()
        except (BrokenPipeError, ValueError) as error:
            raise self._gone(f"does not take {line!r}") from error

    def poll(self, timeout_s: float = 0.0) -> list[Line]:
        """Return the lines said since the last `poll` or `wait_for`, waiting up to `timeout_s` for the first."""
        self._take(0.0 if self._unread else timeout_s)
        fresh = list(self._unread)
        self._unread.clear()
        return fresh

    def wait_for(self, what: str | Callable[[Line], bool], timeout_s: float = 10.0) -> Line:
        """Return the next line with this `what` (or that fits), skipping others.  Raises ChildError."""
        fits = what if callable(what) else lambda line: line.get("what") == what
        deadline_s = time.monotonic() + timeout_s
        while True:
            while self._unread:
                line = self._unread.popleft()
                if fits(line):
                    return line
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                raise self._gone(f"did not say {what!r} within {timeout_s:g} s")
            if not self._take(left_s):
                raise self._gone(f"ended before it said {what!r}")

    def wait(self, timeout_s: float) -> int | None:
        """Return the exit code, None if it still runs after `timeout_s`; reads on meanwhile."""
        deadline_s = time.monotonic() + timeout_s
        while (left_s := deadline_s - time.monotonic()) > 0:
            if not self._take(left_s):
                with suppress(subprocess.TimeoutExpired):
                    return self._process.wait(max(0.0, deadline_s - time.monotonic()))
                return None
        return self.exit_code

    def close_input(self) -> None:
        """Say that no more commands will come."""
        with suppress(BrokenPipeError):
            self._in.close()

    def terminate(self) -> None:
        """Send SIGTERM, if it still runs."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL and wait for the end."""
        self._process.kill()
        self._process.wait()

    def end(self, timeout_s: float = END_TIMEOUT_S) -> int:
        """End it in good order: end of input, SIGTERM, and after `timeout_s` SIGKILL.  Returns the exit code.

        What it said until its end can be read by `poll`.  Again is harmless.
        """
        self.close_input()
        self.terminate()
        if self.wait(timeout_s) is None:
            self.kill()
        while self._has_said_more() and self._take(0.0):
            pass
        self._out.close()
        return self._process.returncode

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()

    def _take(self, timeout_s: float) -> bool:
        """Take what is in the pipe, waiting up to `timeout_s` for the first byte; False at its end."""
        if self._out.closed:
            return False
        if not self._has_said_more(timeout_s):
            return True
        data = os.read(self._out.fileno(), CHUNK_BYTES)
        *lines, self._rest = (self._rest + data).split(b"\n")
        self._unread += [_line(line) for line in lines]
        self._last += [line.decode(errors="replace") for line in lines]
        return bool(data)

    def _has_said_more(self, timeout_s: float = 0.0) -> bool:
        return not self._out.closed and bool(select.select([self._out], [], [], timeout_s)[0])

    def _gone(self, what: str) -> ChildError:
        code = self.exit_code
        state = "runs" if code is None else f"ended with {code}"
        words = "; ".join(self._last) or "none"
        return ChildError(f"{self.name} (pid {self.pid}, {state}) {what}; last words: {words}; more in {self._log}")


def simulator(kind: str, *options: str, log: Path) -> Child:
    """Start `python -m simulators KIND OPTIONS`."""
    return Child(kind, [sys.executable, "-m", "simulators", kind, *options], log)


def _line(raw: bytes) -> Line:
    """A JSON line as it is; any other as `{"what": "text", "text": ...}`."""
    with suppress(orjson.JSONDecodeError):
        document = orjson.loads(raw)
        if isinstance(document, dict):
            return document
    return {"what": "text", "text": raw.decode(errors="replace")}
