"""Calls are answered by those who may, stop the line if nobody comes, and are heard by the next one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from agent.events import NS_PER_S, Event, Kind, Moment
from agent.signals import AgentStarted, CallsDelivered, Input, TimeUp
from agent.station import timers
from agent.station.policy import Authority, Check, Policies
from agent.station.rules import AndonCall, AndonRules, CallMode, Escalation, MachineSignal, Rules
from drivers.contract import Lamp
from tests.unit.station.bench import BARE, PRESS, SCANS, Bench, after, kinds, only, said

if TYPE_CHECKING:
    from agent.station.decision import Decision

LADDER = (
    Escalation(type="equipment", after_s=300, to="supervisor"),
    Escalation(type="equipment", after_s=600, to="plant manager", unless="arrived"),
)
CALLS = (
    AndonCall(name="press", type="equipment", device="box", input="press", reset_input="key"),
    AndonCall(name="cord", type="process", device="box", input="cord", reset_input="key", stop_after_s=60),
    AndonCall(name="belt", type="process", device="box", input="belt", reset_input="key", stop_at="position"),
    AndonCall(name="halt", type="process", mode=CallMode.STOP, device="box", input="halt", reset_input="key"),
    AndonCall(name="bad", type="quality", measurement=("seat",), rule=(Check.OPERATOR,), needs_reason=True),
)
RULES = Rules(
    scan=SCANS,
    operation=(PRESS, BARE),
    call=CALLS,
    andon=AndonRules(escalation=LADDER, escalate_after_s=0, running="runs", countermeasures=("changed", "cleaned")),
    machine=(
        MachineSignal(name="position", device="plc", input="position"),
        MachineSignal(name="runs", device="plc", input="runs"),
    ),
    authority=(
        Authority(role="lead", calls=("process",), badges=("9",)),
        Authority(role="quality", calls=("quality",), badges=("7",)),
    ),
    interlock=Policies(),
)


class Clockwork(Bench):
    """A bench whose timers end while time passes."""

    def __init__(self, rules: Rules = RULES) -> None:
        super().__init__(rules)
        self.say(AgentStarted("1"), "agent")
        self.events.clear()

    def moment(self) -> Moment:
        now_ns = int(self.seconds * NS_PER_S)
        return Moment(now_ns, now_ns, synced=self.synced, boot=self.boot)

    def pass_time(self, seconds: int) -> list[Event]:
        """Let time pass, second by second, and timers end as the recorder lets them; return what follows."""
        found: list[Event] = []
        for _ in range(seconds):
            self.seconds += 1
            found += self.let_end()
        return found

    def let_end(self) -> list[Event]:
        found: list[Event] = []
        while ended := self._ended():
            decision = self.station.handle(self.memory, Input("agent", ended, self.moment()), self.reference)
            self.memory = after(self.memory, decision)
            self.events += decision.events
            found += decision.events
        return found

    def _ended(self) -> TimeUp | None:
        now = self.moment()
        running = {key: one for key, one in self.memory.items() if key.startswith(timers.PREFIX)}
        ends = sorted((timers.due_ns(one, now), key) for key, one in running.items())
        if not ends or ends[0][0] > now.monotonic_ns:
            return None
        return TimeUp(ends[0][1].removeprefix(timers.PREFIX), running[ends[0][1]])


@pytest.fixture
def bench() -> Clockwork:
    return Clockwork()


def state(bench: Bench) -> dict[str, Any]:
    return {call["name"]: call for call in bench.memory["state/andon"]["calls"]}


def lit(decision: Decision) -> set[Lamp]:
    assert decision.lamps is not None
    return set(decision.lamps.lit)


def signal(bench: Bench, name: str) -> Decision:
    bench.press(name, active=False, device="plc")
    return bench.press(name, device="plc")


# --- the ladder


def test_a_call_that_nobody_answers_climbs_level_by_level(bench: Clockwork) -> None:
    """Each level once, in order, at its time, with who hears of it and how long it has waited."""
    call = only(bench.press("press")).subject
    assert bench.pass_time(299) == []
    (first,) = bench.pass_time(1)
    (second,) = bench.pass_time(1000)
    assert [event.kind for event in (first, second)] == [Kind.ANDON_ESCALATED] * 2
    told = [(one.subject, one.data["level"], one.data["to"], one.data["waited_s"]) for one in (first, second)]
    assert told == [(call, 1, "supervisor", 300.0), (call, 2, "plant manager", 600.0)]
    assert (state(bench)["press"]["level"], state(bench)["press"]["escalated_to"]) == (2, "plant manager")


def test_an_answer_ends_the_levels_that_ask_for_no_more(bench: Clockwork) -> None:
    """Who says that he comes is not escalated; who does not come then, is."""
    call = only(bench.press("press")).subject
    bench.order("andon/acknowledge", call=call, by="anybody")
    (event,) = bench.pass_time(700)
    assert (event.data["level"], event.data["waited_s"]) == (2, 600.0)
    other = Clockwork()
    call = only(other.press("press")).subject
    other.order("andon/arrive", call=call, by="anybody")
    assert other.pass_time(700) == []


def test_a_resolved_call_escalates_no_more(bench: Clockwork) -> None:
    bench.press("press")
    bench.press("key")
    assert bench.pass_time(700) == []


def test_without_levels_the_supervisor_hears_after_five_minutes() -> None:
    """The default, for every type of call."""
    bench = Clockwork(Rules(call=CALLS[:1]))
    bench.press("press")
    (event,) = bench.pass_time(4000)
    assert (event.data["to"], event.data["waited_s"]) == ("supervisor", 300.0)


@pytest.mark.parametrize("boot", ["b1", "b2"])
def test_the_ladder_goes_on_over_a_restart(bench: Clockwork, boot: str) -> None:
    """Time without the agent counts; across boots by the wall clock."""
    bench.press("press")
    bench.pass_time(200)
    bench.restart(boot=boot)
    bench.say(AgentStarted("1"), "agent")
    assert bench.pass_time(98) == []
    (event,) = bench.pass_time(1)
    assert event.data["level"] == 1


def test_where_no_clock_can_tell_the_next_one_hears_at_once(bench: Clockwork) -> None:
    """And the one after him not before the time between the two is over."""
    bench.synced = False
    bench.press("press")
    bench.restart(boot="b2")
    bench.say(AgentStarted("1"), "agent")
    assert [event.data["level"] for event in bench.let_end()] == [1]
    assert bench.pass_time(299) == []
    assert [event.data["level"] for event in bench.pass_time(1)] == [2]


# --- the fixed position


def test_a_call_becomes_a_stop_when_its_time_is_over(bench: Clockwork) -> None:
    """Yellow while the line moves to its fixed position, red there; nothing passes then."""
    raised = bench.press("cord")
    assert lit(raised) == {Lamp.YELLOW}
    assert (only(raised).data["stop"], only(raised).data["stop_after_s"]) == ("pending", 60)
    (stopped,) = bench.pass_time(60)
    assert (stopped.kind, stopped.subject) == (Kind.ANDON_STOPPED, only(raised).subject)
    bench.scan("OP-1")
    assert said(bench.scan("BARE1")) == ("refuse", "stopped by cord (process)")
    assert bench.scan("nonsense").lamps is not None
    assert state(bench)["cord"]["stop"] == "stopped"
    assert bench.memory["state/andon"]["line"]["state"] == "stopped"


def test_a_reset_within_the_window_lets_the_line_go_on(bench: Clockwork) -> None:
    bench.press("cord")
    bench.pass_time(30)
    bench.press("key")
    assert bench.pass_time(100) == []
    bench.scan("OP-1")
    assert kinds(bench.scan("BARE1")) == [Kind.OPERATION_STARTED, Kind.OPERATION_COMPLETED]


def test_a_call_becomes_a_stop_at_the_fixed_position(bench: Clockwork) -> None:
    """The machine tells where that is; without an open call it is just a position."""
    assert Kind.ANDON_STOPPED not in kinds(signal(bench, "position"))
    bench.press("belt")
    stopped = signal(bench, "position")
    assert kinds(stopped) == [Kind.MACHINE_CHANGED, Kind.ANDON_STOPPED]
    assert Kind.ANDON_STOPPED not in kinds(signal(bench, "position"))


def test_a_stop_is_never_cleared_by_a_restart(bench: Clockwork) -> None:
    """Whatever the clocks say: only the reset does."""
    bench.press("cord")
    bench.pass_time(60)
    bench.synced = False
    bench.restart(boot="b2")
    started = bench.say(AgentStarted("1"), "agent")
    assert started.lamps is not None
    assert started.lamps.stop
    bench.pass_time(10_000)
    assert state(bench)["cord"]["stop"] == "stopped"


def test_a_window_that_no_clock_can_measure_is_over(bench: Clockwork) -> None:
    """Doubt falls towards the stop."""
    bench.synced = False
    bench.press("cord")
    bench.restart(boot="b2")
    bench.say(AgentStarted("1"), "agent")
    assert [event.kind for event in bench.let_end()] == [Kind.ANDON_STOPPED]


def test_the_restart_is_told_when_the_line_runs(bench: Clockwork) -> None:
    """The reset releases the line; how long it stood is known when it runs again."""
    halted = only(bench.press("halt")).subject
    signal(bench, "runs")
    bench.press("runs", active=False, device="plc")
    assert kinds(bench.press("key")) == [Kind.ANDON_RESOLVED]
    assert bench.memory["state/andon"]["line"]["state"] == "released"
    bench.pass_time(20)
    changed, restarted = bench.press("runs", device="plc").events
    assert (changed.kind, restarted.kind) == (Kind.MACHINE_CHANGED, Kind.ANDON_RESTARTED)
    assert (restarted.subject, restarted.data["stopped_s"]) == (halted, 25.0)
    assert bench.memory["state/andon"]["line"] == {"state": "running"}


def test_a_line_that_runs_already_when_its_signal_is_first_heard_has_restarted(bench: Clockwork) -> None:
    """A box that tells its inputs when it is opened is believed, though nothing has changed."""
    bench.press("halt")
    assert kinds(bench.press("key")) == [Kind.ANDON_RESOLVED]
    assert kinds(bench.press("runs", device="plc")) == [Kind.MACHINE_CHANGED, Kind.ANDON_RESTARTED]
    assert bench.memory["state/andon"]["line"] == {"state": "running"}


def test_the_line_runs_again_when_the_last_stop_is_over() -> None:
    """Two stops: one restart for each, at the end of both."""
    bench = Clockwork(RULES.model_copy(update={"andon": AndonRules()}))
    first, second = only(bench.press("halt")).subject, only(bench.press("cord")).subject
    bench.pass_time(60)
    assert kinds(bench.order("andon/resolve", call=first, by="9")) == [Kind.ANDON_RESOLVED]
    ended = bench.order("andon/resolve", call=second, by="9")
    assert [(one.kind, one.subject) for one in ended.events] == [
        (Kind.ANDON_RESOLVED, second),
        (Kind.ANDON_RESTARTED, first),
        (Kind.ANDON_RESTARTED, second),
    ]


# --- who may answer


def test_the_badge_of_a_lead_answers_and_then_resolves(bench: Clockwork) -> None:
    """Once when he comes, once when it is done; nobody else's badge does, and nobody is signed on by it."""
    bench.press("cord")
    assert kinds(bench.scan("OP-1")) == [Kind.OPERATOR_SIGNED_ON]
    arrived = bench.scan("OP-9")
    assert only(arrived).kind is Kind.ANDON_ARRIVED
    assert (only(arrived).data["by"], only(arrived).data["answered_s"], only(arrived).data["arrived_s"]) == ("9", 2, 2)
    resolved = bench.scan("OP-9")
    assert kinds(resolved) == [Kind.ANDON_RESOLVED]
    assert only(resolved).data["by"] == "9"
    assert bench.memory["operator"]["operator"] == "1"
    assert kinds(bench.scan("OP-9")) == [Kind.OPERATOR_SIGNED_OFF, Kind.OPERATOR_SIGNED_ON]


