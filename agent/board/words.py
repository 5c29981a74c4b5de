"""The picture of a line in plain words, and as a document.  Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from agent.board.documents import Alarm, Call

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.board.board import Age, Entry, Picture, StationView


def plain(picture: Picture, *, ages: bool = True) -> str:
    """Write the picture as lines of text; without `ages` it is the same as long as nothing happens."""
    return "\n".join(_lines(picture, ages=ages))


def document(picture: Picture) -> dict[str, Any]:
    """Return the picture as JSON values; ages in seconds."""
    return {
        "line": picture.line,
        "broker": {"connected": picture.linked, "says": picture.link, "for_s": _tenths(picture.link_age_s)},
        "news_age_s": None if picture.news_age_s is None else _tenths(picture.news_age_s),
        "calls": [_entry(entry) for entry in picture.calls],
        "alarms": [_entry(entry) for entry in picture.alarms],
        "stations": [
            {
                "station": station.name,
                "status": station.status,
                "for_s": _tenths(station.since_s),
                "line": station.line,
                "line_for_s": None if station.line_age is None else _tenths(station.line_age.seconds),
                "unclosed": station.unclosed,
                "unreadable": station.garbage,
                "complaint": station.complaint,
            }
            for station in picture.stations
        ],
    }


def headline(picture: Picture, *, ages: bool = True) -> str:
    """Tell how the board itself is: the broker, and how old the last news is."""
    reason = "" if picture.linked else f": {picture.link}"
    broker = "broker connected" if picture.linked else "BROKER LOST"
    if not ages:
        return broker + reason
    lost = "" if picture.linked else f" for {clock(picture.link_age_s)}"
    news = "nothing heard yet" if picture.news_age_s is None else f"last news {clock(picture.news_age_s)} ago"
    return f"{broker}{lost}; {news}{reason}"


def mode(call: Call, age: Age | None) -> str:
    """What a call asks for, or does to the line; without an age not when."""
    if call.stops:
        return "STOP"
    if not call.will_stop:
        return call.mode
    if call.stop_after_s is not None and age is not None and age.sure and age.seconds < call.stop_after_s:
        return f"STOP in {clock(call.stop_after_s - age.seconds)}"
    return f"STOP at {call.stop_at}" if call.stop_at else "will STOP"


def about_call(call: Call) -> str:
    """What goes with a call: who answers it, who was told that nobody did, and whether the plant has it."""
    told = f"{call.escalated_to} told" if call.escalated_to else ""
    return ", ".join(part for part in (call.severity, call.by, told, "" if call.delivered else "not delivered") if part)


def unclosed(stations: tuple[StationView, ...]) -> str:
    """Tell how many calls wait for their reason; nothing if none does."""
    count = sum(station.unclosed for station in stations)
    return f"{count} {'call waits for its' if count == 1 else 'calls wait for their'} reason" if count else ""


def of_stations(stations: tuple[StationView, ...], *, ages: bool = True) -> Iterator[str]:
    """Tell how many stations are online, where the line stands, and which are not there or say what makes no sense."""
    online = sum(station.online for station in stations)
    yield f"stations: {online} of {len(stations)} online"
    for station in stations:
        if station.line_age is not None:
            yield f"{station.name}: line {station.line}" + (f" for {aged(station.line_age)}" if ages else "")
        if not station.online:
            yield f"{station.name} {station.status}" + (f", known for {clock(station.since_s)}" if ages else "")
        if station.garbage:
            yield f"{station.name}: {station.garbage} messages make no sense, the last: {station.complaint}"


def clock(seconds: float) -> str:
    """Seconds as people write them: 0:07, 12:30, 1:02:03, 2d 0:10:00."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    text = f"{hours}:{minutes:02d}:{rest:02d}" if hours or days else f"{minutes}:{rest:02d}"
    return f"{days}d {text}" if days else text


def aged(age: Age) -> str:
    """Write an age; with + where it is at least this."""
    return clock(age.seconds) + "+" * (not age.sure)


def _lines(picture: Picture, *, ages: bool) -> Iterator[str]:
    yield f"{picture.line}: {headline(picture, ages=ages)}"
    yield f"calls: {len(picture.calls)}"
    for entry in picture.calls:
        if isinstance(call := entry.what, Call):
            words = [mode(call, entry.age if ages else None), *_age(entry, ages=ages)]
            words += [f"level {call.level}", entry.station, f"{call.name} ({call.type})", call.state, about_call(call)]
            yield _line(words, entry)
    yield f"alarms: {len(picture.alarms)}"
    for entry in picture.alarms:
        if isinstance(alarm := entry.what, Alarm):
            words = [
                alarm.priority or "-",
                *_age(entry, ages=ages),
                entry.station,
                alarm.device,
                alarm.name or alarm.alarm,
            ]
            yield _line([*words, alarm.state, alarm.detail], entry)
    first, *rest = of_stations(picture.stations, ages=ages)
    yield "; ".join(filter(None, (first, unclosed(picture.stations))))
    for line in rest:
        yield f"  {line}"


def _age(entry: Entry, *, ages: bool) -> list[str]:
    return [aged(entry.age)] if ages else []


def _line(words: list[str], entry: Entry) -> str:
    return "  " + "  ".join(word for word in words if word) + ("  (station not online)" if entry.stale else "")


def _entry(entry: Entry) -> dict[str, Any]:
    told = {key: value for key, value in asdict(entry.what).items() if key not in {"raised_s", "rank"}}
    age = {"age_s": _tenths(entry.age.seconds), "age_sure": entry.age.sure, "station_online": not entry.stale}
    return {"station": entry.station, **told, **age}


def _tenths(seconds: float) -> float:
    return round(seconds, 1)
