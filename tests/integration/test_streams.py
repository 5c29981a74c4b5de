"""A gauge that sends without end, on a real line: nobody's values are kept in few facts, a step's value at once."""

from __future__ import annotations

import json
import os
from itertools import cycle
from typing import TYPE_CHECKING

import pytest

from agent.events import Lane
from tests.journals import kept
from tests.support import station_file
from tests.support.agent_process import ran
from tests.support.streaming import Stream

if TYPE_CHECKING:
    from tests.support.works import Works

UNIT = "SN0000000001"
GOOD = [f"{12.330 + step / 1000:.3f}" for step in range(31)]
"""Every value is inside the limits of the step: whichever it takes."""

SERIES_VALUES = 50


def stream_of(works: Works) -> Stream:
    return Stream(works, cycle(GOOD))


@pytest.fixture
def patient(works: Works) -> Works:
    """A station that holds a stream until there are 50 values, however long that takes."""
    works.station["recording"] = {"series_s": 60.0, "series_values": SERIES_VALUES}
    works.start_agent()
    return works


def test_a_stream_is_kept_whole_and_in_order_in_few_facts(running: Works) -> None:
    """Every value arrives at the central too; the values that a step waits for are facts of their own."""
    stream = stream_of(running)
    running.sign_on()
    stream.send(300)
    running.scanner.send(UNIT)
    stream.send(200)
    running.scanner.send("4711-A/L1")
    stream.send(200)
    stream.wait_until_written(len(stream.sent))
    assert stream.written == stream.sent
    assert len(stream.facts) <= len(stream.sent) / 10
    running.wait_for_fact("operation.completed", UNIT)
    (judged,) = running.book.events("measurement.taken", UNIT)
    assert (judged["data"]["verdict"], len(judged["data"]["raw"])) == ("pass", 13)
    running.wait_until_delivered()
    told = running.book.events("measurement.series", "gauge-1")
    assert sum(event["data"]["count"] for event in told) >= len(stream.sent) - 10
    running.settle()


def test_a_value_that_a_step_waits_for_does_not_wait_for_the_stream(patient: Works) -> None:
    """What is held goes before it, in one write; the rest is still held."""
    stream = stream_of(patient)
    patient.sign_on()
    stream.send(30)
    stream.wait_until_taken(30)
    patient.scanner.scan(UNIT)
    stream.send(1)
    patient.wait_for_fact("measurement.taken", UNIT, verdict="pass")
    assert [len(fact) for fact in stream.facts] == [1, 29, 1]
    assert stream.written == stream.sent
    stream.send(20)
    patient.settle()
    assert [len(fact) for fact in stream.facts] == [1, 29, 1, 20]
    assert stream.written == stream.sent


def test_a_kill_costs_what_was_held_and_nothing_more(patient: Works) -> None:
    """Less than a series of a stream that nobody waited for; no value is there twice, and the next life goes on."""
    stream = stream_of(patient)
    stream.send(4 * SERIES_VALUES - 20)
    stream.wait_until_written(len(stream.sent) - SERIES_VALUES + 1)
    patient.agent.kill()
    before = stream.written
    assert before == stream.sent[: len(before)]

    patient.start_agent()
    again = stream_of(patient)
    again.send(60)
    patient.settle()
    assert again.written == before + again.sent


def test_a_kill_costs_nothing_of_a_stream_that_paused(running: Works) -> None:
    """A second later all of it is on disk, without another value."""
    stream = stream_of(running)
    stream.send(100)
    stream.wait_until_written(100)
    running.agent.kill()
    assert stream.written == stream.sent
    running.start_agent()
    running.settle()


def test_what_a_lost_gauge_has_said_is_written(patient: Works) -> None:
    stream = stream_of(patient)
    stream.send(20)
    stream.wait_until_taken(20)
    patient.gauge.line.unplug()
    patient.wait_for_fact("device.lost", "gauge-1")
    assert stream.written == stream.sent
    patient.settle()


def test_a_stream_is_found_and_shown_in_short(running: Works) -> None:
    """`lineside trace` and `lineside events` tell of a series what people want to read."""
    stream = stream_of(running)
    stream.send(40)
    stream.wait_until_written(40)
    running.settle()
    journal, config = running.journal, station_file.write(running.station, running.agent.file)
    story = json.loads(ran("trace", "gauge-1", "--journal", journal, "--json").stdout)
    series = [event["data"] for event in story["events"] if event["type"] == "lineside.measurement.series"]
    assert sum(data["count"] for data in series) == 39
    wide = {**os.environ, "COLUMNS": "400"}
    assert "39 values from 12.33 to 12.36 mm" in ran("trace", "gauge-1", "--journal", journal, env=wide).stdout
    shown = ran("events", "--config", config, "--lane", "measurement", env=wide).stdout
    assert '"values": [12.331, "...", ' in shown
    whole = ran("events", "--config", config, "--lane", "measurement", "--json").stdout
    longest = max(kept(journal, Lane.MEASUREMENT).values(), key=len)
    assert json.loads(longest)["data"] in [json.loads(line)["data"] for line in whole.splitlines()]