def test_of_several_calls_the_badge_resolves_none_by_guess(bench: Clockwork) -> None:
    bench.press("cord")
    bench.press("belt")
    assert kinds(bench.scan("OP-9")) == [Kind.ANDON_ARRIVED] * 2
    assert said(bench.scan("OP-9")) == ("refuse", "which one is resolved: cord, belt?  Scan its card")
    assert len(state(bench)) == 2


def test_a_card_waits_for_the_badge_of_who_may_say_it(bench: Clockwork) -> None:
    """The operator cannot cancel his own stop; the lead can, with the same card."""
    bench.scan("OP-1")
    bench.press("halt")
    assert said(bench.scan("CMD:cancel:halt")) == ("refuse", "cancel halt: scan the badge of lead")
    cancelled = bench.scan("OP-9")
    assert kinds(cancelled) == [Kind.ANDON_CANCELLED]
    assert only(cancelled).data["by"] == "9"


def test_a_card_for_what_was_done_before_is_refused(bench: Clockwork) -> None:
    """At once, and also by the badge that it has waited for."""
    bench.press("press")
    bench.scan("OP-1")
    bench.scan("CMD:arrive:press")
    assert said(bench.scan("CMD:acknowledge:press")) == ("refuse", "press is arrived already")
    bench.press("halt")
    bench.scan("OP-9")
    assert said(bench.scan("CMD:arrive:halt")) == ("refuse", "arrive halt: scan the badge of lead")
    assert said(bench.scan("OP-9")) == ("refuse", "halt is arrived already")


