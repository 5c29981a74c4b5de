"""Node-RED's own MQTT node as buffer: `http in` -> `mqtt out`, QoS 1, while the broker is away.

No further nodes: palettes that queue on disk exist, and are not measured.
"""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from simulators.broker import HOST, Mosquitto, accepts, free_port
from tests.bench.peers.listener import AGAIN_S, MARKER, TOPIC, WAIT_S, Listener, payload

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MESSAGES = 1000

SETTINGS = """\
module.exports = {{ uiHost: "{host}", uiPort: {port}, flowFile: "flows.json", httpAdminRoot: false,
  mqttReconnectTime: 500, telemetry: {{ enabled: false }}, logging: {{ console: {{ level: "warn" }} }} }};
"""


class NodeRedError(Exception):
    """Node-RED does not do what is to be measured; the message says where its words are."""


def arrived(command: list[str], folder: Path, *, kill: bool) -> int:
    """Post 1,000 messages while the broker is away; return how many reach it once it is back."""
    broker, port = Mosquitto(folder / "broker", free_port()), free_port()
    with broker, Listener(broker.port) as listener:
        listener.subscribed()
        with _running(command, folder / "red", port, broker.port):
            _pass_marker(port, listener)
            broker.stop()
            time.sleep(1.0)  # until Node-RED knows
            _post(port, range(1, MESSAGES + 1))
            if not kill:
                return _back(broker, listener, port)
        with _running(command, folder / "red", port, broker.port):
            return _back(broker, listener, port)


def _back(broker: Mosquitto, listener: Listener, port: int) -> int:
    broker.start()
    listener.subscribed()
    listener.forget_markers()
    _pass_marker(port, listener)
    return listener.counted(MESSAGES)


@contextmanager
def _running(command: list[str], folder: Path, port: int, broker_port: int) -> Iterator[None]:
    """Node-RED between `with` and its end, which is a kill -9."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "settings.js").write_text(SETTINGS.format(host=HOST, port=port), encoding="utf-8")
    (folder / "flows.json").write_text(json.dumps(_flows(broker_port)), encoding="utf-8")
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([*command, "--userDir", str(folder)], cwd=folder, stdout=log, stderr=log)
    try:
        deadline_s = time.monotonic() + WAIT_S
        while not accepts(port):
            if process.poll() is not None or time.monotonic() > deadline_s:
                raise NodeRedError(f"does not start; its words are in {folder / 'log'}")
            time.sleep(AGAIN_S)
        yield
    finally:
        process.kill()
        process.wait()


def _flows(broker_port: int) -> list[dict[str, object]]:
    return [
        {"id": "t", "type": "tab", "label": "station"},
        {"id": "b", "type": "mqtt-broker", "broker": HOST, "port": str(broker_port), "clientid": "red",
         "autoConnect": True, "protocolVersion": "4", "keepalive": "60", "cleansession": False},
        {"id": "i", "type": "http in", "z": "t", "url": "/put", "method": "post", "wires": [["o", "r"]]},
        {"id": "o", "type": "mqtt out", "z": "t", "topic": TOPIC, "qos": "1", "broker": "b", "wires": []},
        {"id": "r", "type": "http response", "z": "t", "wires": []},
    ]  # fmt: skip


def _post(port: int, numbers: range) -> None:
    """Hand over `numbers`, one request each; Node-RED answers when the flow has taken it."""
    connection = http.client.HTTPConnection(HOST, port, timeout=WAIT_S)
    for number in numbers:
        connection.request("POST", "/put", payload(number), {"Content-Type": "text/plain"})
        answer = connection.getresponse()
        answer.read()
        if answer.status != http.client.OK:
            raise NodeRedError(f"answers {answer.status}")
    connection.close()


def _pass_marker(port: int, listener: Listener) -> None:
    for _ in range(int(WAIT_S / AGAIN_S)):
        with suppress(OSError, http.client.HTTPException, NodeRedError):
            _post(port, range(MARKER, MARKER + 1))
        if listener.marked(AGAIN_S):
            return
    raise NodeRedError(f"nothing came through for {WAIT_S:.0f} s")
