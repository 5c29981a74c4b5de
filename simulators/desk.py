"""One process with stand-in devices: commands from standard input, bytes from the lines, and a script that acts.

One thread, one `select`.  Knows nothing of what the devices say.
"""

from __future__ import annotations

import os
import select
import stat
import sys
import time
from collections import deque
from contextlib import ExitStack
from typing import TYPE_CHECKING

from simulators.report import say
from simulators.stand_in import CommandError, Wait

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from simulators.stand_in import StandIn

CHUNK_BYTES = 65_536
FOREVER_S = 3600.0


class Desk:
    """Runs devices until `quit`, the end of standard input, or SIGTERM.

    Commands are lines.  With one device they go to it (`scan SN0001234567`); with several its name stands first
    (`gauge value 12.345`).  The desk itself knows `wait SECONDS`, `stop` (the script pauses), `go` and `quit`.
    """

    def __init__(
        self, devices: Sequence[StandIn], script: Iterator[Wait] | None = None, *, paused: bool = False
    ) -> None:
        self._devices = {device.name: device for device in devices}
        self._script = script
        self._script_wait = Wait(0.0)
        self._script_due_s = 0.0
        self._paused = paused
        self._commands: deque[str] = deque()
        self._commands_due_s = 0.0
        self._typed = b""
        self._stdin: int | None = _commands_fd()
        self._over = False

    def run(self) -> None:
        """Plug all devices, say `ready`, and work until told to end; then unplug them."""
        with ExitStack() as stack:
            for device in self._devices.values():
                stack.enter_context(device.line)
            say("ready", links={name: str(device.line.link) for name, device in self._devices.items()})
            while not self._over:
                self.step()

    def step(self) -> None:
        """Wait for the next thing to happen and deal with it."""
        lines = {device.line.fileno(): device for device in self._devices.values() if device.line.plugged}
        stdin = [] if self._stdin is None else [self._stdin]
        ready, _, _ = select.select([*stdin, *lines], [], [], self._idle_s())
        for descriptor in ready:
            if descriptor == self._stdin:
                self._take_commands(descriptor)
            else:
                self._take_bytes(lines[descriptor])
        self._obey_commands()
        self._act()

    def _idle_s(self) -> float:
        now_s = time.monotonic()
        due_s = now_s + FOREVER_S
        if self._commands:
            due_s = min(due_s, self._commands_due_s)
        if self._script is not None and not self._paused:
            due_s = min(due_s, self._script_due_s)
        return max(0.0, due_s - now_s)

    def _take_commands(self, descriptor: int) -> None:
        data = os.read(descriptor, CHUNK_BYTES)
        *lines, self._typed = (self._typed + data).split(b"\n")
        self._commands.extend(line.decode().strip() for line in lines)
        if not data:
            self._stdin = None
            self._commands.append("quit")

    def _take_bytes(self, device: StandIn) -> None:
        data = device.line.read()
        if data:
            device.hear(data)
        if device.answered and self._script_wait.for_answer:
            self._script_due_s = 0.0

    def _obey_commands(self) -> None:
        while self._commands and not self._over and time.monotonic() >= self._commands_due_s:
            command = self._commands.popleft()
            try:
                self._obey(command)
            except CommandError as error:
                say("error", reason=str(error))

    def _obey(self, command: str) -> None:
        verb, _, rest = command.partition(" ")
        match verb:
            case "" | "#":
                return
            case "quit":
                self._over = True
            case "stop" | "go":
                self._paused = verb == "stop"
                say("stopped" if self._paused else "going")
            case "wait":
                self._commands_due_s = time.monotonic() + _seconds(rest)
            case _ if verb in self._devices:
                self._devices[verb].obey(rest)
            case _ if len(self._devices) == 1:
                next(iter(self._devices.values())).obey(command)
            case _:
                raise CommandError(f"no command {verb!r}; name a device first: {', '.join(self._devices)}")

    def _act(self) -> None:
        if self._script is None or self._paused or self._over or time.monotonic() < self._script_due_s:
            return
        try:
            self._script_wait = next(self._script)
            self._script_due_s = time.monotonic() + self._script_wait.seconds
        except StopIteration:
            self._script = None


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise CommandError(f"wait: {text!r} is no number of seconds") from None


def _commands_fd() -> int | None:
    """Standard input, or None if it is /dev/null: then the process runs until it is terminated."""
    descriptor = sys.stdin.fileno()
    if stat.S_ISCHR(os.fstat(descriptor).st_mode) and not os.isatty(descriptor):
        return None
    return descriptor
