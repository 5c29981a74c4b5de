"""The stand-ins themselves: they must be right, or every test that leans on them says nothing."""

from __future__ import annotations

import json
import os
import queue
import re
import select
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from agent import config
from simulators import broker as brokers
from simulators.button import ButtonBox
from simulators.children import Child, ChildError, simulator
from simulators.demo import Outcome, is_away
from simulators.gauge import frame
from simulators.ledger import Counts, Gap, Ledger, counts, fact, gaps
from simulators.pty_line import PtyLine
from simulators.scanner import Scanner

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config" / "station.example.toml"
SOURCE = "/acme/plant1/assembly/line3/st-040"
TOPIC = f"lineside/v1{SOURCE}"
LANES = ["andon", "alarm", "work", "measurement", "health"]
PATIENCE_S = 10.0


# --- helpers


class Host:
    """The agent's end of a line, held open like a serial port."""

    def __init__(self, path: Path) -> None:
        self.fd = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    def read(self, size: int, timeout_s: float = PATIENCE_S) -> bytes:
        """Return exactly `size` bytes, or fewer if they do not come in time."""
        got = b""
        deadline = time.monotonic() + timeout_s
        while len(got) < size and select.select([self.fd], [], [], max(0.0, deadline - time.monotonic()))[0]:
            got += os.read(self.fd, size - len(got))
        return got

    def write(self, raw: bytes) -> None:
        os.write(self.fd, raw)

    def close(self) -> None:
        os.close(self.fd)


@contextmanager
def opened(path: Path) -> Iterator[Host]:
    with closing(Host(path)) as host:
        yield host


def said(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """What a stand-in in this process has said."""
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


class Station:
    """A made-up agent: publishes events by the wire contract and reads what comes back."""

    def __init__(self, port: int, *, protocol: str = "5", client_id: str = "station") -> None:
        version = MQTTProtocolVersion.MQTTv5 if protocol == "5" else MQTTProtocolVersion.MQTTv311
        self.heard: queue.Queue[tuple[str, Any]] = queue.Queue()
        connected: queue.Queue[Any] = queue.Queue()
        self.client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=version)
        self.client.on_message = lambda _c, _d, message: self.heard.put((message.topic, message.payload))
        self.client.on_subscribe = lambda _c, _d, _mid, reasons, _p: connected.put(reasons)
        self.client.on_connect = lambda client, *_: client.subscribe([(f"{TOPIC}/confirm", 1), (f"{TOPIC}/cmd/#", 1)])
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        connected.get(timeout=PATIENCE_S)

    def publish(self, lane: str, *events: dict[str, Any], batch: bool = False) -> None:
        """Send events, alone or as a batch, and wait until the broker has them."""
        batched = batch or len(events) > 1
        properties = None
        if self.client.protocol == MQTTProtocolVersion.MQTTv5:
            properties = Properties(PacketTypes.PUBLISH)
            properties.ContentType = f"application/cloudevents{'-batch' if batched else ''}+json"
        payload = json.dumps(list(events) if batched else events[0])
        info = self.client.publish(f"{TOPIC}/event/{lane}", payload, qos=1, properties=properties)
        info.wait_for_publish(PATIENCE_S)
        assert info.is_published()

    def be_born(self, epoch: str) -> None:
        document = json.dumps({"state": "online", "epoch": epoch})
        self.client.publish(f"{TOPIC}/state/agent", document, qos=1, retain=True).wait_for_publish(PATIENCE_S)

    def hear(self, topic: str, **wanted: Any) -> dict[str, Any]:
        """Return the next document on a topic that has these values."""
        deadline = time.monotonic() + PATIENCE_S
        seen = []
        while True:
            try:
                on, payload = self.heard.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"nothing on {topic} with {wanted}; heard {seen}") from None
            seen.append((on, payload))
            document = json.loads(payload)
            if on == f"{TOPIC}/{topic}" and wanted.items() <= document.items():
                return document

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def event(lane: str, seq: int, *, epoch: str = "e1", moment: int | None = None, **more: Any) -> dict[str, Any]:
    """A made-up event; `moment` tells when it happened, else its lane and number do."""
    monotonic = seq + 1000 * LANES.index(lane) if moment is None else moment
    body = {
        "specversion": "1.0",
        "type": "lineside.operation.started",
        "source": SOURCE,
        "id": f"{epoch}.{lane}.{seq}",
        "subject": "SN1",
        "time": "2026-11-21T10:00:00.123Z",
        "epoch": epoch,
        "lane": lane,
        "sequence": str(seq),
        "bootid": "b",
        "monotonicns": str(monotonic),
        "data": {"unit": "SN1"},
    }
    return {**body, **more}


