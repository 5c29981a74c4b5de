"""The uplink at a real broker: what that refuses, what it forgets, how fast it is fed, and what the central says."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from agent.events import Kind, Lane
from agent.journal.journal import JournalSettings
from agent.journal.quarantine import Refusal, Retry
from agent.uplink.lane import AGAIN_FIRST
from simulators.broker import Mosquitto
from tests.support.listener import Listener
from tests.support.tuned_broker import TunedMosquitto
from tests.support.uplink_rig import SOURCE, TOPIC, USER, Rig

if TYPE_CHECKING:
    from pathlib import Path

    from simulators.children import Child

pytestmark = pytest.mark.skipif(
    Mosquitto.program() is None, reason="mosquitto is not installed: apt-get install mosquitto"
)

TOO_LARGE = 0x95
REST = f"topic readwrite #\nuser {USER}\ntopic read {TOPIC}/#\ntopic write {TOPIC}/state/#\n"
ALL_BUT_WORK = REST + "".join(
    f"topic write {TOPIC}/event/{lane}\n" for lane in ("andon", "alarm", "measurement", "health")
)
ALL = f"topic readwrite #\nuser {USER}\ntopic readwrite #\n"


def tuned(folder: Path, settings: str = "", access: str = "") -> TunedMosquitto:
    return TunedMosquitto(folder / "broker", settings, access)


def quarantined(up: Rig) -> list[Any]:
    with up.journal.reader() as reader:
        return reader.quarantined()


# --- what the broker refuses


def test_a_lane_that_the_broker_does_not_allow_is_tried_slowly_and_holds_up_no_other(tmp_path: Path) -> None:
    """Its facts stay, the status names it with the broker's word; once the list is mended everything is delivered."""
    with Rig(tmp_path, broker=tuned(tmp_path, access=ALL_BUT_WORK), refused_retry_s=0.3, batch_events=1) as up:
        up.start_central()
        up.start()
        up.capture(100)
        up.capture(20, Kind.MEASUREMENT_TAKEN)
        up.capture(2, Kind.ANDON_RAISED)
        up.until(lambda: up.counts().delivered == 22)
        up.until(lambda: up.broker_entry.get("refused_lanes"))
        assert "Not authorized (reason code 0x87)" in up.broker_entry["refused_lanes"]["work"]
        assert any("work: the broker refuses it" in reason for reason in up.status()["reasons"])
        assert up.lanes()[Lane.WORK].sent == 0
        assert up.is_online()
        up.capture(1, Kind.ANDON_RAISED)
        up.until(lambda: up.counts().delivered == 23)
        up.broker.allow(ALL)
        assert up.until_settled().delivered == 123
        up.until(lambda: not up.broker_entry["refused_lanes"])
        assert quarantined(up) == []


def test_nobody_subscribed_is_shown_until_somebody_is(tmp_path: Path) -> None:
    """The broker has it and nobody gets it: only the central's silence brings it back."""
    with Rig(tmp_path) as up:
        up.start()
        up.capture(10)
        up.until(lambda: up.broker_entry.get("unheard"))
        assert "nobody is subscribed to our facts" in up.status()["reasons"]
        up.start_central()
        assert up.until_settled().delivered == 10
        up.until(lambda: not up.broker_entry["unheard"])


def test_an_event_above_the_brokers_limit_is_set_aside_and_told_and_the_lane_goes_on(tmp_path: Path) -> None:
    """Maximum packet size is respected; with a higher limit a retry delivers what was set aside."""
    with Rig(tmp_path, broker=tuned(tmp_path, "max_packet_size 5000")) as up:
        central = up.start_central()
        up.start()
        up.capture(100, size=500)
        up.capture(1, size=6000)
        up.capture(100, size=500)
        assert up.until_settled().told == 1
        up.until(lambda: len(quarantined(up)) == 1)
        refused = quarantined(up)[0]
        assert (refused.lane, refused.sequence, refused.code) == (Lane.WORK, 101, TOO_LARGE)
        assert [state for state, _ in up.states] == ["offline", "online"]
        counts = up.counts()
        assert (counts.delivered, counts.told) == (201, 1)
        assert any("1 events in quarantine" in reason for reason in up.status()["reasons"])

        up.journal.quarantine.put(Retry(refused.id))
        up.until(lambda: not quarantined(up)[0].retry)

        up.broker.stop()
        central.wait_for("disconnected")
        up.broker.settings = "max_packet_size 10000"
        up.broker.start()
        central.wait_for("connected")
        up.journal.quarantine.put(Retry(refused.id))
        up.until(lambda: not quarantined(up))
        up.until(lambda: up.counts().delivered == 202)
        assert up.until_settled().told == 0


