"""Deciding a scan with all rules on, against a bare dictionary look-up and the encoding of one event.

10,000 operators, 100,000 units, 1,000 products and routes, 1,000 blocked lots; a book of 5,000 units and as many serial
numbers.  No disk and no threads: `Station.handle` alone.  The sets' memory is that of this process before and after.
"""

from __future__ import annotations

import gc
import resource
import time
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from agent.events import Envelope, Event, Kind, Moment
from agent.signals import Input
from agent.station import components, unitbook
from agent.station.decision import Draft
from agent.station.policy import Authority, Check, DefectCode, Line, Policies, Policy
from agent.station.reference import (
    BlockedLot,
    Component,
    GaugeRecord,
    Limit,
    Operator,
    Product,
    Reference,
    Revision,
    Route,
    Set,
    Unit,
)
from agent.station.rules import Operation, Rules, ScanRule
from agent.station.station import Station
from drivers.contract import Scan, Verdict
from tests.bench.rows import Row, at_most, latency

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.station.decision import Document
    from tests.bench.plan import Plan

SAMPLES = 20_000
OPERATORS, UNITS, ROUTES, LOTS, BOOK = 10_000, 100_000, 1_000, 1_000, 5_000
NOW = Moment(1_790_000_000_000_000_000, 10**12, synced=True, boot="b")
LAST_DAY = "2099-12-31"


def rules() -> Rules:
    """A station with every rule set to refuse what it does not know."""
    block = dict.fromkeys((check.value for check in Check), Policy.BLOCK)
    return Rules(
        scan=(
            ScanRule(name="badge", pattern=r"OP-(?P<operator>\d+)"),
            ScanRule(name="unit", pattern=r"(?P<unit>SN\d+)"),
            ScanRule(name="part", pattern=r"(?P<part>\d+-A)/(?P<lot>\w+)/(?P<serial>\w+)/(?P<expiry>\d+)"),
            ScanRule(name="card", pattern=r"CMD:(?P<command>.+)"),
        ),
        operation=(Operation(name="op5", instruction="r3"),),
        interlock=Policies(**block, max_age_h=24.0),
        authority=(Authority(role="lead", rules=tuple(Check)),),
        defect=(DefectCode(code="scratch"),),
        line=Line(),
    )


def plant() -> Reference:
    """The whole of what the plant knows."""
    names = tuple(f"op{number}" for number in range(10))
    qualified = dict.fromkeys(names, LAST_DAY)
    sets: dict[str, dict[Any, Any]] = {
        "operators": {
            str(n): Operator(str(n), f"Operator {n}", ("operator",), dict(qualified)) for n in range(OPERATORS)
        },
        "products": {
            f"P{n}": Product(
                f"P{n}",
                f"R{n}",
                rf"X{n}-\d+",
                tuple(Component(f"{part}-A", "op5", 1, serial=True) for part in range(5)),
                tuple(Limit(f"c{k}", "mm", Decimal(0), Decimal(1), Decimal(2)) for k in range(5)),
                dict.fromkeys(names, "r3"),
            )
            for n in range(ROUTES)
        },
        "routes": {f"R{n}": Route(f"R{n}", names) for n in range(ROUTES)},
        "units": {
            f"SN{n:07}": Unit(f"SN{n:07}", f"P{n % ROUTES}", done=names[:5]) for n in range(UNITS)
        },
        "gauges": {f"gauge-{n}": GaugeRecord(f"gauge-{n}", LAST_DAY) for n in range(100)},
        "lots": {(f"{n % 10}-A", f"B{n}"): BlockedLot(f"{n % 10}-A", f"B{n}", "recall") for n in range(LOTS)},
    }  # fmt: skip
    return Reference({which: Revision("r1", NOW, NOW) for which in Set}, **sets)


def memory() -> dict[str, Document]:
    """A station that has worked for weeks."""
    draft = Draft({}, NOW, "")
    for number in range(BOOK):
        unitbook.note(draft, f"OLD{number}", done={"op5": "here"}, time=NOW.iso)
        components.use(draft, "0-A", f"OLD{number}", f"OLD{number}")
    steps = [
        {"unit": f"OLD{n}", "operation": "op5", "status": "done", "sequence": n, "time": NOW.iso} for n in range(500)
    ]
    draft.put("state/units", {"epoch": "e", "steps": steps})
    documents = {key: document for key, document in draft.finish(None).documents.items() if document is not None}
    return {**documents, "operator": {"operator": "4711", "since": NOW.iso}}


def codes(number: int) -> Iterator[str]:
    """One whole unit: its number, and five components with lot, serial number and date."""
    yield f"SN{number:07}"
    for part in range(5):
        yield f"{part}-A/L{number}/S{number}/301231"


def measure(plan: Plan) -> Iterator[Row]:
    before = _resident_bytes()
    known = plant()
    gc.collect()
    size = (_resident_bytes() - before) / 1e6
    station, kept = Station(rules()), memory()
    times_s, floors_s, table = [], [], dict.fromkeys(known.units, 1)
    envelope = Envelope("/acme/plant1/assembly/line3/st-040")
    for number in range(plan.times(SAMPLES) // 6):
        for text in codes(number):
            happened = Input("scanner-1", Scan(text.encode(), text), NOW)
            began = time.perf_counter()
            decision = station.handle(kept, happened, known)
            times_s.append(time.perf_counter() - began)
            if decision.answer is None or decision.answer.verdict is not Verdict.PASS:
                raise AssertionError(f"{text}: {decision.answer}")
            for key, document in decision.documents.items():
                kept.pop(key, None)
                if document is not None:
                    kept[key] = document
            began = time.perf_counter()
            table.get(text)
            envelope.row(Event(Kind.PART_ACCEPTED, "SN0000001", {"text": text}, NOW), "e", number)
            floors_s.append(time.perf_counter() - began)
    yield from latency("Station.handle, a scan with all rules on", times_s, floors_s)
    p99 = sorted(times_s)[int(0.99 * len(times_s))] * 1000
    yield Row("Station.handle, a scan with all rules on: bound", p99, "ms", goal=at_most(1.0, "ms"), note="p99")
    note = f"{OPERATORS} operators, {UNITS} units, {ROUTES} products and routes; built by hand"
    yield Row("reference data in memory", size, "MB", goal=at_most(60.0, "MB"), note=note)


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * resource.getpagesize()
