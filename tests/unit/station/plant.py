"""A plant with three operations in a row, for tests of the interlock: cut, press (this station), pack.

The day is the first of January 1970, as the bench counts its seconds from there.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import orjson

from agent.events import Moment
from agent.signals import LineProgress, Progress
from agent.station.policy import Authority, Check, DefectCode, Disposition, Line, Policies
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
from agent.station.rules import AndonCall, CallMode, Characteristic, Operation, PartNeed, Rules, ScanRule

SCANS = (
    ScanRule(name="badge", pattern=r"OP-(?P<operator>\d+)"),
    ScanRule(name="unit", pattern=r"(?P<unit>SN\d+)"),
    ScanRule(name="lot", pattern=r"(?P<part>[A-Z])/(?P<lot>\w+)"),
    ScanRule(name="serial", pattern=r"(?P<part>[A-Z])#(?P<serial>\w+)"),
    ScanRule(name="dated", pattern=r"(?P<part>[A-Z])/(?P<lot>\w+)!(?P<expiry>[\w-]+)"),
    ScanRule(name="card", pattern=r"CMD:(?P<command>.+)"),
)
SEAT = Characteristic(
    name="seat", gauge="gauge-1", unit="mm", nominal=Decimal(10), low=Decimal("9.9"), high=Decimal("10.1")
)
PRESS = Operation(
    name="press", units=r"SN\d+", instruction="B", part=(PartNeed(number="A"),), measurement=(SEAT,), rework=True
)
CORD = AndonCall(name="cord", type="process", mode=CallMode.STOP, device="box", input="cord", reset_input="key")
LEAD = Authority(
    role="lead",
    rules=tuple(check for check in Check if check is not Check.SERIAL),
    dispositions=tuple(Disposition),
    badges=("700",),
)
DEFECTS = (
    DefectCode(code="scratch", text="scratched surface", locations=("front", "back")),
    DefectCode(code="crack", severity="critical", disposition="hold"),
)

LOADED = Moment(0, 0, synced=True, boot="b1")


def rules(**policies: Any) -> Rules:
    """A station with one operation, whose policies are as given."""
    return Rules(
        scan=SCANS,
        operation=(PRESS,),
        call=(CORD,),
        interlock=_policies(policies),
        authority=(LEAD,),
        defect=DEFECTS,
        line=Line(),
    )


def _policies(declared: dict[str, Any]) -> Policies:
    """As the station file would have them, where a set is named by its word."""
    return Policies.model_validate_json(orjson.dumps(declared))


def plant(**changes: Any) -> Reference:
    """All that the plant knows; `changes` replaces whole sets, None for one that was never loaded."""
    sets: dict[str, Any] = {
        "operators": {
            "1": Operator("1", "Ann", ("operator",), {"press": ""}),
            "2": Operator("2", "Bob", ("operator",), {"press": "1969-12-31"}),
            "3": Operator("3", "Cho", ("operator",), {}),
            "9": Operator("9", "Dee", ("lead",), {"press": "1970-01-01"}),
        },
        "products": {
            "P": Product(
                "P",
                "R",
                r"SN1\d*",
                (Component("A", "press"), Component("C", "pack")),
                (Limit("seat", "mm", Decimal("9.95"), Decimal(10), Decimal("10.05")),),
                {"press": "B"},
            ),
            "Q": Product("Q", "S", r"SN2\d*", instructions={"press": "B"}),
        },
        "routes": {"R": Route("R", ("cut", "press", "pack"), ("cut",)), "S": Route("S", ("cut", "pack"))},
        "units": {
            "SN1": Unit("SN1", "P", done=("cut",)),
            "SN10": Unit("SN10", "P"),
            "SN11": Unit("SN11", "P", "hold", ("cut",), "burr"),
            "SN12": Unit("SN12", "P", "scrap", ("cut",)),
            "SN13": Unit("SN13", "P", done=("cut", "press")),
        },
        "gauges": {"gauge-1": GaugeRecord("gauge-1", "1970-01-01")},
        "lots": {("A", "BAD"): BlockedLot("A", "BAD", "porous")},
    }
    sets |= changes
    known = {name: rows for name, rows in sets.items() if rows is not None}
    revisions = {Set(name): Revision(f"{name}-7", LOADED, LOADED) for name in known}
    return Reference(revisions, **known)


def confirmed(reference: Reference, hour: float) -> Reference:
    """The same, said again to be the newest at an hour of the bench."""
    at = Moment(int(hour * 3600e9), int(hour * 3600e9), synced=True, boot="b1")
    revisions = {which: replace(one, confirmed=at) for which, one in reference.revisions.items()}
    return replace(reference, revisions=revisions)


def progress(*steps: tuple[str, str, str], station: str = "st-030", first: int = 1, time: str = "") -> LineProgress:
    """What another station tells: unit, operation, status."""
    told = time or "1970-01-01T00:00:00.500Z"
    numbered = tuple(Progress(*step, first + place, told) for place, step in enumerate(steps))
    return LineProgress(station, f"epoch-of-{station}", numbered)
