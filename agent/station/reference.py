"""What the plant knows: people, products, routes, units, gauges and blocked lots, each set with its revision.

Frozen look-ups for the decision.  Knows nothing of files, networks or how a set was validated; a set that nobody has
loaded is absent, which is another thing than empty.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

    from agent.events import Moment


class Set(StrEnum):
    """The sets of reference data; each is loaded, dated and replaced by itself."""

    OPERATORS = "operators"
    PRODUCTS = "products"
    ROUTES = "routes"
    UNITS = "units"
    GAUGES = "gauges"
    LOTS = "lots"


@dataclass(frozen=True, slots=True)
class Revision:
    """Which revision of a set is in use: its name in the plant's words, and when this station took it.

    `confirmed` is when somebody last said that it still is the newest; the age of the data counts from there.
    """

    revision: str
    loaded: Moment
    confirmed: Moment
    issued: str = ""
    """When the plant's server made it, RFC 3339."""
    digest: str = ""
    """SHA-256 of the last document that said so, to know it again without reading it."""
    deltas: int = 0
    """Deltas taken since the last whole set."""


@dataclass(frozen=True, slots=True)
class Operator:
    """A person: badge, name, roles (operator, lead, quality, ...) and qualifications.

    A qualification maps the operation to the last day (YYYY-MM-DD) on which it holds; empty: it does not end.
    """

    badge: str
    name: str = ""
    roles: tuple[str, ...] = ()
    qualifications: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Component:
    """A part that is built into a product at one operation: how many, and whether each has a serial number."""

    part: str
    operation: str
    quantity: int = 1
    serial: bool = False


@dataclass(frozen=True, slots=True)
class Limit:
    """The limits of a measured characteristic of a product, both ends included, in `unit`."""

    characteristic: str
    unit: str
    low: Decimal
    nominal: Decimal
    high: Decimal


@dataclass(frozen=True, slots=True)
class Product:
    """A product: its route, bill of material, limits, and the revision of the work instruction at each operation."""

    number: str
    route: str
    units: str = ""
    """Regular expression that the serial numbers of its units match; empty: its units are named one by one."""
    components: tuple[Component, ...] = ()
    limits: tuple[Limit, ...] = ()
    instructions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Route:
    """The operations of a product in their order, and those that may be done again after a defect."""

    name: str
    operations: tuple[str, ...]
    rework: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit that the plant knows: its product, `ok`, `hold` or `scrap`, and the operations that are complete."""

    serial: str
    product: str
    status: str = "ok"
    done: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class GaugeRecord:
    """A gauge and the last day (YYYY-MM-DD) of its calibration."""

    gauge: str
    due: str
    instrument: str = ""


@dataclass(frozen=True, slots=True)
class BlockedLot:
    """A lot of a part that must not be built in; an empty lot blocks the whole part."""

    part: str
    lot: str
    reason: str


@dataclass(frozen=True, slots=True)
class Reference:
    """All sets as they are now.  Replaced as a whole, never changed."""

    revisions: Mapping[Set, Revision] = field(default_factory=dict)
    operators: Mapping[str, Operator] = field(default_factory=dict)
    products: Mapping[str, Product] = field(default_factory=dict)
    routes: Mapping[str, Route] = field(default_factory=dict)
    units: Mapping[str, Unit] = field(default_factory=dict)
    gauges: Mapping[str, GaugeRecord] = field(default_factory=dict)
    lots: Mapping[tuple[str, str], BlockedLot] = field(default_factory=dict)

    def has(self, which: Set) -> bool:
        """Whether a set was ever loaded."""
        return which in self.revisions

    def age_s(self, which: Set, now: Moment) -> float | None:
        """Seconds since a set was last known to be the newest; None if it was never loaded.

        By monotonic time within one boot, else by the wall, never below zero.
        """
        revision = self.revisions.get(which)
        if revision is None:
            return None
        since = revision.confirmed
        within = now.seconds_since(since.monotonic_ns, since.boot)
        return within if within is not None else max(0.0, (now.time_ns - since.time_ns) / 1e9)

    def rows(self, which: Set) -> Mapping[Any, Any]:
        """The entries of a set by their keys: a name, or (part, lot)."""
        rows: Mapping[Any, Any] = getattr(self, which)
        return rows

    def blocked(self, part: str, lot: str) -> BlockedLot | None:
        """Why a lot must not be used; None if nothing is known against it."""
        return self.lots.get((part, lot)) or self.lots.get((part, ""))


NOTHING = Reference(*(MappingProxyType({}) for _ in range(7)))
"""No set was ever loaded."""
