"""Serve the operator's page from the thread that calls `step`.

Knows sockets, asyncio and uvicorn.  Knows nothing of what is on the page.
"""

from __future__ import annotations

import asyncio
import errno
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import uvicorn

from agent.panel.views import Views

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from agent.config import Panel

STEP_S = 1.0
"""Longest time `step` serves before it returns."""

BACKLOG = 32
"""Connections waiting to be accepted, at most."""

CONNECTIONS = 64
"""Connections at a time, at most; each further request is answered with 503."""

STOP_S = 1
"""Longest wait for answers under way when the panel closes, whole seconds."""

UNACKNOWLEDGED_MS = 10_000
"""A browser whose machine acknowledges nothing for this long is gone (a tablet out of reach, say)."""


class PanelServer:
    """The worker that serves the operator's page; `status` gives the document behind it, in a few milliseconds.

    `open`, `step` and `close` belong to one thread; `cancel` to any other.
    """

    name = "panel"
    retry_max_s = 30.0
    expected = (OSError,)

    def __init__(self, settings: Panel, status: Callable[[], Mapping[str, Any]]) -> None:
        self._settings = settings
        self._status = status
        self._loop: asyncio.AbstractEventLoop | None = None
        self._wake = asyncio.Event()
        self._views: Views | None = None
        self._socket: socket.socket | None = None
        self._server: uvicorn.Server | None = None

    def open(self) -> None:
        """Listen on the address of the settings.  Raises OSError that names it and the remedy."""
        self._socket = _listen(self._settings.host, self._settings.port)
        self._views = Views(self._status)
        config = uvicorn.Config(
            self._views.app(self._settings.host),
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            log_level="warning",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            date_header=False,
            backlog=BACKLOG,
            limit_concurrency=CONNECTIONS,
            timeout_graceful_shutdown=STOP_S,
        )
        config.load()
        self._wake = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._server = uvicorn.Server(config)
        # `Server.serve` would wake ten times a second and take the process's signals; its two halves do neither.
        self._server.lifespan = config.lifespan_class(config)
        self._loop.run_until_complete(self._server.startup(sockets=[self._socket]))

    def failed(self, error: Exception) -> None:
        """Take the usual wait before listening again; the supervisor tells the reason."""
        del error

    def step(self) -> None:
        """Serve until STEP_S is over or `cancel` is called."""
        if self._loop is None:
            raise RuntimeError("the panel is not open")
        self._loop.run_until_complete(self._serve())

    def cancel(self) -> None:
        """End a waiting `step` soon, or the next one at once.  Never blocks, never raises."""
        if (loop := self._loop) is not None:
            with suppress(RuntimeError):  # closed in between: no step waits
                loop.call_soon_threadsafe(self._wake.set)

    def close(self) -> None:
        """End all connections and let the address go.  Waits 2 s at most.  Called also after a failed `open`."""
        loop, self._loop = self._loop, None
        if loop is not None:
            try:
                loop.run_until_complete(self._end())
            finally:
                loop.close()
        if self._socket is not None:
            self._socket.close()
        self._server = self._views = self._socket = None

    async def _serve(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._wake.wait(), STEP_S)
        self._wake.clear()

    async def _end(self) -> None:
        if self._views is not None:
            self._views.end_streams()
        if self._server is None or not self._server.started or self._socket is None:
            return
        await self._server.shutdown(sockets=[self._socket])
        for connection in list(self._server.server_state.connections):
            connection.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.  Raises OSError that says what to change."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise OSError(_remedy(error, host, port)) from error
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
    return listening


def _remedy(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} is taken on {host}: set panel.port to a free one, or stop the program that has it"
        case errno.EACCES:
            return f"port {port} needs privileges: set panel.port to 1024 or above"
        case errno.EADDRNOTAVAIL:
            return f"{host} is no address of this machine: set panel.host to one, or to 127.0.0.1"
        case _:
            return f"cannot listen on {host} port {port}: {error.strerror or error}; see panel.host and panel.port"
