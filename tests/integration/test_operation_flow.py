"""One operation from the badge to the central server, with a real port, disk, broker and process each."""

from __future__ import annotations

import json
import signal
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from simulators.ledger import counts
from tests.support.agent_process import ran
from tests.support.devices import PASS, REFUSE
from tests.support.eventually import eventually
from tests.support.mqtt import Subscriber
from tests.support.station_file import SOURCE, TOPIC

if TYPE_CHECKING:
    from tests.support.works import Works

UNIT = "SN0001234567"
LOT = "4711-A/L2026W47"


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_an_operation_goes_from_the_badge_to_the_central_with_all_that_belongs_to_it(
    works: Works, protocol: str
) -> None:
    """The completed event carries unit, operator, parts, measurements and times, over either version of MQTT."""
    works.station["broker"]["protocol"] = protocol
    works.station["station"]["rules_revision"] = "r7"
    works.start_agent()
    assert works.scanner.scan("OP-4711") == PASS
    assert works.scanner.scan(UNIT) == PASS
    assert works.scanner.scan(LOT) == PASS
    works.gauge.value("12.345")

    completed = works.wait_for_fact("operation.completed", UNIT)
    data = completed["data"]
    (part,) = data["parts"]
    (measurement,) = data["measurements"]
    assert (data["unit"], data["operation"], data["operator"]) == (UNIT, "press-bearing", "4711")
    assert (part["part"], part["lot"]) == ("4711-A", "L2026W47")
    assert (
        measurement.items()
        >= {
            "name": "bearing seat diameter",
            "gauge": "gauge-1",
            "value": 12.345,
            "unit": "mm",
            "verdict": "pass",
            "low": 12.33,
            "high": 12.36,
        }.items()
    )
    assert data["started"] <= part["time"] <= measurement["time"] <= data["ended"] == completed["time"]
    assert data["duration_s"] > 0
    assert data["rules"].startswith("r7+")
    assert completed["source"] == SOURCE

    assert works.wait_for_fact("operator.signed-on", "4711")["data"]["raw"] == "OP-4711\r"
    assert works.wait_for_fact("operation.started", UNIT)["data"]["raw"] == f"{UNIT}\r"
    assert works.wait_for_fact("part.accepted", UNIT)["data"]["raw"] == f"{LOT}\r"
    assert works.wait_for_fact("measurement.taken", UNIT)["data"]["raw"] == "01A+0012.345\r"
    works.box.shows("green")
    works.settle()


def test_a_value_out_of_limits_is_a_defect_and_red_until_a_good_one(running: Works) -> None:
    """The operation stays open, and its last event tells both values."""
    running.sign_on()
    assert running.scanner.scan(UNIT) == PASS
    assert running.scanner.scan(LOT) == PASS
    running.gauge.value("12.361")
    running.box.shows("red")
    defect = running.wait_for_fact("defect.recorded", UNIT)["data"]
    assert (defect["defect"], defect["value"], defect["operator"]) == ("out-of-limits", 12.361, "4711")
    assert running.book.events("operation.completed") == []
    running.gauge.value("12.360")
    running.box.shows("green")
    completed = running.wait_for_fact("operation.completed", UNIT)["data"]
    assert [(one["value"], one["verdict"]) for one in completed["measurements"]] == [(12.361, "fail"), (12.36, "pass")]
    running.settle()


def test_a_code_that_nobody_knows_is_red_and_kept_byte_for_byte(running: Works) -> None:
    """Also one with control characters and signs beyond ASCII."""
    code = "HTTPS://EXAMPLE.COM/\x1d\x1e?q=ä"
    assert running.scanner.scan(code) == REFUSE
    running.box.shows("red")
    event = running.wait_for_fact("scan.unrecognised")
    assert event["data"]["raw"].encode("latin-1") == f"{code}\r".encode()
    assert event["data"]["device"] == "scanner-1"
    assert running.scanner.scan("OP-4711") == PASS
    running.box.shows("green")
    running.settle()