def test_what_the_broker_took_once_and_never_will_again_goes_into_quarantine(tmp_path: Path) -> None:
    """Its limit was lowered before the central had it."""
    with Rig(tmp_path, broker=tuned(tmp_path, "max_packet_size 10000")) as up:
        up.start()
        up.capture(size=6000)
        up.until(lambda: up.lanes()[Lane.WORK].sent == 1)
        up.broker.stop()
        up.broker.settings = "max_packet_size 5000"
        up.broker.start()
        up.until(lambda: [one.sequence for one in quarantined(up)] == [1])


def test_a_retry_that_nobody_hears_stays_in_quarantine(tmp_path: Path) -> None:
    """Taken by a broker without a subscriber is not delivered; with one, it is."""
    with Rig(tmp_path) as up:
        up.capture(3)
        up.journal.quarantine.put(Refusal(Lane.WORK, 2, TOO_LARGE, "a test says so"))
        up.journal.quarantine.put(Retry(1))
        up.start()
        up.until(lambda: "nobody is subscribed" in quarantined(up)[0].reason)
        up.start_central()
        assert up.until_settled().delivered == 4
        up.journal.quarantine.put(Retry(1))
        up.until(lambda: quarantined(up) == [])
        assert up.until_settled().told == 0


@pytest.mark.parametrize(
    ("protocol", "limit"),
    [("5", "message_size_limit 4000"), ("3.1.1", "max_packet_size 4000")],
)
def test_a_broker_that_hangs_up_on_a_message_is_not_tried_for_ever(tmp_path: Path, protocol: str, limit: str) -> None:
    """It told no limit: what is alone in the air when it hangs up, again and again, is set aside; the lanes go on."""
    with Rig(tmp_path, broker=tuned(tmp_path, limit), protocol=protocol, retry_max_s=0.05) as up:
        up.start_central()
        up.start()
        up.capture(30, size=300)
        up.capture(1, size=5000)
        up.capture(30, size=300)
        up.until(lambda: len(quarantined(up)) == 1)
        counts = up.until_settled()
        assert (counts.delivered, counts.told) == (61, 1)
        assert quarantined(up)[0].sequence == 31
        assert "hangs up" in quarantined(up)[0].reason


@pytest.mark.parametrize("receive_maximum", [1, 3])
def test_no_more_is_in_the_air_than_the_broker_takes(tmp_path: Path, receive_maximum: int) -> None:
    """Receive maximum is respected, and even the smallest one leaves room for work."""
    with Rig(tmp_path, broker=tuned(tmp_path, f"max_inflight_messages {receive_maximum}"), batch_events=1) as up:
        up.start_central()
        up.start()
        up.capture(200)
        up.capture(3, Kind.ANDON_RAISED)
        assert up.until_settled().delivered == 203
        assert [state for state, _ in up.states] == ["offline", "online"]


# --- how it is sent


def test_a_backlog_goes_in_batches_bounded_in_events_and_bytes(tmp_path: Path) -> None:
    """The content type tells which is which; a single event goes as one."""
    with (
        Rig(tmp_path, batch_events=15, batch_bytes=9000, confirm="broker") as up,
        Listener(up.broker.port, f"{TOPIC}/event/+") as heard,
    ):
        up.capture(100)
        up.capture(100, size=1000)
        up.capture(1, size=20_000)
        up.start()
        up.until(lambda: sum(len(message.events) for message in heard.messages) == 201)
        batches = [message for message in heard.messages if message.payload.startswith(b"[")]
        assert max(len(message.events) for message in batches) == 15
        assert 8000 < max(len(message.payload) for message in batches) <= 9000
        assert {message.content_type for message in batches} == {"application/cloudevents-batch+json; charset=utf-8"}
        singles = [message for message in heard.messages if message not in batches]
        assert max(len(message.payload) for message in singles) > 20_000
        assert {message.content_type for message in singles} == {"application/cloudevents+json; charset=utf-8"}
        assert [int(event["sequence"]) for message in heard.messages for event in message.events] == [*range(1, 202)]


