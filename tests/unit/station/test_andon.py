"""Andon: a call is open from its first press until it is resolved; an open stop lets nothing pass."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from agent.events import Kind
from drivers.contract import Lamp
from tests.unit.station.bench import Bench, kinds, only, said

if TYPE_CHECKING:
    from agent.station.decision import Decision


def lit(decision: Decision) -> set[Lamp]:
    assert decision.lamps is not None
    return set(decision.lamps.lit)


def test_a_press_raises_the_call(bench: Bench) -> None:
    """The fact names the call, its type and mode, the button, and an identity of its own."""
    event = only(bench.press())
    assert event.kind is Kind.ANDON_RAISED
    told = {key: event.data[key] for key in ("name", "type", "mode", "state", "device", "input", "presses")}
    assert told == {
        "name": "quality",
        "type": "quality",
        "mode": "call",
        "state": "raised",
        "device": "box",
        "input": "quality",
        "presses": 1,
    }
    assert event.subject == event.data["call"]


def test_a_release_resolves_a_call_without_a_key(bench: Bench) -> None:
    """The end bears the identity of the beginning, and how long it took."""
    raised = only(bench.press())
    resolved = only(bench.release())
    assert (resolved.kind, resolved.subject) == (Kind.ANDON_RESOLVED, raised.subject)
    assert resolved.data["duration_s"] == 1.0


def test_a_call_with_a_key_outlives_its_button(bench: Bench) -> None:
    """Letting the cord go resolves nothing; the key does."""
    bench.press("cord")
    assert kinds(bench.release("cord")) == []
    assert kinds(bench.press("key")) == [Kind.ANDON_RESOLVED, Kind.ANDON_RESTARTED]


def test_a_key_without_a_call_resolves_nothing(bench: Bench) -> None:
    """Turning the key on an idle line is no fact."""
    assert kinds(bench.press("key")) == []


def test_a_button_that_stays_pressed_is_one_press(bench: Bench) -> None:
    """A box that repeats its state does not raise again."""
    bench.press()
    assert kinds(bench.press()) == []


def test_a_button_that_was_never_pressed_is_no_release(bench: Bench) -> None:
    """A box that tells all its inputs at the start resolves nothing."""
    assert kinds(bench.release()) == []


def test_another_press_on_an_open_call_is_counted(bench: Bench) -> None:
    """Impatience is a fact about the same call."""
    first = only(bench.press("cord"))
    bench.release("cord")
    again = only(bench.press("cord"))
    assert (again.kind, again.subject, again.data["presses"]) == (Kind.ANDON_PRESSED, first.subject, 2)


def test_each_call_has_an_identity_of_its_own(bench: Bench) -> None:
    """Two calls of one button are told apart."""
    first = only(bench.press()).subject
    bench.release()
    assert only(bench.press()).subject != first


@pytest.mark.parametrize(("name", "device"), [("quality", "other-box"), ("unknown", "box")])
def test_a_contact_that_no_call_names_does_nothing(bench: Bench, name: str, device: str) -> None:
    """Only the declared input of the declared device calls."""
    assert kinds(bench.press(name, device=device)) == []


def test_an_acknowledgement_is_recorded_once(bench: Bench) -> None:
    """Somebody comes: the fact says who and after how long; saying it twice changes nothing."""
    call = only(bench.press()).subject
    event = only(bench.order("andon/acknowledge", call=call, by="lead"))
    assert event.kind is Kind.ANDON_ACKNOWLEDGED
    assert (event.data["by"], event.data["answered_s"], event.data["state"]) == ("lead", 1.0, "acknowledged")
    assert kinds(bench.order("andon/acknowledge", call=call, by="lead")) == []


@pytest.mark.parametrize("order", [{"call": "none"}, {}, {"call": None}, {"unreadable": "x"}, {"call": [1]}])
def test_an_acknowledgement_of_no_open_call_is_refused(bench: Bench, order: dict[str, object]) -> None:
    """The central is told; nothing is acknowledged by mistake."""
    bench.press()
    event = only(bench.order("andon/acknowledge", **order))
    assert event.kind is Kind.COMMAND_REJECTED
    assert event.data["reason"].startswith("no open call")


def test_an_order_that_is_not_known_is_refused(bench: Bench) -> None:
    """The fact holds the order as it came."""
    event = only(bench.order("self-destruct", at="noon"))
    assert event.kind is Kind.COMMAND_REJECTED
    assert event.data["data"] == {"at": "noon"}


def test_an_order_of_the_central_says_nothing_to_the_operator(bench: Bench) -> None:
    """The lamps belong to the work at the station."""
    decision = bench.order("self-destruct")
    assert decision.answer is None
    assert lit(decision) == set()


def test_a_card_raises_and_resolves_a_call(bench: Bench) -> None:
    """A station without buttons can call too."""
    assert said(bench.scan("CMD:call:quality")) == ("pass", "quality called")
    assert said(bench.scan("CMD:resolve:quality")) == ("pass", "quality resolved")
    assert [event.kind for event in bench.events] == [Kind.ANDON_RAISED, Kind.ANDON_RESOLVED]


@pytest.mark.parametrize(
    ("card", "reason"),
    [
        ("CMD:resolve:quality", "quality is not open"),
        ("CMD:resolve:nobody", "nobody is not open"),
        ("CMD:call:nobody", "no command 'call:nobody'"),
        ("CMD:dance", "no command 'dance'"),
    ],
)
def test_a_card_that_cannot_be_obeyed_is_refused(bench: Bench, card: str, reason: str) -> None:
    """The operator and the fact get the same reason."""
    decision = bench.scan(card)
    assert only(decision).kind is Kind.COMMAND_REJECTED
    assert only(decision).data["reason"] == reason
    assert said(decision) == ("refuse", reason)


def test_a_call_lights_yellow_and_a_stop_lights_red(bench: Bench) -> None:
    """Each mode has its colour, and both can be lit."""
    assert lit(bench.press("quality")) == {Lamp.YELLOW}
    assert lit(bench.press("cord")) == {Lamp.YELLOW, Lamp.RED}
    assert lit(bench.press("key")) == {Lamp.YELLOW}
    assert lit(bench.release("quality")) == set()


def test_a_stop_overrides_green(bench: Bench) -> None:
    """While the line is stopped nothing good is shown."""
    assert lit(bench.scan("OP-1")) == {Lamp.GREEN}
    assert lit(bench.press("cord")) == {Lamp.RED}
    assert Lamp.GREEN not in lit(bench.scan("OP-2"))


@pytest.mark.parametrize("scans", [["OP-1", "SN1"], ["BARE1"]])
def test_nothing_starts_while_the_line_is_stopped(bench: Bench, scans: list[str]) -> None:
    """The reason names the call that stops it."""
    bench.press("cord")
    assert said(bench.scan_all(*scans)) == ("refuse", "stopped by cord (process)")


def test_nothing_is_built_in_while_the_line_is_stopped(bench: Bench) -> None:
    """A part scanned during a stop does not count."""
    bench.scan("KIT1")
    bench.press("cord")
    assert said(bench.scan("A/L1")) == ("refuse", "stopped by cord (process)")
    bench.press("key")
    assert kinds(bench.scan("A/L1")) == [Kind.PART_ACCEPTED, Kind.OPERATION_COMPLETED]


def test_nothing_is_measured_while_the_line_is_stopped(bench: Bench) -> None:
    """A value taken during a stop does not count."""
    bench.scan_all("OP-1", "SN1")
    bench.press("cord")
    decision = bench.measure("10")
    assert only(decision).kind is Kind.MEASUREMENT_REJECTED
    assert said(decision) == ("refuse", "stopped by cord (process)")


def test_a_plain_call_stops_nothing(bench: Bench) -> None:
    """Help may come while the work goes on."""
    bench.press("quality")
    assert kinds(bench.scan("KIT1")) == [Kind.OPERATION_STARTED]


def test_an_open_call_survives_a_restart(bench: Bench) -> None:
    """The same call goes on; across boots no duration is made up."""
    call = only(bench.press("cord")).subject
    bench.restart(boot="b2")
    resolved, restarted = bench.press("key").events
    assert (resolved.subject, resolved.data["duration_s"]) == (call, None)
    assert (restarted.subject, restarted.data["stopped_s"]) == (call, None)
