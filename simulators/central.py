"""The plant's central server, as the agent sees it: takes and confirms facts, answers calls, asks for what is missing.

Knows the wire contract and MQTT.  Its book is `ledger.py`.  A message is acknowledged to the broker, and confirmed to
the agent, only after the book's own commit.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from simulators import wire
from simulators.answerer import Answerer, Habits
from simulators.asker import Asker
from simulators.ledger import Gap, Ledger
from simulators.librarian import Librarian
from simulators.report import say
from simulators.told import told_missing

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import paho.mqtt.client as mqtt

    from simulators.ledger import Counts

CONFIRM_INTERVAL_S = 0.2
COUNTS_INTERVAL_S = 0.5
COUNTS_SHARE = 0.1
"""Counting reads the whole book: at most this share of the time goes into it."""
GROUP_MESSAGES = 500
SHOWN_GAPS = 20
NO_HABITS = Habits()


class Message(NamedTuple):
    """What arrived, under which packet number (`mid`) of which connection."""

    topic: str
    payload: bytes
    mid: int
    connection: int


class Connected(NamedTuple):
    """The broker took us (again)."""


class Subscribed(NamedTuple):
    """The broker will send us events and states, or refuses to."""

    refused: str


class Disconnected(NamedTuple):
    """The broker is away, and why."""

    reason: str


class Ask(NamedTuple):
    """Somebody wants a range of a lane once more."""

    lane: str
    first: int
    last: int


class Load(NamedTuple):
    """Somebody wants the stations to take the reference data in a file."""

    file: str


class Publish(NamedTuple):
    """Somebody wants the set in a file to stand on the topic of its line, retained."""

    file: str


class Stop(NamedTuple):
    """Somebody wants us to end."""


Arrival = Message | Connected | Subscribed | Disconnected | Ask | Load | Publish | Stop


class Central:
    """Stores, confirms and acknowledges until `stop`.  `step` is one turn; `run` turns until told to stop."""

    def __init__(
        self,
        client: mqtt.Client,
        ledger: Ledger,
        *,
        habits: Habits = NO_HABITS,
        confirm: bool = True,
        replay_after_s: float = 0.0,
        name: str = "central",
    ) -> None:
        self._client = client
        self._ledger = ledger
        self._answerer = Answerer(client, ledger, habits)
        self._confirms = confirm
        self._arrivals: SimpleQueue[Arrival] = SimpleQueue()
        self._epochs = ledger.last_epochs()
        self._born: set[str] = set()
        self._asker = Asker(client, ledger, replay_after_s, name)
        self._librarian = Librarian(client, name)
        self._to_confirm: set[tuple[str, str]] = set()
        self._confirm_due_s = 0.0
        self._connection = 0
        self._counts_changed = True
        self._tell_due_s = 0.0
        self._over = False
        self._answers = wire.answers(name)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message

    def run(self) -> None:
        """Work until `stop`, then tell the last counts."""
        while not self._over:
            self.step()
        self._tell(self._ledger.counts())

    def stop(self) -> None:
        """End `run` soon.  May be called from a signal handler."""
        self._arrivals.put(Stop())

    def ask(self, lane: str, first: int, last: int) -> None:
        """Have the stations send a range once more; their answers are said as `answer`."""
        self._arrivals.put(Ask(lane, first, last))

    def load(self, file: str) -> None:
        """Have every station take the reference data in `file`; their answers are said as `answer`."""
        self._arrivals.put(Load(file))

    def publish(self, file: str) -> None:
        """Put the set in `file` on the topic of each line, retained."""
        self._arrivals.put(Publish(file))

    def step(self) -> None:
        """Wait for arrivals, 0.2 s at most, and deal with all of them in one transaction."""
        arrivals = self._wait()
        messages = [arrival for arrival in arrivals if isinstance(arrival, Message)]
        self._store(messages)
        self._accept(messages)
        for arrival in arrivals:
            self._note(arrival)
        now_s = time.monotonic()
        if self._has_to_confirm and now_s >= self._confirm_due_s:
            self._confirm_due_s = now_s + CONFIRM_INTERVAL_S
            self._confirm()
        self._asker.ask_for_missing(self._epochs, now_s)
        self._answerer.answer(now_s)
        if self._counts_changed and now_s >= self._tell_due_s:
            self._tell(self._ledger.counts())
            cost_s = time.monotonic() - now_s
            self._tell_due_s = now_s + max(COUNTS_INTERVAL_S, cost_s / COUNTS_SHARE)

    @property
    def _has_to_confirm(self) -> bool:
        return self._confirms and bool(self._to_confirm) and self._client.is_connected()

    def _wait(self) -> list[Arrival]:
        """Return what has arrived, in order; empty after a while."""
        patience_s = CONFIRM_INTERVAL_S
        if self._has_to_confirm:
            patience_s = min(patience_s, max(0.001, self._confirm_due_s - time.monotonic()))
        arrivals: list[Arrival] = []
        with suppress(Empty):
            arrivals.append(self._arrivals.get(timeout=patience_s))
            while len(arrivals) < GROUP_MESSAGES:
                arrivals.append(self._arrivals.get_nowait())
        return arrivals

    def _accept(self, messages: Iterable[Message]) -> None:
        """Tell the broker that we have these messages, unless it will send them again on the present connection."""
        for message in messages:
            if message.mid and message.connection == self._connection:
                self._client.ack(message.mid, 1)

    def _note(self, arrival: Arrival) -> None:
        match arrival:
            case Stop():
                self._over = True
            case Disconnected(reason):
                say("disconnected", reason=reason)
            case Connected():
                self._client.subscribe([(wire.EVENTS, 1), (wire.STATES, 1), (self._answers, 1)])
                self._to_confirm |= set(self._epochs.items())
            case Subscribed(refused):
                say("refused" if refused else "connected", reason=refused)
            case Message(topic=topic, payload=payload) if wire.is_birth(topic):
                self._greet(wire.source(topic), payload)
            case Message(topic=topic, payload=payload) if wire.is_answer(topic):
                say("answer", source=wire.source(topic), **wire.document(payload))
            case Ask(lane, first, last):
                for source, epoch in self._epochs.items():
                    self._asker.ask(Gap(source, epoch, lane, first, last))
            case Load() | Publish():
                self._librarian.give(arrival.file, self._epochs, retained=isinstance(arrival, Publish))

    def _greet(self, source: str, birth: bytes) -> None:
        """Answer an agent's birth: its confirmation, and the calls it still waits for."""
        document = wire.document(birth)
        epoch = document.get("epoch")
        say("birth", source=source, state=document)
        if isinstance(epoch, str) and document.get("status") != "offline":
            self._epochs[source] = epoch
            self._born.add(source)
        if source in self._epochs:
            self._to_confirm.add((source, self._epochs[source]))
        self._confirm_due_s = 0.0
        self._answerer.greet(source)

    def _store(self, messages: Iterable[Message]) -> None:
        facts = [
            fact
            for message in messages
            if wire.is_event(message.topic)
            for fact in wire.facts(message.topic, message.payload)
        ]
        if not facts:
            return
        self._counts_changed = True
        stored = self._ledger.store(facts)
        for fact in stored:
            if fact.series.source not in self._born:
                self._epochs[fact.series.source] = fact.series.epoch
        self._answerer.heard(stored, time.monotonic())
        self._to_confirm |= {(fact.series.source, fact.series.epoch) for fact in facts}
        self._to_confirm |= {(fact.series.source, told.epoch) for fact in stored for told in told_missing(fact.event)}

    def _confirm(self) -> None:
        """Tell what we have; only the word on a station's newest journal stays with the broker."""
        while self._to_confirm:
            source, epoch = self._to_confirm.pop()
            document = {"epoch": epoch, **self._ledger.contiguous(source, epoch)}
            newest = epoch == self._epochs.get(source)
            self._client.publish(wire.confirm_topic(source), orjson.dumps(document), qos=1, retain=newest)

    def _tell(self, counted: Counts) -> None:
        gaps = [asdict(gap) for gap in self._ledger.gaps()[:SHOWN_GAPS]] if counted.lost else []
        say("counts", **asdict(counted), gaps=gaps)
        self._counts_changed = False

    def _on_connect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._connection += 1
        self._arrivals.put(Disconnected(f"refused: {reason}") if reason.is_failure else Connected())

    def _on_disconnect(self, _client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._arrivals.put(Disconnected(str(reason)))

    def _on_subscribe(self, _client: mqtt.Client, _data: Any, _mid: Any, reasons: Any, _properties: Any) -> None:
        self._arrivals.put(Subscribed(", ".join(str(reason) for reason in reasons if reason.is_failure)))

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        self._arrivals.put(Message(message.topic, bytes(message.payload), message.mid, self._connection))


def listen(central: Central, descriptor: int) -> None:
    """Obey command lines in a thread of their own, as long as there are any.

    They are `replay LANE FROM TO`, `load FILE` and `publish FILE`; the files are documents of reference data.
    """
    commands = open(descriptor, "rb", buffering=0, closefd=False)  # noqa: SIM115  unbuffered: no lock at exit

    def read() -> None:
        for raw in commands:
            line = raw.decode(errors="replace").strip()
            match line.split():
                case ["replay", lane, first, last] if first.isdecimal() and last.isdecimal():
                    central.ask(lane, int(first), int(last))
                case ["load", file]:
                    central.load(file)
                case ["publish", file]:
                    central.publish(file)
                case [_, *_]:
                    say("error", reason=f"{line!r}: known are replay LANE FROM TO, load FILE, publish FILE")

    Thread(target=read, name="commands", daemon=True).start()


def serve(client: mqtt.Client, central: Central) -> None:
    """Connect (again and again, for ever), work until `central.stop`, and hang up."""
    client.loop_start()
    try:
        central.run()
    finally:
        client.disconnect()
        client.loop_stop()


def open_ledger(path: Path) -> Ledger:
    """Open the book, making its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return Ledger(path)
