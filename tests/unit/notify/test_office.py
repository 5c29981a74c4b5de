"""From event to message without a broker and without threads: what is told to whom, once, and when."""

from __future__ import annotations

import random
import sqlite3
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.notify.pusher import NotTakenError
from agent.notify.store import Store, StoreDamagedError, StoreError, StoreHeldError, held
from tests.unit.notify.mail import CALL, MONDAY, PATH, Office, event, message, tables

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LEVEL_2 = {"match": {"events": ["andon.escalated"], "levels": [2]}, "resolve": True}


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """One target that is told everything, and its end."""
    up = Office(tables(tmp_path))
    yield up
    up.close()


def opened(tmp_path: Path, *rules: dict[str, Any], **target: Any) -> Office:
    return Office(tables(tmp_path, *rules, **target))


def lost(sequence: int, *, cleared: bool = False) -> dict[str, Any]:
    return event("alarm.cleared" if cleared else "alarm.raised", sequence, alarm="device-lost", device="gauge-1")


def test_a_call_and_its_end_are_told(office: Office) -> None:
    """Each once, in order."""
    office.hear(event())
    office.work()
    office.hear(event("andon.resolved", 2, **CALL, duration_s=90))
    office.work()
    assert office.box.titles == ["Call: quality (line3/st-040)", "Resolved: quality (line3/st-040)"]
    assert "after 1 min 30 s" in office.box.got[1][1]


def test_the_same_event_again_is_told_once(office: Office) -> None:
    """Resent by its station, delivered twice by the broker, or both, before and after a restart."""
    office.hear(event(), event())
    office.work()
    office.close()
    office.open()
    office.hear(event())
    office.work()
    assert len(office.box.got) == 1
    assert office.counts() == {"told": 1, "repeated": 2}
    office.intake.admit([message(event(), path=PATH.replace("040", "041"))])
    office.work()
    assert len(office.box.got) == 2


def test_a_restart_repeats_nothing_and_forgets_nothing(office: Office) -> None:
    """What was sent stays sent, what waits still waits, and who is owed an end still gets it."""
    office.hear(event())
    office.work()
    office.hear(event("andon.raised", 2, **{**CALL, "call": "c-2", "name": "material"}))
    office.close()
    office.open()
    office.work()
    office.close()
    office.open()
    office.work()
    office.hear(event("andon.resolved", 3, **CALL))
    office.work()
    assert office.box.titles == [
        "Call: quality (line3/st-040)",
        "Call: material (line3/st-040)",
        "Resolved: quality (line3/st-040)",
    ]


def test_what_ended_before_it_was_told_is_one_message_about_both(office: Office) -> None:
    """Never silently dropped, and never two."""
    office.hear(event(), event("andon.resolved", 2, MONDAY + timedelta(minutes=4), **CALL))
    office.work()
    ((title, body),) = office.box.got
    assert title == "Call: quality (line3/st-040)"
    assert "over by now: Resolved 2026-11-16 10:04:00" in body


def test_an_end_that_comes_first_does_not_make_the_call_look_open(office: Office) -> None:
    """Events saved from a damaged journal come late and in any order."""
    office.hear(event("andon.resolved", 2, **CALL), event(sequence=1))
    office.work()
    ((_, body),) = office.box.got
    assert "over by now: Resolved" in body
    office.hear(event("andon.closed", 3, **CALL))
    office.work()
    assert len(office.box.got) == 1


def test_a_reason_that_comes_later_is_no_second_end(tmp_path: Path) -> None:
    """Nor is the restart of the line; whoever wants to hear of them names them."""
    office = opened(tmp_path, {"resolve": True}, {"match": {"events": ["andon.restarted"]}, "resolve": True})
    office.hear(event())
    office.work()
    office.hear(event("andon.resolved", 2, **{**CALL, "state": "resolved"}))
    office.hear(event("andon.closed", 3, **{**CALL, "reason": "burr"}))
    office.hear(event("andon.restarted", 4, **{**CALL, "stopped_s": 65.0}))
    office.work()
    assert [title.split(":")[0] for title in office.box.titles] == ["Call", "Resolved", "Line restarted"]
    assert not any("over by now" in body for _, body in office.box.got)
    assert "after 1 min 5 s" in office.box.got[-1][1]
    office.close()