def test_a_checked_backlog_that_is_read_ahead_arrives_whole(tmp_path: Path) -> None:
    """The way of a station that comes back after hours, with a call and a broker that goes in the middle."""
    with Rig(tmp_path, batch_events=20) as up:
        up.capture(5000)
        up.tidy()
        central = up.start_central()
        up.start()
        up.until(lambda: up.counts().delivered > 500)
        up.capture(1, Kind.ANDON_RAISED)
        up.broker.stop()
        central.wait_for("disconnected")
        up.capture(200)
        up.broker.start()
        assert up.until_settled().delivered == 5201


@pytest.mark.parametrize(
    ("bounds", "a_second"), [({"drain_events_per_s": 200}, 200), ({"drain_bytes_per_s": 100_000}, 230)]
)
def test_a_backlog_goes_no_faster_than_the_drain_rate_and_a_call_does_not_wait(
    tmp_path: Path, bounds: dict[str, int], a_second: int
) -> None:
    """So that a plant that returns does not drown its consumer."""
    with (
        Rig(tmp_path, batch_events=50, confirm="broker", **bounds) as up,
        Listener(up.broker.port, f"{TOPIC}/event/+") as heard,
    ):
        up.capture(700)
        up.start()
        up.until(lambda: len(heard.messages) >= 2)
        up.capture(1, Kind.ANDON_RAISED)
        up.until(lambda: sum(len(message.events) for message in heard.messages) == 701)
        work = [message for message in heard.messages if message.topic.endswith("work")]
        took_s = work[-1].at_s - work[0].at_s
        behind_the_first = sum(len(message.events) for message in work[1:])
        assert behind_the_first <= 1.2 * a_second * took_s + 50
        topics = [message.topic for message in heard.messages]
        assert topics.index(f"{TOPIC}/event/andon") < len(topics) - 3


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_facts_and_orders_travel_with_either_protocol(tmp_path: Path, protocol: str) -> None:
    with Rig(tmp_path, protocol=protocol) as up:
        up.start_central("--protocol", protocol)
        up.start()
        up.capture(300)
        assert up.until_settled().delivered == 300
        with Listener(up.broker.port, f"{TOPIC}/none") as other:
            other.send(f"{TOPIC}/cmd/andon/acknowledge", {"call": "c-1"})
            other.send(f"{TOPIC}/cmd/replay", {"lane": "work", "from": 1, "to": 5})
            up.until(lambda: up.orders == [("andon/acknowledge", {"call": "c-1"})])
            up.until(lambda: up.counts().dropped == 5)


# --- who must have it


def test_the_broker_alone_may_count_as_delivered(tmp_path: Path) -> None:
    """The weaker promise, where nobody confirms."""
    with Rig(tmp_path, confirm="broker") as up:
        up.start()
        up.capture(50)
        up.until(lambda: up.lanes()[Lane.WORK].confirmed == 50)
        assert up.broker_entry["confirm"] == "broker"


def test_what_the_broker_has_is_not_delivered_until_the_central_says_so(tmp_path: Path) -> None:
    with Rig(tmp_path, resend_after_s=3600.0) as up:
        up.start()
        up.capture(50)
        up.until(lambda: up.lanes()[Lane.WORK].sent == 50)
        assert up.lanes()[Lane.WORK].confirmed == 0
        assert up.lanes()[Lane.WORK].depth == 50


def test_what_a_broker_acknowledged_and_forgot_is_sent_again(tmp_path: Path) -> None:
    """It had queued it for the central, in memory; the central's silence tells."""
    with Rig(tmp_path) as up:
        up.start_central()
        up.stop_central()
        up.start()
        up.capture(500)
        up.until(lambda: up.lanes()[Lane.WORK].sent == 500)
        up.broker.kill()
        up.broker.start()
        up.start_central()
        assert up.until_settled().delivered == 500


