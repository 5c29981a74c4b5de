"""The central server's book, read from outside while it is written."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

from simulators import ledger

if TYPE_CHECKING:
    from pathlib import Path

    from simulators.ledger import Counts

Event = dict[str, Any]


class Book:
    """What the central has."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def counts(self) -> Counts:
        return ledger.counts(self._path)

    def bodies(self) -> list[str]:
        """Every event as it was stored, in order of arrival."""
        with closing(sqlite3.connect(f"{self._path.as_uri()}?mode=ro", uri=True)) as db:
            return [body for (body,) in db.execute("SELECT body FROM event ORDER BY rowid")]

    def events(self, kind: str, subject: str | None = None, **data: Any) -> list[Event]:
        """Events of `kind` (without the `lineside.` prefix) about `subject` whose data holds these values."""
        found = [json.loads(body) for body in self.bodies()]
        return [
            event
            for event in found
            if event["type"] == f"lineside.{kind}"
            and subject in (None, event.get("subject"))
            and data.items() <= event["data"].items()
        ]

    def check_envelopes(self) -> None:
        """Every event is a CloudEvent 1.0 in the eyes of somebody else's library.  Raises CloudEventValidationError."""
        for body in self.bodies():
            event = JSONFormat().read(CloudEvent, body)
            identity = (event.get_extension(name) for name in ("epoch", "lane", "sequence"))
            assert event.get_id() == ".".join(identity)
            assert event.get_time() is not None
