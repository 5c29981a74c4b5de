"""Decide who is told of an event, and how.

Pure: the event and the plant's local time come in, orders go out.
"""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from agent.notify import hours
from agent.notify.news import plain

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from agent.notify.news import News
    from agent.notify.settings import Match, Rule

LINE_LEVELS = 4


@dataclass(frozen=True, slots=True)
class Order:
    """One target that is to be told.  `gather`: in a digest, not by a message of its own."""

    target: str
    rule: str
    urgent: bool
    resolve: bool
    gather: bool


def decide(rules: Iterable[Rule], news: News, local: datetime, *, late: bool) -> list[Order]:
    """Return one order for each target that any rule names for this event.

    Where several rules name a target, it is told once: by the words of the first, urgent if any says so, its end told
    if any says so, gathered only if all say so.
    """
    orders: dict[str, Order] = {}
    for rule in rules:
        if (late and rule.late == "drop") or not matches(rule.match, news, local):
            continue
        for target in rule.to:
            order = Order(target, rule.name, rule.urgent, rule.resolve, gather=late and rule.late == "digest")
            orders[target] = _both(orders[target], order) if target in orders else order
    return list(orders.values())


def matches(match: Match, news: News, local: datetime) -> bool:
    """Whether every key that is given fits; an empty key fits everything."""
    data = news.data
    return (
        (not match.lanes or news.lane in match.lanes)
        and news.type in match.events
        and not news.is_quiet
        and (not match.levels or news.level in match.levels)
        and all(
            not wanted or plain(data.get(key)) in wanted
            for key, wanted in (
                ("type", match.types),
                ("mode", match.modes),
                ("stop", match.stops),
                ("escalated_to", match.escalated_to),
                ("priority", match.priorities),
                ("name", match.names),
                ("alarm", match.alarms),
                ("device", match.devices),
            )
        )
        and _at(news.path.split("/")[:LINE_LEVELS], match.lines)
        and _at(news.path.split("/"), match.stations)
        and hours.within(match.hours, match.days, local)
    )


def _at(levels: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether one of the patterns fits: the whole path if it has a slash, else the last level alone."""
    whole, last = "/".join(levels), levels[-1]
    return not wanted or any(fnmatchcase(whole if "/" in pattern else last, pattern) for pattern in wanted)


def _both(first: Order, other: Order) -> Order:
    return Order(
        first.target,
        first.rule,
        urgent=first.urgent or other.urgent,
        resolve=first.resolve or other.resolve,
        gather=first.gather and other.gather,
    )
