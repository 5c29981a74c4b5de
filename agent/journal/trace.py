"""Tell the story of a unit, a lot, an operator, a gauge or a serial number from the journal: back and forward.

Reads by the index of what events name, and looks through the newest events, which are not in it yet.  Never writes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, Self

import orjson

from agent.events import LANES, Kind, Lane
from agent.journal import lanes, links
from agent.journal.errors import JournalVersionError
from agent.journal.links import What
from agent.journal.order import Point, in_order
from agent.journal.schema import VERSION, Translating, open_reader

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from agent.journal.lanes import LaneState

Facts = dict[str, Any]
"""A finished event, read."""

AT_ONCE = 200
"""Events read by one statement."""

MOST_CALLS = 1000
"""Calls looked at for one story."""

SHADOW = {What.UNIT: (What.UNIT, What.SERIAL), What.SERIAL: (What.SERIAL, What.UNIT)}
"""A component that has a serial number was a unit before it was built in: its story is both."""

_BEGIN, _END = Kind.OPERATION_STARTED, (Kind.OPERATION_COMPLETED, Kind.OPERATION_ABORTED)


@dataclass(frozen=True, slots=True)
class Span:
    """Times between which events count, RFC 3339 in UTC or the beginning of one; empty: no bound."""

    since: str = ""
    until: str = ""

    def holds(self, time: str) -> bool:
        """Whether `time` lies inside; a day as the end counts whole."""
        return time >= self.since and (not self.until or time[: len(self.until)] <= self.until)


@dataclass(frozen=True, slots=True)
class Story:
    """What is known of one thing: its events in order, and what they lead to.

    `parts` are the (part, lot, serial number) built into a unit; `units` those that a lot, a serial number, an operator
    or a gauge touched.  `left_out` older events were too many.
    """

    what: What
    name: str
    events: tuple[Facts, ...]
    parts: tuple[tuple[str, str, str], ...] = ()
    units: tuple[str, ...] = ()
    left_out: int = 0


class Tracer:
    """One reading connection to a journal.  Closed by leaving `with`."""

    def __init__(self, path: Path) -> None:
        self._translating = Translating(path)
        with self._translating:
            self._connection = open_reader(path)
            version = int(self._connection.execute("PRAGMA user_version").fetchone()[0])
            if version < VERSION:
                self._connection.close()
                raise JournalVersionError(
                    f"{path} has schema version {version}, before the index; an agent brings it up"
                )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._connection.close()

    def recognise(self, name: str) -> list[What]:
        """What the events know by this name.  A serial number that was a unit before counts as the unit alone."""
        query = "SELECT 1 FROM link WHERE what = ? AND name = ? LIMIT 1"
        with self._translating:
            tail = {found for _, _, body in self._newest(name) for found in links.names(body)}
            known = [
                what
                for what in What
                if (what, name) in tail or self._connection.execute(query, (what.code, name)).fetchone()
            ]
        return [what for what in known if what is not What.SERIAL or What.UNIT not in known]

    def story(self, what: What, name: str, span: Span | None = None, part: str = "", most: int = 0) -> Story:
        """Everything that names it, oldest first; `part` tells lots of the same name apart; `most` events, 0: all."""
        with self._translating:
            facts = self._facts(SHADOW.get(what, (what,)), name, span or Span(), most)
            events = [event for event in facts.events if not part or _concerns_part(event, part, name)]
            if what is What.UNIT:
                known = {event["id"] for event in events}
                events += [call for call in self._calls_during(events, span or Span()) if call["id"] not in known]
        events = in_order(events)
        parts = tuple(dict.fromkeys(_built_in(events, name))) if what is What.UNIT else ()
        units = () if what is What.UNIT else tuple(dict.fromkeys(_units(events, what, name, part)))
        return Story(what, name, tuple(events), parts, units, facts.left_out)

    def units_of(self, lot: str, part: str) -> tuple[str, ...]:
        """Forward: the units that a lot of a part went into."""
        return self.story(What.LOT, lot, part=part).units

    def parts_of_lot(self, lot: str) -> list[str]:
        """The parts that have a lot of this name."""
        found = self.story(What.LOT, lot)
        return sorted({one["part"] for event in found.events for one in _members(event) if one.get("lot") == lot})

    def _facts(self, whats: tuple[What, ...], name: str, span: Span, most: int) -> _Read:
        numbers: dict[Lane, set[int]] = {lane: set() for lane in LANES}
        for what in whats:
            for lane, seq in links.numbers(self._connection, what, name):
                numbers[lane].add(seq)
        rows = list(chain.from_iterable(self._rows(lane, sorted(found), span) for lane, found in numbers.items()))
        wanted = {(what, name) for what in whats}
        for lane, seq, body in self._newest(name):
            if seq not in numbers[lane] and wanted & links.names(body):
                rows.append((lane, body))
        events = in_order(event for _, body in rows if span.holds((event := _event(body))["time"]))
        return _Read(events[-most:], len(events) - most) if 0 < most < len(events) else _Read(events, 0)

    def _rows(self, lane: Lane, numbers: list[int], span: Span) -> Iterator[tuple[Lane, str]]:
        for at in range(0, len(numbers), AT_ONCE):
            some = numbers[at : at + AT_ONCE]
            marks = ",".join("?" * len(some))
            query = f"SELECT body FROM event_{lane} WHERE seq IN ({marks}) AND time >= ? ORDER BY seq"  # noqa: S608  marks only
            for (body,) in self._connection.execute(query, (*some, span.since)):
                yield lane, body

    def _newest(self, name: str) -> list[tuple[Lane, int, str]]:
        """Events that are not in the index yet and may name it."""
        text = orjson.dumps(name).decode()
        found = []
        for lane, state in self._book().items():
            query = f"SELECT seq, body FROM event_{lane} WHERE seq > ? AND instr(body, ?) ORDER BY seq"  # noqa: S608  a lane's name is ours
            rows = self._connection.execute(query, (state.linked, text)).fetchall()
            found += [(lane, seq, body) for seq, body in rows]
        return found

    def _book(self) -> dict[Lane, LaneState]:
        return lanes.load(self._connection)

    def _calls_during(self, events: list[Facts], span: Span) -> list[Facts]:
        """The andon calls that came while an operation on the unit was open.

        Found by halving; where the machine was started anew and its clock set meanwhile, one may be hidden.
        """
        calls: dict[str, Facts] = {}
        for since, until in _open_times(in_order(events)):
            query = f"SELECT body FROM event_{Lane.ANDON} WHERE seq >= ? ORDER BY seq LIMIT ?"  # noqa: S608  a lane's name is ours
            first = self._first_since(Lane.ANDON, since)
            for (body,) in self._connection.execute(query, (first, MOST_CALLS)):
                call = _event(body)
                if until is not None and Point.of(call).is_behind(until):
                    break
                calls[call["id"]] = call
        return [call for call in calls.values() if span.holds(call["time"])]

    def _first_since(self, lane: Lane, since: Point) -> int:
        """The number of the first event of the lane that is not before `since`."""
        query = f"SELECT body FROM event_{lane} WHERE seq >= ? ORDER BY seq LIMIT 1"  # noqa: S608  a lane's name is ours
        state = self._book()[lane]
        low, high = state.first, state.last + 1
        while low < high:
            middle = (low + high) // 2
            row = self._connection.execute(query, (middle,)).fetchone()
            if row is None or not since.is_behind(Point.of(_event(row[0]))):
                high = middle
            else:
                low = middle + 1
        return low


@dataclass(frozen=True, slots=True)
class _Read:
    events: list[Facts]
    left_out: int


def _event(body: str) -> Facts:
    event: Facts = orjson.loads(body)
    return event


def _kind(event: Facts) -> str:
    return str(event["type"]).partition(".")[2]


def _refused(event: Facts) -> bool:
    return _kind(event).endswith((".rejected", ".refused"))


def _open_times(events: Iterable[Facts]) -> Iterator[tuple[Point, Point | None]]:
    """From when to when operations on a unit were open; one that still is has no end."""
    began: Point | None = None
    for event in events:
        kind = _kind(event)
        if kind == _BEGIN:
            began = Point.of(event)
        elif kind in _END:
            yield began or Point(event["data"].get("started", event["time"])), Point.of(event)
            began = None
    if began:
        yield began, None


def _members(event: Facts) -> Iterator[Facts]:
    """The data of an event, and the documents in its lists."""
    data = event["data"]
    yield data
    for key in links.LISTS:
        if isinstance(several := data.get(key), list):
            yield from (one for one in several if isinstance(one, dict))


def _concerns_part(event: Facts, part: str, lot: str) -> bool:
    return any(one.get("part") == part and one.get("lot") == lot for one in _members(event))


def _built_in(events: Iterable[Facts], unit: str) -> Iterator[tuple[str, str, str]]:
    """Back: the parts that were accepted for a unit."""
    for event in events:
        if links.unit_of(event) != unit or _refused(event):
            continue
        for one in _members(event):
            if one.get("part") and (one.get("lot") or one.get("serial")):
                yield str(one["part"]), str(one.get("lot", "")), str(one.get("serial", ""))


def _units(events: Iterable[Facts], what: What, name: str, part: str) -> Iterator[str]:
    """Forward: the units that events about something else are about."""
    for event in events:
        unit = links.unit_of(event)
        if not unit:
            continue
        refused = what in {What.LOT, What.SERIAL} and _refused(event)
        if (
            not refused
            and not (what is What.SERIAL and unit == name)
            and (not part or _concerns_part(event, part, name))
        ):
            yield unit
