"""Whether the sets fit one another: a product's route exists, what it builds in happens on that route, and so on.

Only between sets that are there: one that nobody has loaded is not known to be wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from agent.station.reference import Set

if TYPE_CHECKING:
    from collections.abc import Iterator

    from agent.station.reference import Product, Reference


def wrong_links(reference: Reference, changed: set[Set]) -> Iterator[str]:
    """Yield what does not fit, of everything that a change of the sets `changed` may have broken."""
    if changed & {Set.PRODUCTS, Set.ROUTES}:
        for product in reference.products.values():
            yield from _product(reference, product)
    if changed & {Set.UNITS, Set.PRODUCTS, Set.ROUTES} and reference.has(Set.PRODUCTS):
        yield from _units(reference)


def _product(reference: Reference, product: Product) -> Iterator[str]:
    if not reference.has(Set.ROUTES):
        return
    here = f"products: {product.number}"
    route = reference.routes.get(product.route)
    if route is None:
        yield f"{here}.route: there is no route {product.route!r} in {_called(reference, Set.ROUTES)}"
        return
    for index, component in enumerate(product.components):
        if component.operation not in route.operations:
            where = f"{here}.components[{index}].operation"
            yield f"{where}: route {route.name!r} has no operation {component.operation!r}"
    for operation in product.instructions:
        if operation not in route.operations:
            yield f"{here}.instructions.{operation}: route {route.name!r} has no such operation"


def _units(reference: Reference) -> Iterator[str]:
    operations = {
        number: frozenset(route.operations) if (route := reference.routes.get(product.route)) else None
        for number, product in reference.products.items()
    }
    for unit in reference.units.values():
        if unit.product not in operations:
            yield f"units: {unit.serial}.product: no product {unit.product!r} in {_called(reference, Set.PRODUCTS)}"
        elif (known := operations[unit.product]) is not None and not known.issuperset(unit.done):
            loose = next(one for one in unit.done if one not in known)
            yield f"units: {unit.serial}.done: the route of product {unit.product!r} has no operation {loose!r}"


def _called(reference: Reference, which: Set) -> str:
    return f"{which} {reference.revisions[which].revision}"