def test_a_reason_is_the_end_where_no_other_was_heard(office: Office) -> None:
    """The fact of the end was lost to retention or damage."""
    office.hear(event())
    office.work()
    office.hear(event("andon.closed", 3, **CALL))
    office.work()
    assert [title.split(":")[0] for title in office.box.titles] == ["Call", "Closed"]


def test_an_alarm_that_comes_again_is_a_new_one(office: Office) -> None:
    """An end is the end of what was raised before it, not after."""
    office.hear(lost(1))
    office.work()
    office.hear(lost(2, cleared=True))
    office.work()
    office.hear(lost(3))
    office.work()
    assert [title.split(":")[0] for title in office.box.titles] == ["Alarm", "Alarm cleared", "Alarm"]
    assert "over by now" not in office.box.got[-1][1]


def test_who_was_told_of_an_escalation_is_told_of_the_end(tmp_path: Path) -> None:
    """Though the end fits no rule; who was told nothing is told nothing."""
    office = opened(tmp_path, LEVEL_2)
    office.hear(event(), event("andon.escalated", 2, **{**CALL, "level": 1}))
    office.work()
    assert office.box.got == []
    office.hear(event("andon.escalated", 3, **{**CALL, "level": 2}))
    office.work()
    office.hear(event("andon.resolved", 4, **CALL))
    office.work()
    assert office.box.titles == ["Nobody answers: quality (line3/st-040)", "Resolved: quality (line3/st-040)"]
    office.close()


def test_quiet_hours_hold_back_all_but_what_is_urgent(tmp_path: Path) -> None:
    """And in the morning it is told, with what became of it."""
    urgent = {"match": {"modes": ["stop"]}, "urgent": True}
    office = opened(tmp_path, {}, urgent, quiet=[{"hours": "22:00-06:00"}])
    office.now = MONDAY.replace(hour=23)
    office.hear(event(at=office.now), event(sequence=2, at=office.now, **{**CALL, "call": "c-2", "mode": "stop"}))
    office.work()
    assert [body.splitlines()[-1] for _, body in office.box.got] == ["type: quality, mode: stop"]
    office.hear(event("andon.resolved", 3, office.now + timedelta(minutes=9), **CALL))
    office.passes(hours=6, minutes=59)
    office.work()
    assert len(office.box.got) == 1
    office.passes(minutes=1)
    office.work()
    assert "over by now: Resolved 2026-11-16 23:09:00" in office.box.got[1][1]
    office.close()


def test_a_flood_is_a_digest(tmp_path: Path) -> None:
    """A hundred calls are one message with counts and a list."""
    office = opened(tmp_path, {}, rate={"messages": 3, "in_s": 60.0})
    office.hear(*(event(sequence=number, **{**CALL, "call": f"c-{number}"}) for number in range(1, 101)))
    office.work()
    ((title, body),) = office.box.got
    assert title == "100 messages"
    assert body.startswith("100 x Call\n")
    assert body.endswith("... and 70 more")
    office.close()


def test_late_events_are_told_with_their_true_time(office: Office) -> None:
    """The station was offline for three hours."""
    office.passes(hours=3)
    office.hear(event())
    office.work()
    assert "2026-11-16 10:00:00\nheard 3 h late" in office.box.got[0][1]


def test_late_events_may_be_gathered(tmp_path: Path) -> None:
    """By rule: one digest of what is old, while what is new goes at once."""
    office = opened(tmp_path, {"late": "digest"})
    office.passes(hours=3)
    office.hear(event(sequence=1), event(sequence=2, **{**CALL, "call": "c-2"}))
    office.hear(event(sequence=3, at=office.now, **{**CALL, "call": "c-3"}))
    office.work()
    assert len(office.box.got) == 1
    office.passes(seconds=61)
    office.work()
    assert office.box.titles[1] == "2 messages"
    office.close()


