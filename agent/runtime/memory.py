"""The station's memory as the recorder keeps it: read at the start, changed by decisions, written with them.

A map of small documents.  Used by the recorder's thread alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from agent.events import Lane
from agent.journal.errors import JournalCorruptError
from agent.journal.salvage import last_bodies
from agent.signals import JournalDamaged
from agent.station.andon import calls, recollect

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from agent.journal.journal import Journal
    from agent.station.decision import Decision, Document

    Changes = dict[str, Document | None]

STATES = "state/"
"""Documents of the memory whose key begins so are published by the uplink."""

RECOLLECTED = 5000
"""Facts of the andon lane in which open calls are looked for, where the memory of them is lost."""


def read(journal: Journal, before: dict[str, Document]) -> dict[str, Document]:
    """The memory as last written; if the journal is damaged it is suspect, and what was known `before` must do."""
    try:
        found = journal.documents()
    except JournalCorruptError as error:
        journal.suspect(str(error))
        found = before
    return {key: document for key, document in found.items() if document or not _is_told(key)}


def recollected(journal: Journal, memory: Mapping[str, Document]) -> Changes:
    """The open calls, by what can be read of a damaged journal that has lost the memory of them."""
    damage = journal.damage
    if damage is None or calls.COUNTER in memory:
        return {}
    return dict(recollect.recollected(last_bodies(Path(damage.aside), Lane.ANDON, RECOLLECTED)))


def damaged(journal: Journal) -> JournalDamaged | None:
    """The damage that is still to be told, once."""
    damage = journal.take_damage()
    if damage is None:
        return None
    return JournalDamaged(damage.reason, damage.aside, damage.old_epoch, damage.new_epoch)


def changes(decisions: Iterable[Decision]) -> Changes:
    """What the decisions, one after the other, change."""
    documents: Changes = {}
    for decision in decisions:
        documents.update(decision.documents)
    return documents


def apply(documents: Mapping[str, Document | None], memory: dict[str, Document]) -> None:
    """Make changed documents the memory."""
    for key, document in documents.items():
        if document is None:
            memory.pop(key, None)
        else:
            memory[key] = document


def lasting(documents: Mapping[str, Document | None]) -> Changes:
    """What to write: a document that others see leaves an empty one, so that its end is published as well."""
    return {key: {} if document is None and _is_told(key) else document for key, document in documents.items()}


def _is_told(key: str) -> bool:
    """Whether a document is published for others to see."""
    return key.startswith(STATES)
