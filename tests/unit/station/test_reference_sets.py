"""Sets of reference data: taken whole and exactly, or refused whole with every mistake."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.events import NS_PER_S, Moment
from agent.station.reference import NOTHING, BlockedLot, Component, Limit, Operator, Reference, Set
from agent.station.sets import change
from agent.station.sets.change import Change, Paper, prepare, restored

ISSUED = "2026-11-20T06:00:00Z"
NOW = Moment(1_795_300_000 * NS_PER_S, 5 * NS_PER_S, synced=True, boot="b1")
LATER = Moment(NOW.time_ns + 3600 * NS_PER_S, NOW.monotonic_ns + 3600 * NS_PER_S, synced=True, boot="b1")

ROUTE = {"name": "R1", "operations": ["press", "test"], "rework": ["press"]}
PRODUCT = {
    "number": "P1",
    "route": "R1",
    "units": r"SN\d+",
    "components": [{"part": "4711-A", "operation": "press", "quantity": 2, "serial": True}],
    "limits": [{"characteristic": "seat", "unit": "mm", "low": 9.90, "nominal": "10", "high": 10.1}],
    "instructions": {"press": "3"},
}
UNIT = {"serial": "SN1", "product": "P1", "status": "hold", "done": ["press"], "reason": "dent"}
OPERATOR = {"badge": "4711", "name": "王伟", "roles": ["lead"], "qualifications": {"press": "2027-01-31", "test": ""}}
GAUGE = {"gauge": "gauge-1", "due": "2027-01-31", "instrument": "micrometer 7"}
LOT = {"part": "4711-A", "lot": "L9", "reason": "cracks"}
ROWS = {"routes": ROUTE, "products": PRODUCT, "units": UNIT, "operators": OPERATOR, "gauges": GAUGE, "lots": LOT}


def document(which: str, revision: str, *rows: Any, **head: Any) -> dict[str, Any]:
    return {"set": which, "revision": revision, "issued": ISSUED, "data": list(rows), **head}


def delta(which: str, base: str, revision: str, **changes: Any) -> dict[str, Any]:
    return {"set": which, "base": base, "revision": revision, "issued": ISSUED, **changes}


def offer(base: Reference, *documents: Any, now: Moment = NOW, topic: bool = False, retained: bool = False) -> Change:
    papers = [Paper(json.dumps(one, ensure_ascii=False).encode(), topic, retained) for one in documents]
    return prepare(base, papers, now)


def taken(base: Reference, *documents: Any, **how: Any) -> Reference:
    found = offer(base, *documents, **how)
    assert found.mistakes == ()
    return found.after


ALL = taken(NOTHING, {"documents": [document(which, "1", row) for which, row in ROWS.items()]})


def mistakes(*documents: Any, base: Reference = NOTHING) -> list[str]:
    found = offer(base, *documents)
    assert found.after is base
    assert found.taken == ()
    return list(found.mistakes)


def test_every_set_is_taken_to_the_letter() -> None:
    """Exact numbers, any script, what is left out as by default."""
    assert ALL.operators["4711"] == Operator("4711", "王伟", ("lead",), {"press": "2027-01-31", "test": ""})
    assert ALL.products["P1"].limits == (Limit("seat", "mm", Decimal("9.9"), Decimal(10), Decimal("10.1")),)
    assert ALL.products["P1"].components == (Component("4711-A", "press", 2, serial=True),)
    assert ALL.lots == {("4711-A", "L9"): BlockedLot("4711-A", "L9", "cracks")}
    assert {which: revision.revision for which, revision in ALL.revisions.items()} == dict.fromkeys(Set, "1")


@pytest.mark.parametrize("which", list(Set))
def test_a_set_written_from_the_look_ups_is_the_set(which: Set) -> None:
    """What is kept on disk gives the same look-ups back, with their revisions."""
    kept = {one: [change.kept(ALL, one)] for one in Set}
    back = restored(kept, ALL.revisions)
    assert back == ALL
    assert back.rows(which) == ALL.rows(which)


WRONG = [
    (b"", "is not JSON"),
    (b"[]", "must be an object"),
    (b"\xff", "is not UTF-8"),
    (b'{"set": "gauges"', "should have ','"),
    (b'{"set": "gauges", "set": "gauges"}', "key 'set' is there twice"),
    (b'{"set": NaN}', "NaN is no number there"),
    (b'{"x":' + b"[" * 100_000, "nested too deeply"),
    (b"{} {}", "should have nothing more"),
]


@pytest.mark.parametrize(("payload", "told"), WRONG, ids=[told for _, told in WRONG])
def test_what_is_no_document_is_refused(payload: bytes, told: str) -> None:
    """Whatever bytes come, they are answered, never raised."""
    found = prepare(ALL, [Paper(payload)], NOW)
    assert told in " ".join(found.mistakes)
    assert found.after is ALL


@given(st.binary())
def test_any_bytes_are_answered(payload: bytes) -> None:
    """And none of them are reference data."""
    assert prepare(ALL, [Paper(payload)], NOW).mistakes


HEADS = [
    ({"set": "people"}, "set: must be one of operators, products"),
    ({"set": "gauges", "revision": "1", "issued": "today", "data": []}, "gauges: issued: must be a time"),
    ({"set": "gauges", "revision": "1", "issued": "2026-11-20T06:00:00", "data": []}, "gauges: issued: must be a time"),
    ({"set": "gauges", "issued": ISSUED, "data": []}, "gauges: revision: must be a text"),
    ({"set": "gauges", "revision": "1", "issued": ISSUED, "data": {}}, "data: must be an array"),
    ({"set": "gauges", "revision": "1", "issued": ISSUED, "rows": []}, "unknown key 'rows'"),
    ({"set": "gauges", "revision": "2", "base": "1", "issued": ISSUED}, "a delta must have put or drop"),
    ({"set": "gauges", "revision": "2", "put": [], "issued": ISSUED}, "a delta must name the revision it changes"),
    ({"set": "gauges", "revision": "1", "issued": "2027-11-20T06:00:00Z", "data": []}, "lies in the future"),
    ({"set": "gauges", "revision": "1", "issued": ISSUED}, "revision '1' is not in use (none is): send the whole set"),
]


@pytest.mark.parametrize(("head", "told"), HEADS, ids=[told for _, told in HEADS])
def test_a_wrong_head_is_told_with_the_remedy(head: dict[str, Any], told: str) -> None:
    assert told in " ".join(mistakes(head))


BAD_ROWS = [
    ("gauges", {"gauge": "g", "due": "2026-02-30"}, "(g).due: must be a day such as 2026-11-21; it is '2026-02-30'"),
    ("gauges", {"due": "2026-01-01", "gauge": 7}, ".gauge: must be a text of 1 to 500 characters; it is 7"),
    ("gauges", {"gauge": "g", "deu": "2026-01-01"}, "unknown key; did you mean 'due'?"),
    ("gauges", "g", "must be an object; it is 'g'"),
    ("operators", {"badge": "1", "qualifications": {"press": "soon"}}, "(1).qualifications.press: must be a day"),
    ("operators", {"badge": "1", "roles": ["lead", "lead"]}, "(1).roles: names 'lead' twice"),
    ("routes", {"name": "R", "operations": []}, "(R).operations: must be an array that is not empty"),
    ("routes", {"name": "R", "operations": ["a", "a"]}, "(R).operations: names 'a' twice"),
    ("routes", {"name": "R", "operations": ["a"], "rework": ["b"]}, "(R).rework: 'b' is no operation of the route: a"),
    ("products", {"number": "P", "route": "R", "units": "("}, "(P).units: is no regular expression"),
    (
        "products",
        {"number": "P", "route": "R", "components": [{"part": "A"}]},
        "(P).components[0].operation: is missing",
    ),
    (
        "products",
        {"number": "P", "route": "R", "limits": [{**PRODUCT["limits"][0], "low": 11}]},  # type: ignore[index]
        "(P).limits[0]: must have low <= nominal <= high; has 11, 10, 10.1",
    ),
    ("units", {"serial": "S", "product": "P", "status": "lost"}, "(S).status: must be one of ok, hold, scrap"),
    ("lots", {"part": "A", "lot": "L"}, "(A/L).reason: is missing"),
]


@pytest.mark.parametrize(("which", "row", "told"), BAD_ROWS, ids=[told for _, _, told in BAD_ROWS])
def test_a_wrong_row_is_told_with_its_path(which: str, row: Any, told: str) -> None:
    """Where it is, what it should be, and what it is; the same where the name of the set comes last."""
    (found,) = {line for line in mistakes(document(which, "1", row)) if told in line}
    assert found.startswith(f"{which}: data[0]")
    late = {"data": [row], "revision": "1", "issued": ISSUED, "set": which}
    assert found in mistakes(late)


def test_every_mistake_is_told_at_once() -> None:
    """One round of corrections is enough."""
    first = document("gauges", "1", {"gauge": "a"}, {"gauge": "b", "due": "x"}, GAUGE, GAUGE)
    second = document("lots", "1", {"part": "A"})
    found = mistakes({"documents": [first, second]})
    assert len(found) == 4
    assert "gauges: data[3]: 'gauge-1' is there twice; leave one" in found


LINKS = [
    ("products", {**PRODUCT, "route": "R9"}, "P1.route: there is no route 'R9' in routes 1"),
    (
        "products",
        {**PRODUCT, "instructions": {"paint": "1"}},
        "P1.instructions.paint: route 'R1' has no such operation",
    ),
    ("products", {**PRODUCT, "number": "P2"}, "SN1.product: no product 'P1' in products 2"),
    ("routes", {**ROUTE, "name": "R2"}, "P1.route: there is no route 'R1' in routes 2"),
    ("routes", {"name": "R1", "operations": ["test"]}, "components[0].operation: route 'R1' has no operation 'press'"),
    ("units", {**UNIT, "product": "P9"}, "SN1.product: no product 'P9' in products 1"),
    ("units", {**UNIT, "done": ["paint"]}, "SN1.done: the route of product 'P1' has no operation 'paint'"),
]


@pytest.mark.parametrize(("which", "row", "told"), LINKS, ids=[told for _, _, told in LINKS])
def test_sets_must_fit_those_in_use(which: str, row: Any, told: str) -> None:
    """Whichever of the two is the new one."""
    assert told in " ".join(mistakes(document(which, "2", row), base=ALL))


@pytest.mark.parametrize("which", list(ROWS))
def test_a_set_may_be_the_first(which: str) -> None:
    """What refers to a set that nobody has loaded is not known to be wrong: sets come in any order."""
    assert taken(NOTHING, document(which, "1", ROWS[which])).has(Set(which))


def test_sets_that_only_fit_together_are_taken_together() -> None:
    """A renamed route comes with the products on it."""
    routes, products = (
        document("routes", "2", {**ROUTE, "name": "R2"}),
        document("products", "2", {**PRODUCT, "route": "R2"}),
    )
    assert mistakes(routes, base=ALL)
    assert mistakes(products, base=ALL)
    assert taken(ALL, routes, products).products["P1"].route == "R2"
    assert taken(ALL, {"documents": [products, routes]}).products["P1"].route == "R2"


def test_a_bundle_is_taken_whole_or_not_at_all() -> None:
    """One wrong set refuses the good one beside it."""
    assert mistakes({"documents": [document("gauges", "2", GAUGE), document("lots", "2", {})]}, base=ALL)


def test_a_delta_changes_what_it_names() -> None:
    """Puts add or replace, drops remove, the rest stays; the revision is the delta's."""
    base = taken(NOTHING, document("gauges", "1", GAUGE, {"gauge": "g2", "due": "2026-12-01"}))
    found = offer(
        base,
        delta(
            "gauges", "1", "2", put=[{**GAUGE, "due": "2028-01-01"}, {"gauge": "g3", "due": "2026-12-01"}], drop=["g2"]
        ),
    )
    assert {name: one.due for name, one in found.after.gauges.items()} == {"gauge-1": "2028-01-01", "g3": "2026-12-01"}
    assert found.after.revisions[Set.GAUGES].revision == "2"
    (one,) = found.taken
    assert (one.how, one.added, one.changed, one.removed) == ("delta", 1, 1, 1)
    assert len(base.gauges) == 2


