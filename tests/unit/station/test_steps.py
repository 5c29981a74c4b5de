"""An operation is a set or a sequence of steps: scan, measure so many times, tick, await a machine."""

from __future__ import annotations

from typing import Any

import pytest

from agent.events import Kind
from agent.station.policy import Shift
from agent.station.rules import Characteristic, MachineSignal, Operation, PartNeed, Rules, Step
from drivers.contract import Contact
from tests.unit.station.bench import SCANS, SEAT, Bench, kinds, only, said

STEPS = (
    Step(name="clean", kind="tick", device="box", input="done"),
    Step(name="first-ring", kind="scan", part="A"),
    Step(name="pressed", kind="await", signal="press-done"),
    Step(name="seat", kind="measure", measurement="seat", times=2),
    Step(name="second-ring", kind="scan", part="A"),
)
PRESS = Operation(
    name="press",
    units=r"SN\d+",
    operator=False,
    order="sequence",
    part=(PartNeed(number="A", quantity=3),),
    measurement=(SEAT,),
    step=STEPS,
)
MACHINE = MachineSignal(name="press-done", device="press", input="out-1")


def station(operation: Operation = PRESS, **more: Any) -> Bench:
    bench = Bench(Rules(scan=SCANS, operation=(operation,), machine=(MACHINE,), **more))
    turn(bench, active=False)
    bench.scan("SN1")
    return bench


def turn(bench: Bench, *, active: bool) -> Any:
    return bench.say(Contact(b"", "out-1", active), "press")


def test_a_sequence_is_done_one_after_the_other() -> None:
    """Each step in its turn, by card, scan, machine and gauge; what no step names comes last."""
    bench = station()
    assert bench.memory["operation"]["needs"] == [
        "tick clean",
        "scan part A",
        "wait for press-done",
        "measure seat with gauge-1 (2 times)",
        "scan part A",
        "scan part A",
    ]
    assert only(bench.scan("CMD:tick:clean")).kind is Kind.STEP_DONE
    bench.scan("A/L1")
    assert kinds(turn(bench, active=True)) == [Kind.MACHINE_CHANGED, Kind.STEP_DONE]
    bench.measure("10")
    bench.measure("10")
    completed = bench.scan_all("A/L2", "A/L3").events[-1]
    assert completed.kind is Kind.OPERATION_COMPLETED
    assert [step["step"] for step in completed.data["steps"]] == ["clean", "pressed"]


@pytest.mark.parametrize(
    ("code", "words"),
    [("A/L1", "not yet: first tick clean"), ("CMD:tick:polish", "polish is not asked for now: first tick clean")],
)
def test_a_step_out_of_turn_is_refused(code: str, words: str) -> None:
    """The operator is told what comes first."""
    assert said(station().scan(code)) == ("refuse", words)


def test_a_value_before_its_step_counts_for_nothing() -> None:
    """A gauge that is moved too early judges nothing."""
    assert only(station().measure("10")).data["verdict"] == "none"


def test_a_button_ticks_its_step() -> None:
    """A press ticks; a press that is not asked for is refused; a release is nothing."""
    bench = station()
    assert kinds(bench.press("done")) == [Kind.STEP_DONE]
    assert kinds(bench.release("done")) == []
    assert kinds(bench.press("done")) == [Kind.STEP_REJECTED]


def test_a_button_without_work_ticks_nothing() -> None:
    """It may be pressed between two units."""
    bench = Bench(Rules(scan=SCANS, operation=(PRESS,)))
    assert bench.press("done").events == ()


def test_a_machine_must_change_while_it_is_waited_for() -> None:
    """A signal that is on since the unit before proves nothing about this one."""
    bench = station()
    turn(bench, active=True)
    bench.scan_all("CMD:tick:clean", "A/L1")
    assert bench.memory["operation"]["needs"][0] == "wait for press-done"
    turn(bench, active=False)
    assert bench.memory["operation"]["needs"][0] == "wait for press-done"
    assert Kind.STEP_DONE in kinds(turn(bench, active=True))