@pytest.fixture(params=sorted(brokers.KINDS))
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[brokers.Broker]:
    """A running broker, each kind in turn."""
    if request.param == "mosquitto" and not brokers.Mosquitto.program():
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")
    if request.param == "iotcore" and not brokers.Iotcore.installed():
        pytest.skip("iotcore is not installed: pip install iotcore")
    with brokers.choose(tmp_path / "broker", brokers.free_port(), request.param) as running:
        yield running


@contextmanager
def central(broker: brokers.Broker, tmp_path: Path, *options: str) -> Iterator[Child]:
    """A running central server that hears its broker."""
    port = str(broker.port)
    log = tmp_path / "central.log"
    with simulator("central", "--port", port, "--db", str(tmp_path / "central.db"), *options, log=log) as child:
        child.wait_for("connected", PATIENCE_S)
        yield child


def wait_for_counts(child: Child, **wanted: int) -> dict[str, Any]:
    return child.wait_for(lambda line: line["what"] == "counts" and wanted.items() <= line.items(), PATIENCE_S)


# --- the line


def test_a_line_carries_every_byte_both_ways(tmp_path: Path) -> None:
    """Nothing is echoed, translated or swallowed: the terminal is raw."""
    every = bytes(range(256))
    with PtyLine(tmp_path / "port") as line, opened(line.link) as host:
        assert line.write(every)
        assert host.read(256) == every
        host.write(every)
        got = b""
        while len(got) < 256 and (data := line.read(PATIENCE_S)):
            got += data
        assert got == every


def test_unplugging_hangs_up_and_plugging_gives_a_new_terminal_at_the_same_path(tmp_path: Path) -> None:
    """Whoever has the port open sees it end, as with a USB cable that is pulled."""
    with PtyLine(tmp_path / "port") as line:
        with opened(line.link) as host:
            line.unplug()
            assert not line.link.exists()
            assert not line.write(b"lost")
            assert select.select([host.fd], [], [], PATIENCE_S)[0]
            with pytest.raises(OSError, match="Input/output error"):
                os.read(host.fd, 1) or os.write(host.fd, b"x")
        line.plug()
        with opened(line.link) as host:
            assert line.write(b"back")
            assert host.read(4) == b"back"
    assert not (tmp_path / "port").exists()


def test_a_full_line_does_not_stop_the_device(tmp_path: Path) -> None:
    """Bytes that nobody takes are lost, and told to be."""
    with PtyLine(tmp_path / "port") as line:
        assert not line.write(b"x" * 1_000_000, timeout_s=0.05)


# --- the devices


@pytest.mark.parametrize("cut", range(1, 6))
def test_a_scanner_tells_good_reads_bad_reads_and_other_bytes_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], cut: int
) -> None:
    """However the stream is split, and also when an answer is more than one byte."""
    scanner = Scanner("scanner", PtyLine(tmp_path / "port"), on_pass=b"OK", on_refuse=b"\x15")
    stream = b"OK\x15?OK"
    scanner.hear(stream[:cut])
    scanner.hear(stream[cut:])
    assert [(line["what"], line.get("raw")) for line in said(capsys)] == [
        ("pass", None),
        ("refuse", None),
        ("heard", "?"),
        ("pass", None),
    ]


def test_a_scanner_process_scans_and_hears_its_answer(tmp_path: Path) -> None:
    """The code and CR go out; ACK comes back as a good read of that code, NAK as a bad one."""
    link = tmp_path / "port"
    with simulator("scanner", "--link", str(link), log=tmp_path / "log") as child:
        child.wait_for("ready")
        with opened(link) as host:
            child.tell("scan SN0001234567")
            assert host.read(13) == b"SN0001234567\r"
            host.write(b"\x06")
            assert child.wait_for("pass")["code"] == "SN0001234567"
            child.tell("scan nonsense")
            assert host.read(9) == b"nonsense\r"
            host.write(b"\x15")
            assert child.wait_for("refuse")["code"] == "nonsense"
            child.tell(r"raw half\x00a frame")
            assert host.read(12) == b"half\x00a frame"
            child.tell("dance")
            assert "no command 'dance'" in child.wait_for("error")["reason"]
    assert not link.exists()


