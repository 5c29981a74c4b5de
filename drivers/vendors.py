"""What a USB device probably is, by its vendor.

Knows vendors only: one that makes scanners may make something else, so every answer is a guess for a person to check.
"""

from __future__ import annotations

from dataclasses import dataclass

SCANNERS = {
    "0536": "Honeywell (Hand Held Products)",
    "05e0": "Zebra (Symbol)",
    "05f9": "Datalogic (PSC)",
    "065a": "Opticon",
    "067e": "Honeywell (Intermec)",
    "0c2e": "Honeywell (Metrologic)",
    "1eab": "Newland",
}
"""Makers of scanners.  Source: usb.ids, as Debian's udev ships it."""

CONVERTERS = {
    "0403": "FTDI",
    "067b": "Prolific",
    "10c4": "Silicon Labs",
    "1a86": "WCH (QinHeng)",
}
"""Makers of serial converters, behind which anything may be.  Source: the same."""

BOARDS = {
    "0483": "STMicroelectronics",
    "04d8": "Microchip",
    "2341": "Arduino",
    "2a03": "Arduino (dog hunter)",
}
"""Makers of microcontrollers and their boards.  Source: the same."""

METTLER_TOLEDO = "0eb8"
"""Source: the same."""

MITUTOYO = "0fe7"
"""Not in usb.ids; users' programs find Mitutoyo's USB-ITN as 0fe7:4001, which is a keyboard unless it is switched."""


@dataclass(frozen=True, slots=True)
class Sort:
    """What something probably is, the driver for it (empty: none), and what to do first."""

    probably: str
    driver: str = ""
    hint: str = ""


UART = Sort("serial port of this machine", "serial-scanner", "choose the driver by what is wired to it")


def serial(vendor: str) -> Sort:
    """What is probably behind a USB serial port."""
    if vendor in SCANNERS:
        return Sort(f"{SCANNERS[vendor]} scanner", "serial-scanner")
    if vendor == MITUTOYO:
        return Sort("Mitutoyo gauge", "mitutoyo")
    if vendor == METTLER_TOLEDO:
        return Sort("Mettler-Toledo balance", "mt-sics")
    if vendor in BOARDS:
        return Sort(f"{BOARDS[vendor]} board, an andon box perhaps", "serial-box")
    choose = "choose the driver by what is wired to it"
    if vendor in CONVERTERS:
        return Sort(f"{CONVERTERS[vendor]} serial converter", "serial-scanner", choose)
    return Sort("USB serial port", "serial-scanner", choose)


def keyboard(vendor: str) -> Sort:
    """What probably types."""
    if vendor in SCANNERS:
        return Sort(f"{SCANNERS[vendor]} scanner in keyboard mode", "hid-scanner")
    if vendor == MITUTOYO:
        return Sort("Mitutoyo input tool in keyboard mode", "", "its values would be codes: use its virtual COM port")
    return Sort("keyboard, or a scanner in keyboard mode", "hid-scanner", "only if it is a scanner: it is taken whole")
