"""What can be seen of an agent from outside: its status page while it runs, its journal after it has ended.

Knows the public status document and the journal's lane table.  Imports nothing of the agent.
"""

from __future__ import annotations

import http.client
import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from pathlib import Path

HTTP_TIMEOUT_S = 2.0
HTTP_OK = 200


@dataclass(frozen=True, slots=True)
class Status:
    """One look at the status page; empty before the first one."""

    document: dict[str, Any] = field(default_factory=dict)

    @property
    def lanes(self) -> dict[str, dict[str, Any]]:
        """Lane -> captured, sent, confirmed, depth, bytes, oldest_age_s."""
        return self.document.get("lanes") or {}

    @property
    def captured(self) -> int:
        """Events in the journal, all lanes, since it was made."""
        return sum(lane["captured"] for lane in self.lanes.values())

    @property
    def depth(self) -> int:
        """Events not yet delivered, all lanes."""
        return sum(lane["depth"] for lane in self.lanes.values())

    @property
    def oldest_age_s(self) -> float:
        """Age of the oldest event not yet delivered; 0 if there is none."""
        return max((lane["oldest_age_s"] or 0.0 for lane in self.lanes.values()), default=0.0)

    @property
    def broker(self) -> str:
        """State of the connection, in the agent's word."""
        return str((self.document.get("broker") or {}).get("state", "?"))

    @property
    def calls(self) -> list[dict[str, Any]]:
        """Open andon calls."""
        return self.document.get("calls") or []

    @property
    def alarms(self) -> list[dict[str, Any]]:
        """The most urgent alarms that stand."""
        return self.document.get("alarms") or []

    @property
    def last(self) -> dict[str, Any]:
        """Last verdict: verdict, text, time."""
        return self.document.get("last") or {}

    @property
    def lamps(self) -> list[str]:
        """Colours that are lit."""
        return self.document.get("lamps") or []

    @property
    def devices(self) -> dict[str, dict[str, Any]]:
        """Device -> state, reason, signals, noise."""
        return self.document.get("devices") or {}


def look(port: int) -> Status | None:
    """Return the status of the agent whose page is on `port` of 127.0.0.1; None if it does not answer in 2 s."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=HTTP_TIMEOUT_S)
    try:
        connection.request("GET", "/api/status")
        answer = connection.getresponse()
        return Status(orjson.loads(answer.read())) if answer.status == HTTP_OK else None
    except (OSError, http.client.HTTPException, orjson.JSONDecodeError):
        return None
    finally:
        connection.close()


def captured(journal: Path) -> int:
    """Return how many events a journal has numbered, all lanes.  Raises sqlite3.Error if it cannot be read."""
    with closing(sqlite3.connect(f"{journal.resolve().as_uri()}?mode=ro", uri=True)) as db:
        (number,) = db.execute("SELECT coalesce(sum(last_seq), 0) FROM lane").fetchone()
        return int(number)