def test_an_operator_scans_again_when_no_light_comes(tmp_path: Path) -> None:
    """Each code of a burst is scanned until it is answered, and no code is skipped or done twice."""
    link = tmp_path / "port"
    options = ("--burst", "3", "--rate", "0", "--again-after", "0.1", "--suffix", r"\r\n", "--code", "U{serial:02d}")
    with simulator("scanner", "--link", str(link), *options, log=tmp_path / "log") as child:
        child.wait_for("ready")
        with opened(link) as host:
            answered = []
            while len(answered) < 3:
                code = host.read(5)
                assert re.fullmatch(rb"U\d\d\r\n", code)
                again = host.read(5)
                assert again == code
                host.write(b"\x06")
                answered.append(child.wait_for("pass")["code"])
                while host.read(5, timeout_s=0) == code:
                    host.write(b"\x06")
            assert answered == ["U01", "U02", "U03"]
            assert child.wait_for("done")["codes"] == 3


def test_a_scanner_process_can_be_unplugged(tmp_path: Path) -> None:
    """The path goes and comes back; a code scanned in between is told as unsent."""
    link = tmp_path / "port"
    with simulator("scanner", "--link", str(link), log=tmp_path / "log") as child:
        child.wait_for("ready")
        child.tell("unplug")
        child.wait_for("unplugged")
        assert not link.exists()
        child.tell("scan X")
        assert child.wait_for("unsent")["code"] == "X"
        child.tell("plug")
        child.wait_for("plugged")
        with opened(link) as host:
            child.tell("scan Y")
            assert host.read(2) == b"Y\r"


@pytest.mark.parametrize(
    ("shown", "sent"),
    [
        ("12.345", b"01A+0012.345\r"),
        ("0.123", b"01A+0000.123\r"),
        ("-0.02", b"01A-00000.02\r"),
        ("-0.000", b"01A-0000.000\r"),
        ("12345.67", b"01A+12345.67\r"),
    ],
)
def test_a_gauge_writes_the_frames_of_the_manual(shown: str, sent: bytes) -> None:
    assert frame(shown) == sent


@pytest.mark.parametrize("shown", ["123456.789", "twelve", ""])
def test_a_gauge_refuses_what_no_frame_can_hold(shown: str) -> None:
    with pytest.raises(ValueError, match=r"characters|no number"):
        frame(shown)


def test_a_gauge_process_sends_values_and_streams_of_them(tmp_path: Path) -> None:
    """A seed gives the same values each time."""
    streams = []
    for run in ("a", "b"):
        link = tmp_path / run
        options = ("--burst", "20", "--rate", "0", "--seed", "7")
        with simulator("gauge", "--link", str(link), *options, log=tmp_path / "log") as child:
            child.wait_for("done")
            with opened(link) as host:
                streams.append(host.read(20 * 13))
                child.tell("value 9.5")
                assert host.read(13) == b"01A+000009.5\r"
    assert streams[0] == streams[1]
    assert re.fullmatch(rb"(01A\+0012\.3\d\d\r){20}", streams[0])