@pytest.mark.parametrize(
    ("before", "code", "kind", "reason"),
    [
        ([], UNIT, "operation.rejected", "nobody is signed on: scan your badge first"),
        (["OP-1"], LOT, "part.rejected", "no unit is open: scan the unit first"),
        (["OP-1", UNIT], "SN0000000009", "operation.rejected", f"{UNIT} is still open: finish or abort it first"),
        (["OP-1", UNIT], "9999-Z/L1", "part.rejected", "part 9999-Z does not belong to press-bearing"),
        (["OP-1"], "CMD:dance", "command.rejected", "no command 'dance'"),
    ],
    ids=["no badge", "no unit", "another unit", "wrong part", "no such command"],
)
def test_work_that_may_not_go_on_is_red_and_told_with_its_reason(
    running: Works, before: list[str], code: str, kind: str, reason: str
) -> None:
    for step in before:
        assert running.scanner.scan(step) == PASS
    assert running.scanner.scan(code) == REFUSE
    running.box.shows("red")
    assert running.wait_for_fact(kind, reason=reason)["data"]["raw"] == f"{code}\r"
    status = running.agent.status()
    assert status is not None
    assert (status.last["verdict"], status.last["text"]) == ("refuse", reason)
    running.settle()


def test_a_cord_stops_the_line_until_it_is_let_go(running: Works) -> None:
    """Red at once, nothing passes, the central knows; and the work goes on where it stood."""
    running.sign_on()
    assert running.scanner.scan(UNIT) == PASS
    running.box.press("cord")
    running.box.shows("red")
    raised = running.wait_for_fact("andon.raised", mode="stop", name="cord", type="process")
    assert raised["data"]["raw"] == "cord=1\n"
    assert running.scanner.scan(LOT) == REFUSE
    assert running.wait_for_fact("part.rejected", UNIT)["data"]["reason"] == "stopped by cord (process)"
    running.box.release("cord")
    resolved = running.wait_for_fact("andon.resolved", raised["subject"])
    assert resolved["data"]["duration_s"] > 0
    assert running.scanner.scan(LOT) == PASS
    running.box.shows("green")
    running.settle()


def test_a_call_for_help_is_yellow_and_lets_the_work_go_on(running: Works) -> None:
    running.sign_on()
    running.box.press("quality")
    running.box.shows("yellow", "green")
    assert running.scanner.scan(UNIT) == PASS
    running.wait_for_fact("andon.raised", mode="call", name="quality")
    running.box.release("quality")
    running.box.shows("green")
    running.settle()


def test_the_central_acknowledges_a_call_and_the_station_knows(running: Works) -> None:
    """An acknowledgement is taken once, however often it comes, and one for no open call is refused with a reason."""
    running.box.press("quality")
    call = running.wait_for_fact("andon.raised")["data"]["call"]
    with Subscriber(running.broker.port, f"{TOPIC}/confirm") as central:
        for _ in range(2):
            central.send(f"{TOPIC}/cmd/andon/acknowledge", {"call": call, "by": "Kim"})
        central.send(f"{TOPIC}/cmd/andon/acknowledge", {"call": "no-such-call"})
    running.wait_for_fact("command.rejected", reason="no open call 'no-such-call'")
    (acknowledged,) = running.book.events("andon.acknowledged")
    assert acknowledged["subject"] == call
    assert acknowledged["data"]["by"] == "Kim"
    status = running.agent.status()
    assert status is not None
    assert [(one["call"], one["state"]) for one in status.calls] == [(call, "acknowledged")]
    running.settle()


def test_status_tells_who_comes_and_what_holds_the_line(running: Works) -> None:
    """The page's document, and `lineside status` in words, at a real station."""
    running.box.press("quality")
    call = running.wait_for_fact("andon.raised")["data"]["call"]
    running.box.press("cord")
    stop = running.wait_for_fact("andon.raised", name="cord")["data"]["call"]
    with Subscriber(running.broker.port, f"{TOPIC}/confirm") as central:
        central.send(f"{TOPIC}/cmd/andon/arrive", {"call": call, "by": "Kim"})
    running.wait_for_fact("andon.arrived")
    status = running.agent.status()
    assert status is not None
    quality, cord = status.calls
    assert (quality["state"], quality["arrived_by"], quality["stop"]) == ("arrived", "Kim", "no")
    assert (cord["state"], cord["stop"], cord["level"]) == ("raised", "stopped", 0)
    assert (status.document["line"]["state"], status.document["line"]["calls"]) == ("stopped", [stop])
    running.wait_until_delivered()
    eventually(lambda: "call quality (quality): arrived by Kim, since " in told_by(running))
    text = told_by(running)
    assert "call cord (process): STOP, raised, since " in text
    assert "line stopped, stands since " in text
    running.box.release("quality")
    running.box.release("cord")
    running.wait_for_fact("andon.restarted", stop)
    eventually(lambda: "call " not in told_by(running))
    running.settle()


