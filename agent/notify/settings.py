"""The settings of the notifier: its broker, its targets, its rules and its words.

Frozen, and every key is known.  Opens no file and no connection.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  pydantic reads annotations at run time
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from agent.config import LEVEL_PATTERN, Tls
from agent.notify.hours import ALL_DAY, DAYS, Day, span
from agent.notify.words import WORDS, Phrases, checked
from agent.station.tables import Declared
from drivers.contract import NAME_PATTERN

OPENINGS = ("andon.raised", "andon.escalated", "andon.stopped", "alarm.raised", "alarm.flood")
"""Events with which something begins, or grows worse."""

SCOPE_PATTERN = "/".join([rf"(\+|{LEVEL_PATTERN.strip('^$')})"] * 5)


def _is_span(text: str) -> str:
    span(text)
    return text


def _is_zone(text: str) -> str:
    try:
        ZoneInfo(text) if text else None
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"no time zone {text!r}: write one such as Europe/Berlin or Asia/Shanghai") from error
    return text


Name = Annotated[str, Field(pattern=NAME_PATTERN)]
Span = Annotated[str, AfterValidator(_is_span)]
Zone = Annotated[str, AfterValidator(_is_zone)]
Template = Annotated[str, AfterValidator(checked)]
Scope = Annotated[str, Field(pattern=f"^{SCOPE_PATTERN}$")]


class Notify(Declared):
    """The notifier itself."""

    path: Path = Field(
        description="Its SQLite file; the folder must be writable.  One file a notifier, on a local disk."
    )
    timezone: Zone = Field(default="", description="Time zone of hours and of told times; empty: the machine's.")
    keep_days: float = Field(default=30.0, gt=0, description="What was told, or could not be, is kept this long, days.")
    late_after_s: float = Field(
        default=600.0, gt=0, description="An event that is heard later than this is late, seconds."
    )
    fallback: str = Field(default="", description="Target that is told once of one that does not take its messages.")
    fallback_after_s: float = Field(
        default=900.0, gt=0, description="After so long without success the fallback is told, seconds."
    )


class Broker(Declared):
    """The MQTT broker, and the session there."""

    host: str = Field(min_length=1, description="Host name or address.")
    port: int = Field(default=1883, ge=1, le=65535, description="TCP port; 8883 is usual with TLS.")
    protocol: Literal["5", "3.1.1"] = Field(default="5", description="MQTT version.")
    client_id: str = Field(
        default="lineside-notify", min_length=1, description="MQTT client identifier; names the session: keep it."
    )
    group: str = Field(
        default="",
        pattern=r"^[^+#/]*$",
        description="Group of a shared subscription (MQTT 5), to share the work with others; empty: hear everything.",
    )
    session_expiry_s: int = Field(
        default=604_800,
        ge=60,
        le=0xFFFF_FFFE,
        description="The broker keeps events for us this long, seconds (MQTT 5).",
    )
    scope: tuple[Scope, ...] = Field(
        default=("+/+/+/+/+",), min_length=1, description="Stations to hear, as topic levels; + is any."
    )
    username: str = Field(default="", description="User name; empty: none.")
    password_file: Path | None = Field(default=None, description="File whose first line is the password.")
    tls: Tls | None = Field(default=None, description="TLS; without this table the connection is plain.")
    keepalive_s: int = Field(default=15, ge=5, le=3600, description="MQTT keep-alive, seconds.")
    connect_timeout_s: float = Field(default=5.0, gt=0, le=30, description="Longest wait for a connection, seconds.")
    window: int = Field(default=200, ge=1, le=10_000, description="Messages taken and not yet on disk, at most.")
    retry_max_s: float = Field(default=60.0, gt=0, description="Longest wait between two dials, seconds.")
    refused_retry_s: float = Field(
        default=60.0, gt=0, description="Wait before dialling again after the broker refused us, seconds."
    )

    @property
    def shared(self) -> str:
        """The group, where there is one: MQTT 3.1.1 has no shared subscriptions."""
        return self.group if self.protocol == "5" else ""


class Quiet(Declared):
    """Hours in which only urgent messages go."""

    hours: Span = Field(default=ALL_DAY, description="From and to; over midnight it belongs to the first day.")
    days: tuple[Day, ...] = Field(default=DAYS, min_length=1, description="Days of the week.")


class Rate(Declared):
    """How many messages people can bear; more becomes a digest."""

    messages: int = Field(default=10, ge=1, le=1000, description="Messages by themselves, at most this many ...")
    in_s: float = Field(default=60.0, gt=0, le=86_400, description="... in this time, seconds.")
    gather_s: float = Field(default=60.0, ge=0, le=3600, description="Late events wait this long for company, seconds.")


class Target(Declared):
    """Somebody who is told: one URL of apprise.  Exactly one of url, url_file and url_env."""

    name: Name = Field(description="Name of the target.")
    url: str = Field(default="", description="URL of apprise; one with a secret in it belongs into a file.")
    url_file: Path | None = Field(
        default=None, description="File whose first line is the URL; relative: in systemd's credentials directory."
    )
    url_env: str = Field(default="", description="Environment variable that holds the URL.")
    quiet: tuple[Quiet, ...] = Field(default=(), description="Hours in which only urgent messages go.")
    rate: Rate = Rate()
    timeout_s: float = Field(
        default=15.0, gt=0, le=25, description="Longest wait for one message to be taken, seconds."
    )
    retry_max_s: float = Field(default=60.0, gt=0, description="Longest wait between two tries, seconds.")

    @model_validator(mode="after")
    def _has_one_url(self) -> Self:
        given = [key for key in ("url", "url_file", "url_env") if getattr(self, key)]
        if len(given) != 1:
            raise ValueError(f"give exactly one of url, url_file, url_env; it has {', '.join(given) or 'none'}")
        return self


class Match(Declared):
    """Which events a rule is about: all keys that are given must fit."""

    lanes: tuple[Literal["andon", "alarm"], ...] = Field(default=(), description="Lanes.")
    events: tuple[str, ...] = Field(default=OPENINGS, min_length=1, description="Types of events, without `lineside.`.")
    types: tuple[str, ...] = Field(default=(), description="Types of calls, such as quality.")
    modes: tuple[Literal["call", "help", "stop"], ...] = Field(default=(), description="Modes of calls.")
    stops: tuple[Literal["no", "pending", "stopped"], ...] = Field(
        default=(), description="What the call does to the line: nothing, it will stop it, it has stopped it."
    )
    levels: tuple[int, ...] = Field(default=(), description="Levels of escalation; 0 is before the first.")
    escalated_to: tuple[str, ...] = Field(default=(), description="Who heard of the call last, by the ladder's words.")
    priorities: tuple[str, ...] = Field(default=(), description="Priorities of alarms.")
    names: tuple[str, ...] = Field(default=(), description="Names of calls or alarms.")
    alarms: tuple[str, ...] = Field(default=(), description="Alarms, such as device-lost.")
    devices: tuple[str, ...] = Field(default=(), description="Devices.")
    lines: tuple[str, ...] = Field(
        default=(), description="Lines: the name, or the path of four levels; * is any text."
    )
    stations: tuple[str, ...] = Field(default=(), description="Stations: the name, or the path of five; * is any text.")
    hours: Span = Field(default=ALL_DAY, description="Time of day at which the event is heard.")
    days: tuple[Day, ...] = Field(default=DAYS, min_length=1, description="Days of the week.")


class Rule(Declared):
    """Whom to tell of what."""

    name: Name = Field(description="Name of the rule.")
    match: Match = Match()
    to: tuple[str, ...] = Field(min_length=1, description="Targets by name.")
    urgent: bool = Field(default=False, description="Goes in quiet hours too, and before what is not urgent.")
    resolve: bool = Field(default=False, description="Whoever is told of a call or an alarm is told of its end too.")
    late: Literal["push", "digest", "drop"] = Field(
        default="push", description="Late events: pushed as such, gathered into a digest, or not told."
    )
    title: Template = Field(default="", description="Title in place of the common one.")
    body: Template = Field(default="", description="Text in place of the common one.")


class Words(Phrases):
    """Words and templates in the plant's language."""

    words: dict[str, str] = Field(default=dict(WORDS), description="Type of event = the word for it, as {what}.")


class NotifyFile(Declared):
    """The whole file."""

    notify: Notify
    broker: Broker
    target: tuple[Target, ...]
    rule: tuple[Rule, ...]
    text: Words = Words()