def test_a_button_box_tells_presses_answers_questions_and_remembers_lamps(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with PtyLine(tmp_path / "port") as line, opened(line.link) as host:
        box = ButtonBox("box", line, ["quality", "cord"])
        box.press("cord")
        box.hear(b"?\nre")
        box.hear(b"d=1\nyellow=1\nred=1\nred=0\nhello\n")
        assert host.read(7 + 17) == b"cord=1\nquality=0\ncord=1\n"
        box.release("cord")
        assert host.read(7) == b"cord=0\n"
        with pytest.raises(ValueError, match="no input 'bell'"):
            box.press("bell")
    assert box.lamps == {"red": False, "yellow": True}
    lines = said(capsys)
    assert [line["lit"] for line in lines if line["what"] == "lamps"] == [["red"], ["red", "yellow"], ["yellow"]]
    assert [line["raw"] for line in lines if line["what"] == "heard"] == ["hello"]


def test_a_station_plays_its_story_as_long_as_it_is_answered(tmp_path: Path) -> None:
    """Badge, unknown code, unit, lot, value, a blocked lot, an override, a call: as a real station could show it."""
    with simulator("station", "--dir", str(tmp_path), "--pace", "0", "--first", "1", log=tmp_path / "log") as child:
        child.wait_for("ready")
        with opened(tmp_path / "scanner") as host:
            codes = []
            for _ in range(14):
                codes.append(_next_code(child))
                assert host.read(len(codes[-1]) + 1) == codes[-1].encode() + b"\r"
                host.write(b"\x06")
            assert codes == [
                "OP-4711",
                "SN0000000001",
                "4711-A/LOT00000",
                "HTTPS://EXAMPLE.COM/0",
                "SN0000000002",
                "4711-A/LOT66666",
                "4711-A/LOT00000",
                "SN9000000002",
                "OP-4700",
                "CMD:reason:cut and checked by eye",
                "4711-A/LOT66666",
                "4711-A/LOT180000000",
                "SN0000000003",
                "4711-A/LOT00000",
            ]
            called = child.wait_for(lambda line: line.get("input") == "quality")
            assert called["active"]
        child.tell("stop")
        child.wait_for("stopped")


def _next_code(child: Child) -> str:
    code = child.wait_for(lambda line: "code" in line and line["what"] == "sent")["code"]
    assert isinstance(code, str)
    return code


def test_a_simulator_ends_when_its_parent_has_gone(tmp_path: Path) -> None:
    """The end of standard input is the end of the device: no orphan holds a port."""
    with simulator("gauge", "--link", str(tmp_path / "port"), log=tmp_path / "log") as child:
        child.wait_for("ready")
        child.close_input()
        assert child.wait(PATIENCE_S) == 0
        assert not (tmp_path / "port").exists()


def test_waiting_for_a_child_that_has_ended_says_so_at_once(tmp_path: Path) -> None:
    with simulator("gauge", "--no-such-option", log=tmp_path / "log") as child:
        with pytest.raises(ChildError, match="ended before it said 'ready'"):
            child.wait_for("ready", PATIENCE_S)
        assert child.end() == 2


# --- the book


def test_the_book_counts_from_its_rows(tmp_path: Path) -> None:
    """Delivered, dropped by identity, missing numbers, and occurrences told twice under different numbers."""
    path = tmp_path / "book.db"
    with closing(Ledger(path)) as ledger:
        assert counts(path) == Counts()
        ledger.store([fact(event("work", seq)) for seq in (1, 2, 5)])
        ledger.store([fact(event("work", 2)), fact(event("work", 2)), fact(event("alarm", 2))])
        ledger.store([fact(event("work", 6, moment=2005))])
        assert counts(path) == ledger.counts() == Counts(delivered=5, dropped=2, lost=3, repeated=1)
        assert gaps(path) == [Gap(SOURCE, "e1", "alarm", 1, 1), Gap(SOURCE, "e1", "work", 3, 4)]
        assert ledger.contiguous(SOURCE, "e1") == {"work": 2}
    with closing(Ledger(path)) as ledger:
        ledger.store([fact(event("work", seq)) for seq in (3, 4, 4)])
        assert ledger.contiguous(SOURCE, "e1") == {"work": 6}
        assert ledger.counts() == Counts(delivered=7, dropped=3, lost=1, repeated=1)


def test_a_number_taken_by_another_fact_counts_as_lost(tmp_path: Path) -> None:
    """Dropping by identity alone would hide a sender that gives one number to two facts."""
    path = tmp_path / "book.db"
    with closing(Ledger(path)) as ledger:
        ledger.store([fact(event("work", 1))])
        ledger.store([fact(event("work", 1, subject="SN2"))])
        ledger.store([fact(event("work", 1, subject="SN2"))])
    assert counts(path) == Counts(delivered=1, dropped=2, lost=1, repeated=0)


def test_the_book_keeps_epochs_and_sources_apart(tmp_path: Path) -> None:
    path = tmp_path / "book.db"
    with closing(Ledger(path)) as ledger:
        ledger.store([fact(event("work", 1)), fact(event("work", 1, epoch="e2", moment=9))])
        ledger.store([fact(event("work", 1, source="/a/b/c/d/e"))])
        assert ledger.last_epochs() == {SOURCE: "e2", "/a/b/c/d/e": "e1"}
    assert counts(path) == Counts(delivered=3)


@pytest.mark.parametrize("answer", ["acknowledged", "arrived", "resolved", "cancelled"])
def test_a_call_waits_for_the_server_until_anybody_answers_or_ends_it(tmp_path: Path, answer: str) -> None:
    """More presses, levels and stops are no answer."""
    with closing(Ledger(tmp_path / "book.db")) as ledger:
        kinds = ("raised", "pressed", "escalated", "stopped", answer)
        for seq, kind in enumerate(kinds, 1):
            ledger.store([fact(event("andon", seq, type=f"lineside.andon.{kind}", data={"call": "c-1"}))])
            assert ledger.unanswered_calls(SOURCE) == (["c-1"] if kind != answer else [])


def gap(seq: int, lane: str, first: int, last: int, **more: Any) -> dict[str, Any]:
    """A made-up gap record on the alarm lane."""
    told = {"lane": lane, "from_seq": first, "to_seq": last, "count": last - first + 1, "reason": "over-budget"}
    return event("alarm", seq, type="lineside.journal.gap", data={**told, **more})


def test_numbers_told_to_be_missing_are_not_lost(tmp_path: Path) -> None:
    """Whenever the gap record comes, and also after a restart; one that comes after all is delivered."""
    path = tmp_path / "book.db"
    with closing(Ledger(path)) as ledger:
        ledger.store([fact(event("work", seq)) for seq in (1, 2, 6, 9)])
        assert counts(path) == Counts(delivered=4, lost=5)
        ledger.store([fact(gap(1, "work", 3, 8, kept=[6]))])
        assert counts(path) == ledger.counts() == Counts(delivered=5, told=5)
        assert ledger.contiguous(SOURCE, "e1") == {"work": 9, "alarm": 1}
    with closing(Ledger(path)) as ledger:
        assert ledger.contiguous(SOURCE, "e1") == {"work": 9, "alarm": 1}
        ledger.store([fact(event("work", 4)), fact(gap(2, "work", 7, 12)), fact(gap(3, "health", 1, 10))])
        assert counts(path) == Counts(delivered=8, told=7 + 10)
        assert ledger.contiguous(SOURCE, "e1") == {"work": 12, "alarm": 3, "health": 10}
        ledger.store([fact(event("work", 14))])
        assert counts(path).lost == 1
        assert ledger.missing(SOURCE, "e1") == gaps(path) == [Gap(SOURCE, "e1", "work", 13, 13)]


def test_what_a_damaged_journal_could_not_save_is_told(tmp_path: Path) -> None:
    """The new journal speaks for the old one."""
    path = tmp_path / "book.db"
    data = {"old_epoch": "e1", "new_epoch": "e2", "saved": {"work": 2}, "missing": {"work": [[2, 2], [4, 7]]}}
    recovered = event("alarm", 1, epoch="e2", type="lineside.journal.recovered", data=data)
    with closing(Ledger(path)) as ledger:
        ledger.store([fact(event("work", 1)), fact(event("work", 3)), fact(recovered)])
        assert ledger.contiguous(SOURCE, "e1") == {"work": 7}
    assert counts(path) == Counts(delivered=3, told=5)


@pytest.mark.parametrize("spoilt", [{"sequence": "0"}, {"sequence": "many"}, {"data": {1, 2}}])
def test_what_has_no_identity_is_no_fact(spoilt: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  any of several reasons
        fact(event("work", 1, **spoilt))


# --- the central server


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_central_stores_confirms_drops_and_reports_gaps(
    broker: brokers.Broker, tmp_path: Path, protocol: str
) -> None:
    """A confirmation names the highest number below which nothing is missing, and moves on when the gap is filled."""
    if broker.name == "iotcore" and protocol != "5":
        pytest.skip("this configuration of iotcore listens for MQTT 5 only")
    with (
        central(broker, tmp_path, "--protocol", protocol) as server,
        closing(Station(broker.port, protocol=protocol)) as station,
    ):
        station.publish("work", event("work", 1))
        station.publish("andon", event("andon", 1), batch=True)
        station.publish("work", event("work", 2), event("work", 4), event("work", 5))
        assert station.hear("confirm", work=2, andon=1)["epoch"] == "e1"
        gap = {"source": SOURCE, "epoch": "e1", "lane": "work", "first": 3, "last": 3}
        assert wait_for_counts(server, delivered=5, lost=1)["gaps"] == [gap]
        station.publish("work", event("work", 5), event("work", 3))
        station.hear("confirm", work=5)
        wait_for_counts(server, delivered=6, dropped=1, lost=0, repeated=0)
    assert counts(tmp_path / "central.db") == Counts(delivered=6, dropped=1)


def test_the_central_goes_on_after_nonsense(broker: brokers.Broker, tmp_path: Path) -> None:
    """What cannot be read is told and left out; it neither stops nor blocks what comes after."""
    with central(broker, tmp_path, "--acknowledge-andon") as server, closing(Station(broker.port)) as station:
        for payload in (b"", b"\xff", b"[1, {}]", b'{"specversion": "1.0"}'):
            station.client.publish(f"{TOPIC}/event/work", payload, qos=1).wait_for_publish(PATIENCE_S)
        station.publish("work", event("alarm", 1))
        station.publish("work", event("work", 1, type="lineside.andon.raised", data=None))
        station.hear("confirm", work=1)
        wait_for_counts(server, delivered=1, lost=0)


def test_the_central_confirms_only_what_its_book_has(broker: brokers.Broker, tmp_path: Path) -> None:
    """At the moment a confirmation arrives, another connection can read the rows."""
    with central(broker, tmp_path), closing(Station(broker.port)) as station:
        for seq in range(1, 20):
            station.publish("work", event("work", seq))
            while station.hear("confirm")["work"] < seq:
                pass
            assert counts(tmp_path / "central.db").delivered == seq


def test_the_central_tells_a_newborn_agent_what_it_has(broker: brokers.Broker, tmp_path: Path) -> None:
    """Also after a restart of its own: book and epoch are on its disk."""
    with central(broker, tmp_path), closing(Station(broker.port)) as station:
        station.publish("work", event("work", 1), event("work", 2))
        station.hear("confirm", work=2)
    with central(broker, tmp_path) as server, closing(Station(broker.port)) as station:
        station.hear("confirm", work=2)
        station.be_born("e2")
        server.wait_for("birth", PATIENCE_S)
        assert station.hear("confirm", epoch="e2") == {"epoch": "e2"}
        station.publish("work", event("work", 1, epoch="e2", moment=3))
        station.hear("confirm", epoch="e2", work=1)


def test_the_central_confirms_what_comes_of_an_older_journal(broker: brokers.Broker, tmp_path: Path) -> None:
    """Once, to whoever is there; what stays with the broker is the word on the newest journal."""
    with central(broker, tmp_path), closing(Station(broker.port)) as station:
        station.be_born("e2")
        station.publish("work", event("work", 1, epoch="e2", moment=7))
        station.hear("confirm", epoch="e2", work=1)
        station.publish("work", event("work", 1), event("work", 2))
        station.hear("confirm", epoch="e1", work=2)
        data = {"old_epoch": "e1", "new_epoch": "e2", "saved": {}, "missing": {"work": [[3, 5]]}}
        recovered = event("alarm", 1, epoch="e2", type="lineside.journal.recovered", data=data)
        station.publish("alarm", recovered)
        station.hear("confirm", epoch="e1", work=5)
        with closing(Station(broker.port, client_id="newcomer")) as newcomer:
            assert newcomer.hear("confirm")["epoch"] == "e2"


def test_the_confirmation_passes_over_what_was_told(broker: brokers.Broker, tmp_path: Path) -> None:
    """Also if the gap record comes after the events behind the gap."""
    with central(broker, tmp_path) as server, closing(Station(broker.port)) as station:
        station.publish("work", event("work", 1), event("work", 5))
        station.hear("confirm", work=1)
        station.publish("alarm", gap(1, "work", 2, 4))
        station.hear("confirm", work=5)
        wait_for_counts(server, delivered=3, told=3, lost=0)


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_central_asks_for_events_again(broker: brokers.Broker, tmp_path: Path, protocol: str) -> None:
    """When it is told to, and by itself for what stays missing; later and later."""
    if broker.name == "iotcore" and protocol != "5":
        pytest.skip("this configuration of iotcore listens for MQTT 5 only")
    options = ("--protocol", protocol, "--replay-after", "0.2")
    with (
        central(broker, tmp_path, *options) as server,
        closing(Station(broker.port, protocol=protocol)) as station,
    ):
        station.publish("work", event("work", 1), event("work", 4))
        asked = {"epoch": "e1", "lane": "work", "from": 2, "to": 3}
        assert station.hear("cmd/replay") == station.hear("cmd/replay") == asked
        station.publish("work", event("work", 2), event("work", 3))
        station.hear("confirm", work=4)
        server.tell("replay alarm 1 9")
        station.hear("cmd/replay", lane="alarm")
        server.tell("repeat")
        assert "known are replay LANE FROM TO" in server.wait_for("error")["reason"]
        station.client.publish(f"{TOPIC}/answer/central", b'{"ok": false, "reason": "none"}', qos=1)
        assert server.wait_for("answer")["reason"] == "none"


def test_a_bad_network_is_a_process_too(tmp_path: Path) -> None:
    """For trying things out by hand."""
    with (
        brokers.choose(tmp_path / "broker", brokers.free_port(), "auto") as up,
        simulator("proxy", "--to", str(up.port), log=tmp_path / "proxy.log") as child,
    ):
        port = child.wait_for("ready")["port"]
        with closing(Station(port)) as station:
            station.be_born("e1")
        child.tell("half-open")
        child.wait_for("turned")
        child.tell("rain")
        assert "known are pass, half-open" in child.wait_for("error")["reason"]


def test_events_sent_while_the_central_is_away_wait_for_it(broker: brokers.Broker, tmp_path: Path) -> None:
    """Its session outlives it, so the broker keeps what it has not accepted."""
    with closing(Station(broker.port)) as station:
        with central(broker, tmp_path):
            station.publish("work", event("work", 1))
            station.hear("confirm", work=1)
        for seq in range(2, 60):
            station.publish("work", event("work", seq))
        with central(broker, tmp_path):
            station.hear("confirm", work=59)


def test_the_central_can_hold_its_confirmations_back(broker: brokers.Broker, tmp_path: Path) -> None:
    """With `--no-confirm` it stores and says nothing to the agent."""
    with central(broker, tmp_path, "--no-confirm") as server, closing(Station(broker.port)) as station:
        station.be_born("e1")
        station.publish("work", event("work", 1))
        wait_for_counts(server, delivered=1)
        station.publish("work", event("work", 2))
        wait_for_counts(server, delivered=2)
        station.client.publish(f"{TOPIC}/cmd/marker", b"{}", qos=1)
        assert station.heard.get(timeout=PATIENCE_S)[0] == f"{TOPIC}/cmd/marker"


def test_the_central_acknowledges_a_call_once_and_again_for_a_newborn_agent(
    broker: brokers.Broker, tmp_path: Path
) -> None:
    """A repeat of the event asks for nothing; an agent that was away while it was acknowledged is told again."""
    raised = event("andon", 1, type="lineside.andon.raised", data={"call": "c-1"})
    with central(broker, tmp_path, "--acknowledge-andon") as server, closing(Station(broker.port)) as station:
        station.publish("andon", raised)
        assert station.hear("cmd/andon/acknowledge") == {"call": "c-1", "by": "central"}
        station.publish("andon", raised)
        wait_for_counts(server, dropped=1)
        station.be_born("e1")
        server.wait_for("birth", PATIENCE_S)
        assert server.wait_for("acknowledged", PATIENCE_S)["call"] == "c-1"
        station.publish("andon", event("andon", 2, type="lineside.andon.acknowledged", data={"call": "c-1"}))
        station.hear("confirm", andon=2)
        station.be_born("e1")
        server.wait_for("birth", PATIENCE_S)
        station.publish("andon", event("andon", 3, type="lineside.andon.raised", data={"call": "c-2"}))
        assert server.wait_for("acknowledged", PATIENCE_S)["call"] == "c-2"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_the_central_comes_back_with_its_broker(broker: brokers.Broker, tmp_path: Path, how: str) -> None:
    """Whether the broker remembers its sessions or not, and whether it said goodbye or not."""
    with central(broker, tmp_path) as server:
        getattr(broker, how)()
        server.wait_for("disconnected", PATIENCE_S)
        broker.start()
        server.wait_for("connected", PATIENCE_S)
        with closing(Station(broker.port)) as station:
            station.publish("work", event("work", 1))
            station.hear("confirm", work=1)


# --- the broker


def test_a_broker_gives_retained_messages_and_last_wills(broker: brokers.Broker) -> None:
    """What the wire contract needs of any broker: a newcomer sees the newest state, a cut line leaves the will."""
    with closing(Station(broker.port)) as watcher:
        watcher.client.subscribe(f"{TOPIC}/state/+", qos=1)
        dying = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="dying", protocol=MQTTProtocolVersion.MQTTv5)
        dying.will_set(f"{TOPIC}/state/agent", b'{"state": "offline"}', qos=1, retain=True)
        dying.connect("127.0.0.1", broker.port)
        dying.loop_start()
        dying.publish(f"{TOPIC}/state/agent", b'{"state": "online"}', qos=1, retain=True).wait_for_publish(PATIENCE_S)
        watcher.hear("state/agent", state="online")
        cut = dying.socket()
        assert cut is not None
        dying.on_disconnect = lambda client, *_: client.disconnect()
        cut.shutdown(2)
        watcher.hear("state/agent", state="offline")
        dying.loop_stop()
        with closing(Station(broker.port, client_id="newcomer")) as newcomer:
            newcomer.client.subscribe(f"{TOPIC}/state/+", qos=1)
            newcomer.hear("state/agent", state="offline")


def test_a_broker_that_cannot_have_its_port_says_where_its_words_are(broker: brokers.Broker, tmp_path: Path) -> None:
    second = brokers.choose(tmp_path / "second", broker.port, broker.name)
    with pytest.raises(brokers.BrokerError, match=r"in use"):
        second.start()
    assert second.pid is None


# --- the demonstration


def test_the_broker_is_away_in_the_middle_of_a_demonstration() -> None:
    assert [t for t in range(20) if is_away(t, 20)] == [6, 7, 8, 9, 10]
    assert [t for t in range(120) if is_away(t, None)] == [*range(15, 22), *range(75, 82)]


@pytest.mark.parametrize(
    ("captured", "counted", "words"),
    [
        (5, Counts(delivered=4, lost=0), "captured 5 events, the central has 4"),
        (5, Counts(delivered=5, lost=2), "2 events are lost"),
        (5, Counts(delivered=5, repeated=1), "1 events are in effect twice"),
        (0, Counts(), "nothing was captured"),
    ],
)
def test_a_demonstration_says_what_was_wrong(captured: int, counted: Counts, words: str) -> None:
    outcome = Outcome(captured, counted)
    outcome.check()
    assert [wrong for wrong in outcome.wrong if words in wrong]


def test_a_demonstration_ends_by_itself_with_an_honest_sum(tmp_path: Path) -> None:
    """Everything for real: devices, agent, broker taken away and back, central; nothing lost, nothing twice.

    It shows a code that nobody knows, a blocked lot, a value out of limits, and an override.
    """
    done = subprocess.run(
        [sys.executable, "-m", "simulators", "demo", "--seconds", "16", "--dir", str(tmp_path / "demo")],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=ROOT,
    )
    last = done.stdout.splitlines()[-1]
    assert done.returncode == 0, done.stdout + done.stderr
    captured, delivered = re.fullmatch(r"captured=(\d+) delivered=(\d+) lost=0 repeated=0", last).groups()  # type: ignore[union-attr]
    assert captured == delivered
    assert int(captured) > 20
    backlog = [int(depth) for depth in re.findall(r"broker=away .* backlog=(\d+)", done.stdout)]
    assert max(backlog) > backlog[0]
    with closing(sqlite3.connect(tmp_path / "demo" / "central.db")) as book:
        shown = {kind for (kind,) in book.execute("SELECT DISTINCT type FROM event")}
        (blocked,) = book.execute("SELECT count(*) FROM event WHERE body LIKE '%porous casting%'").fetchone()
    wanted = ("scan.unrecognised", "part.rejected", "defect.recorded", "override.given", "operation.completed")
    assert {f"lineside.{kind}" for kind in wanted} <= shown
    assert blocked


def test_a_demonstration_empties_no_folder_that_is_not_its_own(tmp_path: Path) -> None:
    """It refuses, says why, and still ends with its sum."""
    (tmp_path / "thesis.txt").write_text("years of work")
    done = subprocess.run(
        [sys.executable, "-m", "simulators", "demo", "--seconds", "10", "--dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert "no demo made it" in done.stdout
    assert done.stdout.splitlines()[-1] == "captured=0 delivered=0 lost=0 repeated=0"
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


# --- the example station file


def test_the_example_station_file_is_good() -> None:
    station = config.read(EXAMPLE)
    assert [device.driver for device in station.device] == ["serial-scanner", "mitutoyo", "serial-box"]
    assert {rule.meaning for rule in station.scan} == {"operator", "unit", "lot", "command"}


def test_the_example_tells_every_default_as_it_is(tmp_path: Path) -> None:
    """Taking the `#` away from every key left at its default changes nothing."""
    told = tmp_path / "told.toml"
    told.write_text(re.sub(r"(?m)^#(?=\w+ = )", "", EXAMPLE.read_text()))
    assert config.read(told).rules == config.read(EXAMPLE).rules
    assert repr(config.read(told)) == repr(config.read(EXAMPLE))


def test_the_example_names_every_key() -> None:
    """A plant engineer finds all there is to set in the two examples: the station's, and that of all devices."""
    text = EXAMPLE.read_text() + EXAMPLE.with_name("devices.example.toml").read_text()
    missing = [key for key in _keys(config.schema()) if not re.search(rf"(?m)^(# ?)?{key} = |\[.*\b{key}[.\]]", text)]
    assert not missing


def _keys(document: Any) -> set[str]:
    """Names of all properties anywhere in a JSON schema."""
    if isinstance(document, list):
        return set().union(*map(_keys, document))
    if not isinstance(document, dict):
        return set()
    own = document.get("properties", {})
    return {*own} | set().union(*(_keys(value) for value in (*own.values(), *document.values())))
