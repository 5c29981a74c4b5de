"""Values that nobody waits for, joined into one fact: nothing of them is lost but their raw bytes."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import NS_PER_S, Event, Kind, Moment
from agent.signals import Input
from agent.station import series
from agent.station.measuring import number
from agent.station.rules import Rules
from agent.station.station import Station
from drivers.contract import Answer, Reading, Verdict
from tests.unit.station.bench import RULES, Bench

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agent.station.decision import Decision

STATION = Station(Rules())
MS = 1_000_000
MOST = 50

numbers = st.decimals(allow_nan=True, allow_infinity=True) | st.decimals(-999, 999, places=3)
texts = numbers.map(str) | st.from_regex(r"[+-]?0{0,3}[0-9]{1,4}(\.[0-9]{1,4})?", fullmatch=True)


def seen(at_ns: int, set_ns: int = 0, boot: str = "b", *, synced: bool = True) -> Moment:
    return Moment(1_795_255_200 * NS_PER_S + at_ns + set_ns, at_ns, synced=synced, boot=boot)


def decided(text: str, at_ns: int, set_ns: int = 0, **more: Any) -> Decision:
    reading = Reading(text.encode(), text, Decimal(text), more.pop("unit", "mm"), **more)
    return STATION.handle({}, Input("g1", reading, seen(at_ns, set_ns)))


def facts(*values: str, step_ns: int = 5 * MS, **more: Any) -> list[Event]:
    return [fact for place, text in enumerate(values) for fact in decided(text, place * step_ns, **more).events]


def one(values: Sequence[Event], most: int = MOST) -> dict[str, Any]:
    """The data of the one fact that they become, as the journal gives it back."""
    (event,) = series.joined(values, most)
    assert event.kind is Kind.MEASUREMENT_SERIES
    data: dict[str, Any] = orjson.loads(orjson.dumps(event.data))
    return data


@given(
    st.lists(
        st.tuples(texts, st.integers(0, 3 * NS_PER_S), st.sampled_from(("mm", "g")), st.booleans()), max_size=3 * MOST
    ),
    st.integers(2, MOST),
)
def test_taken_apart_each_value_is_as_it_was(told: list[tuple[str, int, str, bool]], most: int) -> None:
    """Gauge, number, text, unit and state, to the microsecond, in order; and each series is alike and short enough."""
    at_ns, values = 0, []
    for text, after_ns, unit, stable in told:
        at_ns += after_ns
        values += decided(text, at_ns, unit=unit, stable=stable).events
    found = []
    for event in series.joined(values, most):
        data = orjson.loads(orjson.dumps(event.data))
        assert (event.kind, event.subject) == (Kind.MEASUREMENT_SERIES, "g1")
        assert 1 <= data["count"] == len(data["values"]) == len(data["offsets_us"]) <= most
        assert data["offsets_us"][0] == 0
        found += series.apart(data, event.moment)
    assert len(found) == len(values)
    for (data, moment), event in zip(found, values, strict=True):
        assert {**data, "raw": ""} == {**orjson.loads(orjson.dumps(event.data)), "raw": ""}
        assert 0 <= event.moment.monotonic_ns - moment.monotonic_ns < 1000
        assert 0 <= event.moment.time_ns - moment.time_ns < 1000


@given(st.decimals(-999_999, 999_999, places=3), st.integers(1, 6), st.booleans())
def test_a_text_of_fixed_places_need_not_be_kept(value: Decimal, digits: int, plus: bool) -> None:  # noqa: FBT001
    """It is what the number is written as in the form of the series."""
    text = f"{value:{'+' if plus else '-'}0{digits + 4 + (plus or value.is_signed())}.3f}"
    data = one(facts(text, text))
    assert "texts" not in data
    assert [series.written(one, data["form"]) for one in data["values"]] == [text, text]


@pytest.mark.parametrize(
    ("told", "form"),
    [
        (("12.345", "9.000"), "0.000"),
        (("+0012.345", "-0000.020"), "+0000.000"),
        (("-0.0", "0.1"), "0.0"),
        (("7", "12"), "0"),
        (("0012", "1234"), "0000"),
    ],
)
def test_the_form_is_that_of_all_texts(told: tuple[str, ...], form: str) -> None:
    assert one(facts(*told))["form"] == form


@pytest.mark.parametrize(
    "told", [("1.0", "1.00"), ("+1.0", "1.0"), ("01", "1"), ("1E2", "1E2"), ("NaN", "1"), (".5", "1.5")]
)
def test_texts_without_a_common_form_are_kept(told: tuple[str, ...]) -> None:
    data = one(facts(*told))
    assert ("form" in data, data["texts"]) == (False, [*told])
    assert data["values"] == [number(Decimal(text)) for text in told]


def test_a_value_that_is_alone_is_a_series_too() -> None:
    """Who sees the fact knows that it was held."""
    data = one(facts("1.0"))
    assert (data["count"], data["offsets_us"], data["values"], data["form"]) == (1, [0], [1.0], "0.0")


@pytest.mark.parametrize(
    "other",
    [
        {"unit": "in"},
        {"stable": False},
        {"gauge": "scale 4711"},
        {"judged": "above"},
        {"set_ns": NS_PER_S},
        {"set_ns": -NS_PER_S},
    ],
    ids=["unit", "stable", "instrument", "verdict", "clock", "clock back"],
)
def test_a_change_ends_the_series(other: dict[str, Any]) -> None:
    """What holds for one value of a series holds for all; and its times are those of one clock."""
    first, then = (
        facts("1.0", "1.1"),
        [*decided("1.2", 10 * MS, **other).events, *decided("1.3", 15 * MS, **other).events],
    )
    found = [*series.joined([*first, *then], MOST)]
    assert [event.data["values"] for event in found] == [[1.0, 1.1], [1.2, 1.3]]


def test_a_series_lies_within_one_boot_and_one_state_of_the_clock() -> None:
    values = facts("1.0", "1.1")
    for moment in (seen(10 * MS, boot="c"), seen(10 * MS, synced=False), seen(1 * MS)):
        other = values[0]._replace(moment=moment)
        assert [event.data["count"] for event in series.joined([*values, other], MOST)] == [2, 1]


def test_only_what_nobody_waits_for_may_be_joined() -> None:
    """A value that a step waits for, that it refuses, or that moves an alarm, is a fact of its own."""
    bench = Bench(RULES)
    assert series.may_join(bench.measure("10.0"))
    bench.scan_all("OP-1", "SN1", "A/1", "B/1", "B/1")
    assert not series.may_join(bench.measure("10.0", unit="kg"))
    assert not series.may_join(bench.measure("99"))
    assert series.may_join(bench.measure("10.0", gauge="gauge-9"))
    assert not series.may_join(bench.measure("10.0"))


def test_nothing_else_that_follows_is_passed_over() -> None:
    """Whatever a rule may add to the decision: documents, an answer, questions, a reply, another fact."""
    plain = decided("1.0", 0)
    assert series.may_join(plain)
    others: list[dict[str, Any]] = [
        {"documents": {"x": {}}},
        {"answer": Answer(Verdict.PASS, "")},
        {"asks": ("g2",)},
        {"reply": {"ok": True}},
        {"events": plain.events * 2},
        {"events": ()},
    ]
    assert not any(series.may_join(plain._replace(**other)) for other in others)


@pytest.mark.parametrize("words", [{"unit": "\ud800"}, {"gauge": "\udfff"}, {"judged": "\ud800"}])
def test_what_no_json_can_hold_is_not_held_beside_others(words: dict[str, str]) -> None:
    """It would keep them from being written."""
    assert not series.may_join(decided("1.0", 0, **words))
