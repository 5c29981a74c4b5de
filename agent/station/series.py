"""Join the values of a gauge that nobody waits for into one fact, and take it apart again: pure.

Knows what such values have in common.  Knows nothing of how long a series lasts.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from agent.events import NS_PER_S, Event, Kind, Moment
from agent.station.measuring import Judgement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from agent.station.decision import Decision, Document

ALIKE = ("gauge", "unit", "stable", "instrument", "instrument_verdict", "rules")
"""What all values of a series have in common."""

WORDS = ("text", "unit", "instrument", "instrument_verdict")
"""What a driver says in its own words: held only where it can surely be written, since others wait beside it."""

SET_NS = NS_PER_S // 10
"""So far may wall time and monotonic time drift apart within a series; more, and the clock was set in between.

A daemon that is in a hurry slews by a twelfth of a second a second.  Source: manual page chrony.conf(5), maxslewrate.
"""

NS_PER_US = 1000

_NUMBER = re.compile(r"([+-]?)([0-9]+)(?:\.([0-9]+))?", re.ASCII)


def may_join(decision: Decision) -> bool:
    """Whether nothing follows from a value but its fact: nobody waited for it, and nobody is told anything.

    A series has no room for the turn of a value that was decided behind what was seen later.
    """
    if len(decision.events) != 1 or decision.documents or decision.answer or decision.asks or decision.reply:
        return False
    (event,) = decision.events
    data = event.data
    return (
        event.kind is Kind.MEASUREMENT_TAKEN
        and not event.moment.turn_ns
        and data["verdict"] is Judgement.NONE
        and isinstance(data["stable"], bool)
        and all(_is_plain(data.get(key, "")) for key in WORDS)
    )


def joined(values: Sequence[Event], most: int) -> Iterator[Event]:
    """The series that values of one gauge, in order, become, of `most` values each.

    One value is a series too: by that one knows that it was written behind facts that were seen after it.
    """
    members: list[Event] = []
    for event in values:
        if members and (len(members) >= most or not _fits(members[0], members[-1], event)):
            yield _one(members)
            members = []
        members.append(event)
    if members:
        yield _one(members)


def apart(data: Mapping[str, Any], moment: Moment) -> Iterator[tuple[Document, Moment]]:
    """The values of a series as they would have been facts of their own: data and moment; raw bytes are not kept."""
    common = {key: data[key] for key in ALIKE if key in data}
    texts = data.get("texts") or [written(value, data["form"]) for value in data["values"]]
    for offset_us, value, text in zip(data["offsets_us"], data["values"], texts, strict=True):
        since_ns = offset_us * NS_PER_US
        seen = replace(moment, time_ns=moment.time_ns + since_ns, monotonic_ns=moment.monotonic_ns + since_ns)
        yield {**common, "value": value, "text": text, "raw": "", "verdict": Judgement.NONE.value}, seen


def written(value: float, form: str) -> str:
    """`value` in a form such as `+00.000`: the sign always, two digits or more before the point, three behind it."""
    shape = _Form.of(form)
    sign = "-" if math.copysign(1.0, value) < 0 else shape.plus
    width = shape.digits + shape.places + (shape.places > 0)
    return f"{sign}{abs(value):0{width}.{shape.places}f}"


class _Form(NamedTuple):
    """How numbers are written: a sign where they are positive, digits before the point at least, places behind it."""

    plus: str
    digits: int
    places: int

    @classmethod
    def of(cls, text: str) -> _Form:
        match = _NUMBER.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is no number")
        return cls("+" * (match[1] == "+"), len(match[2]), len(match[3] or ""))

    def __str__(self) -> str:
        return self.plus + "0" * self.digits + ("." + "0" * self.places if self.places else "")


def _is_plain(word: object) -> bool:
    """Whether it is a text that JSON can hold."""
    return isinstance(word, str) and word.isprintable()


def _fits(first: Event, last: Event, event: Event) -> bool:
    """Whether a value goes on in a series that begins with `first` and ends with `last`."""
    begin, end, moment = first.moment, last.moment, event.moment
    drift_ns = (moment.time_ns - moment.monotonic_ns) - (begin.time_ns - begin.monotonic_ns)
    return (
        all(first.data.get(key) == event.data.get(key) for key in ALIKE)
        and (moment.boot, moment.synced) == (begin.boot, begin.synced)
        and moment.monotonic_ns >= end.monotonic_ns
        and abs(drift_ns) < SET_NS
    )


def _one(members: list[Event]) -> Event:
    first = members[0]
    data: Document = {key: first.data[key] for key in ALIKE if key in first.data and key != "rules"}
    begin_ns = first.moment.monotonic_ns
    data["count"] = len(members)
    data["offsets_us"] = [(event.moment.monotonic_ns - begin_ns) // NS_PER_US for event in members]
    data["values"] = [event.data["value"] for event in members]
    texts = [event.data["text"] for event in members]
    form = _form(texts)
    if form and all(_is_written(*pair, form) for pair in zip(data["values"], texts, strict=True)):
        data["form"] = form
    else:
        data["texts"] = texts
    data["rules"] = first.data["rules"]
    return Event(Kind.MEASUREMENT_SERIES, first.subject, data, first.moment)


def _form(texts: Iterable[str]) -> str:
    """The form that all texts may have; empty if there is none."""
    matches = [_NUMBER.fullmatch(text) for text in texts]
    shapes = [_Form.of(match[0]) for match in matches if match is not None]
    if len(shapes) < len(matches) or len({shape.places for shape in shapes}) > 1:
        return ""
    return str(_Form(max(one.plus for one in shapes), min(one.digits for one in shapes), shapes[0].places))


def _is_written(value: float | None, text: str, form: str) -> bool:
    return value is not None and written(value, form) == text
