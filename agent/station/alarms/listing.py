"""Keep which alarms stand, oldest first, and publish them as `state/alarms`.

While many stand, the list is renewed a few times a second and not with each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.station import timers
from agent.station.alarms import document, flood

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.alarms.profiles import Profiles
    from agent.station.decision import Document, Draft

INDEX = "alarms"
"""Key of the document that names the alarms that stand; nobody has to look for them in the memory."""

PUBLISHED = "state/alarms"
TIMER = "alarms/list"

RANKS = {"critical": 0, "high": 1, "medium": 2, "low": 3}
SHOWN = ("id", "alarm", "name", "device", "priority", "state", "raised", "detail", "text", "quiet", "shelved_until")

MANY = 20
RENEW_S = 0.2
"""More than MANY are published so often at most; the uplink does not look more often either."""


def standing(draft: Draft) -> Document:
    """Identifiers of the alarms that stand, oldest first, as keys."""
    known: Document = (draft.get(INDEX) or {}).get("standing", {})
    return known


def keep(draft: Draft, alarm: Document) -> None:
    """Remember an alarm as it is now, or forget it where nothing is worth it."""
    identifier, key = alarm["id"], document.PREFIX + alarm["id"]
    if not document.is_idle(alarm):
        draft.put(key, alarm)
    elif draft.get(key) is not None:
        draft.forget(key)
    known, listed = standing(draft), document.stands(alarm)
    if listed and identifier not in known:
        draft.put(INDEX, {**(draft.get(INDEX) or {}), "standing": {**known, identifier: 1}})
    elif identifier in known and not listed:
        left = dict(known)
        del left[identifier]
        draft.put(INDEX, {**(draft.get(INDEX) or {}), "standing": left})


def tell(draft: Draft, profiles: Profiles, *, at_once: bool) -> None:
    """Publish what stands; `at_once` also where it was published just now."""
    index: Document = draft.get(INDEX) or {}
    known: Document = index.get("standing", {})
    if not at_once and len(known) > MANY and _is_new(draft, index):
        if draft.get(timers.PREFIX + TIMER) is None:
            timers.start(draft, TIMER, RENEW_S)
        return
    alarms = [draft.get(document.PREFIX + identifier) for identifier in known]
    pairs = [(one, profiles.of(one["alarm"], one["id"])) for one in alarms if one is not None]
    told: Document = {"time": draft.moment.iso, "alarms": [document.entry(one, how) for one, how in pairs if how]}
    if flood.lasts(draft):
        told["flood"] = True
    draft.put(PUBLISHED, told)
    draft.put(INDEX, {**index, "standing": known, "published": timers.mark(draft.moment)})


def told(memory: Mapping[str, Document]) -> Document:
    """What a page shows of the alarms that stand: the most urgent ones, those that are put aside last, and how many."""
    alarms: list[Document] = (memory.get(PUBLISHED) or {}).get("alarms", [])
    urgent = sorted(alarms, key=lambda one: ("quiet" in one, RANKS.get(one["priority"], len(RANKS))))
    shown = [{key: one[key] for key in SHOWN if key in one} for one in urgent[:MANY]]
    return {"alarms": shown, "alarms_standing": len(alarms)}


def _is_new(draft: Draft, index: Document) -> bool:
    if "published" not in index:
        return False
    age_s = timers.elapsed_s(draft.moment, index["published"])
    return age_s is not None and age_s < RENEW_S
