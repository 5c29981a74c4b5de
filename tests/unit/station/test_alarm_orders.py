"""Orders about alarms: shelving always ends, somebody answers for it, and twice is once."""

from __future__ import annotations

from typing import Any

import pytest

from agent.events import Kind
from agent.station.policy import Authority
from tests.unit.station.alarm_bench import AlarmBench, alarm, words
from tests.unit.station.bench import only


def refusal(bench: AlarmBench, what: str, **order: Any) -> str:
    event = only(bench.say_order(what, order))
    assert event.kind is Kind.COMMAND_REJECTED
    return str(event.data["reason"])


def test_shelving_puts_it_aside_until_its_time_is_over() -> None:
    """Then it is told again, though it was told before; it must be acknowledged anew."""
    bench = AlarmBench(alarm(call="help"))
    assert bench.signal()[0].data["calls"] == "help"
    bench.command("acknowledge")
    decision = bench.command("shelve", for_s=600, reason="sensor ordered")
    shelved = only(decision)
    assert shelved.data.items() >= {"by": "anna", "for_s": 600, "reason": "sensor ordered", "quiet": True}.items()
    assert decision.reply["alarm"]["shelved_until"] == shelved.data["until"]
    assert bench.state() == "shelved"
    unshelved, raised = bench.wait_s(600)
    assert unshelved.data.items() >= {"why": "expired", "shelved_by": "anna", "shelved_s": 600.0}.items()
    assert "by" not in unshelved.data
    assert raised.data.items() >= {"again": True, "calls": "help", "state": "unacknowledged"}.items()
    assert bench.state() == "unacknowledged"


def test_a_shelved_alarm_is_recorded_and_bothers_nobody() -> None:
    """It comes and goes as a fact, quiet, without a call; over in the meantime, nothing is left to acknowledge."""
    bench = AlarmBench(alarm(call="help"))
    bench.command("shelve", for_s=600)
    (raised,) = bench.signal()
    assert raised.data["quiet"]
    assert "calls" not in raised.data
    (cleared,) = bench.signal(active=False)
    assert cleared.data["state"] == "shelved"
    assert words(bench.wait_s(600)) == ["unshelved"]
    assert bench.state() == "normal"


def test_what_was_told_before_it_was_shelved_is_still_to_be_acknowledged() -> None:
    bench = AlarmBench(alarm())
    bench.signal()
    bench.command("shelve", for_s=600)
    bench.signal(active=False)
    bench.wait_s(600)
    assert bench.state() == "returned"


def test_unshelving_tells_it_again_and_needs_no_end() -> None:
    bench = AlarmBench(alarm())
    bench.signal()
    bench.command("shelve", for_s=600)
    unshelved, raised = bench.command("unshelve", by="ben").events
    assert unshelved.data.items() >= {"by": "ben", "why": "ordered", "shelved_by": "anna"}.items()
    assert raised.data["again"]
    assert bench.wait_s(3600) == []


@pytest.mark.parametrize("what", ["acknowledge", "shelve", "unshelve", "reset"])
def test_twice_is_once(what: str) -> None:
    """The second time is answered with the state, and leaves no fact; a second shelving does not prolong the first."""
    bench = AlarmBench(alarm(latch=what == "reset"))
    bench.signal()
    if what == "unshelve":
        bench.command("shelve", for_s=60)
    if what == "reset":
        bench.signal(active=False)
    assert bench.command(what, for_s=60).events
    before = {key: value for key, value in bench.memory.items() if key.startswith(("alarm", "timer"))}
    again = bench.command(what, for_s=60)
    assert again.events == ()
    assert again.reply["alarm"]["state"] == bench.state()
    assert {key: value for key, value in bench.memory.items() if key.startswith(("alarm", "timer"))} == before


@pytest.mark.parametrize(
    ("for_s", "words"),
    [
        (None, "say for how long"),
        ("60", "say for how long"),
        (True, "say for how long"),
        (float("nan"), "say for how long"),
        (0, "above 0"),
        (-1, "above 0"),
        (3601, "up to 3600"),
    ],
)
def test_shelving_without_a_bounded_end_is_refused(for_s: object, words: str) -> None:
    bench = AlarmBench(alarm(shelve_max_s=3600))
    bench.signal()
    assert words in refusal(bench, "shelve", alarm="overload", by="anna", for_s=for_s)
    assert bench.state() == "unacknowledged"


def test_some_alarms_may_not_be_shelved() -> None:
    bench = AlarmBench(alarm(shelve_max_s=0))
    assert "may not be shelved" in refusal(bench, "shelve", alarm="overload", by="anna", for_s=1)


@pytest.mark.parametrize("by", [{}, {"by": ""}, {"by": "  "}, {"by": 7}])
@pytest.mark.parametrize("what", ["acknowledge", "shelve", "unshelve", "reset"])
def test_nobody_orders_anything(what: str, by: dict[str, Any]) -> None:
    bench = AlarmBench(alarm())
    assert refusal(bench, what, alarm="overload", for_s=60, **by) == "say who: by is missing"


def test_authority_is_asked_for_where_a_role_has_it() -> None:
    lead = Authority(role="lead", alarms=True, badges=("4700",))
    bench = AlarmBench(alarm(), authority=(lead, Authority(role="other", calls=("*",), badges=("4800",))))
    bench.signal()
    assert "takes lead" in refusal(bench, "acknowledge", alarm="overload", by="4800")
    assert bench.command("acknowledge", by="4700").events[0].data["by"] == "4700"


@pytest.mark.parametrize(
    "named",
    [
        {"alarm": "device-lost/gauge-1"},
        {"alarm": "gauge-gone"},
        {"alarm": "device-lost", "device": "gauge-1"},
    ],
)
def test_an_alarm_is_named_in_three_ways(named: dict[str, str]) -> None:
    """By its identifier, by the plant's name for it, and by the words that the facts tell."""
    bench = AlarmBench(alarm("gauge-gone", device="gauge-1"))
    decision = bench.say_order("shelve", {**named, "by": "anna", "for_s": 60})
    assert only(decision).data["id"] == "device-lost/gauge-1"


@pytest.mark.parametrize("named", [{}, {"alarm": "nonsense"}, {"alarm": 7}, {"alarm": "device-lost", "device": "x"}])
def test_an_alarm_that_there_is_not_is_refused(named: dict[str, Any]) -> None:
    assert "alarm" in refusal(AlarmBench(alarm()), "acknowledge", by="anna", **named)


def test_an_unknown_order_is_refused() -> None:
    assert refusal(AlarmBench(alarm()), "dance", alarm="overload", by="anna") == "no command 'alarm/dance'"


def test_out_of_service_has_no_end_and_needs_a_reason() -> None:
    """Maintenance takes it out and puts it back; in between it is recorded and bothers nobody, over a restart too."""
    bench = AlarmBench(alarm(call="help"))
    assert refusal(bench, "out-of-service", alarm="overload", by="mia").startswith("say why")
    out = only(bench.command("out-of-service", reason="sensor broken"))
    assert out.data.items() >= {"by": "anna", "reason": "sensor broken", "state": "out-of-service"}.items()
    assert bench.command("out-of-service", reason="again").events == ()
    (raised,) = bench.signal()
    assert raised.data["quiet"]
    assert "calls" not in raised.data
    bench.restart()
    assert bench.wait_s(30 * 86_400) == []
    assert bench.state() == "out-of-service"
    decision = bench.command("in-service")
    assert words([event for event in decision.events if event.kind.startswith("alarm.")]) == ["in-service", "raised"]
    assert bench.state() == "unacknowledged"
    assert bench.command("in-service").events == ()
