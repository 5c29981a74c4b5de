"""Put events into words: templates with named fields, in the plant's language.

Pure.  What a station says fills fields and is never read as a template.
"""

from __future__ import annotations

import re
from difflib import get_close_matches
from string import Formatter
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field

from agent.notify.news import moment, plain
from agent.station.tables import Declared

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, tzinfo

    from agent.notify.news import News

WORDS = {
    "andon.raised": "Call",
    "andon.pressed": "Called again",
    "andon.escalated": "Nobody answers",
    "andon.stopped": "Line stopped",
    "andon.restarted": "Line restarted",
    "andon.acknowledged": "Acknowledged",
    "andon.arrived": "Arrived",
    "andon.resolved": "Resolved",
    "andon.cancelled": "Cancelled",
    "andon.closed": "Closed",
    "alarm.raised": "Alarm",
    "alarm.acknowledged": "Alarm acknowledged",
    "alarm.cleared": "Alarm cleared",
    "alarm.shelved": "Alarm shelved",
    "alarm.unshelved": "Alarm no longer shelved",
    "alarm.out-of-service": "Alarm out of service",
    "alarm.in-service": "Alarm back in service",
    "alarm.suppressed": "Alarm suppressed",
    "alarm.unsuppressed": "Alarm no longer suppressed",
    "alarm.reset": "Alarm reset",
    "alarm.chattering": "Alarm comes and goes",
    "alarm.stale": "Alarm stale",
    "alarm.flood": "Flood of alarms",
    "journal.gap": "Facts lost",
    "journal.damaged": "Journal damaged",
    "journal.recovered": "Journal recovered",
    "notify.undelivered": "Messages not delivered",
}
"""Type of event -> what people call it."""

OF_DATA = (
    "name", "type", "mode", "state", "stop", "severity", "level", "presses", "priority", "alarm", "device", "condition",
    "detail", "reason", "countermeasure", "input", "by", "to", "call", "operator",
)  # fmt: skip
"""Fields that are keys of an event's data."""

OF_PLACE = ("enterprise", "site", "area", "line", "station")
MADE = ("what", "about", "time", "raised", "stops", "duration", "late", "unsure", "over", "rule", "event")
OF_DURATION = ("duration_s", "stopped_s", "waited_s", "arrived_s", "answered_s", "closed_s")
"""Keys of data that may say how long something took; the first that a fact has counts."""
FIELDS = (*OF_PLACE, *MADE, *OF_DATA)

OF_PHRASE = {
    "late": ("age",),
    "over": ("what", "time", "duration"),
    "digest_title": ("count",),
    "digest_count": ("what", "count"),
    "digest_more": ("more",),
}
"""Fields of the small templates."""

S_A_MINUTE = 60
MINUTES_AN_HOUR = 60
HOURS_A_DAY = 24

_FORMATTER = Formatter()
_TITLE_LENGTH = 200


def checked(template: str, fields: Sequence[str] = FIELDS) -> str:
    """Return a template whose fields are all known.  Raises ValueError with the nearest one."""
    try:
        parts = list(_FORMATTER.parse(template))
    except ValueError as error:
        raise ValueError(f"{template!r} is no template: {error}; a brace by itself is written twice") from error
    for _, name, layout, conversion in parts:
        if name is None:
            continue
        if layout or conversion:
            raise ValueError(f"write {{{name}}} alone, without !{conversion or ''}:{layout or ''}")
        if name not in fields:
            nearest = get_close_matches(name, fields, n=1, cutoff=0.5)
            told = f"did you mean {nearest[0]!r}?" if nearest else f"known are: {', '.join(fields)}"
            raise ValueError(f"unknown field {name!r}; {told}")
    return template


def _phrase(key: str) -> AfterValidator:
    return AfterValidator(lambda template: checked(template, OF_PHRASE[key]))


Whole = Annotated[str, AfterValidator(checked)]


class Phrases(Declared):
    """Templates of messages."""

    title: Whole = Field(default="{what}: {about} ({line}/{station})", description="Title of a message.")
    body: Whole = Field(
        default=(
            "{what}: {about}\n{enterprise}/{site}/{area}/{line}/{station}\n{time} {unsure}\n{late}\n{over}\n"
            "type: {type}, mode: {mode}\nseverity: {severity}\n{stops}\nlevel: {level} {to}\npriority: {priority}\n"
            "{detail} {reason}\n{countermeasure}\nby: {by}\n"
            "after {duration}"
        ),
        description="Text of a message; a line whose fields are all empty is left out.",
    )
    late: Annotated[str, _phrase("late")] = Field(default="heard {age} late", description="What {late} says.")
    pending: str = Field(default="will stop the line", description="What {stops} says of a stop that is to come.")
    stopped: str = Field(default="stops the line", description="What {stops} says of a call that stops the line.")
    unsure: str = Field(default="(clock of the station not set)", description="What {unsure} says.")
    over: Annotated[str, _phrase("over")] = Field(
        default="over by now: {what} {time}", description="What {over} says of what ended before it was told."
    )
    digest_title: Annotated[str, _phrase("digest_title")] = Field(
        default="{count} messages", description="Title of a digest."
    )
    digest_count: Annotated[str, _phrase("digest_count")] = Field(
        default="{count} x {what}", description="Line of a digest that counts one kind of event."
    )
    digest_line: Whole = Field(
        default="{time} {line}/{station} {what}: {about} {late} {over}", description="Line of a digest for one event."
    )
    digest_more: Annotated[str, _phrase("digest_more")] = Field(
        default="... and {more} more", description="Line for what a digest has no room for."
    )
    digest_lines: int = Field(default=30, ge=1, le=500, description="Events that a digest lists, at most.")
    time_format: str = Field(default="%Y-%m-%d %H:%M:%S", description="How times are written (strftime).")


