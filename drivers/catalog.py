"""Find a driver by name.

Knows the names of the built-in drivers and of installed third-party ones; loads each only when asked for, so that a
missing library costs nothing until its device is configured.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import entry_points

from drivers.contract import Driver

ENTRY_POINT_GROUP = "lineside.drivers"

BUILTIN = {
    "mitutoyo": "drivers.gauges.mitutoyo:Mitutoyo",
    "serial-box": "drivers.andon.serial_box:SerialBox",
    "serial-scanner": "drivers.scanners.serial:SerialScanner",
}
"""Driver name -> "module:Class"."""


@dataclass(frozen=True, slots=True)
class NotUsable:
    """A driver that is known but cannot be loaded here, and why."""

    name: str
    reason: str


def names() -> list[str]:
    """Names of all drivers, built in and installed, sorted."""
    return sorted({*BUILTIN, *(point.name for point in entry_points(group=ENTRY_POINT_GROUP))})


def load(name: str) -> type[Driver] | NotUsable:
    """Return the class of driver `name`, or why it cannot be used.  Raises KeyError if no driver has that name."""
    target = BUILTIN.get(name)
    if target is None:
        target = next((point.value for point in entry_points(group=ENTRY_POINT_GROUP) if point.name == name), None)
    if target is None:
        raise KeyError(name)
    module, _, attribute = target.partition(":")
    try:
        driver = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:
        return NotUsable(name, f"{target} does not load: {error}")
    if not (isinstance(driver, type) and issubclass(driver, Driver)):
        return NotUsable(name, f"{target} is not a subclass of drivers.contract.Driver")
    return driver
