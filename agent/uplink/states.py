"""The newest state of each thing that others may see: documents of the memory, retained by the broker.

Newest wins: what changes faster than it can go out is told once, as it is then.  All is told anew on a new connection
and after the journal was begun anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from collections.abc import Callable

    from agent.journal.reader import JournalReader

log = structlog.get_logger()

PREFIX = "state/"
"""Keys of the documents that are told; the rest of the key is the end of the topic."""

OWN = ("agent",)
"""States that the connection tells by itself."""

LOOK_S = 0.2
"""How often changed documents are looked for, at most."""

HEADER_BYTES = 400
"""Of the broker's largest packet, so much is not ours: topic, properties."""


class States:
    """What is to be told.  Times are monotonic seconds."""

    def __init__(self) -> None:
        self._told: dict[str, str] = {}
        self._due: dict[str, str] = {}
        self._changed = True
        self._look_at_s = 0.0
        self._largest_bytes = 0

    def begin(self, packet_bytes: int) -> None:
        """A new connection, whose messages may be so large, or another journal: tell all again."""
        self._largest_bytes = packet_bytes - HEADER_BYTES
        self._told, self._due = {}, {}
        self._changed, self._look_at_s = True, 0.0

    def changed(self) -> None:
        """The journal has something new: perhaps a state."""
        self._changed = True

    def wait_s(self, longest_s: float, now_s: float) -> float:
        """How long to rest until there may be something to tell."""
        return max(0.0, min(longest_s, self._look_at_s - now_s)) if self._changed else longest_s

    def send(self, reader: JournalReader, now_s: float, publish: Callable[[str, bytes], None], room: int) -> None:
        """Tell what has changed, `room` messages at most; an empty document takes the state off the broker."""
        if self._changed and now_s >= self._look_at_s:
            self._changed, self._look_at_s = False, now_s + LOOK_S
            self._look(reader)
        for what in list(self._due)[: max(0, room)]:
            body = self._due.pop(what)
            self._told[what] = body
            payload = b"" if body == "{}" else body.encode()
            if len(payload) > self._largest_bytes:
                log.error("uplink.state_too_large", state=what, bytes=len(payload), largest=self._largest_bytes)
            else:
                publish(what, payload)

    def _look(self, reader: JournalReader) -> None:
        for key, body in reader.states(PREFIX):
            what = key.removeprefix(PREFIX)
            if self._told.get(what) != body and what not in OWN:
                self._due[what] = body
