"""The envelope: every fact leaves as a finished CloudEvents 1.0 document."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from typing import Any
from zlib import crc32

import orjson
import pytest
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from hypothesis import given
from hypothesis import strategies as st

from agent.events import HASH_DIGITS, LANE_OF, LANES, Envelope, Event, Kind, Lane, Moment, batch, digest, size_bytes

SOURCE = "/acme/plant1/assembly/line3/st-040"
EPOCH = "7f3a9c21d4e8b605"
SEEN = Moment(1_795_255_200_123_456_789, 42_000_000_007, synced=True, boot="b007")


def body_of(event: Event, sequence: int = 1044) -> dict[str, Any]:
    document = orjson.loads(Envelope(SOURCE).row(event, EPOCH, sequence)[4])
    assert isinstance(document, dict)
    return document


def completed(**data: Any) -> Event:
    return Event(Kind.OPERATION_COMPLETED, "SN0001234567", data, SEEN)


def test_a_fact_carries_every_field_of_the_contract() -> None:
    """What DESIGN 4 shows is what is sent: nothing more, nothing less, numbers that may be large as text."""
    assert body_of(completed(operation="press")) == {
        "specversion": "1.0",
        "type": "lineside.operation.completed",
        "source": SOURCE,
        "id": "7f3a9c21d4e8b605.work.1044",
        "subject": "SN0001234567",
        "time": "2026-11-21T10:00:00.123Z",
        "dataschema": "urn:lineside:schema:operation.completed:1",
        "datacontenttype": "application/json",
        "epoch": EPOCH,
        "lane": "work",
        "sequence": "1044",
        "clock": "synced",
        "bootid": "b007",
        "monotonicns": "42000000007",
        "data": {"operation": "press"},
    }


def test_a_fact_tells_its_turn_where_its_moment_does_not() -> None:
    late = completed()._replace(moment=replace(SEEN, turn_ns=42_000_000_009))
    assert body_of(late) == {**body_of(completed()), "turnns": "42000000009"}
    assert (SEEN.order_ns, late.moment.order_ns) == (42_000_000_007, 42_000_000_009)


def test_the_row_says_the_same_as_the_body() -> None:
    """The journal's columns and the finished text never disagree."""
    sequence, kind, time, subject, text, checksum = Envelope(SOURCE).row(completed(), EPOCH, 7)
    body = orjson.loads(text)
    assert (sequence, f"lineside.{kind}", time, subject) == (
        int(body["sequence"]),
        body["type"],
        body["time"],
        body["subject"],
    )
    assert checksum == crc32(text.encode())


def test_a_fact_carries_the_hash_of_the_one_before_it() -> None:
    """Of that one's very bytes; the first fact of all has no such attribute, which CloudEvents wants without value."""
    envelope = Envelope(SOURCE)
    first = envelope.row(completed(text="µ"), EPOCH, 1)[4]
    second = orjson.loads(envelope.row(completed(), EPOCH, 2, digest(first.encode()))[4])
    assert "prevhash" not in orjson.loads(first)
    assert second["prevhash"] == sha256(first.encode()).hexdigest()[:HASH_DIGITS]


ODD = st.text(st.sampled_from('a"\\\x00\x1f{},:µ\xff\u2028'), max_size=4)


@given(ODD, ODD, ODD, st.dictionaries(ODD, ODD | st.integers(0, 9) | st.none()))
def test_whatever_stands_in_a_fact_it_is_json(source: str, epoch: str, subject: str, data: dict[str, Any]) -> None:
    """What is joined from texts made before is byte for byte what an encoder makes of the whole."""
    moment = Moment(1, 2, synced=bool(data), boot=subject)
    row, body = Envelope(source).finish(Event(Kind.STEP_DONE, subject, data, moment), epoch, 7, digest(b""))
    document = orjson.loads(body)
    assert (body, row[4]) == (orjson.dumps(document), body.decode())
    told = (document["source"], document["id"], document["epoch"], document.get("subject", ""), document["bootid"])
    assert told == (source, f"{epoch}.work.7", epoch, subject, subject)
    assert document["data"] == data


def test_a_fact_about_nothing_in_particular_has_no_subject() -> None:
    """CloudEvents forbids an empty subject: it is left out."""
    assert "subject" not in body_of(Event(Kind.SCAN_UNRECOGNISED, "", {}, SEEN))


def test_a_clock_that_nobody_keeps_is_told() -> None:
    """A time that cannot be trusted says so."""
    event = Event(Kind.SCAN_REPEATED, "", {}, Moment(0, 0, synced=False, boot=""))
    assert body_of(event)["clock"] == "unsynced"


@pytest.mark.parametrize("kind", Kind)
def test_the_cloudevents_library_accepts_every_kind(kind: Kind) -> None:
    """Another program that knows only CloudEvents reads what we send."""
    text = Envelope(SOURCE).row(Event(kind, "S", {"raw": "\x00ÿ"}, SEEN), EPOCH, 1)[4]
    read = JSONFormat().read(CloudEvent, text)
    assert (read.get_type(), read.get_source(), read.get_subject()) == (f"lineside.{kind}", SOURCE, "S")


def test_one_identity_a_fact() -> None:
    """The identifier is unique over epochs, lanes and numbers."""
    envelope = Envelope(SOURCE)
    kinds = {LANE_OF[kind]: kind for kind in Kind}
    ids = [
        orjson.loads(envelope.row(Event(kind, "", {}, SEEN), epoch, number)[4])["id"]
        for epoch in ("e1", "e2")
        for kind in kinds.values()
        for number in (1, 11, 111)
    ]
    assert len(set(ids)) == len(ids) == 2 * len(LANES) * 3


def test_every_kind_has_its_lane() -> None:
    """No kind is without a way out, and no lane without a kind."""
    assert {LANE_OF[kind] for kind in Kind} == set(LANES)


@pytest.mark.parametrize(
    ("kind", "lane"),
    [
        (Kind.ANDON_RAISED, Lane.ANDON),
        (Kind.ANDON_RESOLVED, Lane.ANDON),
        (Kind.ALARM_RAISED, Lane.ALARM),
        (Kind.OPERATION_COMPLETED, Lane.WORK),
        (Kind.DEFECT_RECORDED, Lane.WORK),
        (Kind.SIGNAL_FAILED, Lane.WORK),
        (Kind.MEASUREMENT_TAKEN, Lane.MEASUREMENT),
        (Kind.DEVICE_LOST, Lane.HEALTH),
    ],
)
def test_a_kind_travels_in_the_lane_of_its_urgency(kind: Kind, lane: Lane) -> None:
    """A call is never behind a backlog of work, and work never behind a stream of values."""
    assert kind.lane is lane


def test_the_most_urgent_lane_comes_first() -> None:
    """The order in which lanes are served."""
    assert LANES == ("andon", "alarm", "work", "measurement", "health")


def test_a_batch_is_a_json_array_of_untouched_bodies() -> None:
    """Nothing is encoded twice: each body stands in the batch byte for byte."""
    bodies = [Envelope(SOURCE).row(completed(n=n, text="µ]["), EPOCH, n)[4] for n in (1, 2, 3)]
    text = batch(bodies)
    assert orjson.loads(text) == [orjson.loads(body) for body in bodies]
    assert text == f"[{bodies[0]},{bodies[1]},{bodies[2]}]"


def test_a_size_is_what_the_wire_carries() -> None:
    """Raw bytes above 127 count twice, as UTF-8 sends them."""
    assert [size_bytes(text) for text in ("", "abc", "\xff", "µm")] == [0, 3, 2, 3]
