"""The panel over real sockets: what it answers, whom it refuses, how it starts and stops."""

from __future__ import annotations

import json
import socket
import threading
import time
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import TYPE_CHECKING, Any

import pytest

from agent.config import Panel
from agent.panel.server import PanelServer
from agent.panel.views import POLL_S, host_name, is_loopback, without_ages
from simulators.broker import free_port
from tests.support.descriptors import open_descriptors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from starlette.types import Scope

SOON_S = 5.0


def status_document() -> dict[str, Any]:
    lane = {"captured": 3, "sent": 3, "confirmed": 3, "depth": 0, "bytes": 0, "oldest_age_s": None}
    return {
        "ok": True,
        "reasons": [],
        "source": "/acme/plant1/assembly/line3/st-040",
        "broker": {"state": "online", "reason": "", "since_s": 1.0, "confirmed_age_s": 0.4},
        "lanes": {"andon": dict(lane), "work": dict(lane)},
        "last": None,
    }


@contextmanager
def serving(status: Callable[[], dict[str, Any]]) -> Iterator[int]:
    """Run a panel in a thread as the supervisor does, and give its port."""
    port = free_port()
    server = PanelServer(Panel(port=port), status)
    stop = threading.Event()
    listening = threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            server.open()
            listening.set()
            while not stop.is_set():
                server.step()
        except BaseException as error:  # noqa: BLE001  told by the test's own thread below
            failures.append(error)
        finally:
            server.close()
            listening.set()

    thread = threading.Thread(target=work, name="panel")
    thread.start()
    assert listening.wait(SOON_S)
    try:
        yield port
    finally:
        stop.set()
        server.cancel()
        thread.join(SOON_S)
    assert not thread.is_alive()
    assert failures == []


def get(port: int, path: str, **headers: str) -> HTTPResponse:
    """Ask for `path`; the body of the answer can be read after the connection is closed."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=SOON_S)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        answer.read = lambda *_: body  # type: ignore[method-assign]
        return answer


@contextmanager
def watching(port: int) -> Iterator[Iterator[dict[str, Any]]]:
    """Follow the stream of events."""
    with closing(HTTPConnection("127.0.0.1", port, timeout=SOON_S)) as connection:
        connection.request("GET", "/api/events")
        with connection.getresponse() as answer:
            assert answer.getheader("content-type") == "text/event-stream; charset=utf-8"
            lines = iter(answer.readline, b"")
            yield (json.loads(line.removeprefix(b"data: ")) for line in lines if line.startswith(b"data: "))


def test_status_is_the_document_with_the_agents_time() -> None:
    """A page can tell ages by the agent's clock, whatever its own says."""
    document = status_document()
    with serving(lambda: document) as port:
        answer = get(port, "/api/status")
    assert answer.status == 200
    assert answer.getheader("content-type") == "application/json"
    got = json.loads(answer.read())
    assert got.pop("now").endswith("Z")
    assert got == document


def test_page_and_its_files_come_from_here_alone() -> None:
    """The page names no other host, and its policy forbids any."""
    with serving(status_document) as port:
        page = get(port, "/")
        files = {name: get(port, f"/static/{name}") for name in ("panel.js", "panel.css", "icon.svg")}
        assert get(port, "/static/../views.py").status == 404
        assert get(port, "/static/%2e%2e/views.py").status == 404
    assert page.status == 200
    assert page.getheader("content-type") == "text/html; charset=utf-8"
    assert b'<html lang="en">' in page.read()
    for name, answer in files.items():
        assert answer.status == 200, name
        assert b"http" not in answer.read().replace(b"http://www.w3.org/2000/svg", b""), name
    policy = page.getheader("content-security-policy") or ""
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_every_answer_is_guarded() -> None:
    """No answer invites another site, is kept by the browser, or is taken for another type."""
    with serving(status_document) as port:
        for path in ("/", "/api/status", "/health", "/nothing-here"):
            answer = get(port, path, Origin="http://elsewhere.example")
            assert answer.getheader("access-control-allow-origin") is None, path
            assert answer.getheader("cache-control") == "no-store", path
            assert answer.getheader("x-content-type-options") == "nosniff", path
            assert answer.getheader("content-security-policy"), path


