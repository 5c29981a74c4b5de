"""How each alarm behaves: what the station file declares of it, or what holds for one that is always there."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from agent.station.alarms.declared import OWN, Alarm, AlarmSettings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from agent.station.decision import Document
    from agent.station.rules import Rules

PRIORITIES = {
    "cannot-record": "critical",
    "disk-low": "high",
    "journal-damaged": "high",
    "clock-unsynced": "low",
    "uplink-down": "medium",
    "reference-lost": "high",
    "line-conflict": "high",
    "device-lost": "high",
    "device-condition": "medium",
}
"""Alarms that are always there, and how urgent they are where the station file says nothing."""

MOMENTARY = {"journal-damaged", "reference-lost"}
"""Alarms of something that happened, not of something that lasts: they stand until somebody has acknowledged them."""


@dataclass(frozen=True, slots=True)
class Which:
    """One alarm: its identifier, its word, what it is about, and the keys by which the facts tell that."""

    id: str
    alarm: str
    subject: str
    about: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Profile:
    """How an alarm behaves.  `which` is None for a family, such as the loss of any device."""

    rule: Alarm
    which: Which | None
    telling: Document
    """What every fact says of it: priority, and the plant's name and words where it has any."""


def own(alarm: str, subject: str, **about: Any) -> Which:
    """One of the alarms that are always there.  What tells two of a family apart is part of the identifier."""
    parts = [alarm, subject, about.get("condition", ""), about.get("input", "")]
    return Which("/".join(part for part in parts if part), alarm, subject, about)


class Profiles:
    """The alarms of one station, by all that they are looked for by."""

    def __init__(self, rules: Rules) -> None:
        self.settings = rules.alarms or AlarmSettings()
        self.by_id: dict[str, Profile] = {}
        self.of_signal: dict[str, list[Profile]] = {}
        self.of_gauge: dict[str, list[Profile]] = {}
        self.names: dict[str, str] = {}
        self._families = {
            alarm: Profile(_default(alarm, says), None, {"priority": PRIORITIES[alarm]}) for says, alarm in OWN.items()
        }
        places = {signal.name: (signal.device, signal.input) for signal in rules.machine}
        for rule in rules.alarm:
            self._add(rule, places)
        self.suppressing = {rule.suppress_by for rule in rules.alarm if rule.suppress_by}

    def of(self, alarm: str, identifier: str) -> Profile | None:
        """How an alarm behaves; None for one that the station does not know any more."""
        return self.by_id.get(identifier) or self._families.get(alarm)

    def shelf_s(self, profile: Profile) -> float:
        """Longest shelving of an alarm, seconds."""
        own_s = profile.rule.shelve_max_s
        return self.settings.shelve_max_s if own_s is None else own_s

    def _add(self, rule: Alarm, places: Mapping[str, tuple[str, str]]) -> None:
        if rule.own:
            self._families[OWN[rule.own]] = Profile(rule, None, _telling(rule))
            return
        which = _which(rule, places)
        profile = Profile(rule, which, _telling(rule))
        self.by_id[which.id] = profile
        self.names[rule.name] = which.id
        if rule.signal:
            self.of_signal.setdefault(rule.signal, []).append(profile)
        elif rule.gauge:
            self.of_gauge.setdefault(rule.gauge, []).append(profile)


def _telling(rule: Alarm) -> Document:
    words = {"text": rule.text, "consequence": rule.consequence, "action": rule.action}
    return {"name": rule.name, "priority": rule.priority, **{key: text for key, text in words.items() if text}}


def _which(rule: Alarm, places: Mapping[str, tuple[str, str]]) -> Which:
    if rule.device:
        return own(OWN["device"], rule.device, device=rule.device)
    if rule.gauge:
        return Which(rule.name, rule.name, rule.gauge, {"device": rule.gauge})
    device, contact = places.get(rule.signal, ("", ""))
    return Which(rule.name, rule.name, device, {"device": device, "input": contact, "signal": rule.signal})


def _default(alarm: str, says: str) -> Alarm:
    """An alarm that is always there, where nobody declares it: it ends when its cause does."""
    return Alarm.model_validate(
        {"name": f"own-{says}", "own": says, "priority": PRIORITIES[alarm], "acknowledge": alarm in MOMENTARY}
    )
