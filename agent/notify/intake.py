"""Hear events from the broker, decide who is told, put that on disk, and only then acknowledge."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import orjson
import structlog

from agent.notify import news as wire
from agent.notify import words
from agent.notify.rules import Order, decide
from agent.notify.store import StoreError
from agent.notify.subscription import Subscription, topics
from agent.uplink.errors import BrokerError, BrokerRefusedError

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import tzinfo

    from agent.notify.desk import Desk
    from agent.notify.ledger import Ledger
    from agent.notify.news import News
    from agent.notify.settings import NotifyFile
    from agent.notify.subscription import Message

log = structlog.get_logger()

TAKE_S = 1.0
"""Longest wait for a message."""

MOST = 500
"""Messages in one transaction, at most."""

TIDY_EVERY_S = 3600.0
S_A_DAY = 86_400.0

SUBSCRIBED = "topics"
"""Under this word the store remembers what the session at the broker hears."""


class Intake:
    """The worker that hears.  `now` is wall time in UTC."""

    name = "broker"
    expected = (BrokerError, StoreError)

    def __init__(self, file: NotifyFile, desk: Desk, zone: tzinfo | None, now: Callable[[], datetime]) -> None:
        self._file = file
        self._desk = desk
        self._zone = zone
        self._now = now
        self.retry_max_s = file.broker.retry_max_s
        self._link: Subscription | None = None
        self._tidied_s = -TIDY_EVERY_S

    def open(self) -> None:
        """Dial and subscribe.  Raises BrokerError or StoreError."""
        broker = self._file.broker
        self._link = link = Subscription(broker)
        kept = link.dial()
        before = self._subscribed()
        wanted = topics(broker)
        link.subscribe(wanted, [topic for topic in before if topic not in wanted])
        if before and not kept:
            log.warning("notify.session_lost", broker=broker.host)
        with self._desk.store.transaction() as ledger:
            ledger.note(SUBSCRIBED, orjson.dumps(wanted).decode())
            if before and not kept:
                words_of_it = "the broker had forgotten our session: events since the last one may be missing"
                ledger.count("session lost", 1, words_of_it, self._now().timestamp())
        self._tell("online")

    def step(self) -> None:
        """Take what has come.  Waits TAKE_S at most.  Raises BrokerError or StoreError."""
        if self._link is None:
            return
        if messages := self._link.take(TAKE_S, MOST):
            self.admit(messages)
            self._link.acknowledge(messages)
        if time.monotonic() - self._tidied_s >= TIDY_EVERY_S:
            self._tidied_s = time.monotonic()
            self.tidy()

    def admit(self, messages: list[Message]) -> None:
        """Put on disk what these messages mean for whom.  Raises StoreError; then none of them counts."""
        now = self._now()
        targets: set[str] = set()
        with self._desk.store.transaction() as ledger:
            for message in messages:
                heard, garbage = wire.read(message.topic, message.payload)
                for reason in garbage:
                    log.warning("notify.garbage", reason=reason)
                    ledger.count("garbage", 1, reason, now.timestamp())
                for news in heard:
                    targets |= self._admit(ledger, news, now)
        self._desk.wake(targets)

    def tidy(self) -> None:
        """Forget what is older than `keep_days`."""
        at = self._now().timestamp()
        with self._desk.store.transaction() as ledger:
            given_up = ledger.forget(at - self._file.notify.keep_days * S_A_DAY, at)
            if given_up:
                ledger.count("given up", given_up, f"nobody took them for {self._file.notify.keep_days:g} days", at)
        self._desk.store.tidy()
        if given_up:
            log.error("notify.given_up", messages=given_up)

    def cancel(self) -> None:
        """End a waiting step soon."""
        if (link := self._link) is not None:
            link.wake()

    def failed(self, error: Exception) -> float | None:
        """Tell that we are offline; refused, dial slowly."""
        self._tell(str(error) or type(error).__name__)
        return self._file.broker.refused_retry_s if isinstance(error, BrokerRefusedError) else None

    def close(self) -> None:
        """Hang up."""
        if self._link is not None:
            self._link.hang_up()
            self._link = None

    def _admit(self, ledger: Ledger, news: News, now: datetime) -> set[str]:
        """Queue one event for whom it concerns, and return them."""
        at = now.timestamp()
        if not ledger.first_time(news, at):
            ledger.count("repeated", 1, _named(news), at)
            return set()
        try:
            late_s = news.late_s(now)
            late_s = late_s if late_s > self._file.notify.late_after_s else 0.0
            orders = decide(self._file.rule, news, now.astimezone(self._zone), late=late_s > 0)
            text = self._file.text
            fields = words.fields(news, text.words, text, self._zone, late_s)
        except Exception as error:  # one event that our own code cannot take must not hold up all others
            log.exception("notify.event_failed", event=_named(news))
            ledger.count("failed", 1, f"{_named(news)}: {type(error).__name__}", at)
            return set()
        ending = ledger.ending(news)
        if news.is_end and news.thread and not (news.is_after and ending):
            orders = self._with_end(ledger, news, fields, orders, at)
        over = words.over(ending, text) if ending and not (news.is_end or news.is_after) else ""
        for order in orders:
            ledger.queue(order, news, fields, at, over)
        ledger.count("told" if orders else "no rule", 1, _named(news), at)
        return {order.target for order in orders}

    def _with_end(
        self, ledger: Ledger, news: News, fields: dict[str, str], orders: list[Order], at: float
    ) -> list[Order]:
        """The orders, and one for each who was told of the beginning and is still to be told of the end."""
        over = words.over(fields, self._file.text)
        owed = ledger.end(news, fields, over, self._desk.under_way, at)
        named = {order.target for order in orders}
        return orders + [
            Order(target, rule, urgent, resolve=False, gather=False)
            for target, rule, urgent in owed
            if target not in named
        ]

    def _subscribed(self) -> list[str]:
        with self._desk.store.transaction() as ledger:
            noted = ledger.noted(SUBSCRIBED)
        return [str(topic) for topic in orjson.loads(noted)] if noted else []

    def _tell(self, state: str) -> None:
        """Keep the state of the connection for `status`; a disk that fails is told elsewhere."""
        try:
            with self._desk.store.transaction() as ledger:
                ledger.note("broker", orjson.dumps({"state": state, "since": self._now().timestamp()}).decode())
        except StoreError as error:
            log.warning("notify.state_not_kept", reason=str(error))


def utc_now() -> datetime:
    """Wall time."""
    return datetime.now(UTC)


def _named(news: News) -> str:
    return f"{news.type} of {news.path}, {news.epoch}.{news.lane}.{news.sequence}"