def test_a_set_takes_its_steps_in_any_order() -> None:
    """The same steps without an order."""
    bench = station(PRESS.model_copy(update={"order": "set"}))
    bench.scan_all("A/L1", "A/L2", "A/L3")
    turn(bench, active=True)
    bench.measure("10")
    bench.measure("11")
    bench.scan("CMD:tick:clean")
    assert bench.memory["operation"]["needs"] == ["measure seat with gauge-1"]
    assert kinds(bench.measure("10"))[-1] is Kind.OPERATION_COMPLETED


def test_partial_work_survives_a_restart_and_a_sign_off() -> None:
    """What is done is done, whoever goes on."""
    bench = station()
    bench.scan_all("OP-1", "CMD:tick:clean", "A/L1", "CMD:sign-off")
    bench.restart(boot="b2")
    bench.scan("OP-2")
    assert bench.memory["operation"]["needs"][0] == "wait for press-done"
    assert bench.memory["operation"]["steps"][0]["operator"] == "1"


def test_an_abort_may_give_its_reason() -> None:
    """The last fact tells why the work was given up."""
    event = only(station().scan("CMD:abort:part fell"))
    assert (event.kind, event.data["reason"]) == (Kind.OPERATION_ABORTED, "part fell")


def sampled(**how: Any) -> Characteristic:
    return SEAT.model_copy(update=how)


def measured(bench: Bench, unit: str, *lots: str) -> bool:
    """Do one unit; return whether it was measured."""
    bench.scan_all(unit, *(f"A/{lot}" for lot in lots))
    due = "operation" in bench.memory
    if due:
        bench.measure("10")
    assert "operation" not in bench.memory
    return due


def test_each_third_unit_is_measured_beginning_at_once() -> None:
    """The count goes on after a restart; a unit that is aborted does not count."""
    one = Operation(name="press", units=r"SN\d+", operator=False, measurement=(sampled(every=3),))
    bench = Bench(Rules(scan=SCANS, operation=(one,)))
    told = []
    for number in range(7):
        told.append(measured(bench, f"SN{number}"))
        bench.restart()
    assert told == [True, False, False, True, False, False, True]
    bench.scan_all("SN8", "SN9")
    assert bench.events[-1].data["skipped"] == ["seat"]


def test_the_first_unit_of_a_shift_is_measured() -> None:
    """By the plant's clock; the change is a fact, also in the middle of a unit."""
    one = Operation(name="press", units=r"SN\d+", operator=False, measurement=(sampled(sample="shift"),))
    shifts = (Shift(name="early", begin="06:00"), Shift(name="late", begin="14:00"))
    bench = Bench(Rules(scan=SCANS, operation=(one,), shift=shifts))
    assert [measured(bench, "SN1"), measured(bench, "SN2")] == [True, False]
    bench.wait(7)
    bench.scan("SN3")
    assert bench.memory["shift"]["shift"] == "1970-01-01 early"
    bench.wait(8)
    changed = bench.measure("10").events[0]
    assert (changed.kind, changed.subject) == (Kind.SHIFT_CHANGED, "SN3")
    assert (changed.data["before"], changed.data["shift"]) == ("1970-01-01 early", "1970-01-01 late")
    assert measured(bench, "SN4") is False


def test_a_card_begins_a_shift_where_no_times_are_declared() -> None:
    """Plants without fixed times change by card."""
    one = Operation(name="press", units=r"SN\d+", operator=False, measurement=(sampled(sample="shift"),))
    bench = Bench(Rules(scan=SCANS, operation=(one,)))
    bench.scan("CMD:shift-change")
    told = [measured(bench, "SN1"), measured(bench, "SN2")]
    assert kinds(bench.scan("CMD:shift-change")) == [Kind.SHIFT_CHANGED]
    assert [*told, measured(bench, "SN3")] == [True, False, True]


def test_a_new_lot_is_measured_once() -> None:
    """The first unit with material of a lot proves the lot."""
    one = Operation(
        name="press",
        units=r"SN\d+",
        operator=False,
        part=(PartNeed(number="A"),),
        measurement=(sampled(sample="lot"),),
    )
    bench = Bench(Rules(scan=SCANS, operation=(one,)))
    assert [measured(bench, f"SN{n}", lot) for n, lot in enumerate(["L1", "L1", "L2", "L1", "L2"])] == [
        True,
        False,
        True,
        False,
        False,
    ]
