"""Names of the MQTT topics of one station."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.events import Lane

ROOT = "lineside/v1"


class Topics:
    """Topics below `lineside/v1/<enterprise>/<site>/<area>/<line>/<station>`."""

    def __init__(self, levels: tuple[str, ...]) -> None:
        self._base = "/".join((ROOT, *levels))
        self.confirm = f"{self._base}/confirm"
        self.commands = f"{self._base}/cmd/#"

    def event(self, lane: Lane) -> str:
        """Where the facts of `lane` go."""
        return f"{self._base}/event/{lane}"

    def state(self, what: str) -> str:
        """Where the newest state of `what` stands, retained."""
        return f"{self._base}/state/{what}"

    def command(self, topic: str) -> str:
        """Name of the command that came on `topic`: `andon/acknowledge` of `.../cmd/andon/acknowledge`."""
        return topic.removeprefix(f"{self._base}/cmd/")
