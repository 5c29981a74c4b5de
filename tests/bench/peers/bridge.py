"""A Mosquitto beside the station as buffer, with a bridge to the plant's broker, which is away.

1,000 messages are published with QoS 1 and acknowledged by the local broker, which is killed in that moment, or half
way; then both brokers start again, and what reaches the plant is counted.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from simulators.broker import HOST, Mosquitto, free_port
from tests.bench.peers.listener import AGAIN_S, MARKER, WAIT_S, Listener, publish

if TYPE_CHECKING:
    from pathlib import Path

MESSAGES = 1000
OVERFLOW = 3000

CONF = """\
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {directory}/
{more}
connection plant
address {host}:{plant}
topic # out 1
restart_timeout 1
"""
"""All that is not said is Mosquitto's default: the bridge keeps its session, 1000 messages wait at most."""

DEFAULT = ""
AUTOSAVE = "autosave_interval 1\nautosave_on_changes true\n"


class Bridge(Mosquitto):
    """Mosquitto with a bridge to the broker on port `plant`."""

    def __init__(self, directory: Path, port: int, plant: int, more: str) -> None:
        super().__init__(directory, port)
        self._plant = plant
        self._more = more

    def _command(self) -> list[str]:
        command = super()._command()
        more = self._more + ("user root\n" if os.geteuid() == 0 else "")
        text = CONF.format(host=HOST, port=self.port, directory=self.directory.resolve(), plant=self._plant, more=more)
        (self.directory / "mosquitto.conf").write_text(text, encoding="utf-8")
        return command


def lost(folder: Path, more: str, messages: int, kill: str) -> tuple[int, int, float]:
    """Publish while the plant's broker is away; `kill` the local one "never", "after" the last or "amid" them.

    Returns how many messages were acknowledged, how many of them never reach the plant, and the acknowledged ones/s.
    """
    plant = Mosquitto(folder / "plant", free_port())
    local = Bridge(folder / "local", free_port(), plant.port, more)
    with plant, local, Listener(plant.port) as listener:
        listener.subscribed()
        _pass_marker(local.port, listener)
        plant.stop()
        seen, took_s = publish(local.port, range(1, messages + 1), local.kill if kill == "amid" else None)
        if kill == "after":
            local.kill()
        plant.start()
        listener.subscribed()
        listener.forget_markers()
        local.start()
        _pass_marker(local.port, listener)
        listener.counted(messages)
        return len(seen), len(seen - listener.numbers), len(seen) / took_s


def _pass_marker(port: int, listener: Listener) -> None:
    """Return when something published now has come through the bridge."""
    for _ in range(int(WAIT_S / AGAIN_S)):
        publish(port, range(MARKER, MARKER + 1))
        if listener.marked(AGAIN_S):
            return
    raise TimeoutError(f"nothing came through the bridge for {WAIT_S:.0f} s")
