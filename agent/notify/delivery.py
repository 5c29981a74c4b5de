"""Bring one target what waits for it: one message after another, each at least once."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING

import structlog

from agent.notify import hours, words
from agent.notify.news import News
from agent.notify.pacing import Pace, Send, Waiting, next_message
from agent.notify.pusher import NotTakenError
from agent.notify.rules import Order
from agent.notify.store import StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime, tzinfo
    from typing import Protocol

    from agent.notify.desk import Desk
    from agent.notify.ledger import Ledger, Row
    from agent.notify.settings import NotifyFile, Target

    class Push(Protocol):
        """What hands a message over, as Pusher does."""

        def push(self, title: str, body: str) -> None:
            """Hand a message over.  Raises NotTakenError."""


log = structlog.get_logger()

LOOK_S = 5.0
"""Longest wait of a step: quiet hours end and clocks are set without a bell."""

NOBODY = "-/-/-/-/-"
"""Path of what no station says."""


class Delivery:
    """The worker of one target."""

    expected = (NotTakenError, StoreError)

    def __init__(
        self,
        file: NotifyFile,
        target: Target,
        desk: Desk,
        push: Push,
        *,
        zone: tzinfo | None,
        now: Callable[[], datetime],
    ) -> None:
        self.name = f"target {target.name}"
        self.retry_max_s = target.retry_max_s
        self._file = file
        self._target = target
        self._desk = desk
        self._push = push
        self._zone = zone
        self._now = now
        rate = target.rate
        self._pace = Pace(rate.messages, rate.in_s, rate.gather_s)
        self._sent_s: deque[float] = deque(maxlen=2 * rate.messages + 1)
        self._owed: tuple[tuple[int, ...], str] | None = None
        self._templates = {rule.name: rule for rule in file.rule}

    def open(self) -> None:
        """Nothing to get ready: each message makes its own connection."""

    def step(self) -> None:
        """Send the next message, or wait for one, LOOK_S at most.  Raises NotTakenError or StoreError."""
        bell = self._desk.bell(self._target.name)
        bell.clear()
        if (wait_s := self.send_next()) > 0:
            bell.wait(min(wait_s, LOOK_S))

    def send_next(self) -> float:
        """Send the next message, if there may be one now; return how long there is none after all, seconds.

        Raises NotTakenError or StoreError.
        """
        self._settle()
        plan, rows = self._plan()
        if isinstance(plan, float):
            return plan
        chosen = [rows[identity] for identity in plan.ids]
        try:
            self._push.push(*self._worded(chosen, digest=plan.digest))
        except NotTakenError as error:
            self._not_taken(plan.ids, str(error), urgent=any(row.urgent for row in chosen))
            raise
        self._sent_s.append(time.monotonic())
        self._owed = (plan.ids, "digest" if plan.digest else "sent")
        self._settle()
        return 0.0

    def cancel(self) -> None:
        """End a waiting step soon."""
        self._desk.bell(self._target.name).set()

    def failed(self, _error: Exception) -> float | None:
        """The usual wait: full jitter, growing."""
        return None

    def close(self) -> None:
        """Nothing is held."""

    def _plan(self) -> tuple[Send | float, dict[int, Row]]:
        """Choose the next message; from then on what it tells is on its way."""
        now = self._now()
        quiet = any(hours.within(one.hours, one.days, now.astimezone(self._zone)) for one in self._target.quiet)
        with self._desk.store.transaction() as ledger:
            rows = {row.id: row for row in ledger.waiting(self._target.name)}
            waiting = [Waiting(row.id, row.urgent, row.gather, now.timestamp() - row.heard) for row in rows.values()]
            plan = next_message(waiting, self._sent_s, time.monotonic(), self._pace, quiet=quiet)
            self._desk.sets_out(self._target.name, plan.ids if isinstance(plan, Send) else ())
        return plan, rows

    def _settle(self) -> None:
        """Put on disk what was taken.  If the disk fails, it is tried again before anything else is sent."""
        if self._owed is None:
            return
        ids, how = self._owed
        with self._desk.store.transaction() as ledger:
            works_again = ledger.sent(self._target.name, ids, how, self._now().timestamp())
            self._desk.sets_out(self._target.name, ())
        self._owed = None
        if works_again:
            log.info("notify.target_works", target=self._target.name)

    def _not_taken(self, ids: Sequence[int], reason: str, *, urgent: bool) -> None:
        """Keep count, and tell the fallback, once, of a target that has taken nothing for too long."""
        at = self._now().timestamp()
        notify = self._file.notify
        with self._desk.store.transaction() as ledger:
            self._desk.sets_out(self._target.name, ())
            failing_s = at - ledger.failed(self._target.name, ids, reason, at)
            if failing_s < notify.fallback_after_s or not ledger.tell_once(self._target.name):
                return
            waits = ledger.waits(self._target.name)
            if notify.fallback and notify.fallback != self._target.name:
                self._tell_fallback(ledger, waits, reason, urgent=urgent)
        log.error("notify.undelivered", target=self._target.name, waiting=waits, failing_s=failing_s, reason=reason)
        self._desk.wake([notify.fallback])

    def _tell_fallback(self, ledger: Ledger, waits: int, reason: str, *, urgent: bool) -> None:
        now = self._now()
        told = {"name": self._target.name, "detail": f"{waits} waiting", "reason": reason}
        news = News(NOBODY, "", "", 0, "notify.undelivered", time=now, data=told)
        fields = words.fields(news, self._file.text.words, self._file.text, self._zone, 0.0)
        order = Order(self._file.notify.fallback, "", urgent=urgent, resolve=False, gather=False)
        ledger.queue(order, replace(news, data={}), fields, now.timestamp())

    def _worded(self, rows: Sequence[Row], *, digest: bool) -> tuple[str, str]:
        text = self._file.text
        if digest:
            return words.digest([row.fields for row in sorted(rows, key=lambda row: row.id)], text)
        row = rows[0]
        rule = self._templates.get(row.rule)
        title = (rule.title if rule else "") or text.title
        body = (rule.body if rule else "") or text.body
        return words.message({**row.fields, "rule": row.rule}, title, body)