def test_a_delta_for_another_base_is_refused_with_the_base_in_use() -> None:
    """Whoever sent it knows what to send instead."""
    assert "base: '1' is in use, not '0'" in mistakes(delta("gauges", "0", "2", put=[GAUGE]), base=ALL)[0]
    assert "base: no revision is in use" in mistakes(delta("gauges", "0", "2", put=[GAUGE]))[0]


def test_a_delta_must_drop_what_is_there() -> None:
    assert "drop: 'g9' is not in revision '1'" in mistakes(delta("gauges", "1", "2", drop=["g9"]), base=ALL)[0]
    assert "must be an object with part and lot" in mistakes(delta("lots", "1", "2", drop=["L9"]), base=ALL)[0]
    assert taken(ALL, delta("lots", "1", "2", drop=[{"part": "4711-A", "lot": "L9"}])).lots == {}


def test_deltas_come_back_from_disk() -> None:
    """The whole set and what was put behind it, and after many of them the whole set again."""
    reference = ALL
    bodies = {Set.GAUGES: [change.kept(ALL, Set.GAUGES)]}
    for number in range(2, change.WHOLE_AFTER + 5):
        found = offer(reference, delta("gauges", str(number - 1), str(number), put=[{**GAUGE, "gauge": f"g{number}"}]))
        reference = found.after
        bodies[Set.GAUGES] = ([] if found.taken[0].how == "whole" else bodies[Set.GAUGES]) + [found.taken[0].body]
    assert len(bodies[Set.GAUGES]) < 5
    back = restored(bodies, {Set.GAUGES: reference.revisions[Set.GAUGES]})
    assert back.gauges == reference.gauges