@pytest.mark.parametrize("path", ["/", "/api/status", "/api/events", "/health"])
def test_nothing_can_be_written(path: str) -> None:
    """The panel only shows."""
    with (
        serving(status_document) as port,
        closing(HTTPConnection("127.0.0.1", port, timeout=SOON_S)) as connection,
    ):
        connection.request("POST", path, body=b"{}")
        with connection.getresponse() as answer:
            assert answer.status == 405


def test_health_is_plain() -> None:
    """200 while the agent is well; else 503 and the reasons, a line each."""
    document = status_document()
    with serving(lambda: document) as port:
        well = get(port, "/health")
        document["ok"] = False
        document["reasons"] = ["journal: disk full", "scanner-1: lost"]
        ill = get(port, "/health")
    assert (well.status, well.read()) == (200, b"ok\n")
    assert (ill.status, ill.read()) == (503, b"journal: disk full\nscanner-1: lost\n")


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST"])
def test_own_names_are_answered(host: str) -> None:
    """A page of this machine may be asked for by any name of this machine, with or without port."""
    with serving(status_document) as port:
        assert get(port, "/api/status", Host=f"{host}:{port}").status == 200
        assert get(port, "/api/status", Host=host).status == 200


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.evil.example:8040", "", "[::1"])
def test_another_name_is_refused(host: str) -> None:
    """A site that has its own name resolve to 127.0.0.1 reads nothing."""
    with serving(status_document) as port:
        for path in ("/", "/api/status", "/api/events", "/health"):
            answer = get(port, path, Host=host)
            assert answer.status == 421, path
            assert b"st-040" not in answer.read(), path


def test_stream_pushes_what_changes() -> None:
    """A change is at the page within a second, and the first message comes at once."""
    document = status_document()
    with serving(lambda: document) as port, watching(port) as messages:
        assert next(messages)["last"] is None
        document["last"] = {"verdict": "pass", "text": "part 4711-A", "time": "2026-11-21T06:00:00.000Z"}
        changed = time.monotonic()
        while next(messages)["last"] is None:
            pass
        assert time.monotonic() - changed < 1.0


def test_stream_beats_while_nothing_changes() -> None:
    """A page can tell a quiet agent from a dead one; ages alone do not make messages."""
    looked = 0

    def status() -> dict[str, Any]:
        nonlocal looked
        looked += 1
        document = status_document()
        document["broker"]["since_s"] = float(looked)
        return document

    with serving(status) as port, watching(port) as messages:
        next(messages)
        started = time.monotonic()
        next(messages)
        assert 0.7 < time.monotonic() - started < 3.0


def test_status_is_not_looked_at_while_nobody_watches() -> None:
    """An agent without a page open spends nothing on it, also after a watcher has gone."""
    looks = threading.Semaphore(0)

    def status() -> dict[str, Any]:
        looks.release()
        return status_document()

    with serving(status) as port:
        assert not looks.acquire(blocking=False)
        with watching(port) as messages:
            next(messages)
        deadline = time.monotonic() + SOON_S
        while looks.acquire(timeout=3 * POLL_S):
            assert time.monotonic() < deadline


def test_watchers_share_one_look() -> None:
    """Ten open pages cost the journal as much as one, nearly."""
    document = status_document()
    looked = 0

    def status() -> dict[str, Any]:
        nonlocal looked
        looked += 1
        return document

    with serving(status) as port:
        watchers = [watching(port) for _ in range(10)]
        streams = [watcher.__enter__() for watcher in watchers]
        for stream in streams:
            next(stream)
        looked = 0
        started = time.monotonic()
        for stream in streams:
            next(stream)
        elapsed = time.monotonic() - started
        seen = looked
        for watcher in watchers:
            watcher.__exit__(None, None, None)
    assert seen <= elapsed / 0.125 + 1


def test_taken_port_is_named_with_its_remedy() -> None:
    """Who starts a second agent reads what to change; closing after the failure is harmless."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        server = PanelServer(Panel(port=port), status_document)
        with pytest.raises(OSError, match=rf"^port {port} is taken on 127\.0\.0\.1: set panel\.port "):
            server.open()
        server.close()


def test_foreign_address_is_named_with_its_remedy() -> None:
    """An address of another machine is told as such."""
    server = PanelServer(Panel(host="192.0.2.1", port=free_port()), status_document)
    with pytest.raises(OSError, match=r"^192\.0\.2\.1 is no address of this machine: set panel\.host"):
        server.open()
    server.close()


def test_cancel_ends_a_waiting_step() -> None:
    """The supervisor need not wait out the second."""
    server = PanelServer(Panel(port=free_port()), status_document)
    server.open()
    try:
        threading.Timer(0.1, server.cancel).start()
        started = time.monotonic()
        server.step()
        assert time.monotonic() - started < 0.8
    finally:
        server.close()


def test_cancel_before_a_step_ends_it_at_once() -> None:
    """No cancel is lost between two steps."""
    server = PanelServer(Panel(port=free_port()), status_document)
    server.open()
    try:
        server.cancel()
        started = time.monotonic()
        server.step()
        assert time.monotonic() - started < 0.5
    finally:
        server.close()


def test_cancel_and_close_are_harmless_at_any_time() -> None:
    """Never opened, closed twice, cancelled afterwards, opened again: all fine."""
    server = PanelServer(Panel(port=free_port()), status_document)
    server.cancel()
    server.close()
    for _ in range(2):
        server.open()
        server.cancel()
        server.step()
        server.close()
        server.close()
        server.cancel()


def test_step_returns_by_itself() -> None:
    """The supervisor sees it move at least every second or so."""
    server = PanelServer(Panel(port=free_port()), status_document)
    server.open()
    try:
        started = time.monotonic()
        server.step()
        assert 0.5 < time.monotonic() - started < 2.0
    finally:
        server.close()


def test_close_does_not_wait_for_watchers_and_leaves_nothing_open() -> None:
    """Streams, silent connections and half requests end within 2 s; no file descriptor and no thread is left."""
    before = open_descriptors()
    threads = set(threading.enumerate())
    clients: list[socket.socket] = []
    with serving(status_document) as port:
        for request in (b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n", b"", b"GET / HTTP/1.1\r\nHost: loc"):
            client = socket.create_connection(("127.0.0.1", port), timeout=SOON_S)
            client.sendall(request)
            clients.append(client)
        assert clients[0].recv(100)
        started = time.monotonic()
    assert time.monotonic() - started < 2.0
    for client in clients:
        while client.recv(10_000):
            pass
        client.close()
    assert not open_descriptors() - before
    assert not set(threading.enumerate()) - threads


def test_a_watcher_that_does_not_read_is_let_go_at_close() -> None:
    """A stuck browser cannot hold up the stop."""
    document = status_document()
    document["ballast"] = "x" * 4_000_000
    with serving(lambda: document) as port, closing(socket.create_connection(("127.0.0.1", port))) as client:
        client.sendall(b"GET /api/events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert client.recv(1)
        started = time.monotonic()
    assert time.monotonic() - started < 3.0


def test_signals_of_the_process_are_left_alone() -> None:
    """Opened in the main thread, the panel takes no signal from the agent."""
    import signal  # noqa: PLC0415  only here

    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    server = PanelServer(Panel(port=free_port()), status_document)
    server.open()
    server.cancel()
    server.step()
    during = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    server.close()
    assert during == before


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.0.0.2", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("st-040", False),
    ],
)
def test_loopback_is_known(host: str, *, loopback: bool) -> None:
    """Only what this machine alone can reach is held to this machine's names."""
    assert is_loopback(host) is loopback


@pytest.mark.parametrize(
    ("header", "name"),
    [(b"st-040:8040", "st-040"), (b"[::1]:8040", "[::1]"), (b"[::1]", "[::1]"), (b"a:b", "a:b"), (b"", "")],
)
def test_host_name_is_without_port(header: bytes, name: str) -> None:
    """The port does not matter, and what is no port is not cut off."""
    scope: Scope = {"type": "http", "headers": [(b"host", header)]}
    assert host_name(scope) == name


def test_ages_are_no_change() -> None:
    """What only grows older is not pushed as news."""
    older = {"broker": {"state": "online", "since_s": 2.0}, "calls": [{"age_s": 1, "state": "raised"}]}
    assert without_ages(older) == {"broker": {"state": "online"}, "calls": [{"state": "raised"}]}