def test_what_a_target_does_not_take_waits_for_it(office: Office) -> None:
    """In order, each once, when it is back."""
    office.box.away = True
    office.hear(event(), event(sequence=2, **{**CALL, "call": "c-2", "name": "material"}))
    for _ in range(3):
        with pytest.raises(NotTakenError):
            office.work()
    assert office.waiting() == 2
    office.box.away = False
    office.work()
    assert sorted(office.box.titles) == ["Call: material (line3/st-040)", "Call: quality (line3/st-040)"]


def test_one_message_that_is_never_taken_does_not_hold_up_the_others(tmp_path: Path) -> None:
    """The one tried least goes first: a text that a service refuses blocks nobody."""
    office = opened(tmp_path, {})
    office.hear(event(), event(sequence=2, **{**CALL, "call": "c-2", "name": "material"}))
    office.box.away = True
    with pytest.raises(NotTakenError):
        office.work()
    office.box.away = False
    office.deliveries["shift"].send_next()
    assert office.box.titles == ["Call: material (line3/st-040)"]
    office.close()


def test_the_fallback_is_told_once_of_a_target_that_takes_nothing(tmp_path: Path) -> None:
    """After the stated time; and once more after it had worked again."""
    up = tables(tmp_path)
    up["target"] += [{"name": "office", "url": "json://127.0.0.2"}]
    up["notify"] |= {"fallback": "office", "fallback_after_s": 900.0}
    office = Office(up)
    office.hear(event())
    for outage in (1, 2):
        office.box.away = True
        for _ in range(5):
            with pytest.raises(NotTakenError):
                office.work()
            office.work("office")
            office.passes(minutes=5)
        assert office.boxes["office"].titles == ["Messages not delivered: shift (-/-)"] * outage
        assert "1 waiting away" in office.boxes["office"].got[0][1]
        office.box.away = False
        office.work()
        office.hear(event(sequence=outage + 1, **{**CALL, "call": f"c-{outage + 1}"}))
    office.close()


def test_what_nobody_took_is_given_up_in_the_end_and_said_so(office: Office) -> None:
    """Nothing is kept for ever, and nothing vanishes without a word."""
    office.box.away = True
    office.hear(event())
    office.passes(days=31)
    office.intake.tidy()
    assert office.waiting() == 0
    assert office.counts()["given up"] == 1
    office.passes(days=31)
    office.intake.tidy()
    rows = sqlite3.connect(office.store.path).execute(
        "SELECT (SELECT count(*) FROM seen), (SELECT count(*) FROM outbox)"
    )
    assert rows.fetchone() == (0, 0)
    rows.connection.close()


def test_garbage_is_counted_and_holds_up_nothing(office: Office) -> None:
    """The newest of it is told."""
    office.hear({"lane": "andon"}, event())
    office.work()
    assert office.counts() == {"garbage": 1, "told": 1}
    assert len(office.box.got) == 1


def test_a_disk_that_fails_after_a_message_was_taken_does_not_send_it_again(office: Office) -> None:
    """It is put on disk before anything else is sent."""
    office.hear(event())
    office.store._connection.execute(  # type: ignore[union-attr]
        "CREATE TEMP TRIGGER full BEFORE UPDATE OF done ON outbox BEGIN SELECT raise(ABORT, 'disk is full'); END"
    )
    for _ in range(3):
        with pytest.raises(StoreError, match="disk is full"):
            office.work()
    assert len(office.box.got) == 1
    office.store._connection.execute("DROP TRIGGER full")  # type: ignore[union-attr]
    office.work()
    assert (len(office.box.got), office.waiting()) == (1, 0)