def test_a_card_does_not_wait_for_ever(bench: Clockwork) -> None:
    """Later the badge means what it means without the card: the lead has come."""
    bench.press("halt")
    bench.scan("CMD:cancel:halt")
    bench.pass_time(61)
    assert kinds(bench.scan("OP-9")) == [Kind.ANDON_ARRIVED]


def test_an_order_needs_the_authority_too(bench: Clockwork) -> None:
    call = only(bench.press("halt")).subject
    refused = bench.order("andon/resolve", call=call, by="1")
    assert only(refused).data["reason"] == "1 may not answer process calls: lead may"
    done = bench.order("andon/resolve", call=call, by="9", reason="jam", countermeasure="cleaned")
    event = done.events[0]
    assert (event.data["by"], event.data["reason"], event.data["countermeasure"]) == ("9", "jam", "cleaned")
    assert done.reply["call"]["state"] == "closed"


def test_two_leads_at_once_are_one_answer(bench: Clockwork) -> None:
    """The second is told who was first, and nothing is recorded twice."""
    call = only(bench.press("press")).subject
    bench.order("andon/acknowledge", call=call, by="8")
    again = bench.order("andon/acknowledge", call=call, by="9")
    assert again.events == ()
    assert (again.reply["call"]["state"], again.reply["call"]["acknowledged_by"]) == ("acknowledged", "8")
    bench.order("andon/resolve", call=call, by="9")
    late = bench.order("andon/resolve", call=call, by="8")
    assert late.events == ()
    assert (late.reply["call"]["state"], late.reply["call"]["resolved_by"]) == ("closed", "9")
    too_late = bench.order("andon/arrive", call=call, by="8")
    assert only(too_late).data["reason"] == f"call {call} is closed already"