def test_a_central_that_misses_a_few_is_not_sent_everything_again(tmp_path: Path) -> None:
    """The broker lost its queue; much has come since.  Nothing is confirmed beyond the hole until it is filled."""
    with Rig(tmp_path) as up:
        up.start_central()
        up.start()
        up.capture(100)
        up.until_settled()
        up.stop_central()
        up.capture(300)
        up.until(lambda: up.lanes()[Lane.WORK].sent == 400)
        up.broker.kill()
        up.broker.start()
        up.start_central()
        up.until(up.is_online)
        up.capture(20 * AGAIN_FIRST)
        assert up.until_settled().delivered == 400 + 20 * AGAIN_FIRST
        assert up.counts().dropped <= AGAIN_FIRST


def test_the_doubled_wait_survives_a_redial(tmp_path: Path) -> None:
    """A connection that comes and goes does not make the station flood a central that is away."""
    with Rig(tmp_path, resend_after_s=0.2, proxied=True) as up:
        up.start()
        up.capture(1)
        with Listener(up.broker.port, f"{TOPIC}/event/+") as heard:
            up.until(lambda: len(heard.messages) >= 4)
            up.proxy.tell("cut")
            up.until(lambda: up.proxy.accepted == 2)
            up.until(up.is_online)
            before = len(heard.messages)
            up.until(lambda: len(heard.messages) > before)
            assert heard.messages[-1].at_s - heard.messages[-2].at_s > 0.2 * 4


# --- asked for once more


def answer_of(central: Child) -> dict[str, Any]:
    return {key: value for key, value in central.wait_for("answer").items() if key in ("ok", "lane", "from", "to")}


def test_the_central_gets_any_range_again_that_is_kept(tmp_path: Path) -> None:
    """The answer says what will come; numbers that do not exist are said to be none."""
    with Rig(tmp_path) as up:
        central = up.start_central()
        up.start()
        up.capture(1000)
        up.until_settled()
        central.tell("replay work 101 400")
        assert answer_of(central) == {"ok": True, "lane": "work", "from": 101, "to": 400}
        up.until(lambda: up.counts().dropped == 300)
        central.tell("replay work 990 5000")
        assert answer_of(central) == {"ok": True, "lane": "work", "from": 990, "to": 1000}
        up.until(lambda: up.counts().dropped == 311)
        central.tell("replay work 2000 3000")
        assert answer_of(central)["ok"] is False
        central.tell("replay moon 1 2")
        assert central.wait_for("answer")["reason"] == "say lane, from and to"
        assert up.until_settled().delivered == 1000


def test_the_answer_bears_the_askers_mark(tmp_path: Path) -> None:
    """Several may ask at once."""
    with Rig(tmp_path) as up, Listener(up.broker.port, "answers/+") as asker:
        up.start()
        up.capture(3)
        up.until(up.is_online)
        orders: list[tuple[str, Any, bool]] = [
            ("a", {"lane": "work", "from": 2, "to": 3}, True),
            ("b", {"lane": "work", "from": 2, "to": 3, "epoch": "another"}, False),
            ("c", {"lane": "work", "from": True, "to": 3}, False),
            ("d", {"lane": ["work"], "from": 1, "to": 3}, False),
            ("e", ["work", 1, 3], False),
        ]
        for mark, order, _ in orders:
            asker.send(f"{TOPIC}/cmd/replay", order, answer_to=f"answers/{mark}", mark=mark.encode())
        up.until(lambda: len(asker.messages) == len(orders))
        told = {message.correlation.decode(): message for message in asker.messages}
        for mark, _, ok in orders:
            assert orjson.loads(told[mark].payload)["ok"] is ok
            assert told[mark].topic == f"answers/{mark}"


