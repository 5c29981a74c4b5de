"""Find what in the rules of a station can never work, though each table is right by itself."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.station import examples
from agent.station.alarms.declared import AlarmSettings
from agent.station.andon.declared import ANY_MEASUREMENT
from agent.station.policy import Check, Policy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.station.rules import Rules, ScanRule

Contradiction = tuple[str, str]
"""Where it stands in the station file, and what is wrong."""


def contradictions(rules: Rules) -> Iterator[Contradiction]:
    """Every contradiction that can be found without a scan."""
    yield from _questions_without_answer(rules)
    yield from _codes_with_two_meanings(rules)
    yield from _buttons_for_two_steps(rules)
    yield from _shifts_at_once(rules)
    yield from _serials_unread(rules)
    yield from _types_without_calls(rules)
    yield from _measurements_unknown(rules)
    yield from _alarms_twice(rules)
    yield from _shelved_too_long(rules)


def _questions_without_answer(rules: Rules) -> Iterator[Contradiction]:
    allowed = {check for authority in rules.authority for check in authority.rules}
    for check in Check:
        if rules.policies.of(check) is Policy.ASK and check not in allowed:
            yield f"interlock.{check}", f"asks, but no [[authority]] may answer for {check.value!r}"


def _codes_with_two_meanings(rules: Rules) -> Iterator[Contradiction]:
    texts = [(index, rule) for index, rule in enumerate(rules.scan) if rule.format == "text"]
    for place, (index, rule) in enumerate(texts):
        for before, other in texts[:place]:
            if code := _common(rule, other):
                both = f"{rule.name!r} and {other.name!r} (scan[{before}])"
                yield f"scan[{index}].pattern", f"code {code!r} fits scan rules {both}: it would be refused"
    labels = [(index, rule) for index, rule in enumerate(rules.scan) if rule.format != "text"]
    for place, (index, rule) in enumerate(labels):
        for before, other in labels[:place]:
            if _asks(rule) == _asks(other):
                yield f"scan[{index}].elements", f"reads the same labels as scan rule {other.name!r} (scan[{before}])"


def _common(rule: ScanRule, other: ScanRule) -> str:
    """A code that both read; empty if none was found."""
    found = {text for text in examples.matching(rule.pattern) if re.fullmatch(other.pattern, text)}
    found |= {text for text in examples.matching(other.pattern) if re.fullmatch(rule.pattern, text)}
    return min(found, default="")


def _asks(rule: ScanRule) -> tuple[object, ...]:
    return (rule.format, {*rule.elements.values(), *rule.also}, rule.values)


def _buttons_for_two_steps(rules: Rules) -> Iterator[Contradiction]:
    for index, operation in enumerate(rules.operation):
        first: dict[tuple[str, str], str] = {}
        for place, step in enumerate(operation.step):
            if step.device and (before := first.setdefault((step.device, step.input), step.name)) != step.name:
                where = f"operation[{index}].step[{place}].input"
                yield where, f"{step.input!r} of {step.device!r} ticks step {before!r} already"


def _shifts_at_once(rules: Rules) -> Iterator[Contradiction]:
    first: dict[str, str] = {}
    for index, shift in enumerate(rules.shift):
        if (before := first.setdefault(shift.begin, shift.name)) != shift.name:
            yield f"shift[{index}].begin", f"{shift.begin} is when shift {before!r} begins"


def _serials_unread(rules: Rules) -> Iterator[Contradiction]:
    """A component that must tell its serial number, where no scan rule reads one."""
    if any("serial" in rule.groups for rule in rules.scan):
        return
    for index, operation in enumerate(rules.operation):
        for place, part in enumerate(operation.part):
            if part.serial:
                yield f"operation[{index}].part[{place}].serial", "can never be done: no scan rule has the group serial"


def _types_without_calls(rules: Rules) -> Iterator[Contradiction]:
    """Levels and authorities for a type that no call has."""
    known = {call.type for call in rules.call}
    named = [(f"andon.escalation[{place}].type", one.type) for place, one in enumerate(rules.andon.escalation)]
    for index, authority in enumerate(rules.authority):
        named += [(f"authority[{index}].calls", kind) for kind in authority.calls if kind != "*"]
    for where, kind in named:
        if kind and kind not in known:
            yield where, f"no call is of type {kind!r}; known are: {', '.join(sorted(known)) or 'none'}"


def _measurements_unknown(rules: Rules) -> Iterator[Contradiction]:
    """Calls for a measurement that no operation takes."""
    known = {one.name for operation in rules.operation for one in operation.measurement} | {ANY_MEASUREMENT}
    for index, call in enumerate(rules.call):
        for name in call.measurement:
            if name not in known:
                yield f"andon.call[{index}].measurement", f"no measurement {name!r} in any operation"


def _alarms_twice(rules: Rules) -> Iterator[Contradiction]:
    """Two alarms of one thing, where there can be only one; and one that its own signal suppresses."""
    first: dict[tuple[str, str], int] = {}
    for index, alarm in enumerate(rules.alarm):
        for key in ("device", "own"):
            place = first.setdefault((key, getattr(alarm, key)), index)
            if getattr(alarm, key) and place != index:
                yield f"alarm[{index}].{key}", f"{getattr(alarm, key)!r} has an alarm already: alarm[{place}]"
        if alarm.signal and alarm.signal == alarm.suppress_by and alarm.active == alarm.suppress_while:
            yield f"alarm[{index}].suppress_by", f"{alarm.signal!r} suppresses the alarm that it is"


def _shelved_too_long(rules: Rules) -> Iterator[Contradiction]:
    most_s = (rules.alarms or AlarmSettings()).shelve_max_s
    for index, alarm in enumerate(rules.alarm):
        if alarm.shelve_max_s is not None and alarm.shelve_max_s > most_s:
            yield f"alarm[{index}].shelve_max_s", f"is above alarms.shelve_max_s, which is {most_s:g}"
