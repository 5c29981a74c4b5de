"""What the tests of the notifier share: events as stations send them, a file, and a target that keeps what it gets."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.notify import file
from agent.notify.delivery import Delivery
from agent.notify.desk import Desk
from agent.notify.intake import Intake
from agent.notify.pusher import NotTakenError
from agent.notify.store import Store
from agent.notify.subscription import Message

if TYPE_CHECKING:
    from agent.notify.settings import NotifyFile

PATH = "acme/plant1/assembly/line3/st-040"
EPOCH = "7f3a9c21d4e8b605"
MONDAY = datetime(2026, 11, 16, 10, 0, tzinfo=UTC)
CALL = {"call": "c-1", "name": "quality", "type": "quality", "mode": "call", "state": "raised", "presses": 1}

Tables = dict[str, Any]


def event(kind: str = "andon.raised", sequence: int = 1, at: datetime = MONDAY, **data: Any) -> dict[str, Any]:
    """One event of st-040, as it goes over the wire."""
    lane = "andon" if kind.startswith("andon") else "alarm"
    return {
        "specversion": "1.0",
        "type": f"lineside.{kind}",
        "source": f"/{PATH}",
        "id": f"{EPOCH}.{lane}.{sequence}",
        "time": at.isoformat().replace("+00:00", "Z"),
        "epoch": EPOCH,
        "lane": lane,
        "sequence": str(sequence),
        "clock": "synced",
        "data": data or CALL,
    }


def message(*events: Any, lane: str = "", path: str = PATH) -> Message:
    """One MQTT message with these events."""
    document = events[0] if len(events) == 1 else list(events)
    return Message(1, f"lineside/v1/{path}/event/{lane or events[0]['lane']}", json.dumps(document).encode())


def tables(folder: Path, *rules: Tables, **target: Any) -> Tables:
    """A file with one target, `shift`, and these rules: by default one that tells it everything, and its end."""
    return {
        "notify": {"path": str(folder / "notify.db"), "timezone": "UTC"},
        "broker": {"host": "127.0.0.1"},
        "target": [{"name": "shift", "url": "json://127.0.0.1", **target}],
        "rule": [
            {"name": f"rule-{index}", "to": ["shift"], **rule}
            for index, rule in enumerate(rules or ({"resolve": True},))
        ],
    }


def settings(tables: Tables) -> NotifyFile:
    """The file with these tables."""
    return file.parse(tables, Path("notify.toml"))


class Box:
    """A target that keeps what it gets; while `away` it takes nothing."""

    def __init__(self) -> None:
        self.got: list[tuple[str, str]] = []
        self.away = False

    @property
    def titles(self) -> list[str]:
        return [title for title, _ in self.got]

    def push(self, title: str, body: str) -> None:
        if self.away:
            raise NotTakenError("away")
        self.got.append((title, body))


class Office:
    """A notifier without a broker and without threads: events come in by `hear`, messages go out by `work`.

    Its clock stands still, at `now`, unless a test moves it.
    """

    def __init__(self, tables: Tables, *, now: datetime = MONDAY) -> None:
        self.file = settings(tables)
        self.now = now
        self.boxes = {target.name: Box() for target in self.file.target}
        self.open()

    def open(self) -> None:
        """Start, or start again after `close`."""
        self.store = Store(self.file.notify.path)
        self.store.open()
        self.desk = Desk(self.store, self.boxes)
        self.intake = Intake(self.file, self.desk, UTC, lambda: self.now)
        self.deliveries = {
            target.name: Delivery(self.file, target, self.desk, self.boxes[target.name], zone=UTC, now=lambda: self.now)
            for target in self.file.target
        }

    def close(self) -> None:
        self.store.close()

    def hear(self, *events: Any) -> None:
        self.intake.admit([message(one) for one in events])

    def passes(self, **span: float) -> None:
        self.now += timedelta(**span)

    def work(self, target: str = "shift", most: int = 100) -> None:
        """Deliver what may be delivered now.  Raises NotTakenError."""
        for _ in range(most):
            if self.deliveries[target].send_next() > 0:
                return

    @property
    def box(self) -> Box:
        return self.boxes["shift"]

    def counts(self) -> dict[str, int]:
        with self.store.transaction() as ledger:
            return {one["name"]: one["n"] for one in ledger.counts()}

    def waiting(self, target: str = "shift") -> int:
        with self.store.transaction() as ledger:
            return ledger.waits(target)