def test_events_that_could_not_be_kept_count_as_not_heard(office: Office) -> None:
    """The broker is not acknowledged and sends them again."""
    office.store._connection.execute(  # type: ignore[union-attr]
        "CREATE TEMP TRIGGER full BEFORE INSERT ON outbox BEGIN SELECT raise(ABORT, 'disk is full'); END"
    )
    with pytest.raises(StoreError):
        office.hear(event())
    office.store._connection.execute("DROP TRIGGER full")  # type: ignore[union-attr]
    office.hear(event())
    office.work()
    assert len(office.box.got) == 1


def test_two_notifiers_do_not_share_a_file(office: Office) -> None:
    """The second is told, and the kernel frees the file however the first ends."""
    second = Store(office.store.path)
    with pytest.raises(StoreHeldError, match="another notifier"):
        second.open()
    assert held(office.store.path)
    office.close()
    assert not held(office.store.path)
    second.open()
    second.close()


def test_a_damaged_file_is_put_aside_and_told(tmp_path: Path) -> None:
    """The notifier goes on with a new one."""
    path = tmp_path / "notify.db"
    path.write_bytes(b"no database at all" * 100)
    office = opened(tmp_path)
    assert office.store.aside is not None
    assert office.store.aside.exists()
    assert office.counts() == {"damaged": 1}
    office.hear(event())
    office.work()
    assert len(office.box.got) == 1
    office.close()


def test_damage_while_running_is_known_as_such(office: Office) -> None:
    """Only a new start mends it: the process ends with that, and puts the file aside when it is back."""
    office.hear(*(event(sequence=number, **{**CALL, "call": f"c-{number}"}) for number in range(1, 200)))
    with office.store.path.open("r+b") as damaged:
        size_bytes = office.store.path.stat().st_size
        damaged.seek(24)
        damaged.write(b"\x01\x02\x03\x04")  # the change counter: what is cached counts no more
        damaged.seek(100)
        damaged.write(b"\xff" * (size_bytes - 100))
    with pytest.raises(StoreDamagedError):
        office.hear(event(sequence=1000))
    assert office.store.damaged
    office.close()
    office.open()
    assert office.store.aside is not None


def test_a_file_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """Its path was a mistake."""
    path = tmp_path / "notify.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    with pytest.raises(StoreError, match="another program"):
        opened(tmp_path)


@given(seed=st.integers(0, 10**9), calls=st.integers(1, 8), lives=st.integers(1, 3))
def test_any_history_tells_each_call_once_and_leaves_none_open(
    tmp_path_factory: pytest.TempPathFactory, seed: int, calls: int, lives: int
) -> None:
    """Repeats, any order, restarts, a target that comes and goes: each call is told, and nobody thinks it is open."""
    chance = random.Random(seed)
    office = Office(tables(tmp_path_factory.mktemp("any"), rate={"messages": 1000, "in_s": 1.0}))
    events = []
    for number in range(calls):
        call = {**CALL, "call": f"c-{number}", "name": f"call {number}"}
        kinds = ("andon.raised", "andon.resolved", "andon.closed", "andon.restarted")
        events += [event(kind, 4 * number + place, **call) for place, kind in enumerate(kinds, 1)]
    history = events * lives
    chance.shuffle(history)
    for one in history:
        office.hear(one)
        office.box.away = chance.random() < 0.5
        if chance.random() < 0.5 and not office.box.away:
            office.work()
        elif office.box.away and office.waiting():
            with pytest.raises(NotTakenError):
                office.work()
        if chance.random() < 0.2:
            office.close()
            office.open()
    office.box.away = False
    office.work()
    assert office.waiting() == 0
    office.close()
    for number in range(calls):
        about = [(title, body) for title, body in office.box.got if f": call {number} (" in title]
        raised = [body for title, body in about if title.startswith("Call")]
        assert len(raised) == 1
        ends = [title for title, _ in about if title.startswith(("Resolved", "Closed"))]
        assert len(ends) == ("over by now" not in raised[0])
