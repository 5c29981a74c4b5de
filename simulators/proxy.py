"""A network between agent and broker that can be made as bad as any: one thread, one `select`.

What is lost is lost without a word, as on a real line: a connection that went silent once stays so, however good the
network is afterwards.  Knows bytes.  Knows nothing of MQTT.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Self

from simulators.pipe import Pipe, end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

HOST = "127.0.0.1"
IDLE_S = 3600.0
CONNECT_S = 1.0


class ProxyCommandError(Exception):
    """A command line that cannot be obeyed: correct it and send it again."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How the network is.  `up` is from agent to broker, `down` the other way; delays in seconds."""

    silent: bool = False
    up_delay_s: float = 0.0
    down_delay_s: float = 0.0
    down_held: bool = False
    byte_wise: bool = False


@dataclass(slots=True, eq=False)
class Connection:
    """The agent's end and the broker's end; `lost` once anything of it was swallowed."""

    agent: socket.socket
    broker: socket.socket | None
    up: Pipe = field(init=False)
    down: Pipe = field(init=False)
    lost: bool = False

    def __post_init__(self) -> None:
        self.up = Pipe(self.agent, self.broker)
        self.down = Pipe(self.broker, self.agent)

    @property
    def pipes(self) -> tuple[Pipe, Pipe]:
        """Both directions."""
        return self.up, self.down

    def end(self, *, reset: bool = False) -> None:
        """Close both ends."""
        for one in (self.agent, self.broker):
            if one is not None:
                end(one, reset=reset)


class Proxy:
    """Passes connections to `port` on to `to_port` of 127.0.0.1.

    Commands: `pass` (all is well), `half-open` (swallow everything, of new connections too, and close nothing), `cut`
    (reset all connections), `delay MS` (both ways), `slow-acks MS` (from the broker only), `hold-acks` (nothing from
    the broker gets through until `pass`), `byte-wise` (one byte a segment), `to PORT` (another broker, for
    new connections).  `step` is one turn; between `with` and its
    end a thread of its own does them, and `tell` may be called by any thread.
    """

    def __init__(self, to_port: int, port: int = 0) -> None:
        self._to_port = to_port
        self._listener = socket.create_server((HOST, port))
        self.port: int = self._listener.getsockname()[1]
        self.accepted_at_s: list[float] = []
        self._connections: list[Connection] = []
        self._weather = Weather()
        self._commands: SimpleQueue[tuple[str, SimpleQueue[str]]] = SimpleQueue()
        self._ear, self._mouth = socket.socketpair()
        self._over = False
        self._thread = Thread(target=self._run, name="proxy", daemon=True)
        self._verbs: dict[str, Callable[[str], None]] = {
            "pass": lambda _: self._turn(Weather()),
            "half-open": lambda _: self._turn(Weather(silent=True)),
            "cut": lambda _: self._cut(),
            "delay": lambda ms: self._turn(Weather(up_delay_s=_seconds(ms), down_delay_s=_seconds(ms))),
            "slow-acks": lambda ms: self._turn(Weather(down_delay_s=_seconds(ms))),
            "hold-acks": lambda _: self._turn(Weather(down_held=True)),
            "to": self._redirect,
            "byte-wise": lambda _: self._turn(replace(self._weather, byte_wise=True)),
        }

    @property
    def accepted(self) -> int:
        """How many connections were made so far; `accepted_at_s` tells when."""
        return len(self.accepted_at_s)

    def tell(self, command: str) -> None:
        """Obey a command line before this returns.  Raises ProxyCommandError."""
        told: SimpleQueue[str] = SimpleQueue()
        self._commands.put((command, told))
        self._mouth.send(b"!")
        if mistake := told.get():
            raise ProxyCommandError(mistake)

    def step(self, longest_s: float = IDLE_S) -> None:
        """Wait for bytes, connections or commands, and pass on what is due."""
        now_s = time.monotonic()
        pipes = [pipe for connection in self._connections for pipe in connection.pipes]
        sources = [pipe.source for pipe in pipes if pipe.source is not None and pipe.wants_more]
        full = {pipe.target for pipe in pipes if pipe.target is not None and pipe.stuck}
        wait_s = min([longest_s, *(pipe.wait_s(now_s) for pipe in pipes if not pipe.stuck)])
        ready, _, _ = select.select([self._listener, self._ear, *sources], full, [], wait_s)
        if self._ear in ready:
            self._obey()
        if self._listener in ready:
            self._accept()
        for connection in self._connections:
            self._carry(connection, set(ready))
        self._connections = [connection for connection in self._connections if not self._is_over(connection)]

    def _carry(self, connection: Connection, ready: set[object]) -> None:
        weather, now_s = self._weather, time.monotonic()
        connection.lost = connection.lost or weather.silent
        for pipe, delay_s in zip(connection.pipes, (weather.up_delay_s, weather.down_delay_s), strict=True):
            if pipe.source in ready:
                pipe.take(now_s + delay_s, keep=not connection.lost)
            held = weather.down_held and pipe is connection.down
            pipe.give(now_s, byte_wise=weather.byte_wise, held=held or connection.lost)

    def _is_over(self, connection: Connection) -> bool:
        """One end has closed, and the other got all its bytes; a lost connection ends only where it was closed."""
        if connection.lost:
            for pipe in connection.pipes:
                if pipe.closed and pipe.source is not None:
                    end(pipe.source)
            return all(pipe.closed for pipe in connection.pipes)
        if any(pipe.broken or (pipe.closed and pipe.empty) for pipe in connection.pipes):
            connection.end()
            return True
        return False

    def _accept(self) -> None:
        agent, _ = self._listener.accept()
        self.accepted_at_s.append(time.monotonic())
        agent.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        broker = None
        if not self._weather.silent:
            with suppress(OSError):
                broker = socket.create_connection((HOST, self._to_port), CONNECT_S)
                broker.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if broker is None:
                end(agent)
                return
        self._connections.append(Connection(agent, broker, lost=broker is None))

    def _obey(self) -> None:
        self._ear.recv(4096)
        for command, told in self._waiting():
            verb, _, rest = command.strip().partition(" ")
            try:
                self._verbs[verb](rest)
                told.put("")
            except KeyError:
                told.put(f"no command {verb!r}; known are {', '.join(self._verbs)}")
            except ValueError as error:
                told.put(f"{command!r}: {error}")

    def _waiting(self) -> Iterator[tuple[str, SimpleQueue[str]]]:
        with suppress(Empty):
            while True:
                yield self._commands.get_nowait()

    def _turn(self, weather: Weather) -> None:
        self._weather = weather
        for connection in self._connections:
            connection.lost = connection.lost or weather.silent

    def _redirect(self, port: str) -> None:
        self._to_port = int(port)

    def _cut(self) -> None:
        for connection in self._connections:
            connection.end(reset=True)
        self._connections = []

    def _run(self) -> None:
        while not self._over:
            self.step()

    def start(self) -> None:
        """Begin to work in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread and every connection."""
        self._over = True
        self._mouth.send(b"!")
        self._thread.join()
        self._cut()
        for one in (self._listener, self._ear, self._mouth):
            one.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _seconds(milliseconds: str) -> float:
    return float(milliseconds) / 1000