def test_a_body_that_cannot_be_read_is_a_set_that_nobody_loaded() -> None:
    """The others come back."""
    bodies = {one: [change.kept(ALL, one)] for one in Set} | {Set.UNITS: [b"damage"]}
    back = restored(bodies, ALL.revisions)
    assert not back.has(Set.UNITS)
    assert back.gauges == ALL.gauges


# --- age


def test_the_same_revision_again_starts_the_age_anew() -> None:
    """Whole or by name alone; nothing else changes."""
    for again in (document("gauges", "1", GAUGE), {"set": "gauges", "revision": "1", "issued": ISSUED}):
        found = offer(ALL, again, now=LATER)
        assert [one.how for one in found.taken] == ["confirmed"]
        assert found.after.age_s(Set.GAUGES, LATER) == 0
        assert found.after.revisions[Set.GAUGES].loaded == NOW
        assert ALL.age_s(Set.GAUGES, LATER) == 3600


def test_a_revision_is_one_content() -> None:
    """Other rows under the same name are a mistake of who named them."""
    assert (
        "is in use with another content"
        in mistakes(document("gauges", "1", {**GAUGE, "due": "2029-01-01"}), base=ALL)[0]
    )


def test_what_the_broker_kept_is_as_old_as_it_says() -> None:
    """A retained set speaks of the time when it was issued, not of the moment when it comes."""
    kept = taken(NOTHING, document("gauges", "1", GAUGE), topic=True, retained=True)
    age_s = kept.age_s(Set.GAUGES, NOW)
    assert age_s == pytest.approx((NOW.time_ns - kept.revisions[Set.GAUGES].confirmed.time_ns) / NS_PER_S)
    assert age_s > 3600
    again = taken(ALL, document("gauges", "1", GAUGE), topic=True, retained=True, now=LATER)
    assert again.age_s(Set.GAUGES, LATER) == 3600


