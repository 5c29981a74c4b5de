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
    "and-balance": "drivers.gauges.and_balance:AndBalance",
    "camera-scanner": "drivers.scanners.camera:CameraScanner",
    "digimatic": "drivers.gauges.digimatic:Digimatic",
    "gpio": "drivers.andon.gpio:Gpio",
    "hid-scanner": "drivers.scanners.hid:HidScanner",
    "mahr": "drivers.gauges.mahr:Mahr",
    "mark-10": "drivers.gauges.mark_10:Mark10",
    "mitutoyo": "drivers.gauges.mitutoyo:Mitutoyo",
    "modbus-gauge": "drivers.gauges.modbus:ModbusGauge",
    "modbus-io": "drivers.andon.modbus:ModbusIo",
    "mt-sics": "drivers.gauges.mt_sics:MtSics",
    "sartorius-sbi": "drivers.gauges.sartorius:SartoriusSbi",
    "serial-box": "drivers.andon.serial_box:SerialBox",
    "serial-lines": "drivers.andon.serial_lines:SerialLines",
    "serial-scanner": "drivers.scanners.serial:SerialScanner",
    "sylvac": "drivers.gauges.sylvac:Sylvac",
    "text-gauge": "drivers.gauges.text:TextGauge",
}
"""Driver name -> "module:Class"."""

EXTRAS = {
    "cv2": "camera",
    "evdev": "hid",
    "gpiod": "gpio",
    "numpy": "camera",
    "pyzbar": "camera",
    "zxingcpp": "camera",
}
"""Library that a driver needs -> the extra of the package that brings it."""


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
        return NotUsable(name, _why(target, error))
    if not (isinstance(driver, type) and issubclass(driver, Driver)):
        return NotUsable(name, f"{target} is not a subclass of drivers.contract.Driver")
    return driver


def _why(target: str, error: ImportError | AttributeError) -> str:
    """Why a driver does not load, with the remedy where it is known."""
    library = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and library in EXTRAS:
        return f"the library {library} is missing: pip install 'lineside[{EXTRAS[library]}]'"
    if isinstance(error, ImportError) and "zbar shared library" in str(error):
        return "the system's zbar is missing: apt-get install libzbar0"
    return f"{target} does not load: {error}"