def fields(
    news: News, words: Mapping[str, str], phrases: Phrases, zone: tzinfo | None, late_s: float
) -> dict[str, str]:
    """Return everything that a template may say of an event, as plain text; `late_s` is 0 if it is not late."""
    data = news.data
    told = {key: plain(data.get(key)) for key in OF_DATA}
    told.update(zip(OF_PLACE, news.path.split("/"), strict=True))
    told["what"] = words.get(news.type, WORDS.get(news.type, plain(news.type)))
    told["about"] = told["name"] or " ".join(filter(None, (told["alarm"], told["device"], told["condition"])))
    told["about"] = told["about"] or plain(news.subject)
    told["time"] = _local(news.time, phrases, zone)
    told["raised"] = _local(moment(data.get("raised")), phrases, zone)
    told["stops"] = {"pending": phrases.pending, "stopped": phrases.stopped}.get(told["stop"], "")
    told["duration"] = _duration(data)
    told["late"] = fill(phrases.late, {"age": age(late_s)}) if late_s else ""
    told["unsure"] = "" if news.synced else phrases.unsure
    told["event"] = f"{news.epoch}.{news.lane}.{news.sequence}"
    return told


def over(ending: Mapping[str, str], phrases: Phrases) -> str:
    """Return what {over} says of what ended as `ending` tells."""
    return fill(phrases.over, {key: ending[key] for key in OF_PHRASE["over"]})


def message(told: Mapping[str, str], title: str, body: str) -> tuple[str, str]:
    """Return title and text of a message about one event."""
    return " ".join(fill(title, told).split())[:_TITLE_LENGTH], fill(body, told)


def digest(told: Sequence[Mapping[str, str]], phrases: Phrases) -> tuple[str, str]:
    """Return title and text of one message about many events, oldest first."""
    counts: dict[str, int] = {}
    for one in told:
        counts[one["what"]] = counts.get(one["what"], 0) + 1
    lines = [fill(phrases.digest_count, {"what": what, "count": str(count)}) for what, count in counts.items()]
    lines += ["", *(fill(phrases.digest_line, one) for one in told[: phrases.digest_lines])]
    if (more := len(told) - phrases.digest_lines) > 0:
        lines.append(fill(phrases.digest_more, {"more": str(more)}))
    return fill(phrases.digest_title, {"count": str(len(told))}), "\n".join(lines)


def fill(template: str, told: Mapping[str, str]) -> str:
    """Return the template with its fields; a line whose fields are all empty is left out."""
    lines = []
    for line in template.split("\n"):
        parts = list(_FORMATTER.parse(line))
        names = [name for _, name, _, _ in parts if name is not None]
        if names and not any(told.get(name) for name in names):
            continue
        text = "".join(text + (told.get(name, "") if name else "") for text, name, _, _ in parts)
        lines.append(re.sub(r" {2,}", " ", text).rstrip())
    return "\n".join(lines)


def age(seconds: float) -> str:
    """Return a span of time for people: its two largest units."""
    minutes, s = divmod(int(seconds), S_A_MINUTE)
    hours, m = divmod(minutes, MINUTES_AN_HOUR)
    days, h = divmod(hours, HOURS_A_DAY)
    units = [(days, "d"), (h, "h"), (m, "min"), (s, "s")]
    first = next((index for index, (count, _) in enumerate(units) if count), len(units) - 1)
    return " ".join(f"{count} {unit}" for count, unit in units[first : first + 2] if count) or "0 s"


def _duration(data: Mapping[str, object]) -> str:
    seconds = next((data[key] for key in OF_DURATION if data.get(key) is not None), None)
    good = isinstance(seconds, (int, float)) and not isinstance(seconds, bool) and 0 <= seconds < 1e9  # noqa: PLR2004  30 years
    return age(float(seconds)) if good else ""  # type: ignore[arg-type]  # checked above


def _local(time: datetime | None, phrases: Phrases, zone: tzinfo | None) -> str:
    if time is None:
        return ""
    try:
        return time.astimezone(zone).strftime(phrases.time_format)
    except (ValueError, OverflowError):  # the years 1 and 9999 have no other zones
        return time.isoformat()