def test_codes_that_the_plant_does_not_know_are_refused(bench: Clockwork) -> None:
    call = only(bench.press("press")).subject
    refused = bench.order("andon/resolve", call=call, by="x", countermeasure="prayed")
    assert only(refused).data["reason"] == "no countermeasure 'prayed'; known are: changed, cleaned"
    assert call == state(bench)["press"]["call"]


# --- what raises a call, and what closes it


def test_a_value_out_of_limits_raises_the_call(bench: Clockwork) -> None:
    bench.scan_all("OP-1", "SN1", "A/L1", "B/L1", "B/L1")
    bad = bench.measure("11")
    assert kinds(bad) == [Kind.MEASUREMENT_TAKEN, Kind.DEFECT_RECORDED, Kind.ANDON_RAISED]
    event = bad.events[-1]
    assert (event.data["name"], event.data["cause"], event.data["about"]) == ("bad", "measurement.taken", "SN1")
    assert Kind.ANDON_RAISED not in kinds(bench.measure("11"))
    resolved = bench.order("andon/resolve", call=event.subject, by="7")
    assert (event.data["unit"], only(resolved).data["unit"]) == ("SN1", "SN1")


def test_the_central_may_raise_a_call(bench: Clockwork) -> None:
    raised = bench.order("andon/raise", name="halt", by="planner")
    assert (only(raised).data["name"], only(raised).data["by"]) == ("halt", "planner")
    assert raised.reply["call"]["state"] == "raised"
    assert only(bench.order("andon/raise", name="none")).data["reason"].startswith("no call 'none'; known are: press")


def test_a_call_that_needs_a_reason_is_closed_by_it(bench: Clockwork) -> None:
    """Resolved, it holds up nobody; it stays on the list until somebody says why it was."""
    call = only(bench.order("andon/raise", name="bad")).subject
    resolved = only(bench.order("andon/resolve", call=call, by="7"))
    assert (resolved.kind, resolved.data["state"]) == (Kind.ANDON_RESOLVED, "resolved")
    assert bench.memory["state/andon"]["calls"] == []
    assert [one["call"] for one in bench.memory["state/andon"]["unclosed"]] == [call]
    assert said(bench.scan("CMD:close:bad:burr:changed")) == ("refuse", "close bad: scan the badge of quality")
    closed = only(bench.scan("OP-7"))
    assert (closed.kind, closed.subject, closed.data["reason"]) == (Kind.ANDON_CLOSED, call, "burr")
    assert "unclosed" not in bench.memory["state/andon"]
    assert bench.order("andon/close", call=call, by="7").reply["call"]["state"] == "closed"


def test_an_order_may_name_the_call_by_its_name(bench: Clockwork) -> None:
    """For who does not keep identities: the one that is open, or that waits for its reason, under that name."""
    bench.order("andon/raise", name="bad")
    assert only(bench.order("andon/resolve", name="bad", by="7")).kind is Kind.ANDON_RESOLVED
    assert only(bench.order("andon/close", name="bad", by="7", reason="burr")).kind is Kind.ANDON_CLOSED
    assert only(bench.order("andon/arrive", name="bad", by="7")).data["reason"] == "no open call 'bad'"


def test_a_call_blinks_fast_until_it_has_arrived(bench: Clockwork) -> None:
    """And the state says so."""
    raised = bench.press("press")
    assert raised.lamps is not None
    assert raised.lamps.hurried == {Lamp.YELLOW}
    assert state(bench)["press"]["delivered"] is False
    arrived = bench.say(CallsDelivered(), "agent")
    assert arrived.lamps is not None
    assert (arrived.events, arrived.lamps.hurried, arrived.lamps.blinking) == ((), frozenset(), {Lamp.YELLOW})
    assert state(bench)["press"]["delivered"] is True
