"""Tell an alarm flood as one fact when it begins, and one when it ends.

By ISA-18.2 a flood is more than ten alarms within ten minutes, and over with fewer than five; the plant may count
otherwise.  Alarms that are shelved or suppressed bother nobody, and are not counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.events import Kind
from agent.station import timers

if TYPE_CHECKING:
    from agent.station.alarms.declared import AlarmSettings
    from agent.station.decision import Document, Draft

KEY = "alarms/flood"
TIMER = "alarms/flood"


def lasts(draft: Draft) -> bool:
    """Whether there is a flood."""
    return "since" in (draft.get(KEY) or {})


def count(draft: Draft, settings: AlarmSettings, standing: int, cause: Document) -> None:
    """Count an alarm that is told to people; `standing` is how many stand with it."""
    known: Document = draft.get(KEY) or {"marks": []}
    marks = [*known["marks"][-settings.flood_count :], timers.mark(draft.moment)]
    counted: Document = {**known, "marks": marks}
    if "since" in known:
        draft.put(KEY, {**counted, "raised": known["raised"] + 1})
        return
    span_s = timers.elapsed_s(draft.moment, marks[0])
    if len(marks) <= settings.flood_count or span_s is None or span_s > settings.flood_s:
        draft.put(KEY, counted)
        return
    moment = draft.moment
    began: Document = {"raised": len(marks), "time": moment.iso, "since": moment.monotonic_ns, "boot": moment.boot}
    draft.put(KEY, {**counted, **began})
    timers.start(draft, TIMER, settings.flood_s, marks[-settings.few])
    told: Document = {"alarm": "flood", "active": True, "raised": len(marks), "within_s": settings.flood_s}
    draft.record(Kind.ALARM_FLOOD, "", {**told, "standing": standing, **cause})


def look(draft: Draft, settings: AlarmSettings, standing: int, cause: Document) -> None:
    """End the flood if few alarms came of late; else look again when that may be so."""
    known: Document = draft.get(KEY) or {}
    if "since" not in known:
        return
    last = known["marks"][-settings.few :][0]
    waited_s = timers.elapsed_s(draft.moment, last)
    if waited_s is not None and waited_s < settings.flood_s:
        timers.start(draft, TIMER, settings.flood_s, last)
        return
    duration_s = draft.moment.seconds_since(known["since"], known["boot"])
    told: Document = {"alarm": "flood", "active": False, "raised": known["raised"], "began": known["time"]}
    draft.put(KEY, {"marks": known["marks"]})
    draft.record(Kind.ALARM_FLOOD, "", {**told, "standing": standing, "duration_s": duration_s, **cause})