def test_on_a_topic_the_newest_issued_stands() -> None:
    """An older one is neither taken nor a mistake; an order may go back to it."""
    old = document("gauges", "0", issued="2026-11-19T06:00:00Z")
    found = offer(ALL, old, topic=True)
    assert (found.after is ALL, found.mistakes, found.taken) == (True, (), ())
    assert taken(ALL, old).gauges == {}


# --- anything


NAMES = st.sampled_from(["a", "b", "c"])
DAYS = st.sampled_from(["2026-01-01", "2027-01-01"])


@given(st.lists(st.tuples(st.dictionaries(NAMES, DAYS), st.sets(NAMES), st.booleans()), max_size=12))
def test_any_history_of_sets_is_a_dictionary(history: list[tuple[dict[str, str], set[str], bool]]) -> None:
    """Whole sets and deltas in any order leave what a plain dictionary would hold, here and on disk."""
    model: dict[str, str] = {}
    reference, bodies = taken(NOTHING, document("gauges", "0")), [b""]
    bodies = [change.kept(reference, Set.GAUGES)]
    for number, (put, unwanted, is_whole) in enumerate(history, 1):
        rows = [{"gauge": name, "due": due} for name, due in put.items()]
        drop = (unwanted & model.keys()) - put.keys()
        if is_whole:
            found = offer(reference, document("gauges", str(number), *rows))
            model = put
        else:
            found = offer(reference, delta("gauges", str(number - 1), str(number), put=rows, drop=sorted(drop)))
            model = {name: due for name, due in {**model, **put}.items() if name not in drop}
        assert found.mistakes == ()
        reference = found.after
        bodies = [found.taken[0].body] if found.taken[0].how == "whole" else [*bodies, found.taken[0].body]
        assert {name: one.due for name, one in reference.gauges.items()} == model
    back = restored({Set.GAUGES: bodies}, reference.revisions)
    assert back.gauges == reference.gauges


def test_the_whole_set_is_json() -> None:
    """For whoever looks into the file."""
    for which in Set:
        assert orjson.loads(change.whole(ALL, which))["data"]