def test_the_central_asks_by_itself_for_what_stays_missing(tmp_path: Path) -> None:
    """A broker lost a part in the middle, and the station would not send it again for an hour."""
    with Rig(tmp_path, resend_after_s=3600.0) as up:
        up.start_central()
        up.start()
        up.capture(10)
        up.until_settled()
        up.stop_central()
        up.capture(50)
        up.until(lambda: up.lanes()[Lane.WORK].sent == 60)
        up.broker.kill()
        up.broker.start()
        central = up.start_central("--replay-after", "0.3")
        up.until(up.is_online)
        up.capture(10)
        assert central.wait_for("asked", 20.0)["from"] == 11
        assert up.until_settled().delivered == 70


# --- a central that knows more, or another journal


def test_a_central_that_has_more_than_the_journal_casts_doubt_on_the_journal(tmp_path: Path) -> None:
    """Commits were lost, or an old copy was put back: numbers would be given twice."""
    with Rig(tmp_path) as up, Listener(up.broker.port, f"{TOPIC}/none") as central:
        up.start()
        up.capture(5)
        central.send(f"{TOPIC}/confirm", {"epoch": "another", "work": 10_000}, retain=True)
        central.send(f"{TOPIC}/confirm", {"epoch": up.journal.epoch, "work": 4}, retain=True)
        up.until(lambda: up.lanes()[Lane.WORK].confirmed == 4)
        assert up.journal.suspicion == ""
        central.send(f"{TOPIC}/confirm", {"epoch": up.journal.epoch, "work": 6}, retain=True)
        up.until(lambda: up.journal.suspicion)
        assert "lane work up to 6, the journal ends at 5" in up.journal.suspicion


@pytest.mark.parametrize(("confirm", "gone"), [("central", 8), ("broker", 0)])
def test_what_was_saved_from_a_damaged_journal_is_delivered_under_its_old_epoch(
    tmp_path: Path, confirm: str, gone: int
) -> None:
    """What could not be saved is told: nothing is lost without a word, and what was confirmed leaves the file."""
    with Rig(tmp_path, confirm=confirm) as up:
        old = up.journal.epoch
        up.capture(50)
        if gone:
            with closing(sqlite3.connect(up.journal.path)) as other, other:
                other.execute("DELETE FROM event_work WHERE seq BETWEEN 10 AND 12 OR seq > 45")
        up.start_central()
        up.journal.start_anew("a test damaged it")
        up.tidy()
        up.start()
        up.capture(7)
        up.until(lambda: up.counts().delivered == 50 - gone + up.captured)
        up.until(lambda: salvage(up) == [])
        assert up.until_settled().told == gone
        assert up.journal.epoch != old


def salvage(up: Rig) -> list[Any]:
    with up.journal.reader() as reader:
        return reader.salvaged()


# --- what was given up


def test_events_given_up_for_space_are_told_and_the_confirmation_passes_over_them(tmp_path: Path) -> None:
    """A month without a network: the oldest went, by name; delivered and told are together what was captured."""
    with Rig(tmp_path, journal=JournalSettings({Lane.WORK: 100_000})) as up:
        for _ in range(10):
            up.capture(200, size=100)
            up.tidy()
        up.start_central()
        up.start()
        counts = up.until_settled()
        assert counts.told > 1000
        assert counts.delivered + counts.told == up.captured


def test_values_out_of_limits_are_delivered_however_many_others_are_thinned(tmp_path: Path) -> None:
    """A gap record names the numbers in its span that still come; the confirmation waits for them."""
    with Rig(tmp_path, journal=JournalSettings({Lane.MEASUREMENT: 300_000}), batch_events=7) as up:
        value = {"gauge": "g", "unit": "mm", "value": 1.0}
        for _ in range(30):
            up.capture(19, Kind.MEASUREMENT_TAKEN, size=100, **value, verdict="pass")
            up.capture(1, Kind.MEASUREMENT_TAKEN, size=100, **value, verdict="fail")
        up.tidy()
        up.start_central()
        up.start()
        counts = up.until_settled()
        assert counts.told == 30 * 19
        with closing(sqlite3.connect(up.book)) as book:
            (failed,) = book.execute(
                "SELECT count(*) FROM event WHERE json_extract(body, '$.data.verdict') = 'fail'"
            ).fetchone()
        assert failed == 30
        assert SOURCE in up.status()["source"]
