"""Cables are pulled and lines are noisy: it is told, the other devices go on, and no answered scan is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.devices import PASS, REFUSE
from tests.support.eventually import eventually

if TYPE_CHECKING:
    from simulators.pty_line import PtyLine
    from tests.support.works import Works

LINES = {"scanner-1": "scanner", "gauge-1": "gauge", "box-1": "box"}


def line_of(works: Works, device: str) -> PtyLine:
    line: PtyLine = getattr(works, LINES[device]).line
    return line


def device(works: Works, name: str) -> dict[str, object]:
    status = works.agent.status()
    assert status is not None
    return status.devices[name]


def test_a_scanner_that_is_unplugged_and_plugged_again_loses_no_answered_scan(running: Works) -> None:
    """Lost with an alarm, opened with the alarm cleared; gauge and buttons work in between."""
    running.sign_on()
    answered = [f"OP-{badge}" for badge in range(20)]
    for code in answered:
        assert running.scanner.scan(code) == PASS
    running.scanner.line.unplug()
    lost = running.wait_for_fact("device.lost", "scanner-1")
    alarm = running.wait_for_fact("alarm.raised", "scanner-1", alarm="device-lost")
    assert lost["data"]["reason"] == alarm["data"]["reason"]
    assert str(running.folder / "scanner") in lost["data"]["reason"]
    assert device(running, "scanner-1")["state"] == "lost"

    running.gauge.value("1.000")
    running.wait_for_fact("measurement.taken", "gauge-1")
    running.box.press("cord")
    running.box.shows("red")
    running.box.release("cord")
    running.wait_for_fact("andon.resolved", name="cord")
    assert running.book.events("alarm.cleared") == []

    running.scanner.line.plug()
    cleared = running.wait_for_fact("alarm.cleared", "scanner-1")
    assert cleared["data"]["raised"] == alarm["time"]
    assert device(running, "scanner-1")["state"] == "open"
    assert running.scanner.scan("OP-20") == PASS
    running.wait_until_delivered()
    scanned = [event["data"]["text"] for event in running.book.events("operator.signed-on")]
    assert scanned == ["OP-4711", *answered, "OP-20"]
    assert {event["subject"] for event in running.book.events("device.lost")} == {"scanner-1"}
    assert [event["subject"] for event in running.book.events("alarm.raised")] == ["scanner-1"]
    assert len(running.book.events("device.opened", "scanner-1")) == 2
    running.settle()


def test_scans_right_before_the_cable_is_pulled_are_kept(running: Works) -> None:
    """Green that was seen is at the central, however soon after it the scanner went."""
    for turn in range(5):
        running.scanner.send(*(f"OP-{turn}{place}" for place in range(5)))
        answers = running.scanner.answers(3)
        running.scanner.line.unplug()
        running.wait_until_delivered()
        eventually(lambda: device(running, "scanner-1")["state"] == "lost")
        signed_on = {event["data"]["text"] for event in running.book.events("operator.signed-on")}
        assert signed_on >= {f"OP-{turn}{place}" for place in range(len(answers))}
        running.scanner.line.plug()
        eventually(lambda: device(running, "scanner-1")["state"] == "open")
    running.settle()


def test_a_cable_that_is_pulled_often_costs_one_alarm_each_time(running: Works) -> None:
    for turn in range(1, 4):
        running.scanner.line.unplug()
        eventually(lambda: len(running.book.events("alarm.raised")) == turn)  # noqa: B023  looked at in this turn
        running.scanner.line.plug()
        eventually(lambda: len(running.book.events("alarm.cleared")) == turn)  # noqa: B023  the same
    running.settle()


@pytest.mark.parametrize("name", LINES)
def test_a_device_that_is_missing_at_the_start_is_found_when_it_comes(works: Works, name: str) -> None:
    """Its state says lost with the reason and the remedy; the others work; no restart is needed."""
    line_of(works, name).unplug()
    others = [other for other in LINES if other != name]
    works.start_agent(others)
    eventually(lambda: device(works, name)["state"] == "lost")
    assert "no such port; plugged in?" in str(device(works, name)["reason"])
    status = works.agent.status()
    assert status is not None
    assert not status.document["ok"]
    assert any(name in reason for reason in status.document["reasons"])
    works.wait_for_fact("alarm.raised", name)
    told = [entry for entry in works.agent.said("worker.failed") if entry["worker"] == name]
    assert len(told) == 1
    line_of(works, name).plug()
    works.wait_for_fact("alarm.cleared", name)
    works.agent.wait_until_ready(list(LINES))
    works.settle()


def test_a_unit_that_needs_a_gauge_which_is_away_is_not_started(running: Works) -> None:
    """Better before the part is in the press than after."""
    running.sign_on()
    running.gauge.line.unplug()
    running.wait_for_fact("alarm.raised", "gauge-1")
    assert running.scanner.scan("SN0000000001") == REFUSE
    rejected = running.wait_for_fact("operation.rejected", "SN0000000001")
    assert rejected["data"]["reason"].startswith("gauge-1 does not work: ")
    running.gauge.line.plug()
    running.wait_for_fact("alarm.cleared", "gauge-1")
    assert running.scanner.scan("SN0000000001") == PASS
    running.settle()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"SN\xff\xfe0001\r", "not utf-8 text"),
        (b"x" * 200 + b"\r", "no end of frame within 64 bytes"),
        (bytes(range(0x80, 0x100)) + b"\r", "no end of frame within 64 bytes"),
    ],
    ids=["not text", "too long", "too long and not text"],
)
def test_garbage_on_the_scanners_line_is_kept_and_the_next_scan_is_good(
    running: Works, raw: bytes, reason: str
) -> None:
    """It is red, it is an event with the raw bytes, and it costs no other scan."""
    running.scanner.raw(raw)
    noise = running.wait_for_fact("device.noise", "scanner-1", reason=reason)
    assert noise["data"]["raw"].encode("latin-1") in raw
    running.box.shows("red")
    running.scanner.raw(b"OP-4711\r")
    running.wait_for_fact("operator.signed-on", "4711")
    running.box.shows("green")
    running.wait_until_delivered()
    kept = "".join(event["data"]["raw"] for event in running.book.events("device.noise"))
    assert kept.encode("latin-1") == raw
    running.settle()


def test_half_a_code_before_a_good_one_is_red_and_the_next_good_one_passes(running: Works) -> None:
    """The halves are never guessed apart: what came is kept as it came."""
    running.scanner.raw(b"SN00012")
    assert running.scanner.scan("OP-4711") == REFUSE
    event = running.wait_for_fact("scan.unrecognised")
    assert event["data"]["raw"] == "SN00012OP-4711\r"
    assert running.scanner.scan("OP-4711") == PASS
    running.settle()


def test_half_a_code_at_the_end_of_a_cable_is_noise_and_never_part_of_a_code(running: Works) -> None:
    """What was on the line when it was pulled is not joined with what comes after."""
    running.scanner.raw(b"OP-47")
    running.scanner.line.unplug()
    running.wait_for_fact("alarm.raised", "scanner-1")
    running.scanner.line.plug()
    running.wait_for_fact("alarm.cleared", "scanner-1")
    running.scanner.raw(b"11\r")
    running.wait_for_fact("scan.unrecognised", text="11")
    assert running.book.events("operator.signed-on") == []
    for noise in running.book.events("device.noise"):
        assert "half a frame" in noise["data"]["reason"]
        assert noise["data"]["raw"] == "OP-47"
    running.settle()


def test_codes_that_come_byte_by_byte_are_whole(running: Works) -> None:
    """A slow line is a good line."""
    for byte in b"OP-4711\r":
        running.scanner.raw(bytes([byte]))
    assert running.scanner.answers(1) == PASS
    assert running.wait_for_fact("operator.signed-on", "4711")["data"]["raw"] == "OP-4711\r"
    running.settle()


@pytest.mark.parametrize("raw", [b"01A+00", b"\x00\xff\x11", b"01A+00A2.345\r", b"01B+0012.345\r"])
def test_garbage_on_the_gauges_line_is_no_value(running: Works, raw: bytes) -> None:
    """The value that follows a half frame is not believed either; the one after it is."""
    running.sign_on()
    assert running.scanner.scan("SN0000000001") == PASS
    assert running.scanner.scan("4711-A/L1") == PASS
    assert running.gauge.line.write(raw)
    running.gauge.value("99.999" if not raw.endswith(b"\r") else "12.340")
    running.gauge.value("12.345")
    running.wait_for_fact("operation.completed", "SN0000000001")
    running.wait_until_delivered()
    (noise,) = running.book.events("device.noise", "gauge-1")
    assert noise["data"]["raw"].encode("latin-1").startswith(raw)
    assert running.book.events("defect.recorded") == []
    running.settle()


def test_garbage_on_the_boxs_line_calls_nobody(running: Works) -> None:
    assert running.box.line.write(b"\xff\xfecord=1=\ncord\n")
    running.wait_for_fact("device.noise", "box-1", raw="cord\n")
    running.box.press("quality")
    running.wait_for_fact("andon.raised", name="quality")
    assert len(running.book.events("andon.raised")) == 1
    running.settle()
