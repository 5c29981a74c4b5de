"""What the board knows, message by message, and the picture of it at a moment.

Pure: `now_s` is monotonic time, `wall_s` seconds since 1970; both come in.  Knows no broker and no terminal.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from agent.board import documents
from agent.board.documents import Agent, Alarm, Call, Listing
from agent.board.reading import GarbageError, clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

EARLIEST_SENSIBLE_S = 1_577_836_800.0
"""2020-01-01: a station that writes an older time has a clock that was never set."""

NOTHING = Listing((), None)
OF_LINE = ("andon", "\0line")
"""Key of the anchor of a line that stands; no call is called so."""

LISTINGS: dict[str, Callable[[bytes], Listing]] = {"andon": documents.calls, "alarms": documents.alarms}


@dataclass(frozen=True, slots=True)
class Age:
    """Seconds; not `sure` where the clocks of station and board disagree: then it is at least this."""

    seconds: float
    sure: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """A call or an alarm as the board shows it; `stale` if its station is not online."""

    station: str
    what: Call | Alarm
    age: Age
    stale: bool


@dataclass(frozen=True, slots=True)
class StationView:
    """One station: online, for how long the board has known that, and its messages that made no sense.

    `line` tells whether the line runs there, `line_age` for how long it has not; `unclosed` counts its calls that wait
    for their reason.
    """

    name: str
    status: str
    online: bool
    since_s: float
    garbage: int
    complaint: str
    line: str = ""
    line_age: Age | None = None
    unclosed: int = 0


@dataclass(frozen=True, slots=True)
class Picture:
    """The line at one moment; calls, alarms and stations in the order they are shown.

    `news_age_s` is None as long as nothing was heard.
    """

    line: str
    link: str
    linked: bool
    link_age_s: float
    news_age_s: float | None
    calls: tuple[Entry, ...]
    alarms: tuple[Entry, ...]
    stations: tuple[StationView, ...]


@dataclass(slots=True)
class _Anchor:
    """An age at the monotonic moment it was learnt; from there it ticks."""

    at_s: float
    age_s: float
    sure: bool
    raised_s: float | None

    def at(self, now_s: float) -> Age:
        return Age(max(0.0, self.age_s + now_s - self.at_s), self.sure)


@dataclass(slots=True)
class _Station:
    agent: Agent | None = None
    since_s: float = 0.0
    listed: dict[str, Listing] = field(default_factory=dict)
    anchors: dict[tuple[str, str], _Anchor] = field(default_factory=dict)
    garbage: Counter[str] = field(default_factory=Counter)
    complaint: str = ""
    heard: set[str] = field(default_factory=set)

    @property
    def empty(self) -> bool:
        return self.agent is None and not self.listed and not self.garbage


class Board:
    """The board of `line` (`enterprise/site/area/line`), made at `now_s`."""

    def __init__(self, line: str, now_s: float) -> None:
        self._line = line
        self._stations: dict[str, _Station] = {}
        self._link = "not connected yet"
        self._linked = False
        self._link_s = now_s
        self._news_s: float | None = None

    def link(self, word: str, now_s: float, *, up: bool) -> None:
        """Note that the broker is there, or is not and why."""
        if up and not self._linked:
            for station in self._stations.values():
                station.heard.clear()
        if (up, word) != (self._linked, self._link):
            self._link_s = now_s if up != self._linked else self._link_s
            self._linked, self._link = up, clean(word)

    def hear(self, name: str, what: str, payload: bytes, now_s: float, wall_s: float, *, retained: bool) -> None:
        """Take the document `what` of station `name`; an empty one is a document taken away."""
        if what != "agent" and what not in LISTINGS:
            return
        name = clean(name)
        self._news_s = now_s
        station = self._stations.setdefault(name, _Station(since_s=now_s))
        station.heard.add(what)
        if not payload:
            _forget(station, what)
        else:
            try:
                mistakes = self._take(station, what, payload, now_s, wall_s, retained=retained)
            except GarbageError as error:
                mistakes = (str(error),)
            if mistakes:
                station.garbage[what] += 1
                station.complaint = f"state/{what}: {mistakes[0]}"
        if station.empty:
            del self._stations[name]

    def settled(self) -> None:
        """Forget the documents that the broker, asked again after a break, did not have any more."""
        for name, station in list(self._stations.items()):
            known = {*station.listed, *(("agent",) if station.agent else ())}
            for what in known - station.heard:
                _forget(station, what)
            if station.empty or not station.heard:
                del self._stations[name]

    def at(self, now_s: float) -> Picture:
        """Return the picture of this moment."""
        entries = list(self._entries(now_s))
        return Picture(
            self._line,
            self._link,
            self._linked,
            now_s - self._link_s,
            None if self._news_s is None else now_s - self._news_s,
            tuple(sorted((entry for entry in entries if isinstance(entry.what, Call)), key=_call_order)),
            tuple(sorted((entry for entry in entries if isinstance(entry.what, Alarm)), key=_alarm_order)),
            tuple(_view(name, station, now_s) for name, station in sorted(self._stations.items())),
        )

    def _take(
        self, station: _Station, what: str, payload: bytes, now_s: float, wall_s: float, *, retained: bool
    ) -> tuple[str, ...]:
        if what == "agent":
            agent, mistakes = documents.agent(payload)
            if station.agent is None or station.agent.status != agent.status:
                station.since_s = now_s
            station.agent = agent
            return mistakes
        listing = LISTINGS[what](payload)
        station.listed[what] = listing
        begun = {_key(entry): entry.raised_s for entry in listing.entries}
        if listing.line.stands:
            begun[OF_LINE] = listing.line.since_s
        kept: dict[tuple[str, str], _Anchor] = {}
        for key, raised_s in begun.items():
            before = station.anchors.get(key)
            same = before is not None and before.raised_s == raised_s
            kept[key] = (
                before if before and same else _anchor(raised_s, listing.time_s, now_s, wall_s if retained else None)
            )
        others = {key: anchor for key, anchor in station.anchors.items() if key[0] != what}
        station.anchors = others | kept
        return listing.mistakes

    def _entries(self, now_s: float) -> Iterator[Entry]:
        for name, station in self._stations.items():
            stale = station.agent is None or station.agent.status != "online"
            for listing in station.listed.values():
                for entry in listing.entries:
                    yield Entry(name, entry, station.anchors[_key(entry)].at(now_s), stale)


def _forget(station: _Station, what: str) -> None:
    if what == "agent":
        station.agent = None
    else:
        station.listed.pop(what, None)
        station.anchors = {key: anchor for key, anchor in station.anchors.items() if key[0] != what}
    if station.garbage.pop(what, 0) and not station.garbage:
        station.complaint = ""


def _anchor(raised_s: float | None, time_s: float | None, now_s: float, wall_s: float | None) -> _Anchor:
    """How old an entry, or the standstill of a line, is when it is first heard of.

    In a live message that is the station's own difference.  A retained one (`wall_s` is given) was written some time
    ago: then it is ours, where the two clocks agree enough for that.
    """
    if raised_s is None:
        return _Anchor(now_s, 0.0, sure=False, raised_s=None)
    least_s = 0.0 if time_s is None else max(0.0, time_s - raised_s)
    if wall_s is None:
        return _Anchor(now_s, least_s, sure=time_s is not None and time_s >= raised_s, raised_s=raised_s)
    sure = raised_s >= EARLIEST_SENSIBLE_S and wall_s - raised_s >= least_s
    return _Anchor(now_s, wall_s - raised_s if sure else least_s, sure, raised_s)


def _key(entry: Call | Alarm) -> tuple[str, str]:
    if isinstance(entry, Call):
        return "andon", entry.call
    return "alarms", f"{entry.alarm}\0{entry.device}\0{entry.name}"


def _view(name: str, station: _Station, now_s: float) -> StationView:
    status = station.agent.status if station.agent else "unknown"
    garbage = sum(station.garbage.values())
    listing = station.listed.get("andon", NOTHING)
    anchor = station.anchors.get(OF_LINE)
    return StationView(
        name,
        status,
        status == "online",
        now_s - station.since_s,
        garbage,
        station.complaint,
        listing.line.state,
        anchor.at(now_s) if anchor else None,
        listing.unclosed,
    )


def _call_order(entry: Entry) -> tuple[int, float, str, str]:
    call = entry.what
    level = call.level if isinstance(call, Call) else 0
    return -level, -entry.age.seconds, entry.station, _identity(call)


def _alarm_order(entry: Entry) -> tuple[bool, int, bool, float, str, str]:
    alarm = entry.what
    rank, quiet = (alarm.rank, alarm.quiet) if isinstance(alarm, Alarm) else (documents.LEAST_PRIORITY, False)
    return quiet, rank, not alarm.unanswered, -entry.age.seconds, entry.station, _identity(alarm)


def _identity(entry: Call | Alarm) -> str:
    """What tells one entry of a station from another."""
    return _key(entry)[1]
