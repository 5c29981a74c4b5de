"""Names of the MQTT topics of one station."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from agent.events import Lane

ROOT = "lineside/v1"

LINE_STATE = "state/units"
"""Below a station: the progress of the units it worked on, for the other stations of its line."""


class Topics:
    """Topics below `lineside/v1/<enterprise>/<site>/<area>/<line>/<station>`."""

    def __init__(self, levels: tuple[str, ...]) -> None:
        self._base = "/".join((ROOT, *levels))
        self.confirm = f"{self._base}/confirm"
        self.command_base = f"{self._base}/cmd/"
        self.commands = f"{self.command_base}#"
        self._line = "/".join((ROOT, *levels[:-1]))
        self._station = levels[-1]
        self.line_states = f"{self._line}/+/{LINE_STATE}"
        self.references = (f"{self._line}/reference/+", f"{self._base}/reference/+")

    def event(self, lane: Lane) -> str:
        """Where the facts of `lane` go."""
        return f"{self._base}/event/{lane}"

    def state(self, what: str) -> str:
        """Where the newest state of `what` stands, retained."""
        return f"{self._base}/state/{what}"

    def neighbour(self, topic: str) -> str | None:
        """The other station of the line whose progress came on `topic`; None if it is none, or our own."""
        station, _, what = topic.removeprefix(self._line + "/").partition("/")
        return station if topic.startswith(self._line) and what == LINE_STATE and station != self._station else None

    def is_reference(self, topic: str) -> bool:
        """Whether reference data comes on `topic`, for this station or for all of the line."""
        return topic.rpartition("/")[0] in {f"{self._line}/reference", f"{self._base}/reference"}

    def command(self, topic: str) -> str:
        """Name of the command that came on `topic`: `andon/acknowledge` of `.../cmd/andon/acknowledge`."""
        return topic.removeprefix(f"{self._base}/cmd/")