def told_by(works: Works) -> str:
    return ran("status", "--config", works.agent.file).stdout


def test_red_is_instant_and_green_is_earned(running: Works) -> None:
    """While the disk does not take anything, a stop and a refusal are shown, and a pass is not."""
    with closing(sqlite3.connect(running.journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        running.box.press("cord")
        running.box.shows("red", timeout_s=3.0)
        other.execute("ROLLBACK")
        running.wait_for_fact("andon.raised", name="cord")
        running.box.release("cord")
        running.wait_for_fact("andon.resolved", name="cord")

        other.execute("BEGIN IMMEDIATE")
        running.scanner.send("nonsense")
        assert running.scanner.answers(1, 3.0) == REFUSE
        other.execute("ROLLBACK")
        running.wait_for_fact("scan.unrecognised", text="nonsense")

        other.execute("BEGIN IMMEDIATE")
        running.scanner.send("OP-4711")
        assert running.scanner.answers(1, 0.5) == b""
        other.execute("ROLLBACK")
        assert running.scanner.answers(1) == PASS
    running.settle()


def test_every_event_bears_its_content_type(running: Works) -> None:
    """In MQTT 5 a consumer need not look inside to know how to read a message."""
    with Subscriber(running.broker.port, f"{TOPIC}/event/work") as subscriber:
        assert running.scanner.scan("nonsense") == REFUSE
        heard = subscriber.hear()
    assert heard.content_type.startswith("application/cloudevents+json")
    assert not heard.retained
    assert heard.document["type"] == "lineside.scan.unrecognised"
    running.settle()


def test_anybody_can_see_whether_the_agent_is_there(running: Works) -> None:
    """Online with its epoch while it runs, offline after a power cut or a stop; kept for who comes later."""
    topic = f"{TOPIC}/state/agent"
    with Subscriber(running.broker.port, topic) as watcher:
        born = watcher.hear()
        assert born.retained
        assert born.document["status"] == "online"
        epoch = born.document["epoch"]
        for end in (running.agent.kill, running.agent.stop):
            end()
            assert watcher.hear().document == {**born.document, "status": "offline"}
            with Subscriber(running.broker.port, topic) as newcomer:
                kept = newcomer.hear()
            assert kept.retained
            assert kept.document["status"] == "offline"
            running.agent.start()
            assert watcher.hear().document == {**born.document, "status": "online"}
    running.agent.wait_until_ready(["scanner-1"])
    assert json.loads(running.book.bodies()[0])["epoch"] == epoch
    running.settle()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_recorded_delivered_and_clean(running: Works, number: int) -> None:
    """What was scanned is there, `agent.stopped` is the last event, and the next start goes on in the same journal."""
    running.sign_on()
    assert running.agent.stop(number) == 0
    (stopped,) = running.book.events("agent.stopped")
    assert stopped["data"]["reason"] == signal.Signals(number).name
    (started,) = running.book.events("agent.started")
    assert started["data"]["version"]
    running.start_agent()
    assert running.scanner.scan(UNIT) == PASS
    running.settle()
    assert {event["epoch"] for event in running.book.events("agent.started")} == {started["epoch"]}
    assert counts(running.folder / "central.db").dropped == 0


def test_the_page_counts_what_the_central_has(running: Works) -> None:
    """When all is confirmed, no lane has a depth or an age."""
    running.sign_on()
    running.wait_until_delivered()

    def is_all_confirmed() -> bool:
        status = running.agent.status()
        return status is not None and status.captured > 0 and status.depth == 0 and status.oldest_age_s == 0

    eventually(is_all_confirmed)
    running.settle()
