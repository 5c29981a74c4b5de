"""Find which product a unit is, by its own entry or by the number that a product admits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from agent.station.reference import NOTHING

if TYPE_CHECKING:
    from agent.station.reference import Product, Reference, Route


class Products:
    """The products of the reference data in use; patterns are compiled once for each set."""

    def __init__(self) -> None:
        self._made_for: Reference = NOTHING
        self._patterns: list[tuple[re.Pattern[str], str]] = []

    def fitting(self, reference: Reference, unit: str) -> list[str]:
        """Numbers of the products that `unit` may be: one if it is known, several if they admit the same number."""
        known = reference.units.get(unit)
        if known is not None:
            return [known.product]
        if not reference.products:
            return []
        return [number for pattern, number in self._compiled(reference) if pattern.fullmatch(unit)]

    def of(self, reference: Reference, unit: str) -> Product | None:
        """The product of a unit; None if it is not known for sure."""
        fitting = self.fitting(reference, unit)
        return reference.products.get(fitting[0]) if len(fitting) == 1 else None

    def _compiled(self, reference: Reference) -> list[tuple[re.Pattern[str], str]]:
        if self._made_for.products is not reference.products:
            self._patterns = [(re.compile(one.units), one.number) for one in reference.products.values() if one.units]
        self._made_for = reference
        return self._patterns


def route_of(reference: Reference, product: Product | None) -> Route | None:
    """The route of a product; None if it is not known."""
    return reference.routes.get(product.route) if product else None
