"""Many alarms are told in few words: the first out, a flood, what chatters, is stale, or suppressed by a machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.signals import AgentStarted
from agent.station.alarms import listing
from agent.station.rules import MachineSignal
from tests.unit.station.alarm_bench import AlarmBench, alarm, limits, words

if TYPE_CHECKING:
    from agent.events import Event


def only_flood(events: list[Event]) -> list[Event]:
    return [event for event in events if event.kind == "alarm.flood"]


def test_the_first_out_of_a_group_is_marked_until_all_are_normal() -> None:
    """Also when it is over itself before the others are."""
    bench = AlarmBench(*(alarm(name, group="press", acknowledge=False) for name in ("overload", "door", "jam")))
    first, second = bench.signal("door")[0], bench.signal("jam")[0]
    assert (first.data["first_out"], second.data["first_out"]) == (True, False)
    bench.signal("door", active=False)
    assert bench.signal("overload")[0].data["first_out"] is False
    bench.run(("overload", False), ("jam", False))
    assert bench.signal("jam")[0].data["first_out"] is True


def test_an_alarm_that_is_put_aside_is_nobodys_first_out() -> None:
    bench = AlarmBench(alarm(group="press"), alarm("door", group="press"))
    bench.command("shelve", for_s=60)
    assert "first_out" not in bench.signal()[0].data
    assert bench.signal("door")[0].data["first_out"] is True


def test_a_machine_that_is_off_suppresses_its_alarms() -> None:
    """What it suppresses is recorded, quiet; what is still active when it runs again is told then."""
    bench = AlarmBench(alarm(suppress_by="running", call="help"), alarm("door"))
    bench.signal("running", active=False)
    (raised,) = bench.signal()
    assert (raised.data["state"], raised.data["quiet"], "calls" in raised.data) == ("suppressed", True, False)
    assert words(bench.signal("door")) == ["raised"]
    unsuppressed, again = bench.signal("running")
    assert unsuppressed.data.items() >= {"id": "overload", "suppressed_by": "running"}.items()
    assert again.data.items() >= {"again": True, "state": "unacknowledged", "calls": "help"}.items()
    (suppressed,) = bench.signal("running", active=False)
    assert (suppressed.kind, suppressed.data["state"]) == ("alarm.suppressed", "suppressed")
    bench.signal(active=False)
    assert words(bench.signal("running")) == []


def test_a_machine_of_which_nothing_is_known_suppresses_nothing() -> None:
    bench = AlarmBench(alarm(suppress_by="running"))
    assert "quiet" not in bench.signal()[0].data


def test_suppressed_and_shelved_it_is_told_when_both_are_over() -> None:
    bench = AlarmBench(alarm(suppress_by="running"))
    bench.run(("running", False), ("overload", True))
    bench.command("shelve", for_s=60)
    assert words(bench.signal("running")) == ["unsuppressed"]
    assert words(bench.wait_s(60)) == ["unshelved", "raised"]


def test_one_that_comes_and_goes_is_told_once_and_then_counted() -> None:
    """It is held active until it was quiet for long enough; then what it is by then is told."""
    bench = AlarmBench(alarm(chatter_count=3, chatter_s=20))
    told = [words(bench.signal(active=active)) for active in (True, False, True, False, True)]
    assert told == [["raised"], ["cleared"], ["raised"], ["cleared"], ["raised", "chattering"]]
    for active in (False, True) * 10 + (False,):
        assert bench.signal(active=active) == []
    assert bench.standing[0]["chattering"]
    assert bench.wait_s(19) == []
    steady, cleared = bench.wait_s(1)
    assert steady.data.items() >= {"chattering": False, "changes": 21}.items()
    assert cleared.kind == "alarm.cleared"
    assert words(bench.signal()) == ["raised"]


def test_one_that_is_steady_and_active_stays_active() -> None:
    bench = AlarmBench(alarm(chatter_count=2, chatter_s=20))
    bench.run(("overload", True), ("overload", False), ("overload", True))
    assert words(bench.wait_s(20)) == ["chattering"]
    assert bench.state() == "unacknowledged"


def test_what_comes_rarely_does_not_chatter() -> None:
    bench = AlarmBench(alarm(chatter_count=3, chatter_s=20))
    for _ in range(6):
        assert words(bench.signal()) == ["raised"]
        bench.signal(active=False)
        bench.wait_s(10)


def test_one_that_chatters_below_its_delay_is_told_all_the_same() -> None:
    """The delay would hide it for ever."""
    bench = AlarmBench(alarm(chatter_count=3, chatter_s=20, on_delay_s=5))
    told = [words(bench.signal(active=active)) for active in (True, False, True, False, True)]
    assert told == [[], [], [], [], ["raised", "chattering"]]


def test_a_silent_gauge_is_told_once_and_so_is_its_voice() -> None:
    """Also one that never said anything."""
    bench = AlarmBench(limits(stale_after_s=50))
    bench.say(AgentStarted("1"), "agent")
    (stale,) = bench.wait_s(1000)
    assert stale.data.items() >= {"stale": True, "because": "silent", "after_s": 50.0}.items()
    assert bench.standing[0]["stale"] == "silent"
    assert words(bench.value("5")) == ["stale"]
    assert bench.standing == []
    for _ in range(5):
        assert bench.wait_s(40) == []
        assert bench.value("5") == []
    assert bench.wait_s(50) == []
    assert words(bench.wait_s(5)) == ["stale"]


def test_a_gauge_that_speaks_without_end_changes_the_memory_seldom() -> None:
    """Its values can be joined; yet its silence is told neither before its time nor more than a tenth later."""
    bench = AlarmBench(limits(stale_after_s=50))
    bench.say(AgentStarted("1"), "agent")
    changed = 0
    for _ in range(100):
        memory = bench.memory
        assert bench.value("5") == []
        changed += bench.memory != memory
    assert changed == 20
    assert bench.wait_s(49) == []
    assert words(bench.wait_s(6)) == ["stale"]


def test_an_alarm_that_stays_is_told_as_stale() -> None:
    bench = AlarmBench(alarm(stale_after_s=100))
    bench.signal()
    (stale,) = bench.wait_s(1000)
    assert stale.data.items() >= {"stale": True, "because": "standing", "state": "unacknowledged"}.items()
    bench.signal(active=False)
    assert "stale" not in bench.standing[0]
    bench.signal()
    bench.signal(active=False)
    assert bench.wait_s(1000) == []


def test_a_flood_is_told_when_it_begins_and_when_it_ends() -> None:
    """More than flood_count within flood_s; over with fewer than flood_end_count."""
    bench = AlarmBench(alarm(acknowledge=False), flood_count=4, flood_s=60, flood_end_count=2)
    told = [only_flood(bench.signal(active=active)) for active in (True, False) * 6]
    begin = told[8][0]
    assert [bool(one) for one in told] == [index == 8 for index in range(12)]
    assert begin.data.items() >= {"active": True, "raised": 5, "standing": 1, "within_s": 60.0}.items()
    assert bench.memory["state/alarms"]["flood"]
    bench.wait_s(47)
    assert only_flood(bench.signal()) == []
    (end,) = only_flood(bench.wait_s(600))
    assert end.data.items() >= {"active": False, "raised": 7, "began": begin.moment.iso, "standing": 1}.items()
    assert "flood" not in bench.memory["state/alarms"]


def test_alarms_that_come_slowly_are_no_flood() -> None:
    bench = AlarmBench(alarm(acknowledge=False), flood_count=4, flood_s=60)
    for _ in range(20):
        assert only_flood(bench.signal()) == []
        bench.signal(active=False)
        bench.wait_s(14)


def test_alarms_that_bother_nobody_are_no_flood() -> None:
    bench = AlarmBench(alarm(acknowledge=False), flood_count=4)
    bench.command("shelve", for_s=3600)
    for _ in range(20):
        assert only_flood(bench.signal()) == []
        bench.signal(active=False)


def test_while_many_stand_the_list_is_renewed_a_few_times_a_second() -> None:
    """None is left out: a moment after the last change it is complete."""
    names = [f"s{number}" for number in range(listing.MANY + 30)]
    bench = AlarmBench(*(alarm(name) for name in names))
    signals = tuple(MachineSignal(name=name, device="box", input=name) for name in names)
    bench.rules = bench.rules.model_copy(update={"machine": signals})
    bench.restart()
    bench.tick_s = 0.001
    for name in names:
        bench.signal(name)
    assert listing.MANY <= len(bench.standing) < len(names)
    bench.wait_s(1)
    assert [one["id"] for one in bench.standing] == names
