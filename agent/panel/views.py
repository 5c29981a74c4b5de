"""Answer the operator's browser: the page, the status as JSON, its changes as a stream, and health.

Knows HTTP and the shape of the status document.  Knows nothing of sockets, threads, or where the status comes from.
"""

from __future__ import annotations

import asyncio
import mimetypes
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import orjson
from starlette.applications import Starlette
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from starlette.requests import Request
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLL_S = 0.25
"""How often the status is looked at while somebody watches."""

BEAT_S = 1.0
"""Longest silence of the stream; the page holds the agent for gone after four of them."""

AGE_SUFFIX = "_s"
"""Ages in the status end so; they alone are no change worth a message."""

LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "[::1]"})
"""Names under which a page of this machine may be asked for."""

STATIC = Path(__file__).parent / "static"

SECURITY_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
"""`no-store` also keeps the browser from showing an old green after "back"."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The status at one moment: as sent, what of it counts as a change, and when (monotonic, s)."""

    body: bytes
    essence: Any
    taken: float


class Views:
    """What the panel answers.  `end_streams` lets every watcher go, so that the server can stop."""

    def __init__(self, status: Callable[[], Mapping[str, Any]]) -> None:
        self._status = status
        self._snapshot: Snapshot | None = None
        self._ending = asyncio.Event()

    def app(self, host: str) -> ASGIApp:
        """Return the application for a server that listens on `host`.  Reads the static files, once."""
        files = {path.name: path.read_bytes() for path in STATIC.iterdir() if path.is_file()}
        routes = [
            _file_route("/", "index.html", files.pop("index.html")),
            *(_file_route(f"/static/{name}", name, content) for name, content in files.items()),
            Route("/api/status", self._get_status),
            Route("/api/events", self._get_events),
            Route("/health", self._get_health),
            Route("/metrics", self._get_metrics),
        ]
        return Guard(Starlette(routes=routes), LOOPBACK_HOSTS | {host} if is_loopback(host) else None)

    def end_streams(self) -> None:
        """End every stream of events soon, for good."""
        self._ending.set()

    async def _get_status(self, _request: Request) -> Response:
        return Response(_encoded(self._status()), media_type="application/json")

    async def _get_health(self, _request: Request) -> Response:
        status = self._status()
        if status["ok"]:
            return PlainTextResponse("ok\n")
        return PlainTextResponse("".join(f"{reason}\n" for reason in status["reasons"]), status_code=503)

    async def _get_metrics(self, _request: Request) -> Response:
        from agent.panel import metrics  # noqa: PLC0415  its library costs 14 MB, paid by who asks

        return Response(metrics.text(self._status()), media_type="text/plain; version=0.0.4")

    async def _get_events(self, request: Request) -> Response:
        if request.method == "HEAD":
            return Response(media_type="text/event-stream")
        return StreamingResponse(self._events(), media_type="text/event-stream")

    async def _events(self) -> AsyncIterator[bytes]:
        """Yield the status at once, when more than an age in it changes, and every BEAT_S."""
        yield b"retry: 1000\n\n"
        told: Snapshot | None = None
        while not self._ending.is_set():
            seen = self._look()
            if told is None or seen.essence != told.essence or seen.taken - told.taken >= BEAT_S:
                yield b"data: " + seen.body + b"\n\n"
                told = seen
            with suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), POLL_S)

    def _look(self) -> Snapshot:
        """Return the status of the last half POLL_S, shared by all watchers."""
        now = monotonic()
        if self._snapshot is None or now - self._snapshot.taken > POLL_S / 2:
            status = self._status()
            self._snapshot = Snapshot(_encoded(status), without_ages(status), now)
        return self._snapshot


class Guard:
    """Refuses requests for another host name (DNS rebinding) and puts the security headers on every answer.

    `hosts` are the names allowed, without port; None allows any.
    """

    def __init__(self, app: ASGIApp, hosts: frozenset[str] | None) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SECURITY_HEADERS)
            await send(message)

        app = self._app
        if self._hosts is not None and host_name(scope) not in self._hosts:
            app = PlainTextResponse("Ask for this page as localhost, on this machine.\n", status_code=421)
        await app(scope, receive, send_guarded)


def host_name(scope: Scope) -> str:
    """Return the host that the request names, without port, in lower case; empty if it names none."""
    host = Headers(scope=scope).get("host", "").lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def is_loopback(host: str) -> bool:
    """Tell whether a server on `host` is reached from this machine only."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def without_ages(value: Any) -> Any:
    """Return a copy of the status `value` without what changes merely because time passes."""
    if isinstance(value, dict):
        return {key: without_ages(inner) for key, inner in value.items() if not key.endswith(AGE_SUFFIX)}
    if isinstance(value, list | tuple):
        return [without_ages(inner) for inner in value]
    return value


def _encoded(status: Mapping[str, Any]) -> bytes:
    """Return the status as JSON, with the agent's time: the browser's clock may be another."""
    return orjson.dumps({"now": datetime.now(UTC), **status}, option=orjson.OPT_UTC_Z)


def _file_route(path: str, name: str, content: bytes) -> Route:
    media_type = mimetypes.guess_type(name)[0]

    async def get(_request: Request) -> Response:
        return Response(content, media_type=media_type)

    return Route(path, get)
